//! A row of the outbox: what is written, what a sender has in hand, what came of it, what the command line shows.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::mail::build::{self, BuildError, Outgoing};
use crate::words::{OutboxId, TicketNumber};

/// The channel of mail; every other one leaves by a sender of its own.
pub const MAIL: &str = "mail";

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

/// A mail (or what leaves by another channel) to put into the outbox, in the transaction of the change that it tells of.
#[derive(Debug, Clone)]
pub struct NewMail {
    /// `MAIL`, or the name of the channel by which it leaves: `webhook/crm`.
    pub channel: Cow<'static, str>,
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
    /// Without angle brackets; the same in `content`. Of a delivery to a webhook its id.
    pub message_id: String,
    pub subject: String,
    /// The final bytes, or what becomes of them in the transaction that stores the row.
    pub content: Content,
    /// Not before this moment.
    pub next_at: DateTime<Utc>,
}

/// What a mail says.
#[derive(Debug, Clone)]
pub enum Content {
    Written(Vec<u8>),
    /// Written with its row: that takes as long as all the rest of working on a mail, and can be done beside it.
    Draft(Box<Outgoing>),
}

impl Content {
    pub(super) fn written(self) -> Result<Vec<u8>, BuildError> {
        match self {
            Content::Written(bytes) => Ok(bytes),
            Content::Draft(outgoing) => build::build(&outgoing),
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Content {
        Content::Written(bytes)
    }
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

/// A row that waits for a human is due at this moment, so that no look at the due rows meets it. 9999-12-31.
pub const NEVER: DateTime<Utc> = match DateTime::from_timestamp(253_402_214_400, 0) {
    Some(moment) => moment,
    None => DateTime::<Utc>::MAX_UTC,
};

/// A row in the hand of one sender; `attempt` is the fence: a sender that lost its claim changes nothing.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claimed {
    pub id: OutboxId,
    pub class: Class,
    pub kind: String,
    pub envelope_from: Option<String>,
    pub recipient: String,
    pub message_id: String,
    /// Length of the bytes.
    pub size: i64,
    pub created_at: DateTime<Utc>,
    /// This one counted.
    pub attempt: i64,
    /// How many attempts before this one ended uncertain.
    pub uncertain_attempts: i64,
}

/// A row as the command line shows it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, Serialize)]
pub struct Row {
    pub id: OutboxId,
    pub channel: String,
    pub dedupe_key: String,
    pub class: Class,
    pub state: State,
    pub kind: String,
    pub automatic: bool,
    pub ticket: Option<TicketNumber>,
    pub envelope_from: Option<String>,
    pub recipient: String,
    pub message_id: String,
    pub subject: String,
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "moment")]
    pub next_at: DateTime<Utc>,
    pub attempts: i64,
    pub uncertain_attempts: i64,
    pub claimed_by: Option<String>,
    pub last_error: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
    pub notified: bool,
}

impl Row {
    /// It waits to be told in a list.
    pub fn is_held(&self) -> bool {
        self.state == State::Queued && self.next_at == NEVER
    }
}

/// What is due never is due at no moment.
fn moment<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    Some(at).filter(|at| **at != NEVER).serialize(to)
}

/// What came of an attempt; written by `record`.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Sent,
    /// Again at that moment; the attempt counts.
    Later {
        at: DateTime<Utc>,
        why: String,
    },
    /// Never tried, or not the mail's fault: queued as before, or until `at`; the attempt does not count.
    Untried {
        at: Option<DateTime<Utc>>,
        why: Option<String>,
    },
    Failed {
        why: String,
    },
    /// The body may have arrived: again at that moment with the same bytes, or (`NEVER`) a human decides.
    Uncertain {
        at: DateTime<Utc>,
        why: String,
    },
}
