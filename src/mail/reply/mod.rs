//! What the author of a reply newly wrote, apart from everything quoted: internal text must never leak through a quote.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::mail::Mail;

pub mod attribution;
pub mod block;
mod markup;
mod signature;

use attribution::{Strength, attribution, separator};
use block::{ADDRESS, DATE, bare, block, field};
pub use signature::without_signature;

/// Our mails to techs carry this line above their context: it and everything below it is never relayed.
pub const MARKER: &str = "-- deskd: write above this line --";

/// The marker, also with quote marks, other dashes or a line break in it.
static MARKED: LazyLock<Regex> =
    LazyLock::new(|| block::pattern(r"(?i)deskd:[\s>|*]*write[\s>|*]+above[\s>|*]+this[\s>|*]+line"));
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub text: String,
    pub quoted: bool,
}

/// The new text of a mail: the markup of its HTML part decides, and the plain part is heard where the two differ.
pub fn new_text(mail: &Mail) -> NewText {
    let plain = mail.has_plain.then(|| from_plain(&mail.text));
    let Some(html) = mail.html.as_deref() else {
        return plain.unwrap_or_else(|| from_plain(&mail.text));
    };
    let marked = from_html(html);
    match plain {
        None => marked,
        Some(plain) if marked.text.is_empty() => plain,
        Some(plain) => compare(marked, plain),
    }
}

/// Trusts neither part alone: a line that one part calls quoted must not be new in the other.
fn compare(mut marked: NewText, plain: NewText) -> NewText {
    let fold = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
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
            Line { text: line.to_string(), quoted: bare.starts_with('>') || INITIALS.is_match(bare) }
        })
        .collect();
    let mut split = Split::new(lines, false);
    split.run();
    let looks = split.looks;
    (split.finish(true), looks)
}

/// The new text of an HTML body, by its structure.
pub fn from_html(html: &str) -> NewText {
    let read = markup::read(html);
    let mut split = Split::new(read.lines, true);
    split.run();
    split.finish(read.whole)
}

struct Split {
    lines: Vec<Line>,
    html: bool,
    new: Vec<String>,
    quoted: Vec<String>,
    /// A quote was taken out right before the line at hand.
    after_quote: bool,
    doubt: bool,
    looks: usize,
}

impl Split {
    fn new(mut lines: Vec<Line>, html: bool) -> Self {
        let mut quoted = Vec::new();
        if let Some(at) = marker_line(&lines) {
            quoted = lines.split_off(at).into_iter().map(|line| line.text).collect();
        }
        Split { lines, html, new: Vec::new(), quoted, after_quote: false, doubt: false, looks: 0 }
    }

    fn run(&mut self) {
        let marked = std::mem::take(&mut self.quoted);
        let lines = std::mem::take(&mut self.lines);
        let texts: Vec<&str> = lines.iter().map(|line| if line.quoted { "" } else { line.text.as_str() }).collect();
        let mut i = 0;
        while i < lines.len() {
            self.looks += 1;
            i = self.step(&lines, &texts, i);
        }
        self.quoted.extend(marked);
    }

    /// Takes the line at `i` and what belongs to it; returns the next line to look at.
    fn step(&mut self, lines: &[Line], texts: &[&str], i: usize) -> usize {
        let line = &lines[i];
        if line.quoted {
            self.quoted.push(line.text.clone());
            self.after_quote = true;
            return i + 1;
        }
        if line.text.trim().is_empty() {
            self.new.push(String::new());
            return i + 1;
        }
        if self.after_quote && self.stray(lines, i) {
            self.quoted.push(line.text.clone());
            return i + 1;
        }
        self.looks += 8;
        let below = &texts[i + 1..texts.len().min(i + 6)];
        if let Some(forward) = separator(&line.text, below) {
            self.doubt |= forward;
            return self.cut(lines, i);
        }
        if let Some(found) = block(texts, i) {
            self.doubt |= !found.sure;
            return self.cut(lines, i);
        }
        if let Some(found) = attribution(texts, i)
            && let Some(next) = self.introduced(lines, i, found.lines, found.strength)
        {
            if found.own > 0 {
                self.new.push(line.text[..found.own].trim_end().to_string());
            }
            return next;
        }
        if self.after_quote && signature::is_delimiter(&line.text) && !self.new.iter().all(|text| text.is_empty()) {
            return self.cut(lines, i);
        }
        if is_list_footer(lines, i) {
            return self.cut(lines, i);
        }
        self.after_quote = false;
        self.new.push(line.text.clone());
        i + 1
    }

