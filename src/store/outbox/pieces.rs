//! Messages that leave in pieces, a row each: words in parts, and each file. A piece does not come before an earlier one.

use chrono::{DateTime, Utc};

use super::super::{During, StoreError, Tx, on};
use super::{Claimed, NEVER};

/// When the last of the earlier pieces of this message that are not over is due; ids are `base/piece`, written in their order.
/// What waits for a human holds nothing up.
pub async fn earlier_piece(tx: &mut Tx, row: &Claimed, channel: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some((base, _)) = row.message_id.rsplit_once('/') else { return Ok(None) };
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT MAX(next_at) FROM outbox
         WHERE channel = $1 AND state IN ('queued', 'uncertain') AND next_at < $2 AND id < $3 AND recipient = $4
           AND SUBSTR(message_id, 1, LENGTH($5)) = $5"
    )
    .bind(channel)
    .bind(NEVER)
    .bind(row.id)
    .bind(&row.recipient)
    .bind(format!("{base}/"))
    .fetch_one(conn)
    .await)
    .during("look for an earlier piece of a message")
}
