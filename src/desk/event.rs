//! What can happen to a ticket. The list of events is the truth; `ticket` and `sla_clock` rows are its projection.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::words::{
    Actor, Category, ClientKey, ContactId, Login, MessageRow, Minutes, Priority, Satisfaction, TicketNumber,
};

/// One line of a ticket's history, append-only.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// 1, 2, 3 … within the ticket.
    pub seq: i64,
    /// When it happened for the clock: arrival of a mail, a declared phone call, the moment a timer was due to fire.
    pub at: DateTime<Utc>,
    /// When it was written down.
    pub recorded_at: DateTime<Utc>,
    pub actor: Actor,
    /// What brought it about: `inbound:12`, `timer:first_touch`, `cli`.
    pub cause: String,
    pub event: Event,
}

/// How the first touch happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Touch {
    /// A public word from a human tech.
    Answer,
    /// Declared with `#called`.
    Phone,
    /// Declared with `#onsite`.
    Onsite,
    /// `#take` on a ticket without a human requester.
    Take,
}

/// Whom a ticket waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Waiting {
    Client,
    Vendor,
}

/// Which of a ticket's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum ClockKind {
    FirstTouch,
    /// A client's later message wants an answer within the first-touch target.
    Answer,
    Resolve,
}

impl ClockKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ClockKind::FirstTouch => "first_touch",
            ClockKind::Answer => "answer",
            ClockKind::Resolve => "resolve",
        }
    }
}

/// A rule of triage that decided something, as it was when the ticket was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredRule")]
pub struct RuleHit {
    pub rule: String,
    /// As found, folded.
    pub words: Vec<String>,
    /// `P1`, `skill network`, `tag outage`.
    pub gave: Vec<String>,
}

/// The first version of the event held names only.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredRule {
    Name(String),
    Hit {
        rule: String,
        #[serde(default)]
        words: Vec<String>,
        #[serde(default)]
        gave: Vec<String>,
    },
}

