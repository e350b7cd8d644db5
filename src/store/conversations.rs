//! Where a ticket is talked about beside mail: a thread, a channel or a number of a chat platform, and when the client last spoke there.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{ContactId, TicketNumber};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Conversation {
    /// Name of the channel in the config.
    pub channel: String,
    /// As the platform names it: only the channel's own code looks into it.
    pub place: String,
    pub ticket: TicketNumber,
    pub opened_at: DateTime<Utc>,
    /// When somebody of the client's last spoke here.
    pub last_at: DateTime<Utc>,
}

/// From now on what is said in this place belongs to that ticket. A place that belonged to another ticket changes over.
pub async fn open(
    tx: &mut Tx,
    channel: &str,
    place: &str,
    ticket: TicketNumber,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO conversation (channel, place, ticket, opened_at, last_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (channel, place) DO UPDATE
         SET ticket = EXCLUDED.ticket, opened_at = EXCLUDED.opened_at, last_at = EXCLUDED.last_at"
    )
    .bind(channel)
    .bind(place)
    .bind(ticket)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("open a conversation")
}

/// Somebody of the client's spoke here at `now`; an earlier moment changes nothing.
pub async fn touch(tx: &mut Tx, channel: &str, place: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE conversation SET last_at = $3 WHERE channel = $1 AND place = $2 AND last_at < $3"
    )
    .bind(channel)
    .bind(place)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("note that a conversation goes on")
}

/// The places where a ticket is talked about, the one used last first.
pub async fn of_ticket(tx: &mut Tx, ticket: TicketNumber) -> Result<Vec<Conversation>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT channel, place, ticket, opened_at, last_at FROM conversation
         WHERE ticket = $1 ORDER BY last_at DESC, channel, place"
    )
    .bind(ticket)
    .fetch_all(conn)
    .await)
    .during("look for a ticket's conversations")
}

/// The ticket that a place belongs to. It may have been merged since: the caller follows it (`Case::load` does).
pub async fn ticket_of(tx: &mut Tx, channel: &str, place: &str) -> Result<Option<TicketNumber>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT ticket FROM conversation WHERE channel = $1 AND place = $2")
        .bind(channel)
        .bind(place)
        .fetch_optional(conn)
        .await)
    .during("look for a conversation's ticket")
}

/// Moves the conversations of a merged ticket.
pub async fn move_all(tx: &mut Tx, from: TicketNumber, to: TicketNumber) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE conversation SET ticket = $2 WHERE ticket = $1")
        .bind(from)
        .bind(to)
        .execute(conn)
        .await
        .map(drop))
    .during("move a ticket's conversations")
}

/// A person's last public words on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LastWords {
    pub at: DateTime<Utc>,
    /// `None`: they came by mail.
    pub channel: Option<String>,
    pub place: Option<String>,
}

/// How a contact spoke last on a ticket; `None` when not at all.
pub async fn last_words(
    tx: &mut Tx,
    ticket: TicketNumber,
    contact: ContactId,
) -> Result<Option<LastWords>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT at, channel, place FROM message
         WHERE ticket = $1 AND actor = $2 AND visibility = 'public' ORDER BY id DESC LIMIT 1"
    )
    .bind(ticket)
    .bind(crate::words::Actor::Contact(contact).to_string())
    .fetch_optional(conn)
    .await)
    .during("look for a person's last words")
}
