//! Keeping mail bombs away from the MIME parser: one linear look at the raw bytes, before anything is built from them.
//!
//! mail-parser 0.11.9 overflows the stack (an abort, no panic) in the `Drop` of deeply nested message/rfc822 parts: 32,812 of them on a 2 MiB
//! thread, 7,734 in a debug build. A Content-Type is therefore read here by that parser's own rules, wherever it stands in the bytes, so that no
//! spelling is seen by one and not by the other.

use std::fmt;

use aho_corasick::AhoCorasick;
use mail_parser::parsers::MessageStream;

use super::parse::fields;

/// Nested messages: somebody forwards a few dozen mails as attachments, nobody a hundred within each other.
pub const MAX_MESSAGES: usize = 200;
/// Multiparts, nested or side by side: a normal mail has one to five; each open one is a level of the parser's stack (digests recurse).
pub const MAX_MULTIPARTS: usize = 200;
/// Parts, counted by boundary lines: Dovecot stops at 10,000; a mail with a hundred pictures has about a hundred and five.
pub const MAX_PARTS: usize = 4_000;
/// Lines of the mail's own header: a long way with ARC and DKIM has about 200; a million cost 125 MB.
pub const MAX_HEADER_LINES: usize = 5_000;
/// Bytes of the mail's own header: Postfix cuts at 100 KiB.
pub const MAX_HEADER_BYTES: usize = 256 * 1024;
/// Bytes of one part's header: a 5,000 character file name in RFC 2231 pieces stays under 32 KiB.
pub const MAX_PART_HEADER_BYTES: usize = 64 * 1024;
/// Bytes of all parts' headers together.
pub const MAX_PART_HEADERS_BYTES: usize = 1024 * 1024;
/// Addresses in the mail's own header: an all-staff mail has some hundreds.
pub const MAX_ADDRESSES: usize = 2_000;

/// How far behind `Content-Type:` the type is looked for.
const TYPE_WINDOW: usize = 1024;

/// Why a mail is not read as a whole; its header still is (`parse::headers_only`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMuch {
    Messages(usize),
    Multiparts(usize),
    Parts(usize),
    HeaderLines(usize),
    HeaderBytes(usize),
    PartHeaderBytes(usize),
    PartHeadersBytes(usize),
    Addresses(usize),
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, what, limit) = match *self {
            TooMuch::Messages(count) => (count, "mails packed into it", MAX_MESSAGES),
            TooMuch::Multiparts(count) => (count, "groups of parts", MAX_MULTIPARTS),
            TooMuch::Parts(count) => (count, "parts", MAX_PARTS),
            TooMuch::HeaderLines(count) => (count, "header lines", MAX_HEADER_LINES),
            TooMuch::HeaderBytes(count) => (count, "bytes of header", MAX_HEADER_BYTES),
            TooMuch::PartHeaderBytes(count) => (count, "bytes of header in one part", MAX_PART_HEADER_BYTES),
            TooMuch::PartHeadersBytes(count) => (count, "bytes of header in its parts", MAX_PART_HEADERS_BYTES),
            TooMuch::Addresses(count) => (count, "addresses", MAX_ADDRESSES),
        };
        write!(f, "the mail has at least {count} {what}; deskd reads mails with up to {limit}")
    }
}

impl std::error::Error for TooMuch {}

/// Whether `parse` may read this mail as a whole. Cost: one pass, no allocation that grows with the mail.
pub fn check(raw: &[u8]) -> Result<(), TooMuch> {
    let raw = fields::start(raw);
    check_header(raw)?;
    let mut boundaries: Vec<Vec<u8>> = Vec::new();
    let (mut messages, mut multiparts) = (0, 0);
    for found in content_types(raw) {
        match found.kind {
            Kind::Message => messages += 1,
            Kind::Multipart(boundary) => {
                multiparts += 1;
                boundaries.extend(boundary);
            }
            Kind::Other => {}
        }
        if messages > MAX_MESSAGES {
            return Err(TooMuch::Messages(messages));
        }
        if multiparts > MAX_MULTIPARTS {
            return Err(TooMuch::Multiparts(multiparts));
        }
    }
    check_parts(raw, &boundaries)
}

