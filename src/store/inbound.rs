//! What arrived: kept raw before anything looks into it, and the one fate of each.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{InboundId, TicketNumber};

/// What is over three days old when first seen becomes a ticket without acknowledgement.
pub const LATE: TimeDelta = TimeDelta::days(3);

/// DESIGN.md section 3, rule 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    Ticket,
    Reply,
    Duplicate,
    Automatic,
    Bounce,
    Refused,
    Quarantined,
}

impl Fate {
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Ticket => "ticket",
            Fate::Reply => "reply",
            Fate::Duplicate => "duplicate",
            Fate::Automatic => "automatic",
            Fate::Bounce => "bounce",
            Fate::Refused => "refused",
            Fate::Quarantined => "quarantined",
        }
    }
}

/// One arrival to keep.
#[derive(Debug)]
pub struct NewInbound<'a> {
    pub source: &'a str,
    pub source_key: &'a str,
    pub arrived_at: DateTime<Utc>,
    pub size: u64,
    pub junk: bool,
    /// zstd
    pub compressed: &'a [u8],
}

/// A kept arrival that has no fate yet.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Unprocessed {
    pub id: InboundId,
    pub source: String,
    pub source_key: String,
    pub arrived_at: DateTime<Utc>,
    pub kept_at: DateTime<Utc>,
    pub size: i64,
    pub junk: bool,
    pub attempts: i64,
    pub compressed: Vec<u8>,
}

/// What became of an arrival.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    pub fate: Fate,
    pub reason: Option<&'a str>,
    pub ticket: Option<TicketNumber>,
    pub message_id: Option<&'a str>,
    pub content_hash: Option<&'a str>,
    pub sender: &'a str,
    pub subject: &'a str,
}

/// A line of `deskd inbound`.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
pub struct Listed {
    pub id: InboundId,
    pub source: String,
    pub source_key: String,
    pub arrived_at: DateTime<Utc>,
    pub size: i64,
    pub attempts: i64,
    pub sender: Option<String>,
    pub subject: Option<String>,
    pub fate: Option<String>,
    pub reason: Option<String>,
    pub ticket: Option<TicketNumber>,
}

/// Keeps one arrival; `None` when this source key is there already.
pub async fn keep(tx: &mut Tx, new: &NewInbound<'_>, now: DateTime<Utc>) -> Result<Option<InboundId>, StoreError> {
    let id: Option<InboundId> = on!(tx, |conn| sqlx::query_scalar(
        "INSERT INTO inbound (source, source_key, arrived_at, kept_at, size, junk, late, attempts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
         ON CONFLICT (source, source_key) DO NOTHING
         RETURNING id"
    )
    .bind(new.source)
    .bind(new.source_key)
    .bind(new.arrived_at)
    .bind(now)
    .bind(i64::try_from(new.size).unwrap_or(i64::MAX))
    .bind(new.junk)
    .bind(now - new.arrived_at > LATE)
    .fetch_optional(conn)
    .await)
    .during("keep a mail")?;
    if let Some(id) = id {
        on!(tx, |conn| sqlx::query("INSERT INTO raw (inbound, bytes) VALUES ($1, $2)")
            .bind(id)
            .bind(new.compressed)
            .execute(conn)
            .await
            .map(drop))
        .during("keep the raw bytes of a mail")?;
    }
    Ok(id)
}

/// The oldest arrivals without a fate, at most `limit`, with their sizes; their bytes are read one by one.
pub async fn unprocessed(tx: &mut Tx, limit: i64) -> Result<Vec<(InboundId, i64)>, StoreError> {
    on!(tx, |conn| sqlx::query_as("SELECT id, size FROM inbound WHERE fate IS NULL ORDER BY id LIMIT $1")
        .bind(limit)
        .fetch_all(conn)
        .await)
    .during("look for kept mails")
}

/// Ids of everything without a fate, oldest first: what a start finds.
pub async fn unprocessed_ids(tx: &mut Tx) -> Result<Vec<InboundId>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT id FROM inbound WHERE fate IS NULL ORDER BY id").fetch_all(conn).await)
        .during("look for unprocessed mails")
}

pub async fn one(tx: &mut Tx, id: InboundId) -> Result<Option<Unprocessed>, StoreError> {
    on!(tx, |conn| {
        sqlx::query_as(
        "SELECT i.id, i.source, i.source_key, i.arrived_at, i.kept_at, i.size, i.junk, i.attempts, r.bytes AS compressed
         FROM inbound i JOIN raw r ON r.inbound = i.id WHERE i.id = $1"
    )
    .bind(id)
    .fetch_optional(conn)
    .await
    })
    .during("read a kept mail")
}

pub async fn count_attempt(tx: &mut Tx, id: InboundId) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE inbound SET attempts = attempts + 1 WHERE id = $1")
        .bind(id)
        .execute(conn)
        .await
        .map(drop))
    .during("count an attempt")
}

