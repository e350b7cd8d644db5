//! Mail to techs that is held back to be told in one list: queued, due `NEVER`, so that no sender meets it; withdrawn when its list is written.
//!
//! `outbox retry N` makes such a row due by itself; `withdraw` takes it back like any other.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use super::row::NEVER;
use super::{During, StoreError, Tx, missing, on};
use crate::store::pending::{any_of, lists};
use crate::words::{OutboxId, TicketNumber};

/// What one recipient was written lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Flow {
    /// Automatic mails, those that were gathered into lists counted too.
    pub written: i64,
    /// Of those: held back and not told yet.
    pub held: i64,
}

/// A mail that waits for its list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Held {
    pub id: OutboxId,
    pub kind: String,
    pub ticket: Option<TicketNumber>,
    pub message_id: String,
    pub subject: String,
    pub bytes: Vec<u8>,
}

/// Answers to what the tech has just done himself: they neither wait for a list nor count.
pub const ANSWERS: [&str; 4] = ["receipt", "help", "not_sent", "not_sent_reminder"];

/// How much a recipient was written since that moment. What was withdrawn because it was no longer true does not count.
pub async fn flow(tx: &mut Tx, recipient: &str, since: DateTime<Utc>) -> Result<Flow, StoreError> {
    let found = flows(tx, &[recipient.to_owned()], since).await?;
    Ok(found.first().map(|(_, flow)| *flow).unwrap_or_default())
}

/// The same for many recipients; those who were written nothing are left out.
pub async fn flows(
    tx: &mut Tx,
    recipients: &[String],
    since: DateTime<Utc>,
) -> Result<Vec<(String, Flow)>, StoreError> {
    let mut all = Vec::new();
    for piece in lists(recipients) {
        let found: Vec<(String, i64, i64)> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new(
                "SELECT recipient, CAST(COUNT(*) AS BIGINT),
                     CAST(SUM(CASE WHEN state = 'queued' AND next_at = ",
            );
            sql.push_bind(NEVER).push(" THEN 1 ELSE 0 END) AS BIGINT) FROM outbox WHERE created_at > ");
            sql.push_bind(since)
                .push(" AND automatic = TRUE AND state <> 'dropped' AND (state <> 'withdrawn' OR next_at = ");
            sql.push_bind(NEVER).push(") AND kind NOT IN (");
            ANSWERS.iter().fold(sql.separated(", "), |mut list, kind| {
                list.push_bind(*kind);
                list
            });
            sql.push(") AND recipient IN (");
            any_of(&mut sql, piece);
            sql.push(" GROUP BY recipient");
            sql.build_query_as().fetch_all(conn).await
        })
        .during("count what people were written")?;
        all.extend(found.into_iter().map(|(recipient, written, held)| (recipient, Flow { written, held })));
    }
    Ok(all)
}

/// When the mail was written that has waited longest for a list; `None` when none waits.
pub async fn oldest(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT MIN(created_at) FROM outbox WHERE state = 'queued' AND next_at = $1")
        .bind(NEVER)
        .fetch_one(conn)
        .await)
    .during("look for held mail")
}

/// Whose oldest held mail was written at `before` or earlier.
pub async fn due(tx: &mut Tx, before: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT DISTINCT recipient FROM outbox WHERE state = 'queued' AND next_at = $1 AND created_at <= $2"
    )
    .bind(NEVER)
    .bind(before)
    .fetch_all(conn)
    .await)
    .during("look for held mail")
}

/// Everything that is held for somebody, the oldest first.
pub async fn of(tx: &mut Tx, recipient: &str, limit: i64) -> Result<Vec<Held>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, kind, ticket, message_id, subject, bytes FROM outbox
         WHERE recipient = $1 AND state = 'queued' AND next_at = $2
         ORDER BY id LIMIT $3"
    )
    .bind(recipient)
    .bind(NEVER)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("read held mail")
}

/// Its list says it: it never leaves by itself. It stays due `NEVER`, which tells it from what was withdrawn as untrue.
pub async fn told(tx: &mut Tx, id: OutboxId, list: &str) -> Result<(), StoreError> {
    let hit = on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'withdrawn', last_error = $3 WHERE id = $1 AND state = 'queued' AND next_at = $2"
    )
    .bind(id)
    .bind(NEVER)
    .bind(format!("gathered into the list {list}"))
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("note that a held mail is told in a list")?;
    if hit == 1 { Ok(()) } else { Err(missing(id)) }
}

/// It goes by itself after all.
pub async fn let_go(tx: &mut Tx, id: OutboxId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let hit = on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET next_at = $3 WHERE id = $1 AND state = 'queued' AND next_at = $2"
    )
    .bind(id)
    .bind(NEVER)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("let a held mail go")?;
    if hit == 1 { Ok(()) } else { Err(missing(id)) }
}
