//! What arrived: kept raw before anything looks into it, and the one fate of each.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::QueryBuilder;

use super::pending::{any_of, lists, pieces};
use super::{Conn, During, StoreError, Tx, on};
use crate::channel::Form;
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
    pub form: Form,
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
    /// See `channel::Form`.
    pub form: String,
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

/// Keeps arrivals and tells ids, sources and keys of what is new; those whose source key is there already are left as they are.
pub async fn keep(
    tx: &mut Tx,
    arrivals: &[NewInbound<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<(InboundId, String, String)>, StoreError> {
    let mut all = Vec::with_capacity(arrivals.len());
    for piece in pieces(arrivals) {
        let kept: Vec<(InboundId, String, String)> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new(
                "INSERT INTO inbound (source, form, source_key, arrived_at, kept_at, size, junk, late, attempts) ",
            );
            sql.push_values(piece, |mut row, new| {
                row.push_bind(new.source)
                    .push_bind(new.form.as_str())
                    .push_bind(new.source_key)
                    .push_bind(new.arrived_at)
                    .push_bind(now)
                    .push_bind(i64::try_from(new.size).unwrap_or(i64::MAX))
                    .push_bind(new.junk)
                    .push_bind(now - new.arrived_at > LATE)
                    .push_bind(1i64);
            });
            sql.push(" ON CONFLICT (source, source_key) DO NOTHING RETURNING id, source, source_key");
            sql.build_query_as().fetch_all(conn).await
        })
        .during("keep mails")?;
        let bytes = |source: &str, key: &str| {
            piece.iter().find(|new| new.source == source && new.source_key == key).map(|new| new.compressed)
        };
        let raw: Vec<(InboundId, &[u8])> =
            kept.iter().filter_map(|(id, source, key)| Some((*id, bytes(source, key)?))).collect();
        keep_raw(tx, &raw).await?;
        all.extend(kept);
    }
    Ok(all)
}

async fn keep_raw(tx: &mut Tx, rows: &[(InboundId, &[u8])]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(tx, |conn| {
            let mut sql = QueryBuilder::new("INSERT INTO raw (inbound, bytes) ");
            sql.push_values(piece, |mut row, (id, bytes)| {
                row.push_bind(*id).push_bind(*bytes);
            });
            sql.build().execute(conn).await.map(drop)
        })
        .during("keep the raw bytes of mails")?;
    }
    Ok(())
}

/// The oldest arrivals without a fate after this one, at most `limit`, with their sizes.
pub async fn unprocessed(tx: &mut Tx, after: InboundId, limit: i64) -> Result<Vec<(InboundId, i64)>, StoreError> {
    on!(tx, |conn| sqlx::query_as("SELECT id, size FROM inbound WHERE fate IS NULL AND id > $1 ORDER BY id LIMIT $2")
        .bind(after)
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
        "SELECT i.id, i.source, i.form, i.source_key, i.arrived_at, i.kept_at, i.size, i.junk, i.attempts, r.bytes AS compressed
         FROM inbound i JOIN raw r ON r.inbound = i.id WHERE i.id = $1"
    )
    .bind(id)
    .fetch_optional(conn)
    .await
    })
    .during("read a kept mail")
}

/// What has no fate from `first` to `last`, oldest first, with its bytes.
pub async fn between(tx: &mut Tx, first: InboundId, last: InboundId) -> Result<Vec<Unprocessed>, StoreError> {
    on!(tx, |conn| {
        sqlx::query_as(
        "SELECT i.id, i.source, i.form, i.source_key, i.arrived_at, i.kept_at, i.size, i.junk, i.attempts, r.bytes AS compressed
         FROM inbound i JOIN raw r ON r.inbound = i.id
         WHERE i.fate IS NULL AND i.id >= $1 AND i.id <= $2 ORDER BY i.id"
    )
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await
    })
    .during("read kept mails")
}

pub async fn count_attempt(tx: &mut Tx, id: InboundId) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE inbound SET attempts = attempts + 1 WHERE id = $1")
        .bind(id)
        .execute(conn)
        .await
        .map(drop))
    .during("count an attempt")
}

