//! What was worked and what was billed, month by month, as the comparison of the three businesses wants it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{During, StoreError, Tx, on};
use crate::money::invoice::Kind;
use crate::money::margin::{Revenue, Stint};
use crate::words::{Category, ClientKey, Login, Minutes, Money};

/// Clients with work from `from` up to, not including, `to`; `None`: work on tickets of nobody.
pub async fn worked_for(tx: &mut Tx, from: NaiveDate, to: NaiveDate) -> Result<Vec<Option<ClientKey>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT DISTINCT client FROM time_entry WHERE work_date >= $1 AND work_date < $2"
    )
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await)
    .during("list whom was worked for")
}

#[derive(sqlx::FromRow)]
struct StintRow {
    work_date: NaiveDate,
    tech: Login,
    category: Category,
    skill: Option<String>,
    minutes: Minutes,
}

/// A client's work from `from` up to, not including, `to`, also what nobody pays for.
pub async fn work(
    tx: &mut Tx,
    client: Option<&ClientKey>,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Stint>, StoreError> {
    let rows: Vec<StintRow> = on!(tx, |conn| match client {
        Some(client) =>
            sqlx::query_as(
                "SELECT e.work_date, e.tech, e.category, t.skill, CAST(SUM(e.minutes) AS BIGINT) AS minutes
                 FROM time_entry e LEFT JOIN ticket t ON t.number = e.ticket
                 WHERE e.client = $1 AND e.work_date >= $2 AND e.work_date < $3
                 GROUP BY e.work_date, e.tech, e.category, t.skill"
            )
            .bind(client)
            .bind(from)
            .bind(to)
            .fetch_all(conn)
            .await,
        None =>
            sqlx::query_as(
                "SELECT e.work_date, e.tech, e.category, t.skill, CAST(SUM(e.minutes) AS BIGINT) AS minutes
                 FROM time_entry e LEFT JOIN ticket t ON t.number = e.ticket
                 WHERE e.client IS NULL AND e.work_date >= $1 AND e.work_date < $2
                 GROUP BY e.work_date, e.tech, e.category, t.skill"
            )
            .bind(from)
            .bind(to)
            .fetch_all(conn)
            .await,
    })
    .during("sum up what was worked")?;
    let stint = |row: StintRow| Stint {
        day: row.work_date,
        tech: row.tech,
        category: row.category,
        skill: row.skill,
        minutes: row.minutes,
    };
    Ok(rows.into_iter().map(stint).collect())
}

#[derive(sqlx::FromRow)]
struct RevenueRow {
    client: ClientKey,
    kind: String,
    paid_for: NaiveDate,
    currency: String,
    minor: i64,
    minutes: Minutes,
}

/// What runs that stand billed for the months from `from` to `to`, each client's: fees and overage by the month that they are for, work by
/// the month of the run.
pub async fn revenue(
    tx: &mut Tx,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<BTreeMap<ClientKey, Vec<Revenue>>, StoreError> {
    let rows: Vec<RevenueRow> = on!(tx, |conn| sqlx::query_as(
        "SELECT client, kind, paid_for, currency, CAST(SUM(amount_minor) AS BIGINT) AS minor, CAST(SUM(minutes) AS BIGINT) AS minutes
         FROM (SELECT l.client, l.kind, l.currency, l.amount_minor, l.minutes,
                   CASE WHEN l.kind IN ('time', 'project') THEN r.period ELSE COALESCE(l.month, r.period) END AS paid_for
               FROM billing_line l JOIN billing_run r ON r.number = l.run
               WHERE r.state = 'done' AND l.amount_minor IS NOT NULL) AS billed
         WHERE paid_for >= $1 AND paid_for <= $2 GROUP BY client, kind, paid_for, currency ORDER BY client, paid_for, kind, currency"
    )
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await)
    .during("sum up what was billed")?;
    let mut all: BTreeMap<ClientKey, Vec<Revenue>> = BTreeMap::new();
    for row in rows {
        let (Some(kind), Ok(currency)) = (Kind::named(&row.kind), row.currency.parse()) else { continue };
        let amount = Money { minor: row.minor, currency };
        all.entry(row.client).or_default().push(Revenue { month: row.paid_for, kind, amount, minutes: row.minutes });
    }
    Ok(all)
}
