//! What goes to the firm's own programs: the rows of the outbox whose channel is `webhook/NAME`.

use chrono::{DateTime, Utc};

use super::{Row, refused_unless, show};
use crate::store::{During, StoreError, Tx, on};
use crate::words::OutboxId;

/// Deliveries to one webhook that were given up and of which no manager knows.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct GivenUp {
    /// `crm`
    pub webhook: String,
    pub count: i64,
    /// The latest of them.
    pub last: OutboxId,
    pub since: DateTime<Utc>,
}

/// `deskd webhooks list`: what has not arrived, the latest first; with `all` also what has.
pub async fn list(tx: &mut Tx, all: bool, webhook: Option<&str>, limit: i64) -> Result<Vec<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_rows!(
        "WHERE channel LIKE 'webhook/%' AND ($1 OR state IN ('queued', 'sending', 'failed'))
           AND (CAST($3 AS TEXT) IS NULL OR recipient = $3)
         ORDER BY id DESC LIMIT $2"
    ))
    .bind(all)
    .bind(limit)
    .bind(webhook)
    .fetch_all(conn)
    .await)
    .during("list deliveries to webhooks")
}

/// `deskd webhooks replay N`: the same bytes under the same id go again, also where they had arrived, with all tries before them.
pub async fn replay(tx: &mut Tx, id: OutboxId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let row = show(tx, id).await?;
    if !row.channel.starts_with("webhook/") {
        return Err(StoreError::Refused(format!("outbox row {} is no delivery to a webhook", id.0)));
    }
    let hit = on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'queued', next_at = $2, attempts = 0, sent_at = NULL, notified = $3
         WHERE id = $1 AND state IN ('queued', 'failed', 'dropped', 'sent')"
    )
    .bind(id)
    .bind(now)
    .bind(false)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("send a delivery again")?;
    refused_unless(hit == 1, &row, "sent again")
}

/// The same for all that were given up, of one webhook or of all; tells how many.
pub async fn replay_failed(tx: &mut Tx, webhook: Option<&str>, now: DateTime<Utc>) -> Result<u64, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'queued', next_at = $1, attempts = 0, notified = $2
         WHERE channel LIKE 'webhook/%' AND state = 'failed' AND (CAST($3 AS TEXT) IS NULL OR recipient = $3)"
    )
    .bind(now)
    .bind(false)
    .bind(webhook)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("send deliveries again")
}

/// What was given up and nobody knows, a line each webhook; not of one whose mail `period` has seen already.
pub async fn given_up(tx: &mut Tx, period: &str) -> Result<Vec<GivenUp>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT recipient AS webhook, CAST(COUNT(*) AS BIGINT) AS count, MAX(id) AS last, MIN(created_at) AS since
         FROM outbox
         WHERE notified = FALSE AND state IN ('failed', 'uncertain') AND channel LIKE 'webhook/%'
           AND NOT EXISTS (SELECT 1 FROM job_run WHERE job = 'undelivered/' || recipient AND period = $1)
         GROUP BY recipient ORDER BY recipient"
    )
    .bind(period)
    .fetch_all(conn)
    .await)
    .during("look for deliveries that were given up")
}

/// A manager was told of them (the mail about it is in the same transaction).
pub async fn mark_told(tx: &mut Tx, given_up: &GivenUp) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET notified = $3
         WHERE recipient = $1 AND id <= $2 AND state = 'failed' AND channel LIKE 'webhook/%'"
    )
    .bind(&given_up.webhook)
    .bind(given_up.last)
    .bind(true)
    .execute(conn)
    .await
    .map(|_| ()))
    .during("note that a manager was told of deliveries")
}
