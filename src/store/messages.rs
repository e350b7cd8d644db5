//! What was said on a ticket, by whom, and whether the client sees it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;
use sqlx::types::Json;

use super::pending::pieces;
use super::{Conn, During, StoreError, Tx, jobs, on};
use crate::words::{InboundId, MessageRow, TicketNumber};

/// A file that came with a message; its bytes are in the raw mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    pub name: String,
    pub content_type: String,
    pub size: u64,
}

#[derive(Debug)]
pub struct NewMessage<'a> {
    pub ticket: TicketNumber,
    pub inbound: Option<InboundId>,
    /// The client sees it.
    pub public: bool,
    pub actor: String,
    pub sender_name: &'a str,
    pub sender_address: &'a str,
    pub subject: &'a str,
    /// The Message-ID under which the ticket's people know it.
    pub message_id: Option<&'a str>,
    pub at: DateTime<Utc>,
    pub text: &'a str,
    pub files: Vec<FileNote>,
    /// What was checked of the sender, as JSON.
    pub verdicts: Option<serde_json::Value>,
    /// Why it is internal although somebody may have meant it otherwise.
    pub reason: Option<&'a str>,
    /// Where it was said, and where an answer goes: the channel's name and the place there; `None` for mail.
    pub place: Option<(&'a str, &'a str)>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Message {
    pub id: MessageRow,
    pub ticket: TicketNumber,
    pub inbound: Option<InboundId>,
    pub visibility: String,
    pub actor: String,
    pub sender_name: String,
    pub sender_address: String,
    pub subject: String,
    pub message_id: Option<String>,
    pub at: DateTime<Utc>,
    pub text: String,
    pub attachments: Json<Vec<FileNote>>,
    pub verdicts: Option<Json<serde_json::Value>>,
    pub reason: Option<String>,
    /// The channel's name and the place there; `None` for mail.
    pub channel: Option<String>,
    pub place: Option<String>,
}

impl Message {
    pub fn is_public(&self) -> bool {
        self.visibility == "public"
    }
}

/// Stores a message; its row is written with the next ones.
pub async fn insert(tx: &mut Tx, new: NewMessage<'_>) -> Result<MessageRow, StoreError> {
    let id = MessageRow(jobs::next(tx, jobs::MESSAGES).await?);
    tx.pending.messages.push(Message {
        id,
        ticket: new.ticket,
        inbound: new.inbound,
        visibility: if new.public { "public" } else { "internal" }.to_owned(),
        actor: new.actor,
        sender_name: new.sender_name.to_owned(),
        sender_address: new.sender_address.to_owned(),
        subject: new.subject.to_owned(),
        message_id: new.message_id.map(str::to_owned),
        at: new.at,
        text: new.text.to_owned(),
        attachments: Json(new.files),
        verdicts: new.verdicts.map(Json),
        reason: new.reason.map(str::to_owned),
        channel: new.place.map(|(channel, _)| channel.to_owned()),
        place: new.place.map(|(_, place)| place.to_owned()),
    });
    Ok(id)
}

pub(super) async fn insert_all(conn: &mut Conn, rows: &[Message]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(conn, |conn| {
            let mut sql = QueryBuilder::new(
                "INSERT INTO message (id, ticket, inbound, visibility, actor, sender_name, sender_address, subject,
                    message_id, at, text, attachments, verdicts, reason, channel, place) ",
            );
            sql.push_values(piece, |mut row, message| {
                row.push_bind(message.id)
                    .push_bind(message.ticket)
                    .push_bind(message.inbound)
                    .push_bind(&message.visibility)
                    .push_bind(&message.actor)
                    .push_bind(&message.sender_name)
                    .push_bind(&message.sender_address)
                    .push_bind(&message.subject)
                    .push_bind(&message.message_id)
                    .push_bind(message.at)
                    .push_bind(&message.text)
                    .push_bind(&message.attachments)
                    .push_bind(&message.verdicts)
                    .push_bind(&message.reason)
                    .push_bind(&message.channel)
                    .push_bind(&message.place);
            });
            sql.build().execute(conn).await.map(drop)
        })
        .during("store messages")?;
    }
    Ok(())
}

