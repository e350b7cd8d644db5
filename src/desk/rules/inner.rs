//! `/…/` in `together`: regular expressions on the folded text. One is asked only where a text has what its matches begin with, and
//! compiled for good when it is first asked: most desks never meet most of them.

use std::sync::OnceLock;

use regex::Regex;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::compile::{Use, checked, on_folded};

#[derive(Debug)]
pub(super) struct Inner {
    /// As it stands in the rule.
    pub written: String,
    pub uses: Vec<Use>,
    /// It may begin with anything: asked of every text.
    pub always: bool,
    compiled: OnceLock<Option<Regex>>,
}

/// So many beginnings of one expression are looked for.
const BEGINNINGS: usize = 64;

impl Inner {
    /// Of one that was compiled before, so that it can be.
    pub fn new(written: &str, used: Use) -> Inner {
        Inner { written: written.to_owned(), uses: vec![used], always: true, compiled: OnceLock::new() }
    }

    pub fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| checked(&self.written, true).ok()).as_ref()
    }

    /// The texts with one of which every match begins; `None` where a match may begin with too much.
    pub fn beginnings(&self) -> Option<Vec<String>> {
        // Then a letter of the pattern stands for two.
        if self.written.contains(|letter: char| letter.is_ascii_uppercase()) {
            return None;
        }
        let hir = regex_syntax::parse(&on_folded(&self.written)).ok()?;
        let found = Extractor::new().kind(ExtractKind::Prefix).limit_total(BEGINNINGS).extract(&hir);
        let mut texts = Vec::new();
        for literal in found.literals()? {
            let text = String::from_utf8(literal.as_bytes().to_vec()).ok()?;
            // A blank alone, or nothing, stands in every text.
            if text.trim().is_empty() {
                return None;
            }
            texts.push(text);
        }
        texts.sort();
        // Where " no" is looked for, " not" is found too.
        texts.dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
        Some(texts)
    }
}
