//! What we send says: one function per text, from facts to subject, plain text and HTML. Pure: no database, no `async`, no clock.

mod billing;
mod client;
mod facts;
mod format;
mod gathered;
mod hygiene;
mod language;
mod manager;
mod margin;
mod money;
mod receipt;
mod review;
mod sample;
mod shape;
mod subject;
mod survey;
mod tech;
mod templates;
mod texts;
mod twiml;
mod webhook;

pub use billing::*;
pub use client::*;
pub use facts::*;
pub use gathered::*;
pub use hygiene::*;
pub use language::Words;
pub use manager::*;
pub use margin::*;
pub use money::*;
pub use receipt::*;
pub use review::*;
pub use sample::samples;
pub use shape::{EventJson, PersonJson, TicketJson};
pub use subject::{client_subject, tech_subject};
pub use survey::*;
pub use tech::*;
pub use texts::{TextProblem, Texts};
pub use twiml::{PageFacts, Twiml, page_call, twiml};
pub use webhook::{delivery, statement_delivery};

/// A finished text: both parts say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line, without control characters; not yet encoded.
    pub subject: String,
    /// Ends with one newline.
    pub text: String,
    /// A whole HTML document; every fact in it is escaped.
    pub html: String,
    /// The same as a text message, where it may be one: short, and without a footer.
    pub short: Option<String>,
}

/// What all texts have in common: the name of the template, and the facts put into words.
pub trait Notice {
    /// `acknowledgement`: the file name of its three templates.
    fn name(&self) -> &'static str;
    /// What the templates see (listed in docs/mails.md).
    fn view(&self, words: &Words) -> minijinja::Value;
}
