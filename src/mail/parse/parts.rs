//! The body: which parts are the text, which are attachments, and what their bytes say.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::parsers::MessageStream;
use mail_parser::{
    ContentType, Encoding, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};

use super::super::guard::{self, Kind};
use super::super::{Attachment, Mail, html};
use super::{charset, fields, flowed, names, pictures};

/// HTML that is turned into text, over all parts of a mail: a MiB made to hurt costs seconds.
const MAX_PAGES: usize = 2 * 1024 * 1024;
/// Bytes of one text part, or of one page, that are read; a longer one is cut and comes as a file too. Nobody types so much: it is a log or
/// an attack, and every copy of it on its way would cost as much again.
const MAX_TEXT: usize = 256 * 1024;
const CUT_NOTE: &str = "\n\n(The text is cut here because it is very long; the whole of it is attached.)";

/// Fills text, html and attachments.
pub(super) fn read_body(mail: &mut Mail, raw: &[u8], body: usize) {
    let masked = mask_nested(raw);
    let Some(message) = MessageParser::default().parse(masked.as_ref()) else {
        mail.text = clean_text(&charset::guess(&raw[body.min(raw.len())..], None));
        return;
    };
    let reader = Reader { message: &message, raw };
    let mut used: Vec<u32> = message.text_body.iter().chain(&message.html_body).copied().collect();
    used.retain(|&id| reader.part(id).is_some_and(|part| matches!(part.body, PartType::Text(_) | PartType::Html(_))));
    let (mut text_ids, mut html_ids) = (message.text_body.clone(), message.html_body.clone());
    if used.is_empty()
        && let Some(id) = reader.text_called_attachment()
    {
        (text_ids, html_ids) = (vec![id], vec![id]);
        if message.parts[id as usize].attachment_name().is_none() {
            used.push(id);
        }
    }
    mail.cut = used.iter().any(|&id| reader.is_long(id));
    let mut embedded = Vec::new();
    mail.html = reader.page(&html_ids).map(|page| pictures::embedded(&page, &mut embedded));
    let mut room = MAX_PAGES;
    let plain: Vec<(bool, String)> = text_ids.iter().filter_map(|&id| reader.text(id, &mut room)).collect();
    mail.has_plain = plain.iter().any(|(plain, text)| *plain && !text.trim().is_empty());
    let texts: Vec<&str> =
        plain.iter().map(|(_, text)| text.trim_end_matches('\n')).filter(|text| !text.is_empty()).collect();
    mail.text = texts.join("\n\n");
    if mail.text.trim().is_empty()
        && let Some(page) = &mail.html
    {
        mail.text = clean_text(&html::to_text(page));
    }
    if mail.cut {
        mail.text.push_str(CUT_NOTE);
        used.retain(|&id| !reader.is_long(id));
    }
    mail.attachments = reader.attachments(&used, mail.html.as_deref().unwrap_or_default());
    mail.attachments.extend(embedded);
    pictures::settle(mail);
}

/// The mail with the type of each nested message misspelt in place, so that mail-parser takes it as plain bytes: an attachment is wanted,
/// and nothing can nest (its recursion into encoded messages included, which no scan of the raw bytes can see into).
fn mask_nested(raw: &[u8]) -> Cow<'_, [u8]> {
    let mut masked = Cow::Borrowed(raw);
    for found in guard::content_types(raw).filter(|found| matches!(found.kind, Kind::Message)) {
        let window = &raw[found.value.clone()];
        let subtype = window
            .windows(6)
            .position(|bytes| bytes.eq_ignore_ascii_case(b"rfc822") || bytes.eq_ignore_ascii_case(b"global"));
        match subtype {
            Some(at) => masked.to_mut()[found.value.start + at] = b'x',
            // A spelling with a comment or a fold inside: take the colon's field out of the parser's sight.
            None => masked.to_mut()[found.value.start - 2] = b'_',
        }
    }
    masked
}

struct Reader<'a> {
    message: &'a Message<'a>,
    raw: &'a [u8],
}

