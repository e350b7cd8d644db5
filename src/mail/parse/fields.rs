//! The header as fields: where it begins and ends, what a value says once unfolded, decoded and cleaned.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;

use super::charset;

/// One header field as it stands in the raw bytes.
pub(crate) struct Field<'a> {
    /// Lower case, blanks taken out (`Fr om :` counts as a From, so that nobody hides a second one).
    pub name: String,
    /// Behind the colon, folds included, without the last line end.
    pub value: &'a [u8],
}

/// The mail without what transports put before it: a byte order mark, empty lines, the `From ` line of an mbox.
pub(crate) fn start(raw: &[u8]) -> &[u8] {
    let mut rest = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw);
    loop {
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        rest = &rest[blank..];
        let line_end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
        let Some(after) = rest.strip_prefix(b"From ").or_else(|| rest.strip_prefix(b">From ")) else { return rest };
        if after.trim_ascii_start().starts_with(b":") {
            return rest;
        }
        rest = &rest[line_end..];
    }
}

/// The fields of the header and where the body begins. Lines that are no field are passed over, as mail-parser does.
pub(crate) fn split(raw: &[u8]) -> (Vec<Field<'_>>, usize) {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let (mut offset, mut value_start) = (0, None);
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        let line_start = offset;
        offset += line.len();
        if line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return (fields, offset);
        }
        if matches!(line[0], b' ' | b'\t') {
            if let (Some(start), Some(field)) = (value_start, fields.last_mut()) {
                field.value = trim_line_end(&raw[start..offset]);
            }
            continue;
        }
        value_start = None;
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name: Vec<u8> =
            line[..colon].iter().filter(|byte| byte.is_ascii_graphic()).map(u8::to_ascii_lowercase).collect();
        if name.is_empty() || name.len() > 100 {
            continue;
        }
        let start = line_start + colon + 1;
        value_start = Some(start);
        fields.push(Field {
            name: String::from_utf8_lossy(&name).into_owned(),
            value: trim_line_end(&raw[start..offset]),
        });
    }
    (fields, offset)
}

fn trim_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Unfolded text of a raw value, 8-bit characters read by the best guess; encoded words are still encoded.
pub(crate) fn unfold(value: &[u8], hint: Option<&str>) -> String {
    let text = charset::guess(value, hint);
    text.chars().filter(|&ch| ch == '\t' || !ch.is_control()).collect::<String>().trim().to_owned()
}

/// Unfolded, decoded, free of control characters.
pub(crate) fn decode(value: &[u8], hint: Option<&str>) -> String {
    clean_line(&decode_words(&unfold(value, hint)))
}

/// One line without control characters and line separators; for everything that a header says.
pub(crate) fn clean_line(text: &str) -> String {
    let spaced =
        text.chars().map(|ch| if matches!(ch, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') { ' ' } else { ch });
    spaced.filter(|ch| !ch.is_control()).collect::<String>().trim().to_owned()
}

/// RFC 2047. Neighbouring words of one charset are joined as bytes first: many programs split within a character.
pub(crate) fn decode_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pending: Option<(String, Vec<u8>)> = None;
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, candidate) = rest.split_at(at);
        let Some((charset, bytes, after)) = encoded_word(candidate) else {
            flush(&mut out, &mut pending);
            out.push_str(before);
            out.push_str("=?");
            rest = &candidate[2..];
            continue;
        };
        if pending.is_none() || !before.trim().is_empty() {
            flush(&mut out, &mut pending);
            out.push_str(before);
        }
        match &mut pending {
            Some((open, joined)) if open.eq_ignore_ascii_case(&charset) => joined.extend(bytes),
            _ => {
                flush(&mut out, &mut pending);
                pending = Some((charset, bytes));
            }
        }
        rest = after;
    }
    flush(&mut out, &mut pending);
    out.push_str(rest);
    out
}

fn flush(out: &mut String, pending: &mut Option<(String, Vec<u8>)>) {
    if let Some((charset, bytes)) = pending.take() {
        match charset_decoder(charset.as_bytes()) {
            Some(decoder) => out.push_str(&decoder(&bytes)),
            None => out.push_str(&charset::guess(&bytes, None)),
        }
    }
}

/// `=?charset*language?B|Q?data?=` at the beginning of `text`: its charset, its bytes, what follows.
fn encoded_word(text: &str) -> Option<(String, Vec<u8>, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (data, after) = rest.split_once("?=")?;
    if charset.is_empty() || charset.len() > 60 || charset.contains(char::is_whitespace) {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => base64_decode(data.replace([' ', '\t'], "").as_bytes())?,
        "Q" | "q" => q_decode(data.as_bytes()),
        _ => return None,
    };
    let charset = charset.split('*').next().unwrap_or(charset);
    Some((charset.to_owned(), bytes, after))
}

fn q_decode(data: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let mut out = Vec::with_capacity(data.len());
    let mut at = 0;
    while at < data.len() {
        let pair = data.get(at + 1).and_then(|&high| hex(high)).zip(data.get(at + 2).and_then(|&low| hex(low)));
        match (data[at], pair) {
            (b'=', Some((high, low))) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'_', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    out
}

/// What looks like message ids in a Message-ID, In-Reply-To or References value; junk between them is passed over.
pub(crate) fn ids(value: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut keep = |id: String| {
        if !id.is_empty() && id.len() <= 998 && found.len() < 1_000 {
            found.push(id);
        }
    };
    if !value.contains('<') {
        let word = |ch: char| ch.is_whitespace() || matches!(ch, ',' | ';' | '"' | '(' | ')' | '>');
        value.split(word).filter(|word| word.contains('@')).for_each(|word| keep(word.to_owned()));
        return found;
    }
    for piece in value.split('<').skip(1) {
        let Some((inner, _)) = piece.split_once('>') else { continue };
        let folded = inner.contains(char::is_whitespace);
        if !folded || inner.contains('@') {
            keep(inner.chars().filter(|ch| !ch.is_whitespace()).collect());
        }
    }
    found
}
