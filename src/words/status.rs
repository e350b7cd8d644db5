//! Where a ticket stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownWord;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Status {
    /// From somebody nothing vouches for: triaged, not assigned, paging nobody, until `#accept`.
    Unsorted,
    /// No first touch yet.
    New,
    Open,
    /// Waiting for the client or a vendor: the resolution clock stands still.
    Waiting,
    Resolved,
    /// Seven days after resolved.
    Closed,
    Spam,
    Merged,
}

impl Status {
    pub const ALL: [Status; 8] = [
        Status::Unsorted,
        Status::New,
        Status::Open,
        Status::Waiting,
        Status::Resolved,
        Status::Closed,
        Status::Spam,
        Status::Merged,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unsorted => "unsorted",
            Status::New => "new",
            Status::Open => "open",
            Status::Waiting => "waiting",
            Status::Resolved => "resolved",
            Status::Closed => "closed",
            Status::Spam => "spam",
            Status::Merged => "merged",
        }
    }

    /// Somebody has still to do something: its clocks run (or stand paused).
    pub fn is_active(self) -> bool {
        matches!(self, Status::New | Status::Open | Status::Waiting)
    }

    /// Counts in reports; spam, unsorted and merged tickets count in no figure.
    pub fn counts(self) -> bool {
        !matches!(self, Status::Unsorted | Status::Spam | Status::Merged)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Status, UnknownWord> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownWord { what: "status", word: word.to_owned() })
    }
}