impl Reader<'_> {
    fn part(&self, id: u32) -> Option<&MessagePart<'_>> {
        self.message.parts.get(id as usize)
    }

    /// Over `MAX_TEXT` as it was sent.
    fn is_long(&self, id: u32) -> bool {
        self.part(id).is_some_and(|part| part.offset_end.saturating_sub(part.offset_body) as usize > MAX_TEXT)
    }

    /// A text that the parser lists as an attachment only, because of its name or disposition; unnamed ones first.
    fn text_called_attachment(&self) -> Option<u32> {
        let texts = || {
            (0..).zip(&self.message.parts).filter(|(_, part)| {
                let kind = content_type(part);
                matches!(part.body, PartType::Text(_) | PartType::Html(_))
                    && matches!(kind.as_str(), "text/plain" | "text/html" | "")
            })
        };
        texts().find(|(_, part)| part.attachment_name().is_none()).or_else(|| texts().next()).map(|(id, _)| id)
    }

    /// The HTML parts as one page, with what stands between them: plain text, and the pictures of Apple Mail, which no markup names.
    fn page(&self, ids: &[u32]) -> Option<String> {
        let pages: Vec<Option<String>> = ids.iter().map(|&id| self.html(id)).collect();
        pages.iter().any(Option::is_some).then_some(())?;
        let mut whole = Vec::new();
        for (&id, page) in ids.iter().zip(pages) {
            let Some(part) = self.part(id) else { continue };
            whole.extend(match (page, &part.body) {
                (Some(page), _) => Some(page),
                (None, PartType::Text(_)) => self.text(id, &mut 0).map(|(_, text)| pictures::as_page(&text)),
                (None, _) => self.between(id).map(|id| pictures::image(&id)),
            });
        }
        Some(whole.join("\n"))
    }

    /// The content id of a picture that stands between the texts.
    fn between(&self, id: u32) -> Option<String> {
        let part = self.part(id).filter(|part| content_type(part).starts_with("image/"))?;
        matches!(part.body, PartType::Binary(_) | PartType::InlineBinary(_)).then(|| self.content_id(id))?
    }

    /// As declared; one of our own making for a picture that stands between the texts without one.
    fn content_id(&self, id: u32) -> Option<String> {
        let part = self.part(id)?;
        let declared = part
            .content_id()
            .map(|id| id.chars().filter(|ch| !ch.is_control() && !matches!(ch, '<' | '>')).collect::<String>());
        let own =
            || (content_type(part).starts_with("image/") && self.listed(id)).then(|| format!("part{id}@attached"));
        declared.filter(|id| !id.is_empty()).or_else(own)
    }

    fn listed(&self, id: u32) -> bool {
        self.message.html_body.contains(&id) || self.message.text_body.contains(&id)
    }

    /// Whether it was text/plain, and its text; pages beyond `room` are left to `Mail::html`.
    fn text(&self, id: u32, room: &mut usize) -> Option<(bool, String)> {
        let part = self.part(id)?;
        match &part.body {
            PartType::Html(_) => {
                let page = self.html(id)?;
                *room = room.checked_sub(page.len().min(MAX_PAGES))?;
                Some((false, clean_text(&html::to_text(&page))))
            }
            PartType::Text(parsed) => {
                let text = clean_text(&self.characters(part, parsed));
                let attribute =
                    |name: &str| part.content_type().and_then(|kind| kind.attribute(name)).unwrap_or_default();
                let text = if attribute("format").eq_ignore_ascii_case("flowed") {
                    flowed::unflow(&text, attribute("delsp").eq_ignore_ascii_case("yes"))
                } else {
                    text
                };
                Some((true, text))
            }
            // Where it stands; `pictures::settle` puts its name there.
            _ => self.between(id).map(|id| (false, pictures::place(&id))),
        }
    }

    fn html(&self, id: u32) -> Option<String> {
        let part = self.part(id)?;
        let PartType::Html(parsed) = &part.body else { return None };
        Some(self.characters(part, parsed).replace('\0', ""))
    }

    /// The declared charset as mail-parser read it; a guess where none is declared, or where it cannot be true.
    fn characters(&self, part: &MessagePart<'_>, parsed: &str) -> String {
        let label = part.content_type().and_then(|kind| kind.attribute("charset")).unwrap_or_default();
        let known = charset_decoder(label.as_bytes()).is_some() && !label.eq_ignore_ascii_case("us-ascii");
        let parsed = &parsed[..short(parsed.as_bytes(), parsed.floor_char_boundary(MAX_TEXT))];
        if known && !parsed.contains('\u{FFFD}') {
            return parsed.to_owned();
        }
        let mut bytes = self.bytes(part);
        bytes.truncate(short(&bytes, MAX_TEXT));
        match std::str::from_utf8(&bytes) {
            Ok(text) if known => text.to_owned(),
            _ if known => parsed.to_owned(),
            _ => charset::guess(&bytes, super::declared_charset(&bytes[..bytes.len().min(2048)]).as_deref()),
        }
    }

    /// Content with only the transfer encoding undone.
    fn bytes(&self, part: &MessagePart<'_>) -> Vec<u8> {
        if let PartType::Binary(bytes) | PartType::InlineBinary(bytes) = &part.body {
            return bytes.to_vec();
        }
        let (start, end) = (part.offset_body as usize, part.offset_end as usize);
        let raw = self.raw.get(start..end.min(self.raw.len())).unwrap_or_default();
        let decoded = match part.encoding {
            Encoding::None => None,
            Encoding::Base64 => base64_decode(raw),
            Encoding::QuotedPrintable => quoted_printable_decode(raw),
        };
        decoded.unwrap_or_else(|| raw.to_vec())
    }

    fn attachments(&self, used: &[u32], page: &str) -> Vec<Attachment> {
        let mut found = Vec::new();
        for (id, part) in (0..).zip(&self.message.parts) {
            if used.contains(&id) || matches!(part.body, PartType::Multipart(_)) {
                continue;
            }
            let bytes = self.bytes(part);
            let name = self.name(part);
            if bytes.trim_ascii().is_empty() && name.is_none() {
                continue;
            }
            let content_type = match content_type(part) {
                kind if kind.is_empty() => "application/octet-stream".to_owned(),
                kind => kind,
            };
            let content_id = self.content_id(id);
            // A picture between the texts is a file like any other, also where its place is lost.
            let inline = self.between(id).is_none_or(|_| !self.listed(id))
                && content_id.as_deref().is_some_and(|id| shown_in(page, id));
            let name = file_name(name, &content_type, &bytes);
            found.push(Attachment { name, content_type, content_id, inline, decoration: false, bytes });
        }
        found
    }

    /// The name as declared; read again from the raw bytes where the parser met 8-bit characters it could not know.
    fn name(&self, part: &MessagePart<'_>) -> Option<String> {
        let declared = part.attachment_name().filter(|name| !name.trim().is_empty())?;
        let reread = declared.contains('\u{FFFD}').then(|| self.reread_name(part)).flatten();
        Some(fields::decode_words(&reread.unwrap_or_else(|| declared.to_owned())))
    }

    fn reread_name(&self, part: &MessagePart<'_>) -> Option<String> {
        let wanted = |name: &HeaderName<'_>| matches!(name, HeaderName::ContentDisposition | HeaderName::ContentType);
        part.headers.iter().filter(|header| wanted(&header.name)).find_map(|header| {
            let raw = self.raw.get(header.offset_start as usize..header.offset_end as usize)?;
            let mut line = fields::unfold(raw, None);
            line.push('\n');
            let HeaderValue::ContentType(parsed) = MessageStream::new(line.as_bytes()).parse_content_type() else {
                return None;
            };
            parsed.attribute("filename").or_else(|| parsed.attribute("name")).map(str::to_owned)
        })
    }
}