    /// What follows an attribution: quoted lines are taken out and reading goes on; unmarked text is all the earlier mail.
    fn introduced(&mut self, lines: &[Line], at: usize, count: usize, strength: Strength) -> Option<usize> {
        let next = (at + count..lines.len().min(at + count + 12)).find(|&j| !lines[j].text.trim().is_empty());
        let barred = |line: &Line| line.quoted || line.text.trim_start().starts_with(['>', '|']);
        let quote_follows = next.is_some_and(|j| barred(&lines[j]));
        if !quote_follows {
            if strength < Strength::Likely {
                return None;
            }
            self.doubt |=
                strength == Strength::Likely || self.new.iter().all(|text| text.trim().is_empty()) && next.is_some();
            return Some(self.cut(lines, at));
        }
        let mut end = next?;
        while lines.get(end).is_some_and(|line| barred(line)) {
            end += 1;
        }
        self.quoted.extend(lines[at..end].iter().map(|line| line.text.clone()));
        self.after_quote = true;
        self.drop_device_lines();
        Some(end)
    }

    /// The rest of a quoted line that a mail program wrapped without a mark.
    fn stray(&self, lines: &[Line], i: usize) -> bool {
        if self.html || i == 0 || !lines[i - 1].quoted || !lines.get(i + 1).is_some_and(|line| line.quoted) {
            return false;
        }
        let above = lines[i - 1].text.trim_end();
        let text = lines[i].text.trim_start();
        above.chars().count() >= 60 && !above.ends_with(['.', '!', '?', ':']) && text.starts_with(char::is_lowercase)
    }

    /// Everything from `at` on is quoted; rules and telephone lines right above belong to it.
    fn cut(&mut self, lines: &[Line], at: usize) -> usize {
        self.quoted.extend(lines[at..].iter().map(|line| line.text.clone()));
        self.drop_device_lines();
        lines.len()
    }

    fn drop_device_lines(&mut self) {
        while let Some(last) = self.new.last() {
            let text = last.trim();
            let rule =
                text.chars().count() >= 2 && text.chars().all(|c| matches!(c, '-' | '_' | '=' | '*' | '—' | '–' | ' '));
            if !(text.is_empty() || rule || signature::is_device_line(text)) {
                break;
            }
            self.new.pop();
        }
        if !self.new.is_empty() {
            self.new.push(String::new());
        }
    }

    fn finish(self, whole: bool) -> NewText {
        let text = tidy(&self.new);
        let quoted = self.quoted.join("\n").trim().to_string();
        let nothing = text.is_empty() && quoted.is_empty();
        let sure = whole && !nothing && !self.doubt && !suspicious(&text);
        NewText { text, quoted, sure }
    }
}

/// Joined, with at most one empty line between two lines.
fn tidy(lines: &[String]) -> String {
    let mut text = String::new();
    let mut gap = false;
    for line in lines {
        if line.trim().is_empty() {
            gap = !text.is_empty();
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        if std::mem::take(&mut gap) {
            text.push('\n');
        }
        text.push_str(line.trim_end());
    }
    text
}

/// The first line that carries our marker, whole or wrapped onto the next line.
fn marker_line(lines: &[Line]) -> Option<usize> {
    lines.iter().enumerate().find_map(|(i, line)| {
        let near = line.text.to_ascii_lowercase().contains("deskd:");
        let two = || {
            format!(
                "{} {} {}",
                line.text,
                lines.get(i + 1).map_or("", |l| &l.text),
                lines.get(i + 2).map_or("", |l| &l.text)
            )
        };
        (near && (MARKED.is_match(&line.text) || MARKED.is_match(&two()))).then_some(i)
    })
}

/// The footer of a mailing list: a rule, few lines and an address of the list, at the very end.
fn is_list_footer(lines: &[Line], i: usize) -> bool {
    let rule = lines[i].text.trim();
    if rule.len() < 20 || !rule.chars().all(|c| c == '_') || lines.len() - i > 10 {
        return false;
    }
    let below: String = lines[i + 1..].iter().map(|line| line.text.to_lowercase() + "\n").collect();
    below.contains("mailing list") || below.contains("listinfo") || below.contains("unsubscribe")
}

/// Something in the new text still looks like a quote.
fn suspicious(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let named = |line: &&str| {
        field(line).is_some_and(|(name, value)| {
            name.is_some() && !value.is_empty() && (ADDRESS.is_match(value) || DATE.is_match(value))
        })
    };
    let barred = lines.iter().filter(|line| bare(line).starts_with('>')).count() > 1;
    barred || lines.windows(2).any(|pair| pair.iter().all(named)) || text.to_ascii_lowercase().contains("deskd:")
}
