//! Finds the directive lines in a text and takes them out.

use super::argument;
use super::verb::{Known, look_up};
use super::{Context, Directive, Line, Reading, Refusal};
use crate::mail::picture::only_labels;
use crate::mail::reply::without_signature;
use crate::words::TicketNumber;

/// Reads the new text of a tech's mail. A `#` line that is a known verb, or one typo away from one, never stays in `rest`.
pub fn read(text: &str, context: &Context) -> Reading {
    let source: Vec<&str> = text.lines().collect();
    let candidates: Vec<Option<Candidate>> = source.iter().map(|line| candidate(line)).collect();
    let trailing: Vec<Option<Candidate>> = source.iter().map(|line| trailing(line, context)).collect();
    if candidates.iter().chain(&trailing).all(Option::is_none) {
        return Reading { lines: Vec::new(), rest: text.to_owned() };
    }
    // The last words stand above the signature, and a directive below them as well.
    let signed = without_signature(text).lines().count();
    let outer = outer_blocks(&source, &candidates, signed);
    let mut lines = Vec::new();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < source.len() {
        let Some(found) = &candidates[at] else {
            match &trailing[at] {
                Some(found) => lines.push(not_alone(source[at], found, outer[at])),
                None => kept.push(source[at]),
            }
            at += 1;
            continue;
        };
        let is_fix = found.verb == "fix";
        let more = if is_fix { continuation(&source[at + 1..], &candidates[at + 1..]) } else { 0 };
        let arguments = std::iter::once(found.arguments.as_str())
            .chain(source[at + 1..=at + more].iter().map(|line| line.trim()))
            .collect::<Vec<_>>()
            .join("\n");
        let raw = source[at..=at + more].iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
        let parsed = if outer[at] { found.parse(arguments.trim(), context) } else { Err(misplaced(found)) };
        lines.push(Line { raw, ticket: found.ticket, parsed });
        at += 1 + more;
    }
    Reading { lines, rest: kept.join("\n").trim().to_owned() }
}

/// A line that looks like a directive.
struct Candidate {
    ticket: Option<TicketNumber>,
    /// Lower case.
    verb: String,
    arguments: String,
}

impl Candidate {
    fn parse(&self, arguments: &str, context: &Context) -> Result<Directive, Refusal> {
        let line = |verb: &str| self.line(verb);
        match look_up(&self.verb) {
            Known::Nearly(meant) => Err(Refusal {
                why: format!("#{} is no directive; #{meant} is", self.verb),
                suggestions: vec![line(meant)],
            }),
            Known::Verb(_) if self.ticket.is_some() && !context.may_name_tickets => Err(Refusal {
                why: "this mail belongs to one ticket; a directive here names no other".to_owned(),
                suggestions: vec![format!("#{} {}", self.verb, self.arguments).trim_end().to_owned()],
            }),
            Known::Verb(verb) if !verb.available => Err(Refusal { why: verb.refusal(), suggestions: Vec::new() }),
            Known::Verb(verb) => argument::parse(verb.name, arguments, context).map_err(|mut refusal| {
                if let Some(ticket) = self.ticket {
                    for suggestion in &mut refusal.suggestions {
                        *suggestion = format!("{ticket} {}", suggestion.trim_start_matches('#'));
                    }
                }
                refusal
            }),
            Known::Text => Err(Refusal { why: format!("#{} is no directive", self.verb), suggestions: Vec::new() }),
        }
    }

    /// The corrected line.
    fn line(&self, verb: &str) -> String {
        let ticket = self.ticket.map(|ticket| format!("{ticket} ")).unwrap_or_default();
        let sign = if self.ticket.is_some() { "" } else { "#" };
        format!("{ticket}{sign}{verb} {}", self.arguments).trim_end().to_owned()
    }
}

/// Verbs that nobody writes at the end of a sentence without meaning them, where what follows is what they take.
const MEANT: [&str; 11] = ["done", "time", "cat", "p1", "p2", "p3", "p4", "called", "onsite", "spam", "undo"];

/// `…, is replaced. #done 15m`: the end of a line of text that is a directive if it stood alone.
fn trailing(line: &str, context: &Context) -> Option<Candidate> {
    let plain = plain(line);
    let (before, after) = plain.rsplit_once(" #")?;
    if before.trim().is_empty() || candidate(line).is_some() {
        return None;
    }
    let found = split(after)?;
    let Known::Verb(verb) = look_up(&found.verb) else { return None };
    let bare = found.arguments.is_empty() || matches!(verb.name, "done" | "time" | "cat" | "called");
    let understood = bare && argument::parse(verb.name, &found.arguments, context).is_ok();
    (MEANT.contains(&verb.name) && understood).then_some(found)
}

