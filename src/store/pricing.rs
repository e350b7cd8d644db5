//! Conversations about a retainer's range: opened, brought to mind, and what came of each.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{During, StoreError, Tx, on};
use crate::words::{ClientKey, Login};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize)]
pub struct Row {
    pub id: i64,
    pub client: ClientKey,
    /// First day of the second month over.
    pub month: NaiveDate,
    pub opened_at: DateTime<Utc>,
    /// `agreed`, `declined`; `None` while it goes on.
    pub outcome: Option<String>,
    /// The terms that were agreed, or why not.
    pub said: Option<String>,
    pub said_by: Option<Login>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// The columns of a `Row`, with what comes after `FROM pricing`.
macro_rules! select_pricing {
    ($rest:literal) => {
        concat!("SELECT id, client, month, opened_at, outcome, said, said_by, closed_at FROM pricing ", $rest)
    };
}

/// Opens one; `None` where one goes on already.
pub async fn open(
    tx: &mut Tx,
    client: &ClientKey,
    month: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    if going_on(tx, client).await?.is_some() {
        return Ok(None);
    }
    let id: i64 = on!(tx, |conn| sqlx::query_scalar(
        "INSERT INTO pricing (client, month, opened_at, reminded_at) VALUES ($1, $2, $3, $3) RETURNING id"
    )
    .bind(client)
    .bind(month)
    .bind(now)
    .fetch_one(conn)
    .await)
    .during("open a conversation about a range")?;
    Ok(Some(id))
}

pub async fn one(tx: &mut Tx, id: i64) -> Result<Option<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_pricing!("WHERE id = $1")).bind(id).fetch_optional(conn).await)
        .during("read a conversation about a range")
}

pub async fn going_on(tx: &mut Tx, client: &ClientKey) -> Result<Option<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_pricing!("WHERE client = $1 AND outcome IS NULL"))
        .bind(client)
        .fetch_optional(conn)
        .await)
    .during("look for a conversation about a range")
}

/// The last one of a client, whatever came of it.
pub async fn last(tx: &mut Tx, client: &ClientKey) -> Result<Option<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_pricing!("WHERE client = $1 ORDER BY id DESC LIMIT 1"))
        .bind(client)
        .fetch_optional(conn)
        .await)
    .during("look for a conversation about a range")
}

/// The newest first.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_pricing!("ORDER BY id DESC LIMIT $1")).bind(limit).fetch_all(conn).await)
        .during("list conversations about ranges")
}

/// Those that go on and were not brought to mind since then.
pub async fn to_be_reminded(tx: &mut Tx, before: DateTime<Utc>) -> Result<Vec<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_pricing!("WHERE outcome IS NULL AND reminded_at <= $1 ORDER BY id"))
        .bind(before)
        .fetch_all(conn)
        .await)
    .during("look for conversations to be brought to mind")
}

pub async fn reminded(tx: &mut Tx, id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE pricing SET reminded_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .during("bring a conversation to mind")
}

/// What came of it; `false`: that was said before.
pub async fn close(
    tx: &mut Tx,
    id: i64,
    (outcome, said): (&str, &str),
    by: &Login,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE pricing SET outcome = $2, said = $3, said_by = $4, closed_at = $5 WHERE id = $1 AND outcome IS NULL"
    )
    .bind(id)
    .bind(outcome)
    .bind(said)
    .bind(by)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("end a conversation about a range")
}

/// Who took how much of a client's time in these days, the most first: name of the requester, minutes.
pub async fn requesters(
    tx: &mut Tx,
    client: &ClientKey,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<(String, i64)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT COALESCE(c.name, '') AS name, CAST(SUM(e.minutes) AS BIGINT) AS minutes
         FROM time_entry e LEFT JOIN ticket t ON t.number = e.ticket LEFT JOIN contact c ON c.id = t.requester
         WHERE e.client = $1 AND e.work_date >= $2 AND e.work_date < $3 AND e.category = 'retainer'
         GROUP BY COALESCE(c.name, '') ORDER BY minutes DESC, name LIMIT 5"
    )
    .bind(client)
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await)
    .during("sum up who took a client's time")
}
