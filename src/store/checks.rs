//! What is looked at again later, and until when: techs' mails whose domain DNS left open, alerts in a maintenance.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{InboundId, MessageRow};

/// One mail that waits for DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Check {
    pub inbound: InboundId,
    /// The internal comment that the mail is while it waits; `None` where it belongs to no ticket.
    pub message: Option<MessageRow>,
    pub next_at: DateTime<Utc>,
    /// From this moment on it counts no more.
    pub gives_up_at: DateTime<Utc>,
}

pub async fn add(tx: &mut Tx, check: &Check) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO pending_check (inbound, message, next_at, gives_up_at) VALUES ($1, $2, $3, $4)"
    )
    .bind(check.inbound)
    .bind(check.message)
    .bind(check.next_at)
    .bind(check.gives_up_at)
    .execute(conn)
    .await
    .map(drop))
    .during("note a mail that waits for DNS")
}

/// What is due, the oldest arrival first.
pub async fn due(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<Check>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT inbound, message, next_at, gives_up_at FROM pending_check WHERE next_at <= $1 ORDER BY inbound LIMIT $2"
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("look for mails that wait for DNS")
}

/// When the next one is due.
pub async fn next(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT next_at FROM pending_check ORDER BY next_at LIMIT 1")
        .fetch_optional(conn)
        .await)
    .during("look for the next mail that waits for DNS")
}

pub async fn put_off(tx: &mut Tx, inbound: InboundId, next_at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE pending_check SET next_at = $2 WHERE inbound = $1")
        .bind(inbound)
        .bind(next_at)
        .execute(conn)
        .await
        .map(drop))
    .during("put off a look at a mail that waits for DNS")
}

/// Takes it out; false when it does not wait any more.
pub async fn take(tx: &mut Tx, inbound: InboundId) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query("DELETE FROM pending_check WHERE inbound = $1")
        .bind(inbound)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))
    .during("end the wait of a mail for DNS")
}
