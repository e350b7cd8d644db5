//! What is decided but not yet sent: claims rows, sends them, records what came of it, backs off.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::words::TicketNumber;

pub mod folder;
pub mod sender;
pub mod smtp;
mod stream;

/// How often a mail that must arrive is tried again after an uncertain attempt; then a human decides.
pub const UNCERTAIN_RETRIES: i64 = 2;

/// What an uncertain attempt means for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum Class {
    /// Client mail, assignment, reminder, escalation, confirmation, statement: tried again when uncertain.
    MustArrive,
    /// Acknowledgement, receipt, digest, survey: never sent a second time.
    Once,
}

/// DESIGN.md section 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Queued => "queued",
            State::Sending => "sending",
            State::Data => "data",
            State::Sent => "sent",
            State::Uncertain => "uncertain",
            State::Failed => "failed",
            State::Withdrawn => "withdrawn",
            State::Dropped => "dropped",
        })
    }
}

/// What the sender decides after a failed attempt; one variant per decision.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("{server} cannot take the mail now: {source}")]
    Later { server: String, source: std::io::Error },
    /// Like `Later`, for every mail in hand: there is no server to talk to.
    #[error("cannot reach {server}: {source}")]
    Unreachable { server: String, source: std::io::Error },
    #[error("{recipient} was refused for good: {reply}")]
    Never { recipient: String, reply: String },
    #[error("{server} went away after the body of the mail")]
    Uncertain { server: String },
    #[error("{server} refuses our account: {reply}")]
    Paused { server: String, reply: String },
}

/// Where mails go.
#[derive(Debug)]
pub enum Transport {
    Smtp(smtp::Smtp),
    Folder(folder::Folder),
}