/// Where a text of at most `most` bytes ends: with its last whole line, if it has any.
fn short(bytes: &[u8], most: usize) -> usize {
    if bytes.len() <= most {
        return bytes.len();
    }
    bytes[..most].iter().rposition(|byte| *byte == b'\n').map_or(most, |at| at + 1)
}

fn shown_in(page: &str, content_id: &str) -> bool {
    page.contains(&format!("cid:{content_id}")) || page.contains(&format!("cid:{}", content_id.replace('@', "%40")))
}

fn file_name(declared: Option<String>, content_type: &str, bytes: &[u8]) -> String {
    let nested = matches!(content_type, "message/rfc822" | "message/global");
    let name = match (declared, content_type) {
        (Some(name), _) => name,
        (None, "text/calendar") => "invite.ics".to_owned(),
        (None, "application/ms-tnef") => "winmail.dat".to_owned(),
        (None, _) if nested => nested_subject(bytes),
        (None, _) => String::new(),
    };
    if nested && !name.to_ascii_lowercase().ends_with(".eml") {
        return names::safe(&format!("{}.eml", name.replace(['/', '\\'], "_")), content_type);
    }
    names::safe(&name, content_type)
}

fn nested_subject(bytes: &[u8]) -> String {
    let (header, _) = fields::split(fields::start(&bytes[..bytes.len().min(64 * 1024)]));
    let subject = header.iter().find(|field| field.name == "subject").map(|field| fields::decode(field.value, None));
    subject.filter(|subject| !subject.is_empty()).unwrap_or_else(|| "forwarded message".to_owned())
}

/// `type/subtype` in lower case; empty when absent or no token. Undoes `mask_nested`.
fn content_type(part: &MessagePart<'_>) -> String {
    let Some(kind) = part.content_type() else { return String::new() };
    let token = |text: &str| {
        !text.is_empty()
            && text.len() < 100
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let (main, sub) = main_and_sub(kind);
    if !token(&main) || !token(&sub) {
        return String::new();
    }
    match (main.as_str(), sub.as_str()) {
        ("message", "xfc822") => "message/rfc822".to_owned(),
        ("message", "xlobal") => "message/global".to_owned(),
        _ => format!("{main}/{sub}"),
    }
}

fn main_and_sub(kind: &ContentType<'_>) -> (String, String) {
    (kind.ctype().to_ascii_lowercase(), kind.subtype().unwrap_or_default().to_ascii_lowercase())
}

/// Newlines as `\n`, no control characters but newline and tab.
fn clean_text(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    text.chars()
        .map(|ch| if matches!(ch, '\r' | '\u{0c}') { '\n' } else { ch })
        .filter(|&ch| ch == '\n' || ch == '\t' || !ch.is_control())
        .collect()
}
