//! What a tech writes as `#verb …`: the verbs, and how they are found and read. No ticket state here.

mod argument;
mod read;
mod verb;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

pub use argument::{coming_moment, minutes};
pub use read::read;
pub use verb::{VERBS, Verb, Who, help};

use super::event::Waiting;
use crate::words::{Category, Minutes, Priority, TicketNumber};

/// One understood directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directive {
    /// `category: None` means the ticket's own.
    Done {
        minutes: Option<Minutes>,
        category: Option<Category>,
    },
    Fix {
        text: String,
    },
    /// `minutes` is negative for a correction of the last entry; `day` is today in the tech's zone when none was named.
    Time {
        minutes: Minutes,
        category: Option<Category>,
        day: NaiveDate,
        note: Option<String>,
    },
    Note,
    Reply,
    Take,
    /// A login, an address, a first name or `me`.
    Assign {
        to: String,
    },
    Pass {
        why: Option<String>,
    },
    Priority {
        to: Priority,
        why: Option<String>,
    },
    Cat {
        to: Category,
    },
    Warranty {
        of: Option<TicketNumber>,
    },
    Wait {
        on: Waiting,
        until: Option<DateTime<Utc>>,
    },
    Open,
    /// When the call was; `None` means now.
    Called {
        at: Option<DateTime<Utc>>,
    },
    Onsite {
        at: Option<DateTime<Utc>>,
    },
    Tag {
        tag: String,
    },
    Client {
        key: String,
    },
    /// An address, lower case.
    From {
        address: String,
    },
    Cc {
        addresses: Vec<String>,
    },
    /// An address that is the requester's too, lower case.
    Link {
        address: String,
    },
    Merge {
        with: TicketNumber,
    },
    Accept {
        client: Option<String>,
    },
    Spam,
    Ack,
    Approve {
        who: String,
    },
    Verified {
        how: String,
    },
    /// Alerts of the client are kept quiet from … until …; `None` ends that.
    Maintenance {
        client: String,
        window: Option<(DateTime<Utc>, DateTime<Utc>)>,
    },
    /// An entry becomes another category's.
    Recat {
        entry: i64,
        to: Category,
    },
    /// Nobody will ever be billed for this entry.
    WriteOff {
        entry: i64,
        why: String,
    },
    Undo,
    Help,
}

/// What reading needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    pub now: DateTime<Utc>,
    /// The tech's.
    pub zone: Tz,
    /// `#1042 verb` is read: replies to digests, new mails.
    pub may_name_tickets: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub lines: Vec<Line>,
    /// The text without the directive lines, trimmed; a text without any directive comes back as it was.
    pub rest: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// As written, trimmed.
    pub raw: String,
    pub ticket: Option<TicketNumber>,
    pub parsed: Result<Directive, Refusal>,
}

/// Why a line was not understood; one refused line stops all of its mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    pub why: String,
    /// Corrected lines, ready to be sent; two when both readings are possible.
    pub suggestions: Vec<String>,
}

impl Refusal {
    fn new(why: impl Into<String>, suggestions: &[&str]) -> Refusal {
        Refusal { why: why.into(), suggestions: suggestions.iter().map(|line| (*line).to_owned()).collect() }
    }
}
