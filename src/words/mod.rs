//! The words of the trade that every layer shares (DESIGN.md section 1): ids, priority, category, status, minutes, money.

mod address;
mod category;
pub mod contract;
mod ids;
mod measure;
mod phone;
mod priority;
mod satisfaction;
mod status;

pub use address::{in_chat, is_chat, is_mail, is_phone, shown};
pub use category::Category;
pub use contract::{RetainerTerm, Rollover};
pub use ids::{Actor, ClientKey, ContactId, InboundId, Login, MessageRow, OutboxId, TicketNumber};
pub use measure::{Currency, Minutes, Money};
pub use phone::e164;
pub use priority::Priority;
pub use satisfaction::{Answers, Satisfaction};
pub use status::Status;

/// A word that is none of those a closed list allows: a database or a config of another version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{word}\" is no {what}")]
pub struct UnknownWord {
    pub what: &'static str,
    pub word: String,
}
