//! Counts over the whole desk, for `/metrics` and for the probes of `/readyz`.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};

/// Fate and how many inbounds ended in it.
pub async fn inbound_by_fate(tx: &mut Tx) -> Result<Vec<(String, i64)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT fate, COUNT(*) FROM inbound WHERE fate IS NOT NULL GROUP BY fate ORDER BY fate"
    )
    .fetch_all(conn)
    .await)
    .during("count inbounds by fate")
}

/// How many inbounds are kept without a fate, and since when the oldest of them.
pub async fn unprocessed(tx: &mut Tx) -> Result<(i64, Option<DateTime<Utc>>), StoreError> {
    on!(tx, |conn| sqlx::query_as("SELECT COUNT(*), MIN(kept_at) FROM inbound WHERE fate IS NULL")
        .fetch_one(conn)
        .await)
    .during("count what is not processed yet")
}

/// Status, priority and tickets, of those that wait for somebody.
pub async fn queue(tx: &mut Tx) -> Result<Vec<(String, String, i64)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT status, priority, COUNT(*) FROM ticket WHERE status IN ('unsorted', 'new', 'open', 'waiting')
         GROUP BY status, priority ORDER BY status, priority"
    )
    .fetch_all(conn)
    .await)
    .during("count the queue")
}

/// State and what people are written.
pub async fn outbox_by_state(tx: &mut Tx) -> Result<Vec<(String, i64)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT state, COUNT(*) FROM outbox WHERE channel NOT LIKE 'webhook/%' GROUP BY state ORDER BY state"
    )
    .fetch_all(conn)
    .await)
    .during("count the outbox")
}

/// Kind of clock, priority, and tickets in the queue that have missed it.
pub async fn breaches(tx: &mut Tx) -> Result<Vec<(String, String, i64)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT c.kind, t.priority, COUNT(*) FROM ticket t JOIN sla_clock c ON c.ticket = t.number
         WHERE t.status IN ('new', 'open', 'waiting') AND c.breached
         GROUP BY c.kind, t.priority ORDER BY c.kind, t.priority"
    )
    .fetch_all(conn)
    .await)
    .during("count breaches")
}
