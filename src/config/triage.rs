//! The keyword rules of a config: its `[[rule]]` sections, then the file named by `rules` or the built-in one; every fault with its line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::rules::{DEFAULT, RuleToml, RulesFile};
use super::secret::Surroundings;
use super::section::{Notes, Place, Section, Source};
use crate::desk::rules::{Rule, RuleProblem, Rules};

/// What a config file has of a rules file; the rest of it is not looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sections {
    words: BTreeMap<String, Vec<String>>,
    rule: Vec<RuleToml>,
}

/// All rules of the config, compiled. `skills` are those of the techs; `files` gets the rules file, for the watch on changes.
pub fn rules(roots: &[Section<'_>], skills: &[&str], around: &Surroundings, files: &mut Vec<PathBuf>) -> Rules {
    let Some(main) = roots.first() else { return Rules::none() };
    let own = file(roots, around, files);
    let last = own.as_ref().map_or(DEFAULT, |source| source.text.as_str());
    let built_in = Source { path: PathBuf::from("(built-in rules)"), text: String::new() };
    let last_source = own.as_ref().unwrap_or(&built_in);
    let last: RulesFile = read(main.notes, last_source, last);
    let mut all = Vec::new();
    for root in roots.iter().filter(|root| root.has("words") | root.has("rule")) {
        let found: Sections = read(main.notes, root.place.file, &root.place.file.text);
        let mut words = last.words.clone();
        words.extend(found.words);
        all.extend(built(main.notes, root.place.file, &RulesFile { words, rule: found.rule }, skills));
    }
    let known: Vec<&str> = if own.is_some() { skills.to_vec() } else { Vec::new() };
    all.extend(built(main.notes, last_source, &last, &known));
    Rules::compile(all).unwrap_or_else(|problems| {
        let sources: Vec<&Source> = roots.iter().map(|root| root.place.file).chain([last_source]).collect();
        for problem in &problems {
            let source = sources.iter().find(|source| place(source, &problem.rule, problem.key).is_some());
            tell(main.notes, source.copied().unwrap_or(main.place.file), problem);
        }
        Rules::none()
    })
}

/// The file named by `rules = "rules.toml"`.
fn file(roots: &[Section<'_>], around: &Surroundings, files: &mut Vec<PathBuf>) -> Option<Source> {
    let (root, named) = roots.iter().find_map(|root| Some((root, root.text("rules")?)))?;
    let path = around.path(named.value);
    files.push(path.clone());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        let wrong = format!("{} cannot be read: {error}", path.display());
        root.notes.wrong(&named.place, wrong, "name a file with [[rule]] sections");
        String::new()
    });
    Some(Source { path: PathBuf::from(named.value), text })
}

fn read<'de, T: Deserialize<'de> + Default>(notes: &Notes, source: &Source, text: &'de str) -> T {
    toml::from_str(text).unwrap_or_else(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let place = Place { file: source, offset, key: "rule".to_owned() };
        notes.wrong(&place, error.message().trim(), "see docs/rules.md");
        T::default()
    })
}

fn built(notes: &Notes, source: &Source, file: &RulesFile, skills: &[&str]) -> Vec<Rule> {
    let rules = file.build().unwrap_or_else(|problems| {
        problems.iter().for_each(|problem| tell(notes, source, problem));
        Vec::new()
    });
    for rule in &rules {
        let Some(skill) = rule.skill.as_ref().filter(|skill| !skills.is_empty() && !skills.contains(&skill.as_str()))
        else {
            continue;
        };
        let mut have = skills.to_vec();
        have.sort_unstable();
        have.dedup();
        let place = place(source, &rule.name, "skill").unwrap_or_else(|| Place {
            file: source,
            offset: 0,
            key: "rule".to_owned(),
        });
        let right = format!("the techs have {}; give it to a tech or name one of these", have.join(", "));
        notes.warn(&place, format!("no tech has the skill \"{skill}\""), right);
    }
    rules
}

fn tell(notes: &Notes, source: &Source, problem: &RuleProblem) {
    let place = place(source, &problem.rule, problem.key).unwrap_or_else(|| Place {
        file: source,
        offset: 0,
        key: format!("rule \"{}\"", problem.rule),
    });
    notes.wrong(&place, problem.why.clone(), "mend the rule (docs/rules.md)");
}

/// The line of `key` in the `[[rule]]` of this name (of the last, when two have one name); the rule's own line where it lacks the key.
fn place<'a>(source: &'a Source, rule: &str, key: &str) -> Option<Place<'a>> {
    let header = |line: &str| line.trim_start().starts_with("[[rule]]");
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        if header(line) {
            starts.push(at);
        }
        at += line.len();
    }
    let named = |start: &usize| {
        let table: Sections = toml::from_str(section(&source.text, *start)).unwrap_or_default();
        table.rule.first().is_some_and(|found| found.name.to_lowercase() == rule.to_lowercase())
    };
    let start = starts.iter().rfind(|start| named(start)).copied()?;
    let mut offset = start;
    for line in section(&source.text, start).split_inclusive('\n') {
        let rest = line.trim_start().strip_prefix(key);
        if rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return Some(Place { file: source, offset, key: format!("rule \"{rule}\".{key}") });
        }
        offset += line.len();
    }
    Some(Place { file: source, offset: start, key: format!("rule \"{rule}\".{key}") })
}

/// From this header to the next one of a rule.
fn section(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.get(1..).and_then(|rest| rest.find("\n[[rule]]")).map_or(rest.len(), |end| end + 2);
    rest.get(..end).unwrap_or(rest)
}
