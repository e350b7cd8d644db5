//! Reading a kept mail before any transaction: decompress, guard, parse, signs of automation, the new text.

use std::sync::Arc;

use crate::desk::rules::Verdict;
use crate::mail::automatic::{self, Sign};
use crate::mail::picture::Pictures;
use crate::mail::reply::{self, NewText};
use crate::mail::{Mail, guard, parse};
use crate::store::inbound::Unprocessed;
use crate::store::messages::FileNote;
use crate::words::ClientKey;

/// A kept mail, read and ready to be acted upon.
#[derive(Debug, Clone)]
pub struct Ready {
    pub row: Unprocessed,
    /// For the look-ups; empty afterwards.
    pub raw: Arc<Vec<u8>>,
    /// It was over the cap: only its header was fetched.
    pub oversize: bool,
    pub mail: Arc<Mail>,
    pub sign: Sign,
    pub new: NewText,
    /// Set after the DNS look-ups, where any were needed.
    pub verdict: Option<crate::mail::authentic::Verdict>,
    /// What the rules say of its new text, for a sender of this client: worked out while the batch before was written.
    pub triage: Option<(Option<ClientKey>, Verdict)>,
    /// Why only its header was read: too large, or built to hurt.
    pub shortened: Option<String>,
}

/// Bytes that cannot be turned back into a mail: the database is damaged, or the row is not ours.
#[derive(Debug, thiserror::Error)]
#[error("the stored mail cannot be read back")]
pub struct Unreadable(#[from] std::io::Error);

/// Reads one kept mail. May take a while on a hostile one; the caller runs it off the async threads.
pub fn read(mut row: Unprocessed) -> Result<Ready, Unreadable> {
    let compressed = std::mem::take(&mut row.compressed);
    let raw = zstd::decode_all(compressed.as_slice())?;
    drop(compressed);
    let whole = usize::try_from(row.size).unwrap_or(usize::MAX);
    let oversize = whole > raw.len();
    let shortened = if oversize {
        Some(format!("it is {} MB large; only its header was taken in", row.size / 1_000_000))
    } else {
        guard::check(&raw).err().map(|too_much| too_much.to_string())
    };
    let mut mail = if shortened.is_some() { parse::headers_only(&raw) } else { parse::parse(&raw) };
    if mail.message_id.is_none() && mail.date.is_none() {
        // Nothing in it tells it from another of the same words: its arrival does.
        mail.content_hash = format!("{}@{}", mail.content_hash, row.arrived_at.timestamp());
    }
    let sign = automatic::sign(&mail, if shortened.is_some() { &[] } else { &raw });
    let mut new = reply::new_text(&mail);
    // Here and not in the transaction: the page of a long thread is large, and what is new in it small.
    mail.new_html = likeness(&mail, &new.text);
    if let Some(why) = &shortened {
        new.text = format!("(This mail could not be read whole: {why}. The original is kept.)\n\n{}", new.text);
    }
    Ok(Ready {
        row,
        raw: Arc::new(raw),
        oversize,
        mail: Arc::new(mail),
        sign,
        new,
        verdict: None,
        triage: None,
        shortened,
    })
}

fn likeness(mail: &Mail, text: &str) -> Option<String> {
    reply::likeness::of(mail.html.as_deref()?, text, &Pictures::of(&mail.attachments))
}

impl Ready {
    /// The sender's own words, for the rules: of a mail that was not read whole only the subject is that.
    pub fn words(&self) -> &str {
        if self.shortened.is_some() { "" } else { &self.new.text }
    }

    /// The sender's address, lower case; empty when the mail names none.
    pub fn sender(&self) -> String {
        self.mail.from.first().map(|from| from.address.to_lowercase()).unwrap_or_default()
    }

    pub fn sender_name(&self) -> &str {
        self.mail.from.first().map_or("", |from| from.name.as_str())
    }

    pub fn files(&self) -> Vec<FileNote> {
        let note = |file: &crate::mail::Attachment| FileNote {
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            size: file.bytes.len() as u64,
        };
        self.mail.attachments.iter().filter(|file| !file.decoration).map(note).collect()
    }

    pub fn verdict_json(&self) -> Option<serde_json::Value> {
        self.verdict.as_ref().and_then(|verdict| serde_json::to_value(verdict).ok())
    }

    pub fn cause(&self) -> String {
        format!("inbound:{}", self.row.id.0)
    }
}

/// Whether a stored verdict says that the sender is who the From field says.
pub fn is_authentic(verdict: &serde_json::Value) -> bool {
    verdict.pointer("/authentic/is").and_then(|is| is.as_str()) == Some("yes")
}