/// All messages of a ticket, oldest first.
pub async fn of_ticket(tx: &mut Tx, ticket: TicketNumber) -> Result<Vec<Message>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket, inbound, visibility, actor, sender_name, sender_address, subject, message_id, at, text,
                attachments, verdicts, reason, channel, place
         FROM message WHERE ticket = $1 ORDER BY id"
    )
    .bind(ticket)
    .fetch_all(conn)
    .await)
    .during("read a ticket's messages")
}

pub async fn one(tx: &mut Tx, id: MessageRow) -> Result<Option<Message>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket, inbound, visibility, actor, sender_name, sender_address, subject, message_id, at, text,
                attachments, verdicts, reason, channel, place
         FROM message WHERE id = $1"
    )
    .bind(id)
    .fetch_optional(conn)
    .await)
    .during("read a message")
}

/// Where somebody of the client's last spoke: the channel's name and the place there; `None` where it was by mail.
pub async fn last_place(tx: &mut Tx, ticket: TicketNumber) -> Result<Option<(String, String)>, StoreError> {
    let found: Option<(Option<String>, Option<String>)> = on!(tx, |conn| sqlx::query_as(
        "SELECT channel, place FROM message
         WHERE ticket = $1 AND visibility = 'public' AND inbound IS NOT NULL AND actor LIKE 'contact:%'
         ORDER BY id DESC LIMIT 1"
    )
    .bind(ticket)
    .fetch_optional(conn)
    .await)
    .during("look where the client last spoke")?;
    Ok(found.and_then(|(channel, place)| Some((channel?, place?))))
}

/// The public message that went out under this Message-ID.
pub async fn by_message_id(tx: &mut Tx, ticket: TicketNumber, id: &str) -> Result<Option<MessageRow>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT id FROM message WHERE message_id = $1 AND ticket = $2 AND visibility = 'public' ORDER BY id LIMIT 1"
    )
    .bind(id)
    .bind(ticket)
    .fetch_optional(conn)
    .await)
    .during("look for a message that went out")
}

/// Says anew why a message is internal: what it waited for has been decided.
pub async fn explain(tx: &mut Tx, id: MessageRow, reason: &str) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE message SET reason = $2 WHERE id = $1")
        .bind(id)
        .bind(reason)
        .execute(conn)
        .await
        .map(drop))
    .during("say why a message is internal")
}

/// Message-IDs of the public messages of a ticket, oldest first: what a public mail's References may name.
pub async fn public_ids(tx: &mut Tx, ticket: TicketNumber) -> Result<Vec<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT message_id FROM message
         WHERE ticket = $1 AND visibility = 'public' AND message_id IS NOT NULL ORDER BY id"
    )
    .bind(ticket)
    .fetch_all(conn)
    .await)
    .during("read a ticket's thread")
}

/// The ticket that a mail with this Message-ID stands on: one that came in, or one that we sent.
pub async fn ticket_of(tx: &mut Tx, message_id: &str) -> Result<Option<TicketNumber>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT ticket FROM message WHERE message_id = $1
         UNION ALL
         SELECT ticket FROM outbox WHERE message_id = $1 AND ticket IS NOT NULL
         LIMIT 1"
    )
    .bind(message_id)
    .fetch_optional(conn)
    .await)
    .during("look for a message's ticket")
}

/// Moves the messages of a merged ticket; they keep their order and their ids.
pub async fn move_all(tx: &mut Tx, from: TicketNumber, to: TicketNumber) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE message SET ticket = $2 WHERE ticket = $1")
        .bind(from)
        .bind(to)
        .execute(conn)
        .await
        .map(drop))
    .during("move a ticket's messages")
}