/// Gives an arrival its fate; it is written with the next ones. A fate is decided once: the transaction fails where there is one.
pub fn decide(tx: &mut Tx, id: InboundId, outcome: &Outcome<'_>, now: DateTime<Utc>) {
    tx.pending.decisions.push(Decision {
        id,
        fate: outcome.fate,
        reason: outcome.reason.map(str::to_owned),
        ticket: outcome.ticket,
        message_id: outcome.message_id.map(str::to_owned),
        content_hash: outcome.content_hash.map(str::to_owned),
        sender: outcome.sender.to_owned(),
        subject: outcome.subject.to_owned(),
        at: now,
    });
}

/// A fate that waits to be written.
#[derive(Debug)]
pub(super) struct Decision {
    id: InboundId,
    fate: Fate,
    reason: Option<String>,
    ticket: Option<TicketNumber>,
    message_id: Option<String>,
    content_hash: Option<String>,
    sender: String,
    subject: String,
    at: DateTime<Utc>,
}

pub(super) async fn decide_all(conn: &mut Conn, rows: &[Decision]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        let hit = on!(conn, |conn| {
            let mut sql = QueryBuilder::new(
                "WITH decided (id, fate, reason, ticket, message_id, content_hash, sender, subject, processed_at) AS (",
            );
            sql.push_values(piece, |mut row, decision| {
                row.push_bind(decision.id)
                    .push_bind(decision.fate.as_str())
                    .push_bind(&decision.reason)
                    .push_bind(decision.ticket)
                    .push_bind(&decision.message_id)
                    .push_bind(&decision.content_hash)
                    .push_bind(&decision.sender)
                    .push_bind(&decision.subject)
                    .push_bind(decision.at);
            });
            sql.push(
                ") UPDATE inbound SET fate = decided.fate, reason = decided.reason, ticket = decided.ticket,
                    message_id = decided.message_id, content_hash = decided.content_hash, sender = decided.sender,
                    subject = decided.subject, processed_at = decided.processed_at
                 FROM decided WHERE inbound.id = decided.id AND inbound.fate IS NULL",
            );
            sql.build().execute(conn).await.map(|done| done.rows_affected())
        })
        .during("record the fates of mails")?;
        if hit != piece.len() as u64 {
            return Err(StoreError::Refused("a mail has its fate already; it is decided once".to_owned()));
        }
    }
    Ok(())
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

/// The earliest arrivals with one of these contents that became something: hash, arrival, its ticket if it has one.
pub async fn same_contents(
    tx: &mut Tx,
    hashes: &[String],
) -> Result<Vec<(String, InboundId, Option<TicketNumber>)>, StoreError> {
    let mut all = Vec::new();
    for piece in lists(hashes) {
        let found: Vec<(String, InboundId, Option<TicketNumber>)> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new(
                "SELECT content_hash, id, ticket FROM inbound
                 WHERE fate IS NOT NULL AND fate <> 'quarantined' AND content_hash IN (",
            );
            any_of(&mut sql, piece);
            sql.push(" ORDER BY id DESC");
            sql.build_query_as().fetch_all(conn).await
        })
        .during("look for the same mails")?;
        // The earliest comes last, so that it is the one that stays.
        all.extend(found);
    }
    Ok(all)
}

/// The newest first; `fate` narrows.
pub async fn list(tx: &mut Tx, fate: Option<&str>, limit: i64) -> Result<Vec<Listed>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, source, source_key, arrived_at, size, attempts, sender, subject, fate, reason, ticket
         FROM inbound
         WHERE CAST($1 AS TEXT) IS NULL OR fate = $1
            OR ($1 = 'not-yet' AND fate IS NULL) OR ($1 = 'waiting' AND reason LIKE 'waits for %')
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

/// The raw bytes that are kept under a key of a source.
pub async fn kept_under(tx: &mut Tx, source: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT r.bytes FROM inbound i JOIN raw r ON r.inbound = i.id WHERE i.source = $1 AND i.source_key = $2"
    )
    .bind(source)
    .bind(key)
    .fetch_optional(conn)
    .await)
    .during("look for a delivery")
}
