//! What the author of a reply newly wrote, apart from everything quoted: internal text must never leak through a quote.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::mail::Mail;
use crate::mail::picture::{Pictures, Place, without_labels};

pub mod attribution;
pub mod block;
mod doubt;
pub mod likeness;
mod markup;
mod signature;
mod split;

use split::Split;

pub use signature::without_signature;
pub use split::is_marked;

/// Our mails to techs carry this line above their context: it and everything below it is never relayed.
pub const MARKER: &str = "-- deskd: write above this line --";

static INITIALS: LazyLock<Regex> = LazyLock::new(|| block::pattern(r"^\s?[A-Z]{1,3}>(?:\s|$)"));

/// A mail taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewText {
    /// Only what the author newly wrote, the signature included; empty when there is nothing.
    pub text: String,
    /// What was taken out.
    pub quoted: String,
    /// `false` when the split may be wrong: relay nothing and ask.
    pub sure: bool,
}

/// A line of a body as one of the two readers gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line {
    pub text: String,
    pub quoted: bool,
    /// Some of it is there for nobody to see: white on white, or of no size.
    pub dim: bool,
}

/// The new text of a mail: the markup of its HTML part decides, and the plain part is heard where the two differ.
pub fn new_text(mail: &Mail) -> NewText {
    let new = of_both(mail);
    // Of a text that was cut nobody knows where its quote would have begun.
    NewText { sure: new.sure && !mail.cut, ..new }
}

fn of_both(mail: &Mail) -> NewText {
    let plain = mail.has_plain.then(|| from_plain(&mail.text));
    let Some(html) = mail.html.as_deref() else {
        return plain.unwrap_or_else(|| from_plain(&mail.text));
    };
    let marked = from_page(html, &Pictures::of(&mail.attachments));
    match plain {
        None => marked,
        Some(plain) if marked.text.is_empty() => plain,
        Some(plain) => compare(marked, plain),
    }
}

/// Trusts neither part alone: a line that one part calls quoted must not be new in the other.
fn compare(mut marked: NewText, plain: NewText) -> NewText {
    let fold = |text: &str| without_labels(text).chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let quoted: HashSet<String> = plain.quoted.lines().map(fold).filter(|line| line.len() >= 12).collect();
    let new: HashSet<String> = plain.text.lines().map(fold).collect();
    let leak = marked.text.lines().map(fold).any(|line| quoted.contains(&line) && !new.contains(&line));
    if leak {
        return NewText { sure: false, ..plain };
    }
    // Without a trace of a quote in the markup, a plain part that found one is right.
    if marked.quoted.is_empty() && !plain.quoted.is_empty() {
        marked = NewText { sure: plain.sure && fold(&marked.text).starts_with(&fold(&plain.text)), ..plain };
    }
    marked
}

/// The new text of a plain body.
pub fn from_plain(text: &str) -> NewText {
    from_plain_counted(text).0
}

/// As `from_plain`, and how many lines were looked at: a test holds it to a constant times the number of lines.
pub fn from_plain_counted(text: &str) -> (NewText, usize) {
    let lines = text
        .lines()
        .map(|line| {
            let line = line.trim_end_matches('\r');
            let bare = line.trim_start_matches(['\u{feff}', '\u{200b}', ' ']);
            Line { text: line.to_string(), quoted: bare.starts_with('>') || INITIALS.is_match(bare), dim: false }
        })
        .collect();
    let mut split = Split::new(lines, false);
    split.run();
    let looks = split.looks;
    (split.finish(true), looks)
}

/// The new text of an HTML body, by its structure.
pub fn from_html(html: &str) -> NewText {
    from_page(html, &Pictures::default())
}

fn from_page(html: &str, pictures: &Pictures) -> NewText {
    let read = markup::read(html, pictures);
    let mut split = Split::new(read.lines, true);
    split.run();
    split.finish(read.whole)
}

/// Content id and place of the pictures within a page.
pub fn pictures_of(html: &str) -> Vec<(String, Place)> {
    markup::read(html, &Pictures::default()).pictures
}
