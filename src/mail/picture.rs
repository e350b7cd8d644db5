//! Pictures within a text: how the text names them, how large they are, and which only decorate a signature.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::Attachment;
use super::reply::block::pattern;

static LABEL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[picture: [^\[\]\r\n]{1,240}\]"));

/// Below this a picture within the text is taken for a logo, unless it has the measures of a window.
const LOGO_BYTES: usize = 10 * 1024;
const WINDOW: (u32, u32) = (240, 100);
/// Icons of social networks, and lines and spacers that layouts are made of.
const ICON: u32 = 64;
const SPACER: u32 = 8;
/// A text names no more pictures of one mail.
const MAX_NAMED: usize = 100;

/// Where in a page a picture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Among the words, new or quoted.
    Text,
    Signature,
    Hidden,
}

/// `[picture: image001.png]`: how a text without pictures names one.
pub fn label(name: &str) -> String {
    let name = name.replace(['[', ']'], "_");
    format!("[picture: {}]", name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The author's own words: a text without the names of its pictures.
pub fn without_labels(text: &str) -> Cow<'_, str> {
    LABEL.replace_all(text, "")
}

/// The line names pictures and says nothing else.
pub fn only_labels(line: &str) -> bool {
    line.contains("[picture: ") && without_labels(line).trim().is_empty()
}

/// The pictures that a page of a mail may show: content id and label.
#[derive(Debug, Clone, Default)]
pub struct Pictures(Vec<(String, String)>);

impl Pictures {
    /// Logos are left out: no text names them.
    pub fn of(files: &[Attachment]) -> Pictures {
        let shown = files.iter().filter(|file| !file.decoration && file.content_type.starts_with("image/"));
        let named = shown.filter_map(|file| Some((file.content_id.clone()?, label(&file.name))));
        Pictures(named.take(MAX_NAMED).collect())
    }

    /// The label for what the `src` of an image names.
    pub fn label_of(&self, source: &str) -> Option<&str> {
        let id = content_id(source)?;
        self.0.iter().find(|(known, _)| *known == id).map(|(_, label)| label.as_str())
    }
}

/// The content id in a `cid:` address (RFC 2392), percent-decoded.
pub fn content_id(source: &str) -> Option<String> {
    let source = source.trim();
    let id = source.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("cid:")).map(|_| &source[4..])?;
    let bytes = id.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| id.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// A logo, an icon or a spacer, rather than something that the author shows.
pub fn decorates(place: Place, bytes: &[u8]) -> bool {
    if place != Place::Text {
        return true;
    }
    match pixels(bytes) {
        Some((wide, high)) if wide <= ICON && high <= ICON || wide <= SPACER || high <= SPACER => true,
        // A small window full of one colour compresses well.
        Some((wide, high)) if wide >= WINDOW.0 && high >= WINDOW.1 => false,
        _ => bytes.len() < LOGO_BYTES,
    }
}

/// Width and height of a PNG, GIF or JPEG, as its header says.
pub fn pixels(bytes: &[u8]) -> Option<(u32, u32)> {
    let be16 = |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let be32 = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let le16 = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((be32(16)?, be32(20)?));
    }
    if bytes.starts_with(b"GIF8") {
        return Some((le16(6)?, le16(8)?));
    }
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    // JPEG: segments of a marker and a length, until one of the start-of-frame markers.
    let mut at = 2;
    for _ in 0..200 {
        let (lead, kind) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        if lead != 0xff {
            return None;
        }
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            return Some((be16(at + 7)?, be16(at + 5)?));
        }
        at += 2 + be16(at + 2)? as usize;
    }
    None
}
