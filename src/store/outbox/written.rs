//! What somebody was written lately: for the limits on automatic mail and for the breaker (rule 11).

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use crate::store::pending::{any_of, lists};
use crate::store::{During, StoreError, Tx, on};
use crate::words::ContactId;

/// How many automatic mails this recipient was written since that moment (rule 11; the caller decides). Withdrawn and
/// dropped ones never left and do not count.
pub async fn automatic_since(tx: &mut Tx, recipient: &str, since: DateTime<Utc>) -> Result<i64, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT COUNT(*) FROM outbox
         WHERE recipient = $1 AND created_at > $2 AND automatic AND state NOT IN ('withdrawn', 'dropped')"
    )
    .bind(recipient)
    .bind(since)
    .fetch_one(conn)
    .await)
    .during("count automatic mails")
}

/// The same for what a person is told in chats, whose rows name a place and no person: by the person's tickets.
pub async fn automatic_in_chat(tx: &mut Tx, contact: ContactId, since: DateTime<Utc>) -> Result<i64, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT COUNT(*) FROM outbox
         WHERE ticket IN (SELECT number FROM ticket WHERE requester = $1) AND created_at > $2 AND automatic
           AND channel LIKE 'chat/%' AND kind <> 'page' AND state NOT IN ('withdrawn', 'dropped')"
    )
    .bind(contact)
    .bind(since)
    .fetch_one(conn)
    .await)
    .during("count automatic messages in chats")
}

/// The same for many recipients, since two moments; those without any are left out.
pub async fn automatic_of(
    tx: &mut Tx,
    recipients: &[String],
    late: DateTime<Utc>,
    early: DateTime<Utc>,
) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let mut all = Vec::new();
    for piece in lists(recipients) {
        let found: Vec<(String, i64, i64)> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new("SELECT recipient, CAST(SUM(CASE WHEN created_at > ");
            sql.push_bind(late).push(
                " THEN 1 ELSE 0 END) AS BIGINT), CAST(COUNT(*) AS BIGINT) FROM outbox
                 WHERE automatic AND state NOT IN ('withdrawn', 'dropped') AND created_at > ",
            );
            sql.push_bind(early).push(" AND recipient IN (");
            any_of(&mut sql, piece);
            sql.push(" GROUP BY recipient");
            sql.build_query_as().fetch_all(conn).await
        })
        .during("count automatic mails")?;
        all.extend(found);
    }
    Ok(all)
}

/// A mail that was acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledged {
    /// When the acknowledgement was written.
    pub written_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub subject: String,
}

/// Requests of these senders that were acknowledged since that moment, each sender's oldest first.
pub async fn acknowledged_of(
    tx: &mut Tx,
    recipients: &[String],
    since: DateTime<Utc>,
) -> Result<Vec<(String, Acknowledged)>, StoreError> {
    type Found = (String, DateTime<Utc>, DateTime<Utc>, String);
    let mut all = Vec::new();
    for piece in lists(recipients) {
        let found: Vec<Found> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new(
                "SELECT o.recipient, o.created_at, t.received_at, t.subject FROM outbox o JOIN ticket t ON t.number = o.ticket
                 WHERE o.kind = 'acknowledgement' AND o.created_at > ",
            );
            sql.push_bind(since).push(" AND o.recipient IN (");
            any_of(&mut sql, piece);
            sql.push(" ORDER BY o.created_at, o.id");
            sql.build_query_as().fetch_all(conn).await
        })
        .during("look for acknowledged mails")?;
        all.extend(found.into_iter().map(|(recipient, written_at, received_at, subject)| {
            (recipient, Acknowledged { written_at, received_at, subject })
        }));
    }
    Ok(all)
}
