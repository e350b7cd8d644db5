//! What triage found, and why in words.

use std::fmt;

use serde::Serialize;

use crate::words::{Category, Priority};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// P3 when no rule gave one.
    pub priority: Priority,
    pub category: Option<Category>,
    pub skill: Option<String>,
    pub tags: Vec<String>,
    /// The tag `sensitive`: password and MFA resets, leavers, new administrators, bank details.
    pub sensitive: bool,
    /// Every rule whose words were found, in the order of the rules.
    pub matches: Vec<Match>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    pub rule: String,
    /// As found, folded.
    pub words: Vec<String>,
    /// `P1`, `skill network`, `tag outage`; empty when it lost everything.
    pub gave: Vec<String>,
    /// Why it gave nothing, or not all it could.
    pub lost: Option<String>,
}

impl Verdict {
    /// Names of the rules that gave something, for `deskd why` and the assignment mail.
    pub fn rules(&self) -> Vec<String> {
        self.matches.iter().filter(|found| !found.gave.is_empty()).map(|found| found.rule.clone()).collect()
    }

    /// What `deskd rules test` prints.
    pub fn explain(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.priority)?;
        if let Some(category) = self.category {
            write!(f, " · {category}")?;
        }
        if let Some(skill) = &self.skill {
            write!(f, " · skill {skill}")?;
        }
        if !self.tags.is_empty() {
            write!(f, " · tags {}", self.tags.join(", "))?;
        }
        writeln!(f)?;
        if self.matches.is_empty() {
            writeln!(f, "  no rule matched: P3 is what remains")?;
        }
        for found in &self.matches {
            writeln!(f, "  rule \"{}\" on \"{}\"", found.rule, found.words.join("\", \""))?;
            if !found.gave.is_empty() {
                writeln!(f, "    gave {}", found.gave.join(", "))?;
            }
            if let Some(lost) = &found.lost {
                writeln!(f, "    lost: {lost}")?;
            }
        }
        Ok(())
    }
}
