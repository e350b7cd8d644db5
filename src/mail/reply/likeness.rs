//! HTML that says exactly what a text says, made from the page that the text was read from: for relays, where nothing may slip through
//! that the text does not hold (rule 9).

use super::Line;
use super::markup::{self, Event, Seen};
use crate::mail::html;
use crate::mail::picture::{self, Pictures};

mod writer;

use writer::Writer;

/// A page that is larger goes as text.
const MAX_PAGE: usize = 2 * 1024 * 1024;

/// The lines of `page` that make up `text`, with their emphasis, lists, tables, links and pictures; `None` where the two differ in any
/// word. What comes out is written anew from a handful of elements, cleaned, read once more, and given only if it reads as `text`: link
/// addresses and names of pictures are words of that text too, so no attribute holds what the text does not.
pub fn of(page: &str, text: &str, pictures: &Pictures) -> Option<String> {
    if text.trim().is_empty() || page.len() > MAX_PAGE {
        return None;
    }
    let read = markup::read_events(page, pictures);
    let keep = kept(&read.lines, text)?;
    let html = html::clean(&write(&read.events, &keep, pictures));
    says(&html, text, pictures).then_some(html)
}

/// Which lines make up the text, in order.
fn kept(lines: &[Line], text: &str) -> Option<Vec<bool>> {
    let mut keep = vec![false; lines.len()];
    let mut from = 0;
    for wanted in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let found = lines[from..].iter().position(|line| !line.quoted && line.text.trim() == wanted)?;
        keep[from + found] = true;
        from += found + 1;
    }
    Some(keep)
}

fn write(events: &[Event], keep: &[bool], pictures: &Pictures) -> String {
    let mut writer = Writer::default();
    for Event { line, what } in events {
        let kept = keep.get(*line).copied().unwrap_or(false);
        match what {
            Seen::Open(tag) => writer.open(tag),
            Seen::Close(name) => writer.close(name),
            Seen::Break => writer.line_break(),
            Seen::Rule if kept => writer.rule(*line),
            Seen::Text(text) if kept || text.trim().is_empty() => writer.text(*line, text),
            Seen::Picture { id, width } if kept => {
                let label = pictures.label_of(&format!("cid:{id}")).unwrap_or_default();
                writer.picture(*line, id, label, *width);
            }
            _ => {}
        }
    }
    writer.finish()
}

/// Reads as the text, white space aside.
fn says(html: &str, text: &str, pictures: &Pictures) -> bool {
    let lines = markup::read(html, pictures).lines;
    let shown = lines.iter().flat_map(|line| line.text.chars()).filter(|c| !c.is_whitespace());
    let wanted = text.chars().filter(|c| !c.is_whitespace());
    lines.iter().all(|line| !line.quoted) && shown.eq(wanted)
}

/// Each picture under the content id that `id` gives for its own; without one, its name stands in its place.
pub fn with_pictures(html: &str, pictures: &Pictures, id: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find("<img ") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        let source = attribute(&rest[at..end], "src").unwrap_or_default();
        let label = pictures.label_of(&source).unwrap_or("[picture]");
        match picture::content_id(&source).and_then(|own| id(&own)) {
            Some(new) => {
                let width = attribute(&rest[at..end], "width").map(|width| format!(" width=\"{}\"", escaped(&width)));
                out.push_str(&format!(
                    "<img src=\"cid:{}\" alt=\"{}\"{} style=\"max-width:100%;height:auto\">",
                    escaped(&new),
                    escaped(label),
                    width.unwrap_or_default(),
                ));
            }
            None => out.push_str(&escaped(label)),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// A value in a tag that `html::clean` wrote: in double quotes, with entities.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
