//! Triage by keyword rules: one automaton for all words of all rules.

mod compile;
mod doubt;
mod fold;
mod inner;
mod signs;
mod triage;
mod typo;
mod verdict;

pub use compile::{RuleProblem, Rules};
pub use doubt::Doubt;
pub use triage::Request;
pub use verdict::{Match, Verdict};

use crate::words::{Category, ClientKey, Priority};

/// Where a rule looks. Neither means both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places {
    pub subject: bool,
    pub body: bool,
}

/// `hours = "outside office"`: the request arrived while this calendar is closed (`outside`) or open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    pub outside: bool,
    /// Name of a calendar.
    pub calendar: String,
}

/// One `[[rule]]`. A condition that is empty asks for nothing; all that are given must hold.
///
/// A word may end or begin with `*` (`licen*`, `*ausfall`); `/…/` in `together` is a regex on the folded text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rule {
    pub name: String,
    /// One of these words or phrases, or one regex.
    pub any: Vec<String>,
    /// Each of these.
    pub all: Vec<String>,
    /// None of these anywhere in the subject or the new text.
    pub none: Vec<String>,
    /// A word of every list within one sentence: `[things, states]`.
    pub together: Vec<Vec<String>>,
    pub places: Places,
    /// On the text as it came, without case; linear time.
    pub regex: Vec<String>,
    /// Addresses, or `@domain`.
    pub from: Vec<String>,
    pub client: Vec<ClientKey>,
    pub source: Vec<String>,
    pub hours: Option<When>,
    /// What makes a match not count: "the server is not down", "it works again", "if the server goes down", "my server".
    pub doubts: Vec<Doubt>,
    pub priority: Option<Priority>,
    pub category: Option<Category>,
    pub skill: Option<String>,
    pub tags: Vec<String>,
    /// Gives its tags (and whatever nobody gave yet) although an earlier rule matched.
    pub also: bool,
}
