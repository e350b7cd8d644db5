//! Reading a kept mail before any transaction: decompress, guard, parse, signs of automation, the new text.

use std::sync::Arc;

use crate::channel::delivery::Delivery;
use crate::channel::told::Told;
use crate::channel::{Form, Post, phone};
use crate::chat;
use crate::desk::firm::Firm;
use crate::desk::rules::Verdict;
use crate::mail::automatic::{self, Kind, Sign};
use crate::mail::picture::Pictures;
use crate::mail::reply::{self, NewText};
use crate::mail::{Mail, Mailbox, build, guard, parse};
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
    /// Why only its header was read: too large, or built to hurt. Of a post: why its data could not be read.
    pub shortened: Option<String>,
    /// What it says, where it is no mail.
    pub post: Option<Arc<Post>>,
}

/// Bytes that cannot be turned back into a mail: the database is damaged, or the row is not ours.
#[derive(Debug, thiserror::Error)]
#[error("the stored mail cannot be read back")]
pub struct Unreadable(#[from] std::io::Error);

/// Reads one kept arrival by its form. May take a while on a hostile one; the caller runs it off the async threads.
pub fn read(mut row: Unprocessed, firm: &Firm) -> Result<Ready, Unreadable> {
    let compressed = std::mem::take(&mut row.compressed);
    let raw = zstd::decode_all(compressed.as_slice())?;
    drop(compressed);
    match Form::named(&row.form) {
        Some(Form::Mail | Form::Portal) => Ok(read_mail(row, raw)),
        Some(form @ (Form::Hook | Form::Phone | Form::Told)) => Ok(read_post(row, form, &raw, firm)),
        Some(Form::Chat) => Ok(read_chat(row, &raw)),
        None => {
            let other = format!("form \"{}\" is of a later version of deskd", row.form);
            Err(Unreadable(std::io::Error::other(other)))
        }
    }
}

/// What was said in a chat, as if it were a mail with what was sent along.
fn read_chat(row: Unprocessed, raw: &[u8]) -> Ready {
    let (post, files, unread) = match chat::kept_post(&row.source, raw) {
        Ok((post, files)) => (post, files, None),
        Err(why) => (Post::default(), Vec::new(), Some(why)),
    };
    let mut ready = as_mail(row, post, "said in chat");
    ready.shortened = unread;
    Arc::make_mut(&mut ready.mail).attachments = files;
    ready
}

/// A delivery as if it were a mail of its sender's; what a mail does not say stands in `post`.
fn read_post(row: Unprocessed, form: Form, raw: &[u8], firm: &Firm) -> Ready {
    let (post, unusable) = match form {
        Form::Told => match serde_json::from_slice::<Told>(raw) {
            Ok(told) => (nobody_of_ours(told.post(), firm), None),
            Err(error) => (Post::default(), Some(error.to_string())),
        },
        form => delivered(&row, form, raw, firm),
    };
    let why = match form {
        Form::Told => "typed in at the command line",
        Form::Phone => "posted to line",
        _ => "posted to hook",
    };
    Ready { shortened: unusable, ..as_mail(row, post, why) }
}

fn as_mail(row: Unprocessed, post: Post, why: &str) -> Ready {
    let from =
        (!post.sender.is_empty()).then(|| Mailbox { name: post.sender_name.clone(), address: post.sender.clone() });
    let mail = Mail {
        from_fields: 1,
        from: from.into_iter().collect(),
        subject: post.subject.clone(),
        text: post.text.clone(),
        has_plain: true,
        // Its key tells one delivery from another, not its words.
        content_hash: format!("{}/{}", row.source, row.source_key),
        ..Mail::default()
    };
    let kind = if post.sender.is_empty() { Kind::Generated } else { Kind::Human };
    let sign = Sign {
        kind,
        may_answer: kind == Kind::Human,
        why: format!("{why} {}", row.source),
        failed: Vec::new(),
        status: None,
        hard: None,
        original_message_id: None,
    };
    Ready {
        new: NewText { text: post.text.clone(), quoted: String::new(), sure: true },
        raw: Arc::default(),
        oversize: false,
        mail: Arc::new(mail),
        sign,
        verdict: None,
        triage: None,
        shortened: None,
        post: Some(Arc::new(post)),
        row,
    }
}

/// What a delivery says, and why it cannot be read.
fn delivered(row: &Unprocessed, form: Form, raw: &[u8], firm: &Firm) -> (Post, Option<String>) {
    // A hook that has left the config is read by the usual names.
    let mapping = firm.hook(&row.source).map(|hook| hook.mapping.clone()).unwrap_or_default();
    let delivery = Delivery::from_bytes(raw);
    match delivery.as_ref().map_err(Clone::clone).and_then(Delivery::data) {
        Ok(data) if form == Form::Phone => (phone::post(&row.source, &data), None),
        Ok(data) => (nobody_of_ours(mapping.post(&row.source, &data), firm), None),
        Err(error) => {
            let text =
                delivery.map(|delivery| String::from_utf8_lossy(&delivery.body).replace('\0', "")).unwrap_or_default();
            let subject = format!("Unreadable message from {}", row.source);
            (Post { subject, text, client: mapping.client.clone(), ..Post::default() }, Some(error.to_string()))
        }
    }
}

/// Data that names an address of the firm's own as its sender: nobody acts as a tech through a hook, and the desk writes to nobody but
/// people.
fn nobody_of_ours(mut post: Post, firm: &Firm) -> Post {
    let ours = firm.desk_by_address(&post.sender).is_some() || firm.tech_by_address(&post.sender).is_some();
    if !post.sender.is_empty() && ours {
        post.missing.push(format!("a sender ({} is an address of our own)", post.sender));
        post.sender.clear();
    }
    post
}

fn read_mail(row: Unprocessed, raw: Vec<u8>) -> Ready {
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
    mail.from.iter_mut().for_each(nobody_unless_writable);
    let sign = automatic::sign(&mail, if shortened.is_some() { &[] } else { &raw });
    let mut new = reply::new_text(&mail);
    // Here and not in the transaction: the page of a long thread is large, and what is new in it small.
    mail.new_html = likeness(&mail, &new.text);
    if let Some(why) = &shortened {
        new.text = format!("(This mail could not be read whole: {why}. The original is kept.)\n\n{}", new.text);
    }
    Ready {
        row,
        raw: Arc::new(raw),
        oversize,
        mail: Arc::new(mail),
        sign,
        new,
        verdict: None,
        triage: None,
        shortened,
        post: None,
    }
}

/// An address that no mail can be written to is nobody's: it stays in the name, where a person sees it.
fn nobody_unless_writable(from: &mut Mailbox) {
    if !from.address.is_empty() && !build::can_be_written(&from.address) {
        from.name = format!("{} <{}>", from.name, from.address).trim_start().to_owned();
        from.address.clear();
    }
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

    /// The channel and the place there where an answer goes; `None` for what is answered by mail.
    pub fn place(&self) -> Option<(&str, &str)> {
        let place = self.post.as_ref()?.place.as_deref()?;
        Some((&self.row.source, place))
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
