//! `config/rules.toml`: `[words]` groups and `[[rule]]` tables, and how they become the desk's rules.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::desk::rules::{Doubt, Places, Rule, RuleProblem, When};
use crate::words::{Category, ClientKey, Priority};

/// The default rules, built into the program.
pub const DEFAULT: &str = include_str!("../../config/rules.toml");

/// A whole rules file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesFile {
    /// Groups of words; a rule names one as `@group`, a group may name others.
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub rule: Vec<RuleToml>,
}

/// One `[[rule]]` as written; DESIGN.md section 6.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleToml {
    pub name: String,
    pub any: Vec<String>,
    pub all: Vec<String>,
    pub none: Vec<String>,
    /// Lists of which each has a word in one and the same sentence.
    pub together: Vec<Vec<String>>,
    #[serde(rename = "in")]
    pub places: Vec<String>,
    pub regex: Vec<String>,
    pub from: Vec<String>,
    pub client: Vec<String>,
    pub source: Vec<String>,
    /// `"outside office"`, `"in office"`
    pub hours: Option<String>,
    /// Default: all for P1, all but `partial` for P2, none for others.
    pub doubts: Option<Vec<Doubt>>,
    /// `"P1"`
    pub priority: Option<String>,
    pub category: Option<String>,
    pub skill: Option<String>,
    pub tags: Vec<String>,
    pub also: bool,
}

impl RulesFile {
    /// The desk's rules, word groups filled in, or everything that is wrong.
    pub fn build(&self) -> Result<Vec<Rule>, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        let rules = self.rule.iter().map(|rule| self.one(rule, &mut problems)).collect();
        if problems.is_empty() { Ok(rules) } else { Err(problems) }
    }

    fn one(&self, rule: &RuleToml, problems: &mut Vec<RuleProblem>) -> Rule {
        let mut wrong =
            |key: &'static str, why: String| problems.push(RuleProblem { rule: rule.name.clone(), key, why });
        let mut places = Places::default();
        for place in &rule.places {
            match place.as_str() {
                "subject" => places.subject = true,
                "body" => places.body = true,
                other => wrong("in", format!("\"{other}\" is no place; write \"subject\" or \"body\"")),
            }
        }
        let hours = rule.hours.as_deref().and_then(|hours| match hours.split_once(' ') {
            Some((side @ ("outside" | "in"), calendar)) => {
                Some(When { outside: side == "outside", calendar: calendar.trim().to_owned() })
            }
            _ => {
                wrong("hours", format!("\"{hours}\" is not understood; write \"outside office\" or \"in office\""));
                None
            }
        });
        let priority = rule.priority.as_deref().and_then(|word| {
            word.parse::<Priority>()
                .map_err(|_| wrong("priority", format!("\"{word}\" is none of P1, P2, P3, P4")))
                .ok()
        });
        let category = rule.category.as_deref().and_then(|word| {
            let none = format!("\"{word}\" is none of retainer, project, tm, warranty");
            word.parse::<Category>().map_err(|_| wrong("category", none)).ok()
        });
        let mut fill = |key: &'static str, words: &[String]| {
            let mut all = Vec::new();
            self.fill(words, 0, &mut all).unwrap_or_else(|why| wrong(key, why));
            all
        };
        let (any, none) = (fill("any", &rule.any), fill("none", &rule.none));
        let together = rule.together.iter().map(|list| fill("together", list)).collect();
        Rule {
            name: rule.name.clone(),
            any,
            all: rule.all.clone(),
            none,
            together,
            places,
            regex: rule.regex.clone(),
            from: rule.from.clone(),
            client: rule.client.iter().map(|key| ClientKey(key.clone())).collect(),
            source: rule.source.clone(),
            hours,
            doubts: rule.doubts.clone().unwrap_or_else(|| usual_doubts(priority)),
            priority,
            category,
            skill: rule.skill.clone(),
            tags: rule.tags.clone(),
            also: rule.also,
        }
    }

    fn fill(&self, words: &[String], depth: usize, all: &mut Vec<String>) -> Result<(), String> {
        for word in words {
            let Some(group) = word.strip_prefix('@') else {
                all.push(word.clone());
                continue;
            };
            let Some(members) = self.words.get(group) else {
                return Err(format!("there is no group \"{group}\" under [words]"));
            };
            if depth > 8 {
                return Err(format!("the group \"{group}\" contains itself"));
            }
            self.fill(members, depth + 1, all)?;
        }
        Ok(())
    }
}

fn usual_doubts(priority: Option<Priority>) -> Vec<Doubt> {
    match priority {
        Some(Priority::P1) => Doubt::ALL.to_vec(),
        Some(Priority::P2) => vec![Doubt::Negated, Doubt::Over, Doubt::Supposed, Doubt::Own],
        _ => Vec::new(),
    }
}
