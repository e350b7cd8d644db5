//! Money that the reports found, and what of it was billed since.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{Money, TicketNumber};

/// What a leak is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Entry(i64),
    /// It has no time yet.
    Ticket(TicketNumber),
}

/// Notes a find; what was found before stays as it was. `worth`: `None` where nobody can tell.
pub async fn note(
    tx: &mut Tx,
    kind: &str,
    about: About,
    worth: Option<Money>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (entry, ticket) = match about {
        About::Entry(entry) => (Some(entry), None),
        About::Ticket(ticket) => (None, Some(ticket)),
    };
    on!(tx, |conn| sqlx::query(
        "INSERT INTO leak (kind, entry, ticket, found_at, minor, currency) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING"
    )
    .bind(kind)
    .bind(entry)
    .bind(ticket)
    .bind(now)
    .bind(worth.map(|worth| worth.minor))
    .bind(worth.map(|worth| worth.currency.to_string()))
    .execute(conn)
    .await
    .map(drop))
    .during("note what was found")
}

/// An entry stands under another number now.
pub async fn moved(tx: &mut Tx, from: i64, to: i64) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE leak SET entry = $2 WHERE entry = $1")
        .bind(from)
        .bind(to)
        .execute(conn)
        .await
        .map(drop))
    .during("follow what was found")
}

/// What was found since then, and what of it was billed since it was found. Of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    /// Finds of that currency that could be told.
    pub found: Money,
    pub recovered: Money,
}

/// How many things were found since then, and the money, by currency. A ticket without time is worth what is billed of it later.
pub async fn meter(tx: &mut Tx, since: DateTime<Utc>) -> Result<(i64, Vec<Meter>), StoreError> {
    let count: i64 = on!(tx, |conn| sqlx::query_scalar("SELECT COUNT(*) FROM leak WHERE found_at >= $1")
        .bind(since)
        .fetch_one(conn)
        .await)
    .during("count what was found")?;
    let rows: Vec<(String, i64, i64)> = on!(tx, |conn| sqlx::query_as(
        "SELECT currency, CAST(SUM(found) AS BIGINT), CAST(SUM(recovered) AS BIGINT) FROM (
             SELECT currency, minor AS found, 0 AS recovered FROM leak WHERE found_at >= $1 AND minor IS NOT NULL
             UNION ALL
             SELECT b.currency, CASE WHEN l.minor IS NULL THEN b.amount_minor * e.minutes / b.minutes ELSE 0 END,
                    b.amount_minor * e.minutes / b.minutes
             FROM leak l
             JOIN time_entry e ON e.id = l.entry OR (l.entry IS NULL AND e.ticket = l.ticket AND e.entered_at >= l.found_at
                  AND NOT EXISTS (SELECT 1 FROM leak o WHERE o.entry = e.id))
             JOIN billing_entry m ON m.entry = e.id
             JOIN billing_run r ON r.number = m.run AND r.state = 'done'
             JOIN billing_line b ON b.run = m.run AND b.line = m.line
             WHERE l.found_at >= $1 AND b.amount_minor IS NOT NULL AND b.minutes <> 0
         ) AS sums GROUP BY currency ORDER BY currency"
    )
    .bind(since)
    .fetch_all(conn)
    .await)
    .during("sum up what was found")?;
    let meter = |(currency, found, recovered): (String, i64, i64)| {
        let currency = currency.parse().ok()?;
        let money = |minor| Money { minor, currency };
        Some(Meter { found: money(found), recovered: money(recovered) })
    };
    Ok((count, rows.into_iter().filter_map(meter).collect()))
}
