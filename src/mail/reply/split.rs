//! Takes a body apart line by line: what is new, what introduces a quote, what is quoted.

use std::sync::LazyLock;

use regex::Regex;

use super::attribution::{Strength, attribution, resembles, separator, weighs};
use super::block::{self, block, field};
use super::doubt::suspicious;
use super::{Line, NewText, signature};

/// The marker, also with quote marks, other dashes or a line break in it.
static MARKED: LazyLock<Regex> = LazyLock::new(|| {
    block::pattern(
        r"(?i)deskd\s?[:：][\s>|*_\u{200b}]*write[\s>|*_\u{200b}]+above[\s>|*_\u{200b}]+this[\s>|*_\u{200b}]+line",
    )
});
static DESKD: LazyLock<Regex> = LazyLock::new(|| block::pattern(r"(?i)deskd\s?[:：]"));
/// A reply address of ours: nobody types one.
static OURS: LazyLock<Regex> = LazyLock::new(|| block::pattern(r"\+r[a-z0-9]{20,40}@"));
/// What is left of it when a program translated or shortened it.
static ALONE: LazyLock<Regex> = LazyLock::new(|| block::pattern(r"(?i)^[\s>|*]*[-–—]{1,3}\s*deskd\s?[:：]"));

pub(super) struct Split {
    lines: Vec<Line>,
    html: bool,
    new: Vec<String>,
    quoted: Vec<String>,
    /// A quote was taken out right before the line at hand.
    after_quote: bool,
    doubt: bool,
    pub(super) looks: usize,
    /// Our marker stood right below `lines`: an attribution at their end needs no other proof.
    marked: bool,
    /// Unquoted lines stand below a quoted marker: the answer, where none stands above it.
    tail: bool,
    /// A line that introduces a quote was found.
    introduced: bool,
}

impl Split {
    pub(super) fn new(mut lines: Vec<Line>, html: bool) -> Self {
        let (mut quoted, mut doubt, mut tail, mut marked) = (Vec::new(), false, false, false);
        if let Some(at) = marker_line(&lines) {
            let below = lines.split_off(at);
            doubt = answered_below(&below);
            tail = written_below(&below);
            quoted = below.into_iter().map(|line| line.text).collect();
            marked = true;
        }
        Split {
            lines,
            html,
            new: Vec::new(),
            quoted,
            after_quote: false,
            doubt,
            looks: 0,
            marked,
            tail,
            introduced: false,
        }
    }

    pub(super) fn run(&mut self) {
        let marked = std::mem::take(&mut self.quoted);
        let lines = std::mem::take(&mut self.lines);
        let texts: Vec<&str> = lines.iter().map(|line| if line.quoted { "" } else { line.text.as_str() }).collect();
        let mut i = 0;
        while i < lines.len() {
            self.looks += 1;
            i = self.step(&lines, &texts, i);
        }
        if self.marked && !self.introduced {
            self.drop_introduction();
        }
        self.quoted.extend(marked);
    }

    /// The words a program wrote between the author's text and our marker, in a language or shape that no rule knew.
    fn drop_introduction(&mut self) {
        let filled = |line: &String| !line.trim().is_empty();
        let Some(last) = self.new.iter().rposition(filled) else { return };
        let start = self.new[..last].iter().rposition(|line| line.trim().is_empty()).map_or(0, |at| at + 1);
        let start = start.max(last.saturating_sub(5));
        let Some(first) = (start..=last).find(|&at| resembles(&self.new[at..=last].join(" "))) else { return };
        // The last line of the paragraph that still makes it one: what stands above it is the author's.
        let first = (first..=last).rev().find(|&at| resembles(&self.new[at..=last].join(" "))).unwrap_or(first);
        let whole = (start..first).rev().take_while(|&at| field(&self.new[at]).is_some()).last().unwrap_or(first);
        let said = self.new[whole..=last].join(" ");
        // A colon, a verb or our reply address is proof; an address and a moment may also be the author's own last words.
        self.doubt |= !(said.trim_end().ends_with([':', '：']) || OURS.is_match(&said) || weighs(&said));
        let gone = self.new.split_off(whole);
        self.quoted.extend(gone);
        self.drop_device_lines();
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
            self.introduced = true;
            return self.cut(lines, i);
        }
        if let Some(found) = block(texts, i) {
            self.introduced = true;
            self.doubt |= !found.sure && !self.marked;
            return self.cut_or_keep(lines, i, found.end, true);
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
        // Nobody knows whether its author knows of it.
        self.doubt |= line.dim;
        self.new.push(line.text.clone());
        i + 1
    }

