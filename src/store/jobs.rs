//! Scheduled jobs that ran, and counters that must not skip.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};

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

pub async fn counter(tx: &mut Tx, name: &str) -> Result<i64, StoreError> {
    let found: Option<i64> = on!(tx, |conn| sqlx::query_scalar("SELECT value FROM counter WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await)
    .during("read a counter")?;
    Ok(found.unwrap_or(0))
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
