//! Who and which: ids that cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownWord;

/// `#1042`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct TicketNumber(pub i64);

impl fmt::Display for TicketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct InboundId(pub i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct ContactId(pub i64);

/// Row of the `message` table (not a Message-ID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct MessageRow(pub i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct OutboxId(pub i64);

/// A tech's `login` in the config.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Login(pub String);

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for Login {
    fn from(login: &str) -> Login {
        Login(login.to_owned())
    }
}

/// A client's `key` in the config.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct ClientKey(pub String);

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for ClientKey {
    fn from(key: &str) -> ClientKey {
        ClientKey(key.to_owned())
    }
}

/// Who did it. Written as `tech:sam`, `contact:17`, `stranger`, `desk`, `operator`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Actor {
    Tech(Login),
    Contact(ContactId),
    /// Somebody we know nothing about.
    Stranger,
    /// deskd itself: rules, timers, schedules.
    Desk,
    /// Whoever runs the command line.
    Operator,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Tech(login) => write!(f, "tech:{login}"),
            Actor::Contact(id) => write!(f, "contact:{}", id.0),
            Actor::Stranger => f.write_str("stranger"),
            Actor::Desk => f.write_str("desk"),
            Actor::Operator => f.write_str("operator"),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Actor, UnknownWord> {
        let unknown = || UnknownWord { what: "actor", word: text.to_owned() };
        match text.split_once(':') {
            Some(("tech", login)) => Ok(Actor::Tech(login.into())),
            Some(("contact", id)) => Ok(Actor::Contact(ContactId(id.parse().map_err(|_| unknown())?))),
            None if text == "stranger" => Ok(Actor::Stranger),
            None if text == "desk" => Ok(Actor::Desk),
            None if text == "operator" => Ok(Actor::Operator),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = UnknownWord;
    fn try_from(text: String) -> Result<Actor, UnknownWord> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> String {
        actor.to_string()
    }
}