impl From<StoredRule> for RuleHit {
    fn from(stored: StoredRule) -> RuleHit {
        match stored {
            StoredRule::Name(rule) => RuleHit { rule, words: Vec::new(), gave: Vec::new() },
            StoredRule::Hit { rule, words, gave } => RuleHit { rule, words, gave },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// `Recorded::at` is the source's arrival time: the SLA starts there.
    Opened {
        subject: String,
        source: String,
        requester: Option<ContactId>,
        client: Option<ClientKey>,
        priority: Priority,
        category: Category,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skill: Option<String>,
        /// The rules that decided, for `deskd why` and the assignment mail.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<RuleHit>,
        /// Nothing vouches for the sender: why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsorted: Option<String>,
        /// No human asked (monitoring, automatic mail).
        #[serde(default)]
        automatic: bool,
    },
    /// Public words of a client; on a resolved ticket a `Reopened` goes before it.
    ClientWrote {
        message: MessageRow,
    },
    /// Public words of a tech, relayed or already sent by the tech.
    TechAnswered {
        message: MessageRow,
    },
    /// Internal text, of anybody; also what failed a check, with the reason.
    Noted {
        message: MessageRow,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Automatic mail kept on the ticket (out-of-office, bounce): changes nothing.
    AutomaticKept {
        message: MessageRow,
    },
    FirstTouched {
        by: Login,
        how: Touch,
        /// By `#called` or `#onsite`, not seen by us.
        #[serde(default)]
        declared: bool,
    },
    Assigned {
        to: Option<Login>,
        /// In words, for `deskd why`.
        why: String,
    },
    /// The assignee said `#take`.
    Taken {
        by: Login,
    },
    PriorityChanged {
        to: Priority,
        why: Option<String>,
    },
    Categorised {
        to: Category,
        /// `#warranty #987`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warranty_of: Option<TicketNumber>,
    },
    Tagged {
        tag: String,
    },
    ClientSet {
        client: Option<ClientKey>,
    },
    RequesterSet {
        contact: ContactId,
    },
    ParticipantAdded {
        contact: ContactId,
    },
    WaitStarted {
        on: Waiting,
        until: Option<DateTime<Utc>>,
    },
    /// The pause is over: the client wrote, `#open`, a tech's answer, or the wake-up day came.
    WaitEnded,
    /// Resolution note for the firm: cause and cure.
    FixNoted {
        text: String,
    },
    Resolved {
        by: Actor,
    },
    Reopened,
    /// The trouble of a machine's resolved ticket is back.
    FiredAgain,
    Closed,
    Merged {
        into: TicketNumber,
    },
    /// Another ticket came into this one; its start, priority and first touch count if stricter.
    MergedFrom {
        ticket: TicketNumber,
        received_at: DateTime<Utc>,
        priority: Priority,
        first_touch_at: Option<DateTime<Utc>>,
        /// Who touched it first.
        first_touch_by: Option<Login>,
    },
    /// `#accept`: an unsorted ticket becomes work, with the clock from arrival.
    Accepted {
        client: Option<ClientKey>,
    },
    MarkedSpam,
    /// Time was logged (the row is in `time_entry`).
    TimeLogged {
        entry: i64,
        tech: Login,
        minutes: Minutes,
        category: Category,
        day: NaiveDate,
    },
    /// The clock's deadline passed without what was due. Never erased.
    Breached {
        clock: ClockKind,
        due: DateTime<Utc>,
    },
    /// An escalation step fired.
    Escalated {
        clock: ClockKind,
        /// Index into the firm's list of steps.
        step: usize,
        /// 0 the first time, 1 … the repeats.
        round: u32,
        /// The clock's `generation` it was for.
        generation: u32,
    },
    /// `#ack`: the person told has seen an escalation; repeats stop.
    Acknowledged {
        by: Login,
    },
    Approved {
        contact: ContactId,
        by: Actor,
    },
    /// `#approve jane`: an approver of the client was asked.
    ApprovalAsked {
        address: String,
        name: String,
    },
    /// The approver who was asked said no. Whoever is asked next, or thinks again, may still clear it.
    ApprovalDeclined {
        contact: ContactId,
    },
    /// `#verified by phone`
    Verified {
        how: String,
    },
    /// The client said how it was handled; a later one takes the place of an earlier one.
    Rated {
        answer: Satisfaction,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
        /// Where it was said in a reply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageRow>,
    },
    /// A kind reminder went to the client of a waiting ticket: first, second.
    Nudged {
        round: u32,
    },
    /// `#undo` took back the events with these numbers.
    Undone {
        seqs: Vec<i64>,
    },
}

impl Event {
    /// The word in the `kind` column and in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Opened { .. } => "opened",
            Event::ClientWrote { .. } => "client_wrote",
            Event::TechAnswered { .. } => "tech_answered",
            Event::Noted { .. } => "noted",
            Event::AutomaticKept { .. } => "automatic_kept",
            Event::FirstTouched { .. } => "first_touched",
            Event::Assigned { .. } => "assigned",
            Event::Taken { .. } => "taken",
            Event::PriorityChanged { .. } => "priority_changed",
            Event::Categorised { .. } => "categorised",
            Event::Tagged { .. } => "tagged",
            Event::ClientSet { .. } => "client_set",
            Event::RequesterSet { .. } => "requester_set",
            Event::ParticipantAdded { .. } => "participant_added",
            Event::WaitStarted { .. } => "wait_started",
            Event::WaitEnded => "wait_ended",
            Event::FixNoted { .. } => "fix_noted",
            Event::Resolved { .. } => "resolved",
            Event::Reopened => "reopened",
            Event::FiredAgain => "fired_again",
            Event::Closed => "closed",
            Event::Merged { .. } => "merged",
            Event::MergedFrom { .. } => "merged_from",
            Event::Accepted { .. } => "accepted",
            Event::MarkedSpam => "marked_spam",
            Event::TimeLogged { .. } => "time_logged",
            Event::Breached { .. } => "breached",
            Event::Escalated { .. } => "escalated",
            Event::Acknowledged { .. } => "acknowledged",
            Event::Approved { .. } => "approved",
            Event::ApprovalAsked { .. } => "approval_asked",
            Event::ApprovalDeclined { .. } => "approval_declined",
            Event::Verified { .. } => "verified",
            Event::Rated { .. } => "rated",
            Event::Nudged { .. } => "nudged",
            Event::Undone { .. } => "undone",
        }
    }
}
