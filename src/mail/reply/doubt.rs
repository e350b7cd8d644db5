//! Looks at a new text once more, as a stranger to how it was made: does anything in it still look quoted, or meant for the firm alone?

use std::sync::LazyLock;

use regex::Regex;

use super::attribution::{Strength, attribution, separator};
use super::block::{ADDRESS, DATE, Field, bare, block, field, pattern};

/// Lines that only our own notices to techs have.
static NOTICE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?im)^[\s>|*]*(?:first answer due |solution due |answer due |billed as: |why you: |earlier tickets: |similar, resolved:|one tap:|rule \x22[^\x22]+\x22|careful, sensitive request|the sender is not verified:|",
        r"#\d+ is yours: p[1-4]\b|p[1-4] \w+, \w+, .{1,60}, with )|deskd\s?[:：]|mailto:\S+[?&](?:subject|body)="
    ))
});

/// Something in the new text still looks like a quote, or like a piece of a notice.
pub(super) fn suspicious(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let barred = |line: &str| line.trim_start().starts_with('>');
    let piped = |line: &&str| line.trim_start().starts_with('|') && !line.trim_end().ends_with('|');
    NOTICE.is_match(text)
        || lines.iter().any(|line| barred(line))
        || lines.windows(2).any(|pair| pair.iter().all(piped) || pair.iter().all(|line| names(line)))
        || (0..lines.len()).any(|at| introduces(&lines, at))
}

/// A header line with an address or a moment in it.
fn names(line: &str) -> bool {
    field(line).is_some_and(|(name, value)| {
        name.is_some() && !value.is_empty() && (ADDRESS.is_match(value) || DATE.is_match(value))
    })
}

/// The line at `at` is one that mail programs put above a quote.
fn introduces(lines: &[&str], at: usize) -> bool {
    let line = bare(lines[at]);
    if line.is_empty() {
        return false;
    }
    let from = field(line).is_some_and(|(name, value)| name == Some(Field::From) && ADDRESS.is_match(value));
    let last = at + 1 == lines.len();
    from || separator(line, lines.get(at + 1..lines.len().min(at + 6)).unwrap_or_default()).is_some()
        || block(lines, at).is_some()
        || attribution(lines, at).is_some_and(|found| {
            found.strength >= Strength::Likely || ADDRESS.is_match(line) || last && DATE.is_match(line)
        })
}
