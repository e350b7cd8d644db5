//! Writing mail: an `Outgoing` becomes the final bytes that the outbox keeps and every attempt sends.

use chrono::{DateTime, Utc};

use super::{Attachment, Mailbox};

/// Who speaks, for the headers that keep machines from arguing (RFC 3834).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A tech's words relayed: none of the automatic headers.
    Human,
    /// An acknowledgement or receipt: `Auto-Submitted: auto-replied`, `X-Auto-Response-Suppress: All`, `Precedence: auto_reply`.
    Reply,
    /// Assignment, reminder, digest: `Auto-Submitted: auto-generated`, `X-Auto-Response-Suppress: All`.
    Notice,
}

/// A mail to write; one recipient, as the outbox sends one transaction a recipient.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub from: Mailbox,
    pub to: Mailbox,
    pub reply_to: Option<Mailbox>,
    /// Without angle brackets, ours: `…@firm.domain`.
    pub message_id: String,
    pub in_reply_to: Option<String>,
    /// Oldest first.
    pub references: Vec<String>,
    pub subject: String,
    pub date: DateTime<Utc>,
    pub text: String,
    pub html: Option<String>,
    /// Inline pictures (with `content_id`) and attachments, in order.
    pub attachments: Vec<Attachment>,
    pub voice: Voice,
}
