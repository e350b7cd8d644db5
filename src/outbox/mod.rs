//! What is decided but not yet sent: claims rows, sends them, records what came of it, backs off.

use chrono::{DateTime, Utc};

use crate::words::TicketNumber;

/// What an uncertain attempt means for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum Class {
    /// Client mail, assignment, reminder, escalation, confirmation, statement: tried again when uncertain.
    MustArrive,
    /// Acknowledgement, receipt, digest, survey: never sent a second time.
    Once,
}

/// DESIGN.md section 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    Queued,
    Sending,
    /// The server said 354: the body may have left.
    Data,
    Sent,
    Uncertain,
    Failed,
    Withdrawn,
    Dropped,
}

/// A mail to put into the outbox, in the transaction of the change that it tells of.
#[derive(Debug, Clone)]
pub struct NewMail {
    /// A second row with the same key is not written: `ack/1042`, `statement/acme/2026-10`.
    pub dedupe_key: String,
    pub class: Class,
    /// Name of the notice: `acknowledgement`, `assignment`, `relay`, `escalation` …
    pub kind: &'static str,
    /// Written by deskd, not by a human: counts against the limits of rule 11.
    pub automatic: bool,
    pub ticket: Option<TicketNumber>,
    /// `None`: the null sender `<>`.
    pub envelope_from: Option<String>,
    pub recipient: String,
    /// Without angle brackets; the same in `bytes`.
    pub message_id: String,
    pub subject: String,
    /// The final bytes.
    pub bytes: Vec<u8>,
    /// Not before this moment.
    pub next_at: DateTime<Utc>,
}
