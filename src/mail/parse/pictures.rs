//! Pictures of a mail: names of their own, their places in the plain text, and which only decorate.

use std::collections::HashMap;

use data_encoding::BASE64;

use super::names;
use crate::mail::picture::{self, Place, label};
use crate::mail::reply;
use crate::mail::{Attachment, Mail};

/// Pictures written into the page itself, at most.
const MAX_EMBEDDED: usize = 40;
/// Pictures that the plain text names, at most.
const MAX_PICTURES: usize = 100;

/// Where in a text a picture stands, as desktop Outlook writes it.
pub(super) fn place(content_id: &str) -> String {
    format!("[cid:{content_id}]")
}

/// The same in a page.
pub(super) fn image(content_id: &str) -> String {
    format!("<div><img src=\"cid:{}\"></div>", content_id.replace('&', "&amp;").replace('"', "&quot;"))
}

/// Plain text as a page.
pub(super) fn as_page(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<div>{}</div>", escaped.replace('\n', "<br>\n"))
}

/// Takes pictures that are written into the page (`data:` addresses) out of it, as parts that it names.
pub(super) fn embedded(page: &str, found: &mut Vec<Attachment>) -> String {
    let mut out = String::with_capacity(page.len().min(1 << 20));
    let mut rest = page;
    while let Some(at) = rest.find("data:image/") {
        let (before, from) = rest.split_at(at);
        let quote = before.chars().next_back().filter(|quote| matches!(quote, '"' | '\''));
        let end = quote.map_or_else(|| from.find([' ', '>', ')']), |quote| from.find(quote)).unwrap_or(from.len());
        out.push_str(before);
        let head = before.trim_end_matches(['"', '\'']).trim_end();
        let source = head.get(head.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case("src="));
        if let Some(file) = source.then(|| decoded(&from[..end], found.len())).flatten() {
            out.push_str(&format!("cid:{}", file.content_id.as_deref().unwrap_or_default()));
            found.push(file);
        }
        rest = &from[end..];
    }
    out.push_str(rest);
    out
}

/// `data:image/png;base64,…`
fn decoded(address: &str, count: usize) -> Option<Attachment> {
    let (kind, content) = address.strip_prefix("data:")?.split_once(";base64,")?;
    let content = content.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    let content: String = content.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = BASE64.decode(content.as_bytes()).ok().filter(|bytes| !bytes.is_empty() && count < MAX_EMBEDDED)?;
    let kind = kind.split(';').next().unwrap_or_default().to_ascii_lowercase();
    let plain = kind.len() < 40 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+.-".contains(&byte));
    plain.then(|| Attachment {
        name: format!("picture.{}", names::extension(&kind)),
        content_type: kind,
        content_id: Some(format!("embedded{count}@attached")),
        inline: true,
        decoration: false,
        bytes,
    })
}

/// Once text, page and files are known: each picture gets a name of its own, logos are marked, and the plain text names the others
/// where its program left a sign of them.
pub(super) fn settle(mail: &mut Mail) {
    if !mail.attachments.iter().any(is_placed) {
        return;
    }
    let declared: Vec<String> = mail.attachments.iter().map(|file| file.name.clone()).collect();
    name_apart(&mut mail.attachments);
    // A picture that stands in several places counts by the best of them.
    let mut places: HashMap<String, Place> = HashMap::new();
    for (id, place) in mail.html.as_deref().map(reply::pictures_of).unwrap_or_default() {
        let best = places.entry(id).or_insert(place);
        *best = (*best).min(place);
    }
    for file in mail.attachments.iter_mut().filter(|file| file.inline && is_placed(file)) {
        let place = file.content_id.as_ref().and_then(|id| places.get(id)).copied().unwrap_or(Place::Text);
        file.decoration = picture::decorates(place, &file.bytes);
    }
    let placed = mail.attachments.iter().zip(&declared).filter(|(file, _)| is_placed(file));
    for (file, declared) in placed.take(MAX_PICTURES) {
        let id = file.content_id.as_deref().unwrap_or_default();
        let shown = if file.decoration { String::new() } else { label(&file.name) };
        for sign in [place(id), format!("[image: {declared}]")] {
            mail.text = mail.text.replacen(&sign, &shown, 1);
        }
    }
}

fn is_placed(file: &Attachment) -> bool {
    file.content_id.is_some() && file.content_type.starts_with("image/")
}

/// Gmail calls every pasted picture `image.png`.
fn name_apart(files: &mut [Attachment]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for file in files.iter_mut().filter(|file| is_placed(file)) {
        let count = counts.entry(file.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            file.name = match file.name.rsplit_once('.') {
                Some((stem, extension)) => format!("{stem}-{count}.{extension}"),
                None => format!("{}-{count}", file.name),
            };
        }
    }
}
