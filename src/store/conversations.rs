//! Where a ticket is talked about beside mail: which place of a channel belongs to which ticket, and when somebody last spoke there.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::TicketNumber;

/// From now on what is said in this place of a channel (its name in the config) belongs to that ticket. A place that belonged to another ticket changes over.
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
         SET ticket = EXCLUDED.ticket, opened_at = EXCLUDED.opened_at, last_at = EXCLUDED.last_at, over_at = NULL"
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

/// A message of ours about a ticket is there: what answers it, and what is said in its thread, belongs to the ticket. A place that is a
/// ticket's already stays so.
pub async fn said(
    tx: &mut Tx,
    channel: &str,
    (message, place): (&str, &str),
    ticket: TicketNumber,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for place in [message_key(message).as_str(), place] {
        on!(tx, |conn| sqlx::query(
            "INSERT INTO conversation (channel, place, ticket, opened_at, last_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (channel, place) DO NOTHING"
        )
        .bind(channel)
        .bind(place)
        .bind(ticket)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
        .during("note where a ticket is talked about")?;
    }
    Ok(())
}

/// The place of a message of a chat, so that an answer to it finds its ticket.
pub fn message_key(id: &str) -> String {
    format!("m/{id}")
}

/// Ids of the messages that open tickets stand on, those that came last first. A message of ours is among them.
pub async fn messages_of_open_tickets(tx: &mut Tx, channel: &str, limit: i64) -> Result<Vec<String>, StoreError> {
    let places: Vec<String> = on!(tx, |conn| sqlx::query_scalar(
        "SELECT c.place FROM conversation c JOIN ticket t ON t.number = c.ticket
         WHERE c.channel = $1 AND SUBSTR(c.place, 1, 2) = 'm/' AND t.status IN ('unsorted', 'new', 'open', 'waiting')
         ORDER BY c.last_at DESC, c.place DESC LIMIT $2"
    )
    .bind(channel)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("list the messages of open tickets")?;
    Ok(places.iter().filter_map(|place| place.strip_prefix("m/")).map(str::to_owned).collect())
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

/// The ticket that a place belongs to, and whether the machine that speaks there said that its trouble is over. It may have been merged since: the caller follows it (`Case::load` does).
pub async fn found(tx: &mut Tx, channel: &str, place: &str) -> Result<Option<(TicketNumber, bool)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT ticket, over_at IS NOT NULL FROM conversation WHERE channel = $1 AND place = $2"
    )
    .bind(channel)
    .bind(place)
    .fetch_optional(conn)
    .await)
    .during("look for a conversation's ticket")
}

/// When somebody last spoke there, and of which ticket.
pub async fn last(
    tx: &mut Tx,
    channel: &str,
    place: &str,
) -> Result<Option<(TicketNumber, DateTime<Utc>)>, StoreError> {
    on!(tx, |conn| sqlx::query_as("SELECT ticket, last_at FROM conversation WHERE channel = $1 AND place = $2")
        .bind(channel)
        .bind(place)
        .fetch_optional(conn)
        .await)
    .during("look for a conversation")
}

/// The machine that speaks there says that its trouble is over (`Some`), or that it is there again.
pub async fn set_over(
    tx: &mut Tx,
    channel: &str,
    place: &str,
    over_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE conversation SET over_at = $3 WHERE channel = $1 AND place = $2")
        .bind(channel)
        .bind(place)
        .bind(over_at)
        .execute(conn)
        .await
        .map(drop))
    .during("note that a machine's trouble is over")
}

/// How many places of a ticket are not over, those of `except` not counted.
pub async fn going_on(tx: &mut Tx, ticket: TicketNumber, except: &str) -> Result<i64, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT COUNT(*) FROM conversation WHERE ticket = $1 AND over_at IS NULL AND channel <> $2"
    )
    .bind(ticket)
    .bind(except)
    .fetch_one(conn)
    .await)
    .during("count what is not over of a ticket")
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
