//! What a channel was told lately: a platform that counts remembers it over our restart.

use chrono::{DateTime, Utc};

use super::super::{During, StoreError, Tx, on};
use super::NEVER;

#[derive(Debug, Default)]
pub struct Lately {
    /// Where something was sent, and when; the earliest first.
    pub sent: Vec<(String, DateTime<Utc>)>,
    /// Where too much was sent, and until when nothing is taken there.
    pub refused: Vec<(String, DateTime<Utc>)>,
    /// Until when the platform takes nothing at all.
    pub refused_everywhere: Option<DateTime<Utc>>,
}

/// Of what was due at `since` or later, so that an index finds it.
pub async fn lately(
    tx: &mut Tx,
    channel: &str,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Lately, StoreError> {
    let sent = on!(tx, |conn| sqlx::query_as(
        "SELECT recipient, sent_at FROM outbox
         WHERE state = 'sent' AND next_at >= $1 AND channel = $2 AND sent_at IS NOT NULL ORDER BY sent_at, id"
    )
    .bind(since)
    .bind(channel)
    .fetch_all(conn)
    .await)
    .during("read what was sent lately")?;
    let refused = on!(tx, |conn| sqlx::query_as(
        "SELECT recipient, next_at FROM outbox
         WHERE state IN ('queued', 'uncertain') AND next_at > $1 AND channel = $2
           AND last_error LIKE '% takes no more messages for %'"
    )
    .bind(now)
    .bind(channel)
    .fetch_all(conn)
    .await)
    .during("read what was refused lately")?;
    let refused_everywhere = on!(tx, |conn| sqlx::query_scalar(
        "SELECT MAX(next_at) FROM outbox
         WHERE state IN ('queued', 'uncertain') AND next_at > $1 AND next_at < $3 AND channel = $2
           AND last_error LIKE '% takes no more messages anywhere for %'"
    )
    .bind(now)
    .bind(channel)
    .bind(NEVER)
    .fetch_one(conn)
    .await)
    .during("read what was refused lately")?;
    Ok(Lately { sent, refused, refused_everywhere })
}
