//! Everything that can be done to a ticket, by mail, chat, command line, schedule or web.

use chrono::{DateTime, NaiveDate, Utc};

use crate::desk::event::{Touch, Waiting};
use crate::store::StoreError;
use crate::store::tickets::TimerKind;
use crate::words::{Category, ClientKey, ContactId, Login, MessageRow, Minutes, Priority, Satisfaction, TicketNumber};

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Public words of the client's people.
    ClientWrote {
        message: MessageRow,
    },
    /// Public words of a tech: the first touch, if there was none.
    Answer {
        message: MessageRow,
        by: Login,
    },
    /// Internal text; the reason says why it is internal against somebody's wish.
    Note {
        message: MessageRow,
        reason: Option<String>,
    },
    /// An automatic mail stays with its ticket and changes nothing.
    KeepAutomatic {
        message: MessageRow,
    },
    /// The machine that opened the ticket says that it is over: resolves what no human has touched.
    Recovered,
    /// It says that the trouble of a resolved ticket is back.
    FiresAgain {
        message: MessageRow,
    },
    /// By skill and load; techs in `except` have passed already.
    AssignBySkill,
    Assign {
        to: Login,
    },
    Take {
        by: Login,
    },
    Pass {
        by: Login,
        why: String,
    },
    Prioritise {
        to: Priority,
        why: Option<String>,
    },
    Categorise {
        to: Category,
        warranty_of: Option<TicketNumber>,
    },
    Tag {
        tag: String,
    },
    SetClient {
        client: ClientKey,
    },
    SetRequester {
        contact: ContactId,
    },
    AddParticipant {
        contact: ContactId,
    },
    Wait {
        on: Waiting,
        until: Option<DateTime<Utc>>,
    },
    /// Ends a wait, reopens what was resolved.
    Open,
    /// `answered`: the mail's text goes to the client with it.
    Resolve {
        by: Login,
        answered: bool,
    },
    Merge {
        into: TicketNumber,
    },
    Accept {
        client: Option<ClientKey>,
    },
    Spam,
    Touch {
        by: Login,
        at: DateTime<Utc>,
        how: Touch,
    },
    LogTime {
        by: Login,
        minutes: Minutes,
        category: Option<Category>,
        day: NaiveDate,
        note: Option<String>,
        more: TimeMore,
    },
    Fix {
        text: String,
    },
    Acknowledge {
        by: Login,
    },
    AskApproval {
        address: String,
        name: String,
    },
    Approve {
        contact: ContactId,
    },
    Decline {
        contact: ContactId,
    },
    Verify {
        how: String,
    },
    /// The client says how it was handled.
    Rate {
        answer: Satisfaction,
        words: Option<String>,
        message: Option<MessageRow>,
    },
    Fire {
        timer: TimerKind,
    },
    Undo {
        by: Login,
    },
}

/// What an entry is beside minutes, day and category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeMore {
    pub after_hours: bool,
    /// Nobody pays for it, and why.
    pub unbillable: Option<String>,
    /// Who typed it in for the tech.
    pub entered_by: Option<String>,
}

impl Action {
    /// It changes nothing of what is true beyond its own ticket, and nothing that is looked up of others.
    pub(super) fn is_plain(&self) -> bool {
        matches!(
            self,
            Action::ClientWrote { .. }
                | Action::KeepAutomatic { .. }
                | Action::Note { .. }
                | Action::AssignBySkill
                | Action::AddParticipant { .. }
        )
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// A human asked for something that cannot be: the reason, in words for that human.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ActError {
    pub(super) fn refused(why: impl Into<String>) -> ActError {
        ActError::Refused(why.into())
    }
}