fn check_header(raw: &[u8]) -> Result<(), TooMuch> {
    let (mut lines, mut addresses, mut offset) = (0, 0, 0);
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        if line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            break;
        }
        offset += line.len();
        lines += 1;
        addresses +=
            line.iter().filter(|&&byte| byte == b'@').count().max(line.iter().filter(|&&byte| byte == b',').count());
        if lines > MAX_HEADER_LINES {
            return Err(TooMuch::HeaderLines(lines));
        }
        if offset > MAX_HEADER_BYTES {
            return Err(TooMuch::HeaderBytes(offset));
        }
        if addresses > MAX_ADDRESSES {
            return Err(TooMuch::Addresses(addresses));
        }
    }
    Ok(())
}

/// Every place where a part may begin, and the size of what the parser would read as its header.
fn check_parts(raw: &[u8], boundaries: &[Vec<u8>]) -> Result<(), TooMuch> {
    if boundaries.is_empty() {
        return Ok(());
    }
    // A set of patterns that cannot be built (too large) is no mail that anybody wrote.
    let Ok(search) = AhoCorasick::new(boundaries) else { return Err(TooMuch::Multiparts(boundaries.len())) };
    let (mut parts, mut total, mut scanned) = (0, 0, 0);
    for found in search.find_iter(raw) {
        parts += 1;
        if parts > MAX_PARTS {
            return Err(TooMuch::Parts(parts));
        }
        if found.end() < scanned || raw[found.end()..].starts_with(b"--") {
            continue;
        }
        let header = header_len(&raw[found.end()..]);
        scanned = found.end() + header;
        total += header;
        if header > MAX_PART_HEADER_BYTES {
            return Err(TooMuch::PartHeaderBytes(header));
        }
        if total > MAX_PART_HEADERS_BYTES {
            return Err(TooMuch::PartHeadersBytes(total));
        }
    }
    Ok(())
}

/// Bytes up to the first empty line; the rest of the boundary's own line does not count as one. Stops looking behind the limit.
fn header_len(part: &[u8]) -> usize {
    let mut len = 0;
    for (number, line) in part.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if (number > 0 && line.iter().all(u8::is_ascii_whitespace)) || len > MAX_PART_HEADER_BYTES {
            break;
        }
        len += line.len();
    }
    len
}

/// One Content-Type field, wherever in the mail it stands.
pub(super) struct ContentType {
    /// Where its value begins, and how much of it was looked at.
    pub value: std::ops::Range<usize>,
    pub kind: Kind,
}

pub(super) enum Kind {
    Message,
    /// With `--` and its boundary.
    Multipart(Option<Vec<u8>>),
    Other,
}

/// All Content-Type fields by mail-parser's own reading: the name may have blanks in it, the type comments and folds.
pub(super) fn content_types(raw: &[u8]) -> impl Iterator<Item = ContentType> + '_ {
    raw.iter().enumerate().filter(|(_, byte)| **byte == b':').filter_map(|(colon, _)| {
        if !names_content_type(&raw[..colon]) {
            return None;
        }
        let value = colon + 1..raw.len().min(colon + 1 + TYPE_WINDOW);
        let mut window = raw[value.clone()].to_vec();
        window.push(b'\n');
        let parsed = MessageStream::new(&window).parse_content_type();
        let kind = match parsed.as_content_type() {
            Some(found) if found.ctype() == "multipart" => Kind::Multipart(
                found
                    .attribute("boundary")
                    .filter(|boundary| !boundary.is_empty())
                    .map(|b| [b"--", b.as_bytes()].concat()),
            ),
            Some(found) if found.ctype() == "message" && matches!(found.subtype(), Some("rfc822" | "global")) => {
                Kind::Message
            }
            // A type that does not end within the window is read as the worst it can be.
            None if value.len() == TYPE_WINDOW => Kind::Message,
            _ => Kind::Other,
        };
        Some(ContentType { value, kind })
    })
}

/// The bytes before a colon end in `content-type`, blanks left out.
fn names_content_type(before: &[u8]) -> bool {
    let mut letters = before.iter().rev().take_while(|&&byte| byte != b'\n').filter(|byte| !byte.is_ascii_whitespace());
    b"content-type".iter().rev().all(|wanted| letters.next().is_some_and(|byte| byte.eq_ignore_ascii_case(wanted)))
}
