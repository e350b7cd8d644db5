//! Everything about RFC 5322: reading, the new text of a reply, automatic-mail signs, authenticity, writing. No database.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub mod authentic;
pub mod automatic;
pub mod build;
pub mod forward;
pub mod guard;
pub mod html;
pub mod invitation;
pub mod parse;
pub mod picture;
pub mod reply;

pub(crate) use parse::names::safe as safe_name;

/// A person or program with an address, as a header names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mailbox {
    /// Decoded, without control characters; empty when the header gave none.
    pub name: String,
    /// As written, without angle brackets; not necessarily one that any standard allows.
    pub address: String,
}

/// A mail as the rest of deskd reads it: decoded, NUL-free, control characters (other than newline and tab) removed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mail {
    /// Without angle brackets; `None` when absent or empty.
    pub message_id: Option<String>,
    /// Without angle brackets, in the order of the header.
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    /// How many From fields the mail has; exactly one is what a tech's mail needs.
    pub from_fields: usize,
    /// All addresses of all From fields.
    pub from: Vec<Mailbox>,
    pub sender: Option<Mailbox>,
    pub reply_to: Vec<Mailbox>,
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    /// Return-Path as the receiving server wrote it: `Some("")` for the null sender `<>`.
    pub return_path: Option<String>,
    pub subject: String,
    /// The Date field where it names a possible moment.
    pub date: Option<DateTime<Utc>>,
    /// The body as text: the plain part, else the HTML part rendered; newline is `\n`.
    pub text: String,
    /// The HTML part as it came (never shown to anybody before `html::clean`).
    pub html: Option<String>,
    /// What the author newly wrote, as clean HTML that says the same as its text; set by whoever told the new text apart.
    pub new_html: Option<String>,
    /// The mail had a text/plain part of its own.
    pub has_plain: bool,
    /// The text was too long and ends early; the whole of it is an attachment.
    pub cut: bool,
    pub attachments: Vec<Attachment>,
    /// Every header field, name in lower case, value decoded and unfolded, in order; for signs and rules.
    pub headers: Vec<(String, String)>,
    /// SHA-256 of the raw From, Date, Subject and Message-ID fields and the raw body (no trace headers), in hex.
    pub content_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Safe to show and to use as a file name: no path, no control or format characters, at most 200 bytes; never empty.
    pub name: String,
    /// Lower case `type/subtype`.
    pub content_type: String,
    /// Without angle brackets.
    pub content_id: Option<String>,
    /// Shown within the HTML text.
    pub inline: bool,
    /// Shown within it, and only to decorate: a logo, the picture of a signature, a spacer. It travels with nothing.
    pub decoration: bool,
    pub bytes: Vec<u8>,
}

impl Mail {
    /// The first value of a header field, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The one author: exactly one From field with exactly one address.
    pub fn single_from(&self) -> Option<&Mailbox> {
        match (self.from_fields, self.from.as_slice()) {
            (1, [from]) => Some(from),
            _ => None,
        }
    }
}