/// Gives an arrival its fate. Refused when it has one: a fate is decided once.
pub async fn decide(tx: &mut Tx, id: InboundId, outcome: &Outcome<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let hit = on!(tx, |conn| sqlx::query(
        "UPDATE inbound SET fate = $2, reason = $3, ticket = $4, message_id = $5, content_hash = $6, sender = $7,
                subject = $8, processed_at = $9
         WHERE id = $1 AND fate IS NULL"
    )
    .bind(id)
    .bind(outcome.fate.as_str())
    .bind(outcome.reason)
    .bind(outcome.ticket)
    .bind(outcome.message_id)
    .bind(outcome.content_hash)
    .bind(outcome.sender)
    .bind(outcome.subject)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("record the fate of a mail")?;
    match hit {
        1 => Ok(()),
        _ => Err(StoreError::Missing { what: format!("unprocessed mail {}", id.0) }),
    }
}

/// Takes a quarantined arrival back for another try.
pub async fn retry(tx: &mut Tx, id: InboundId) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE inbound SET fate = NULL, processed_at = NULL, attempts = attempts + 1
         WHERE id = $1 AND fate = 'quarantined'"
    )
    .bind(id)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("retry a quarantined mail")
}

/// An earlier arrival with the same content that became something: its ticket, if it has one.
pub async fn same_content(
    tx: &mut Tx,
    id: InboundId,
    content_hash: &str,
) -> Result<Option<(InboundId, Option<TicketNumber>)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket FROM inbound
         WHERE content_hash = $1 AND id <> $2 AND fate IS NOT NULL AND fate <> 'quarantined'
         ORDER BY id LIMIT 1"
    )
    .bind(content_hash)
    .bind(id)
    .fetch_optional(conn)
    .await)
    .during("look for the same mail")
}

/// Which of these keys of a source are kept already.
pub async fn known_keys(tx: &mut Tx, source: &str, keys: &[String]) -> Result<HashSet<String>, StoreError> {
    let mut known = HashSet::new();
    for key in keys {
        let found: Option<i64> =
            on!(tx, |conn| sqlx::query_scalar("SELECT id FROM inbound WHERE source = $1 AND source_key = $2")
                .bind(source)
                .bind(key)
                .fetch_optional(conn)
                .await)
            .during("look for known mails")?;
        if found.is_some() {
            known.insert(key.clone());
        }
    }
    Ok(known)
}

/// The newest first; `fate` narrows.
pub async fn list(tx: &mut Tx, fate: Option<&str>, limit: i64) -> Result<Vec<Listed>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, source, source_key, arrived_at, size, attempts, sender, subject, fate, reason, ticket
         FROM inbound WHERE CAST($1 AS TEXT) IS NULL OR fate = $1
         ORDER BY id DESC LIMIT $2"
    )
    .bind(fate)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("list what arrived")
}

/// Records that a DKIM signature has had its effect; false when it had one before (a replay).
pub async fn spend_signature(
    tx: &mut Tx,
    signature: &str,
    inbound: InboundId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO seen_signature (signature, inbound, seen_at) VALUES ($1, $2, $3) ON CONFLICT (signature) DO NOTHING"
    )
    .bind(signature)
    .bind(inbound)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("record a signature")
}

/// Takes the mail that waits for its tech's confirmation; false when it does not wait (any more).
pub async fn confirm(tx: &mut Tx, id: InboundId) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE inbound SET reason = 'confirmed' WHERE id = $1 AND fate = 'refused' AND reason LIKE 'waits for %'"
    )
    .bind(id)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("confirm a mail")
}

/// What a mail that waited became in the end: one that its tech confirmed, or one that DNS had left open.
pub async fn became(
    tx: &mut Tx,
    id: InboundId,
    (fate, ticket): (Fate, Option<TicketNumber>),
    reason: &str,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE inbound SET fate = $2, ticket = $3, reason = $4 WHERE id = $1")
        .bind(id)
        .bind(fate.as_str())
        .bind(ticket)
        .bind(reason)
        .execute(conn)
        .await
        .map(drop))
    .during("record what a mail that waited became")
}

/// Says anew why a mail has its fate.
pub async fn explain(tx: &mut Tx, id: InboundId, reason: &str) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE inbound SET reason = $2 WHERE id = $1")
        .bind(id)
        .bind(reason)
        .execute(conn)
        .await
        .map(drop))
    .during("say why a mail has its fate")
}

/// One line of `deskd inbound`.
pub async fn listed(tx: &mut Tx, id: InboundId) -> Result<Option<Listed>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, source, source_key, arrived_at, size, attempts, sender, subject, fate, reason, ticket
         FROM inbound WHERE id = $1"
    )
    .bind(id)
    .fetch_optional(conn)
    .await)
    .during("read what arrived")
}

/// Whether an arrival still waits for its fate.
pub async fn is_undecided(tx: &mut Tx, id: InboundId) -> Result<bool, StoreError> {
    let found: Option<i64> =
        on!(tx, |conn| sqlx::query_scalar("SELECT id FROM inbound WHERE id = $1 AND fate IS NULL")
            .bind(id)
            .fetch_optional(conn)
            .await)
        .during("look at a kept mail")?;
    Ok(found.is_some())
}
