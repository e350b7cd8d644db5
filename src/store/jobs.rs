//! Scheduled jobs that ran, and counters that must not skip.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use super::pending::{any_of, lists};
use super::{Conn, During, StoreError, Tx, on};

/// The last number that a ticket got.
pub(super) const TICKETS: &str = "ticket";
/// The last row of the messages.
pub(super) const MESSAGES: &str = "message";

/// Marks a period of a job as done; false when it was done before.
pub async fn claim(tx: &mut Tx, job: &str, period: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO job_run (job, period, ran_at) VALUES ($1, $2, $3) ON CONFLICT (job, period) DO NOTHING"
    )
    .bind(job)
    .bind(period)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("claim a scheduled job")
}

/// Whether a period of a job is done.
pub async fn ran(tx: &mut Tx, job: &str, period: &str) -> Result<bool, StoreError> {
    let found: Option<String> =
        on!(tx, |conn| sqlx::query_scalar("SELECT job FROM job_run WHERE job = $1 AND period = $2")
            .bind(job)
            .bind(period)
            .fetch_optional(conn)
            .await)
        .during("look for a job that ran")?;
    Ok(found.is_some())
}

/// The last period of a job before this one.
pub async fn before(tx: &mut Tx, job: &str, period: &str) -> Result<Option<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT MAX(period) FROM job_run WHERE job = $1 AND period < $2")
        .bind(job)
        .bind(period)
        .fetch_one(conn)
        .await)
    .during("look for the run of a job before")
}

/// When a period of a job was done.
pub async fn ran_at(tx: &mut Tx, job: &str, period: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT ran_at FROM job_run WHERE job = $1 AND period = $2")
        .bind(job)
        .bind(period)
        .fetch_optional(conn)
        .await)
    .during("look when a job ran")
}

/// Every period of a job that is done.
pub async fn periods(tx: &mut Tx, job: &str) -> Result<Vec<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT period FROM job_run WHERE job = $1 ORDER BY period")
        .bind(job)
        .fetch_all(conn)
        .await)
    .during("list the runs of a job")
}

/// The last period of a job that is done; periods sort as text.
pub async fn newest(tx: &mut Tx, job: &str) -> Result<Option<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT MAX(period) FROM job_run WHERE job = $1").bind(job).fetch_one(conn).await)
        .during("look for the last run of a job")
}

pub async fn counter(tx: &mut Tx, name: &str) -> Result<i64, StoreError> {
    // Never among the rows that wait.
    let found: Option<i64> = on!(tx.stored(), |conn| sqlx::query_scalar("SELECT value FROM counter WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await)
    .during("read a counter")?;
    Ok(found.unwrap_or(0))
}

/// Those of these counters that there are.
pub async fn counters(tx: &mut Tx, names: &[String]) -> Result<Vec<(String, i64)>, StoreError> {
    let mut all = Vec::new();
    for piece in lists(names) {
        let found: Vec<(String, i64)> = on!(tx.stored(), |conn| {
            let mut sql = QueryBuilder::new("SELECT name, value FROM counter WHERE name IN (");
            any_of(&mut sql, piece);
            sql.build_query_as().fetch_all(conn).await
        })
        .during("read counters")?;
        all.extend(found);
    }
    Ok(all)
}

pub async fn set_counter(tx: &mut Tx, name: &str, value: i64) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value"
    )
    .bind(name)
    .bind(value)
    .execute(conn)
    .await
    .map(drop))
    .during("set a counter")
}

/// The next number of a counter. Its row stays locked until the transaction ends, so that nobody else takes the same one.
pub(super) async fn next(tx: &mut Tx, name: &'static str) -> Result<i64, StoreError> {
    if let Some(last) = tx.pending.counters.get_mut(name) {
        *last += 1;
        return Ok(*last);
    }
    // A row that somebody else numbered past the counter is passed over.
    let sql = match name {
        TICKETS => {
            "UPDATE counter SET value = 1 + (SELECT MAX(n) FROM
                 (SELECT value AS n UNION ALL SELECT COALESCE(MAX(number), 0) FROM ticket) AS taken)
             WHERE name = $1 RETURNING value"
        }
        _ => {
            "UPDATE counter SET value = 1 + (SELECT MAX(n) FROM
                 (SELECT value AS n UNION ALL SELECT COALESCE(MAX(id), 0) FROM message) AS taken)
             WHERE name = $1 RETURNING value"
        }
    };
    let first: Option<i64> = on!(tx.stored(), |conn| sqlx::query_scalar(sql).bind(name).fetch_optional(conn).await)
        .during("take a number")?;
    let first = first.ok_or_else(|| StoreError::Missing { what: format!("counter {name}") })?;
    tx.pending.counters.insert(name, first);
    Ok(first)
}

/// Writes how far a counter was taken.
pub(super) async fn leave_counter(conn: &mut Conn, name: &str, last: i64) -> Result<(), StoreError> {
    on!(conn, |conn| sqlx::query("UPDATE counter SET value = $2 WHERE name = $1")
        .bind(name)
        .bind(last)
        .execute(conn)
        .await
        .map(drop))
    .during("leave a counter")
}