    /// What follows an attribution: quoted lines are taken out and reading goes on; unmarked text is all the earlier mail.
    fn introduced(&mut self, lines: &[Line], at: usize, count: usize, strength: Strength) -> Option<usize> {
        let next = (at + count..lines.len().min(at + count + 12)).find(|&j| !lines[j].text.trim().is_empty());
        let barred = |line: &Line| line.quoted || line.text.trim_start().starts_with(['>', '|']);
        let quote_follows = next.is_some_and(|j| barred(&lines[j]));
        if !quote_follows {
            let to_marker = self.marked && next.is_none();
            self.introduced |= strength >= Strength::Likely || to_marker;
            if strength < Strength::Likely && !to_marker {
                return None;
            }
            self.doubt |= strength == Strength::Likely && !self.marked;
            return Some(match next {
                Some(_) => self.cut_or_keep(lines, at, at + count, false),
                None => self.cut(lines, at),
            });
        }
        let mut end = next?;
        self.introduced = true;
        while lines.get(end).is_some_and(&barred) {
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

    /// As `cut`. A mail that begins with its introduction is nothing but an earlier mail: its reader wants to see it, and nobody may
    /// relay it. `head` keeps the introduction too.
    fn cut_or_keep(&mut self, lines: &[Line], at: usize, end: usize, head: bool) -> usize {
        if self.marked || self.new.iter().any(|text| !text.trim().is_empty()) || !self.quoted.is_empty() {
            return self.cut(lines, at);
        }
        self.doubt = true;
        let introduction = lines[at..end].iter().map(|line| line.text.clone());
        if head {
            self.new.extend(introduction)
        } else {
            self.quoted.extend(introduction)
        }
        end
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

    pub(super) fn finish(self, whole: bool) -> NewText {
        let mut text = tidy(&self.new);
        let nested =
            self.quoted.iter().any(|line| line.contains('@') || line.starts_with(">>") || line.starts_with("> >"));
        let bare_quote = text.is_empty() && !self.html && !self.marked && !self.introduced && !nested;
        if bare_quote {
            // Nothing says that somebody else wrote it; `sure` stays false.
            text = tidy(&self.quoted);
        }
        let quoted = self.quoted.join("\n").trim().to_string();
        let nothing = text.is_empty() && quoted.is_empty();
        let below = text.is_empty() && self.tail;
        let sure = whole && !nothing && !below && !self.doubt && !suspicious(&text);
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

/// The marker stands somewhere in the text.
pub fn is_marked(text: &str) -> bool {
    MARKED.is_match(text) || text.lines().any(|line| ALONE.is_match(line))
}

/// The first line that carries our marker, whole or wrapped onto the next lines.
fn marker_line(lines: &[Line]) -> Option<usize> {
    let text = |at: usize| lines.get(at).map_or("", |line: &Line| line.text.as_str());
    (0..lines.len()).find(|&at| {
        let line = text(at);
        let near = DESKD.is_match(line);
        near && (MARKED.is_match(line) || MARKED.is_match(&format!("{line} {} {}", text(at + 1), text(at + 2))))
            || ALONE.is_match(line)
    })
}

/// Below a quoted marker somebody wrote between the quotes: what he or she wrote there is lost, so the author is asked.
fn answered_below(below: &[Line]) -> bool {
    let quoted = |line: &Line| line.quoted || line.text.trim_start().starts_with('>');
    if !below.first().is_some_and(quoted) {
        return false;
    }
    let Some(last) = below.iter().rposition(quoted) else { return false };
    let own = |pair: &&[Line]| {
        let apart = pair[0].text.trim().trim_start_matches('>').trim().is_empty() || !quoted(&pair[0]);
        apart && !quoted(&pair[1]) && !pair[1].text.trim().is_empty()
    };
    below[..last].windows(2).filter(own).count() > 0
}

fn written_below(below: &[Line]) -> bool {
    let quoted = |line: &Line| line.quoted || line.text.trim_start().starts_with('>');
    below.first().is_some_and(quoted) && below.iter().any(|line| !quoted(line) && !line.text.trim().is_empty())
}

/// The footer of a mailing list: a rule, few lines and an address of the list, at the very end.
fn is_list_footer(lines: &[Line], i: usize) -> bool {
    let rule = lines[i].text.trim();
    if rule.len() < 2 || !rule.chars().all(|c| c == '_') || lines.len() - i > 10 {
        return false;
    }
    let below: String = lines[i + 1..].iter().map(|line| line.text.to_lowercase() + "\n").collect();
    below.contains("mailing list") || below.contains("listinfo") || below.contains("unsubscribe")
}
