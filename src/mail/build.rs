//! Writing mail: an `Outgoing` becomes the final bytes that the outbox keeps and every attempt sends.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use lettre::message::header::{
    ContentDisposition, ContentId, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers,
};
use lettre::message::{Body, MultiPart, SinglePart, SinglePartBuilder};

use super::invitation::REQUEST;
use super::parse::{fields::clean_line, names};
use super::{Attachment, Mailbox};

/// Who speaks, for the headers that keep machines from arguing (RFC 3834).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A tech's words relayed: none of the automatic headers.
    Human,
    /// A client's, typed into our form: not even the mark by which we know our own mail.
    Person,
    /// An acknowledgement or receipt: `Auto-Submitted: auto-replied`, `X-Auto-Response-Suppress: All`, `Precedence: auto_reply`.
    Reply,
    /// Assignment, reminder, digest: `Auto-Submitted: auto-generated`, `X-Auto-Response-Suppress: All`.
    Notice,
}

/// A mail to write; one recipient, as the outbox sends one transaction a recipient.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub from: Mailbox,
    pub to: Mailbox,
    pub cc: Vec<Mailbox>,
    pub reply_to: Option<Mailbox>,
    /// Without angle brackets, ours: `…@firm.domain`.
    pub message_id: String,
    pub in_reply_to: Option<String>,
    /// Oldest first.
    pub references: Vec<String>,
    pub subject: String,
    pub date: DateTime<Utc>,
    pub text: String,
    pub html: Option<String>,
    /// Inline pictures (with `content_id`), attachments and an invitation, in order.
    pub attachments: Vec<Attachment>,
    pub voice: Voice,
}

/// Why a mail cannot be written; nothing of it has been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// `field` is the header it was meant for; the address itself is not repeated, as this is logged.
    #[error("the {field} address cannot be written into a mail ({reason}); correct it at the contact or in the config")]
    Address { field: &'static str, reason: &'static str },
    #[error("the Message-ID has no form that mail allows; it must be one word with an @ in it")]
    MessageId,
}

/// The first and this many of the last References are kept: enough for every mail program to find the thread.
const LAST_REFERENCES: usize = 20;
/// RFC 5322 section 2.1.1, without CRLF.
const MAX_LINE: usize = 998;

/// The final bytes: CRLF lines of at most 998 octets, 7-bit throughout.
pub fn build(mail: &Outgoing) -> Result<Vec<u8>, BuildError> {
    let headers = headers(mail)?;
    let mut out = headers.to_string().into_bytes();
    out.extend_from_slice(&body(mail));
    Ok(out)
}

fn headers(mail: &Outgoing) -> Result<Headers, BuildError> {
    let id = id(&mail.message_id).filter(|id| id.contains('@')).ok_or(BuildError::MessageId)?;
    let domain = id.rsplit('@').next().unwrap_or_default().to_owned();
    let mut headers = Headers::new();
    let mut set = |name: &'static str, value: String| headers.insert_raw(ready(name, value));
    set("Date", mail.date.format("%a, %d %b %Y %H:%M:%S +0000").to_string());
    set("From", mailbox("From", &mail.from)?);
    set("To", mailbox("To", &mail.to)?);
    if !mail.cc.is_empty() {
        let cc: Result<Vec<String>, BuildError> = mail.cc.iter().map(|person| mailbox("Cc", person)).collect();
        set("Cc", cc?.join(",\r\n "));
    }
    if let Some(reply_to) = &mail.reply_to {
        set("Reply-To", mailbox("Reply-To", reply_to)?);
    }
    set("Subject", unstructured(&mail.subject));
    set("Message-ID", format!("<{id}>"));
    if let Some(parent) = mail.in_reply_to.as_deref().and_then(self::id) {
        set("In-Reply-To", format!("<{parent}>"));
    }
    let references = references(&mail.references);
    if !references.is_empty() {
        set("References", references);
    }
    match mail.voice {
        Voice::Human | Voice::Person => {}
        Voice::Reply => {
            set("Auto-Submitted", "auto-replied".to_owned());
            set("X-Auto-Response-Suppress", "All".to_owned());
            set("Precedence", "auto_reply".to_owned());
        }
        Voice::Notice => {
            set("Auto-Submitted", "auto-generated".to_owned());
            set("X-Auto-Response-Suppress", "All".to_owned());
        }
    }
    if mail.voice != Voice::Person {
        set("X-Deskd-Loop", domain);
    }
    set("MIME-Version", "1.0".to_owned());
    Ok(headers)
}

/// A value that is folded and 7-bit already; everything that people wrote has gone through `words`, `mailbox` or `id`.
fn ready(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

/// A message id without what could end the field or the bracket; `None` when that leaves no id.
fn id(id: &str) -> Option<String> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    let plain = id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'<' && byte != b'>');
    (plain && !id.is_empty() && id.len() < MAX_LINE - 20).then(|| id.to_owned())
}

