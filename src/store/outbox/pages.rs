//! Text messages and calls to techs about urgent tickets: taken back once somebody has seen the ticket, and which call a key was pressed in.

use chrono::{DateTime, Utc};

use crate::store::{During, StoreError, Tx, on};
use crate::words::TicketNumber;

/// The kind of a text message, or of a chat message to the techs.
pub const PAGE: &str = "page";
/// The kind of a call: its bytes are the TwiML of what is said.
pub const CALL: &str = "page_call";

/// A call about a ticket.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Called {
    pub ticket: TicketNumber,
    /// The number that was called, E.164.
    pub recipient: String,
    pub bytes: Vec<u8>,
}

/// Somebody has seen the ticket, or answered it: no page that is not out yet disturbs anybody, nor one of which nobody knows whether it was.
pub async fn withdraw_pages(tx: &mut Tx, ticket: TicketNumber, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'withdrawn', next_at = $2
         WHERE ticket = $1 AND kind IN ($3, $4) AND state IN ('queued', 'uncertain')"
    )
    .bind(ticket)
    .bind(now)
    .bind(PAGE)
    .bind(CALL)
    .execute(conn)
    .await
    .map(drop))
    .during("withdraw pages")
}

/// The call of a line that has this name, which only Twilio was told.
pub async fn called(tx: &mut Tx, channel: &str, name: &str) -> Result<Option<Called>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT ticket, recipient, bytes FROM outbox
         WHERE message_id = $1 AND channel = $2 AND kind = $3 AND ticket IS NOT NULL"
    )
    .bind(name)
    .bind(channel)
    .bind(CALL)
    .fetch_optional(conn)
    .await)
    .during("look for a call")
}