/// Refused, and put right on a line of its own where that would be taken.
fn not_alone(line: &str, found: &Candidate, outer: bool) -> Line {
    let directive = found.line(&found.verb);
    let text = line.rsplit_once('#').or_else(|| line.rsplit_once('＃')).map_or("", |(text, _)| text.trim());
    let suggestions = if outer { vec![format!("{text}\n{directive}")] } else { Vec::new() };
    let why = format!("{directive} must stand on a line of its own, among the first or last lines");
    Line { raw: line.trim().to_owned(), ticket: None, parsed: Err(Refusal { why, suggestions }) }
}

fn misplaced(found: &Candidate) -> Refusal {
    Refusal {
        why: format!("#{} stands in the middle of the text; move it to the first or last lines", found.verb),
        suggestions: vec![found.line(&found.verb)],
    }
}

/// `#verb …`, `＃verb`, `- #verb`, `#1042 verb`, `#1042 #verb`; `None` when the line is text.
fn candidate(line: &str) -> Option<Candidate> {
    let plain = plain(line);
    let bare = plain.trim_start_matches(['-', '*', '•', '·', '–', '‣', '◦', '"', '\'', ' ']).trim();
    let rest = bare.strip_prefix('#')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        let ticket = TicketNumber(rest[..digits].parse().ok()?);
        let named = rest[digits..].strip_prefix(' ')?.trim_start();
        let found = split(named.strip_prefix('#').unwrap_or(named))?;
        // In "#123 looks related" or "#12 open since May" the word is prose unless it is exactly a verb with its sign or alone.
        let exact = matches!(look_up(&found.verb), Known::Verb(_));
        return exact.then_some(Candidate { ticket: Some(ticket), ..found });
    }
    let found = split(rest.strip_prefix(' ').unwrap_or(rest))?;
    match look_up(&found.verb) {
        Known::Text => None,
        // "# not for you": a heading one letter away from a verb is no directive.
        Known::Nearly(_) if rest.starts_with(' ') => None,
        _ => Some(found),
    }
}

/// One space for every space, `#` for every `＃`, plain quotes, no invisible characters.
fn plain(line: &str) -> String {
    let map = |c: char| match c {
        '＃' | '﹟' => Some('#'),
        '’' | '‘' => Some('\''),
        '“' | '”' | '„' => Some('"'),
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{fe0f}' => None,
        c if c.is_whitespace() => Some(' '),
        c => Some(c),
    };
    line.chars().filter_map(map).collect::<String>().trim().to_owned()
}

fn split(text: &str) -> Option<Candidate> {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    let (verb, rest) = text.split_at(end);
    if verb.is_empty() || rest.starts_with(['/', '_', '@', '#']) {
        return None;
    }
    let arguments = rest.trim_start_matches([':', ',']).trim().trim_end_matches(['"', '\'']).trim();
    let arguments = if arguments.chars().all(|c| matches!(c, '.' | '!' | ';' | ',')) { "" } else { arguments };
    Some(Candidate { ticket: None, verb: verb.to_lowercase(), arguments: arguments.to_owned() })
}

/// Lines of `#fix` below its own: up to the next directive or blank line.
fn continuation(below: &[&str], candidates: &[Option<Candidate>]) -> usize {
    below
        .iter()
        .zip(candidates)
        .take_while(|(line, found)| !plain(line).is_empty() && !only_labels(line) && found.is_none())
        .count()
}

/// Which lines belong to the first or last block (paragraph) of the text, or to the last one above its signature, which begins after
/// `signed` lines. Blocks that are directives only count as part of the
/// outer block, so that blank lines between directives do no harm.
fn outer_blocks(source: &[&str], candidates: &[Option<Candidate>], signed: usize) -> Vec<bool> {
    // A picture below the last words, or a telephone's between two lines, makes no block of its own.
    let blank: Vec<bool> = source.iter().map(|line| plain(line).is_empty() || only_labels(line)).collect();
    let mark = |order: &mut dyn Iterator<Item = usize>, outer: &mut Vec<bool>| {
        let (mut in_text, mut seen_text) = (false, false);
        for at in order {
            if blank[at] {
                in_text = false;
                continue;
            }
            if candidates[at].is_none() {
                if seen_text && !in_text {
                    break;
                }
                in_text = true;
                seen_text = true;
            } else if seen_text && !in_text {
                break;
            }
            outer[at] = true;
        }
    };
    let mut outer = vec![false; source.len()];
    mark(&mut (0..source.len()), &mut outer);
    mark(&mut (0..source.len()).rev(), &mut outer);
    mark(&mut (0..signed.min(source.len())).rev(), &mut outer);
    outer
}