fn references(all: &[String]) -> String {
    let ids: Vec<String> = all.iter().filter_map(|reference| id(reference)).collect();
    let skipped = ids.len().saturating_sub(LAST_REFERENCES + 1);
    let kept = ids.iter().enumerate().filter(|(at, _)| *at == 0 || *at > skipped);
    kept.map(|(_, id)| format!("<{id}>")).collect::<Vec<_>>().join("\r\n ")
}

/// `Name <address>`. lettre's own `Address` refuses addresses that exist (two dots in a row, umlaut domains), so only ours are checked
/// for what would break the field.
fn mailbox(field: &'static str, mailbox: &Mailbox) -> Result<String, BuildError> {
    let address = address(field, &mailbox.address)?;
    let name = clean_line(&mailbox.name);
    if name.is_empty() {
        return Ok(format!("<{address}>"));
    }
    let plain = name.is_ascii() && !name.contains("=?") && !name.contains("  ") && name.len() <= 60;
    let name = if plain { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) } else { words(&name) };
    Ok(format!("{name}\r\n <{address}>"))
}

/// Whether a mail to this address can be written.
pub fn can_be_written(to: &str) -> bool {
    address("To", to).is_ok()
}

fn address(field: &'static str, address: &str) -> Result<String, BuildError> {
    let refuse = |reason| BuildError::Address { field, reason };
    let (local, domain) = address.trim().rsplit_once('@').ok_or_else(|| refuse("it has no @"))?;
    if local.is_empty() || domain.is_empty() || address.len() > 320 {
        return Err(refuse("a side of the @ is empty or too long"));
    }
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let inner = if quoted { &local[1..local.len() - 1] } else { local };
    // As it is (RFC 6532): whether its server takes such letters (SMTPUTF8) shows when it is sent.
    let letter = |ch: char| !ch.is_ascii() && !ch.is_control() && !ch.is_whitespace();
    let fits = |ch: char| {
        if quoted {
            (matches!(ch, ' '..='~') || letter(ch)) && !matches!(ch, '"' | '\\')
        } else {
            (ch.is_ascii_graphic() || letter(ch)) && !"<>()[],;:\\\"@".contains(ch)
        }
    };
    if !inner.chars().all(fits) {
        return Err(refuse("its left side has characters that no address has"));
    }
    if domain.chars().any(|ch| ch.is_control() || ch.is_whitespace() || "<>()[],;:\\\"@/?#%".contains(ch)) {
        return Err(refuse("its domain has characters that no domain has"));
    }
    if domain.is_ascii() {
        return Ok(format!("{local}@{domain}"));
    }
    // The URL parser brings the IDNA rules (punycode) along.
    let url = reqwest::Url::parse(&format!("http://{domain}/")).ok();
    let ascii = url.as_ref().and_then(|url| url.host_str()).ok_or_else(|| refuse("its domain is no domain"))?;
    Ok(format!("{local}@{ascii}"))
}

fn unstructured(text: &str) -> String {
    let text = clean_line(text);
    let plain =
        text.is_ascii() && !text.contains("=?") && !text.contains("  ") && text.split(' ').all(|word| word.len() <= 60);
    if !plain {
        return words(&text);
    }
    let mut out = String::new();
    let mut line = "Subject: ".len();
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            let fold = line + word.len() > 76;
            out.push_str(if fold { "\r\n " } else { " " });
            line = if fold { 1 } else { line + 1 };
        }
        out.push_str(word);
        line += word.len();
    }
    out
}

/// RFC 2047 words of whole characters, one a line.
fn words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.floor_char_boundary(39));
        words.push(format!("=?utf-8?B?{}?=", data_encoding::BASE64.encode(now.as_bytes())));
        rest = later;
    }
    words.join("\r\n ")
}

fn body(mail: &Outgoing) -> Vec<u8> {
    let text = SinglePart::plain(lines(&mail.text));
    let (inline, attached): (Vec<_>, Vec<_>) =
        mail.attachments.iter().partition(|file| mail.html.is_some() && file.inline && file.content_id.is_some());
    // Mail programs look for an invitation among the ways to read the mail (RFC 6047 section 2.4), the richest last.
    let (invitations, attached): (Vec<_>, Vec<_>) =
        attached.into_iter().partition(|file| mail.html.is_some() && file.content_type == REQUEST);
    let invited = |parts: MultiPart| invitations.iter().fold(parts, |parts, file| parts.singlepart(invitation(file)));
    let html = mail.html.as_deref().map(html_part);
    let content = match html {
        None => Content::Single(text),
        Some(html) if inline.is_empty() => {
            Content::Multi(invited(MultiPart::alternative().singlepart(text).singlepart(html)))
        }
        Some(html) => {
            let related = inline
                .iter()
                .fold(MultiPart::related().singlepart(html), |whole, file| whole.singlepart(attachment(file, true)));
            Content::Multi(invited(MultiPart::alternative().singlepart(text).multipart(related)))
        }
    };
    if attached.is_empty() {
        return match content {
            Content::Single(part) => part.formatted(),
            Content::Multi(parts) => parts.formatted(),
        };
    }
    let mixed = match content {
        Content::Single(part) => MultiPart::mixed().singlepart(part),
        Content::Multi(parts) => MultiPart::mixed().multipart(parts),
    };
    attached.iter().fold(mixed, |whole, file| whole.singlepart(attachment(file, false))).formatted()
}

