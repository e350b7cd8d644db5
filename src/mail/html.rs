//! HTML from strangers: made safe to show and to send, or turned into text. Cost is bounded whatever comes in; callers run it in `spawn_blocking`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

mod links;
mod plain;
mod shape;

/// Said at the end of what was cut, in text and in HTML.
const CUT_NOTE: &str = "[This message was cut here: its HTML is too large or too deeply nested to show as a whole.]";
const TEXT_WIDTH: usize = 10_000;

/// Safe to put into a page and into a mail of ours: no script, style, form or frame; links to http, https, mailto and tel only; pictures from
/// within the mail (`cid:`), while remote ones become links, so that opening the mail tells nobody.
pub fn clean(html: &str) -> String {
    let shaped = shape::shape(html);
    let mut cleaned = cleaner().clean(&shaped.html).to_string();
    if shaped.cut {
        cleaned.push_str(&format!("<p>{CUT_NOTE}</p>"));
    }
    cleaned
}

/// Readable text: list items with their bullet or number, links as their words and, where these do not say it, their address; no other markup.
pub fn to_text(html: &str) -> String {
    let shaped = shape::shape(html);
    let cleaned = links::shown(&cleaner().clean(&shaped.html).to_string());
    let rendered = html2text::config::with_decorator(plain::Plain)
        .no_table_borders()
        .allow_width_overflow()
        .string_from_read(cleaned.as_bytes(), TEXT_WIDTH);
    // What the renderer refuses is shown without its markup rather than not at all.
    let mut text = rendered.unwrap_or_else(|_| strip_tags(&cleaned));
    if shaped.cut {
        text.push('\n');
        text.push_str(CUT_NOTE);
    }
    tidy(&text)
}

fn cleaner() -> ammonia::Builder<'static> {
    let mut builder = ammonia::Builder::default();
    builder
        .tags(shape::ALLOWED.iter().copied().collect())
        .clean_content_tags(HashSet::from(["script", "style"]))
        .generic_attributes(HashSet::from(["dir", "lang", "align", "title"]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("img", HashSet::from(["src", "alt", "width", "height"])),
            ("td", HashSet::from(["colspan", "rowspan", "valign"])),
            ("th", HashSet::from(["colspan", "rowspan", "valign"])),
            ("ol", HashSet::from(["start"])),
            ("li", HashSet::from(["value"])),
        ]))
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "cid"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"))
        .attribute_filter(|element, attribute, value| {
            let picture = value.trim_start().get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"));
            match (element, attribute) {
                ("img", "src") => picture.then_some(Cow::Borrowed(value)),
                ("a", "href") => (!picture).then_some(Cow::Borrowed(value)),
                _ => Some(Cow::Borrowed(value)),
            }
        });
    builder
}

fn strip_tags(html: &str) -> String {
    let builder = ammonia::Builder::empty();
    builder.clean(html).to_string()
}

/// Lines without trailing blanks, at most one empty line in a row, none at the ends.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim_matches('\n').to_owned()
}
