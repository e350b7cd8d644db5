//! What the weekly reports look for: hours by day, tickets without time, entries that may be in the wrong place.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{Category, ClientKey, Login, Minutes, TicketNumber};

/// Minutes of each tech and day, from `from` to `to`, both included.
pub async fn days(
    tx: &mut Tx,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<HashMap<(Login, NaiveDate), Minutes>, StoreError> {
    let rows: Vec<(Login, NaiveDate, Minutes)> = on!(tx, |conn| sqlx::query_as(
        "SELECT tech, work_date, CAST(SUM(minutes) AS BIGINT) FROM time_entry
         WHERE work_date >= $1 AND work_date <= $2 GROUP BY tech, work_date"
    )
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await)
    .during("sum up the hours of a week")?;
    Ok(rows.into_iter().map(|(tech, day, minutes)| ((tech, day), minutes)).collect())
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Untimed {
    pub number: TicketNumber,
    pub subject: String,
    pub client: Option<ClientKey>,
    pub assignee: Option<Login>,
}

/// Tickets on which a tech said something since then, and has logged nothing since that day.
pub async fn touched_without_time(
    tx: &mut Tx,
    tech: &Login,
    (since, day): (DateTime<Utc>, NaiveDate),
) -> Result<Vec<Untimed>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT t.number, t.subject, t.client, t.assignee FROM ticket t
         WHERE t.status NOT IN ('spam', 'merged', 'unsorted') AND t.updated_at >= $3
           AND EXISTS (SELECT 1 FROM message m WHERE m.ticket = t.number AND m.actor = $1 AND m.at >= $3)
           AND NOT EXISTS (SELECT 1 FROM time_entry e WHERE e.ticket = t.number AND e.tech = $2 AND e.work_date >= $4)
         ORDER BY t.number"
    )
    .bind(format!("tech:{tech}"))
    .bind(tech)
    .bind(since)
    .bind(day)
    .fetch_all(conn)
    .await)
    .during("look for work without time")
}

/// Tickets that people asked for, resolved in that time, and nobody logged anything on.
pub async fn resolved_without_time(
    tx: &mut Tx,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Untimed>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT t.number, t.subject, t.client, t.assignee FROM ticket t
         WHERE t.status IN ('resolved', 'closed') AND t.resolved_at >= $1 AND t.resolved_at < $2 AND t.automatic = $3
           AND t.first_touch_at IS NOT NULL
           AND (SELECT COALESCE(SUM(e.minutes), 0) FROM time_entry e WHERE e.ticket = t.number) = 0
         ORDER BY t.number"
    )
    .bind(from)
    .bind(until)
    .bind(false)
    .fetch_all(conn)
    .await)
    .during("look for resolved tickets without time")
}

/// An entry that no run has billed and nobody wrote off; corrections are summed into what they correct.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Loose {
    pub id: i64,
    pub ticket: Option<TicketNumber>,
    pub client: Option<ClientKey>,
    pub tech: Login,
    pub work_date: NaiveDate,
    pub minutes: Minutes,
    pub category: Category,
    pub note: Option<String>,
    pub skill: Option<String>,
    pub after_hours: bool,
    /// The ticket's now.
    pub own_category: Option<Category>,
}

/// Billable entries of these days (both included) that are neither billed nor written off.
pub async fn loose(tx: &mut Tx, (from, to): (NaiveDate, NaiveDate)) -> Result<Vec<Loose>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT * FROM (
             SELECT e.id, e.ticket, e.client, e.tech, e.work_date,
                 CAST(e.minutes + COALESCE((SELECT SUM(c.minutes) FROM time_entry c WHERE c.corrects = e.id), 0) AS BIGINT) AS minutes,
                 e.category, e.note, t.skill, e.after_hours, t.category AS own_category
             FROM time_entry e LEFT JOIN ticket t ON t.number = e.ticket
             WHERE e.work_date >= $1 AND e.work_date <= $2 AND e.billable = $3 AND e.corrects IS NULL
               AND NOT EXISTS (SELECT 1 FROM write_off w WHERE w.entry = e.id)
               AND NOT EXISTS (SELECT 1 FROM billing_entry b JOIN billing_run r ON r.number = b.run
                               WHERE b.entry = e.id AND r.state = 'done')
         ) AS open WHERE minutes > 0 ORDER BY work_date, id"
    )
    .bind(from)
    .bind(to)
    .bind(true)
    .fetch_all(conn)
    .await)
    .during("look for entries that are not billed")
}