enum Content {
    Single(SinglePart),
    Multi(MultiPart),
}

/// CRLF line ends, no NUL or other control characters.
fn lines(text: &str) -> String {
    // Without a way out in the middle the look at every byte goes many at a time.
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) | (byte == b'\n') | (byte == b'\t');
    let cleaned = match text.bytes().fold(true, |all, byte| all & plain(byte)) {
        true => Cow::Borrowed(text),
        false => {
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            Cow::Owned(text.chars().filter(|&ch| ch == '\n' || ch == '\t' || !ch.is_control()).collect())
        }
    };
    let mut out = String::with_capacity(cleaned.len() + cleaned.len() / 16);
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', cleaned.as_bytes()) {
        out.push_str(&cleaned[from..at]);
        out.push_str("\r\n");
        from = at + 1;
    }
    out.push_str(&cleaned[from..]);
    out
}

/// Every line, without its end, has at most so many bytes.
fn lines_fit(text: &str, most: usize) -> bool {
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', text.as_bytes()) {
        if at - from > most + 1 {
            return false;
        }
        from = at + 1;
    }
    text.len() - from <= most
}

/// The part of a mail that is HTML. In ASCII and short lines it needs no transfer encoding.
fn html_part(html: &str) -> SinglePart {
    let html = lines(&ascii(html));
    if html.is_ascii() && lines_fit(&html, MAX_LINE) {
        let body = Body::dangerous_pre_encoded(html.into_bytes(), ContentTransferEncoding::SevenBit);
        return SinglePart::builder().header(ContentType::TEXT_HTML).body(body);
    }
    SinglePart::html(html)
}

/// HTML in ASCII: every other character as its number, so that the part needs no transfer encoding. A style sheet knows no
/// such numbers; one that is not ASCII leaves the whole as it is.
fn ascii(html: &str) -> Cow<'_, str> {
    let style = html.split_once("<style").and_then(|(_, rest)| rest.split_once("</style>"));
    if html.is_ascii() || style.is_some_and(|(style, _)| !style.is_ascii()) {
        return Cow::Borrowed(html);
    }
    let mut out = String::with_capacity(html.len() + 64);
    for ch in html.chars() {
        match ch.is_ascii() {
            true => out.push(ch),
            false => out.push_str(&format!("&#{};", u32::from(ch))),
        }
    }
    Cow::Owned(out)
}

fn invitation(file: &Attachment) -> SinglePart {
    typed(SinglePart::builder(), REQUEST).body(file.bytes.clone())
}

fn attachment(file: &Attachment, inline: bool) -> SinglePart {
    let name = names::safe(&file.name, &file.content_type);
    let disposition =
        if inline { ContentDisposition::inline_with_name(&name) } else { ContentDisposition::attachment(&name) };
    let mut part = SinglePart::builder().header(disposition);
    if let Some(content_id) = file.content_id.as_deref().and_then(id) {
        part = part.header(ContentId::from(format!("<{content_id}>")));
    }
    // RFC 2046 forbids base64 on message/rfc822; a mail that is not plain 7-bit travels as a file.
    if file.content_type.starts_with("message/") {
        if let Some(mail) = seven_bit(&file.bytes)
            && let Ok(kind) = ContentType::parse(&file.content_type)
        {
            return part
                .header(kind)
                .header(ContentTransferEncoding::SevenBit)
                .body(Body::dangerous_pre_encoded(mail, ContentTransferEncoding::SevenBit));
        }
        return typed(part, "application/octet-stream").body(file.bytes.clone());
    }
    let utf8 =
        file.content_type.starts_with("text/") && !file.bytes.is_ascii() && std::str::from_utf8(&file.bytes).is_ok();
    let declared = if utf8 { format!("{}; charset=utf-8", file.content_type) } else { file.content_type.clone() };
    typed(part, if declared.starts_with("multipart/") { "application/octet-stream" } else { &declared })
        .body(file.bytes.clone())
}

/// With that type, or as a plain file where it is none.
fn typed(part: SinglePartBuilder, kind: &str) -> SinglePartBuilder {
    match ContentType::parse(kind).or_else(|_| ContentType::parse("application/octet-stream")) {
        Ok(kind) => part.header(kind),
        Err(_) => part,
    }
}

/// The bytes with CRLF line ends, if they may stand in a mail as they are.
fn seven_bit(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii() && !text.contains('\0'))?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').all(|line| line.len() <= MAX_LINE).then(|| text.replace('\n', "\r\n").into_bytes())
}
