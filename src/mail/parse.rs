//! Reading mail: raw bytes become a `Mail`, whatever they are.

use chrono::{DateTime, FixedOffset, NaiveDate, TimeZone, Utc};
use mail_parser::parsers::MessageStream;
use mail_parser::{Address, HeaderValue};
use sha2::{Digest, Sha256};

use super::{Mail, Mailbox, guard};

mod charset;
pub(crate) mod fields;
mod flowed;
pub(crate) mod names;
mod parts;
mod pictures;

/// Bytes of header that `headers_only` looks at.
const HEADER_PREFIX: usize = 64 * 1024;

/// Reads a mail as a whole. Mail that `guard::check` refuses is read by `headers_only`, so this never overflows the stack.
pub fn parse(raw: &[u8]) -> Mail {
    if guard::check(raw).is_err() {
        return headers_only(raw);
    }
    let bytes = fields::start(raw);
    let (header, body) = fields::split(bytes);
    let hint = declared_charset(&bytes[..bytes.len().min(body + 8 * 1024)]);
    let mut mail = read_header(&header, hint.as_deref());
    mail.content_hash = content_hash(raw);
    parts::read_body(&mut mail, bytes, body);
    mail
}

/// The header fields within the first 64 KiB, no text and no attachments: for mail that the guard refused.
pub fn headers_only(raw: &[u8]) -> Mail {
    let bytes = fields::start(raw);
    let prefix = &bytes[..bytes.len().min(HEADER_PREFIX)];
    let (mut header, _) = fields::split(prefix);
    header.truncate(500);
    let mut mail = read_header(&header, declared_charset(prefix).as_deref());
    mail.content_hash = content_hash(raw);
    mail
}

/// As documented at `Mail::content_hash`. CRLF and LF hash alike: a Maildir and an IMAP server give the same mail.
pub fn content_hash(raw: &[u8]) -> String {
    let bytes = fields::start(raw);
    let (header, body) = fields::split(bytes);
    let mut hash = Sha256::new();
    for name in ["from", "date", "subject", "message-id"] {
        for field in header.iter().filter(|field| field.name == name) {
            hash.update(name.as_bytes());
            hash.update(b":");
            update_lines(&mut hash, field.value);
            hash.update(b"\n");
        }
    }
    hash.update(b"\n");
    update_lines(&mut hash, &bytes[body..]);
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

fn update_lines(hash: &mut Sha256, bytes: &[u8]) {
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                hash.update(line);
                hash.update(b"\n");
            }
            None => hash.update(line),
        }
    }
}

/// The first charset that some part declares, as a hint for header fields that declare none.
fn declared_charset(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(8).position(|window| window.eq_ignore_ascii_case(b"charset="))?;
    let label = bytes[at + 8..].trim_ascii_start();
    let label = label.strip_prefix(b"\"").unwrap_or(label);
    let end =
        label.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"-_:.".contains(byte)).unwrap_or(label.len());
    Some(String::from_utf8_lossy(&label[..end.min(60)]).into_owned())
}

fn read_header(header: &[fields::Field<'_>], hint: Option<&str>) -> Mail {
    let mut mail = Mail::default();
    for field in header {
        let decoded = fields::decode(field.value, hint);
        match field.name.as_str() {
            "from" => {
                mail.from_fields += 1;
                mail.from.extend(addresses(field.value, hint));
            }
            "sender" if mail.sender.is_none() => mail.sender = addresses(field.value, hint).into_iter().next(),
            "reply-to" => mail.reply_to.extend(addresses(field.value, hint)),
            "to" => mail.to.extend(addresses(field.value, hint)),
            "cc" => mail.cc.extend(addresses(field.value, hint)),
            "subject" if mail.subject.is_empty() => mail.subject.clone_from(&decoded),
            "message-id" if mail.message_id.is_none() => mail.message_id = message_id(&decoded),
            "in-reply-to" => add_new(&mut mail.in_reply_to, fields::ids(&decoded)),
            "references" => add_new(&mut mail.references, fields::ids(&decoded)),
            "return-path" if mail.return_path.is_none() => mail.return_path = Some(return_path(&decoded)),
            "date" if mail.date.is_none() => mail.date = date(field.value),
            _ => {}
        }
        mail.headers.push((field.name.clone(), decoded));
    }
    mail
}

fn add_new(ids: &mut Vec<String>, found: Vec<String>) {
    for id in found {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}

/// The first id, or whatever single word stands there.
fn message_id(value: &str) -> Option<String> {
    let word = || value.trim_matches(['<', '>', ' ']);
    fields::ids(value).into_iter().next().or_else(|| {
        let word = word();
        (!word.is_empty() && !word.contains(char::is_whitespace) && word.len() <= 998).then(|| word.to_owned())
    })
}

fn return_path(value: &str) -> String {
    let inner = value.split_once('<').map_or(value, |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().chars().filter(|ch| !ch.is_whitespace()).collect()
}

/// Every address of a field, groups opened; names without an address are left out.
fn addresses(value: &[u8], hint: Option<&str>) -> Vec<Mailbox> {
    let mut line = fields::unfold(value, hint);
    line.push('\n');
    let HeaderValue::Address(parsed) = MessageStream::new(line.as_bytes()).parse_address() else { return Vec::new() };
    let members: Vec<_> = match parsed {
        Address::List(list) => list,
        Address::Group(groups) => groups.into_iter().flat_map(|group| group.addresses).collect(),
    };
    members.into_iter().filter_map(mailbox).collect()
}

fn mailbox(parsed: mail_parser::Addr<'_>) -> Option<Mailbox> {
    let address: String = parsed.address?.chars().filter(|ch| !ch.is_control() && !matches!(ch, '<' | '>')).collect();
    let address = address.trim().to_owned();
    let name = fields::clean_line(&fields::decode_words(parsed.name.as_deref().unwrap_or_default()));
    (!address.is_empty()).then_some(Mailbox { name, address })
}

/// The moment a Date field names; `None` for one that no calendar or clock has.
fn date(value: &[u8]) -> Option<DateTime<Utc>> {
    let mut line = fields::unfold(value, None);
    line.push('\n');
    let HeaderValue::DateTime(parsed) = MessageStream::new(line.as_bytes()).parse_date() else { return None };
    if !parsed.is_valid() || parsed.year < 1970 {
        return None;
    }
    let offset = (i32::from(parsed.tz_hour) * 60 + i32::from(parsed.tz_minute)) * 60;
    let zone = FixedOffset::east_opt(if parsed.tz_before_gmt { -offset } else { offset })?;
    let local = NaiveDate::from_ymd_opt(parsed.year.into(), parsed.month.into(), parsed.day.into())?.and_hms_opt(
        parsed.hour.into(),
        parsed.minute.into(),
        parsed.second.into(),
    )?;
    Some(zone.from_local_datetime(&local).single()?.to_utc())
}
