//! From the rules of the config to one automaton, with every problem of every rule at once.

use std::collections::HashMap;
use std::collections::HashSet;

use aho_corasick::AhoCorasick;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::Rule;
use super::doubt::Sign;
use super::fold::{fold_phrase, is_unspaced};
use super::inner::Inner;
use super::signs::SIGNS;
use super::typo::Vocabulary;

const LONGEST_REGEX: usize = 1024;
const REGEX_MEMORY: usize = 1 << 20;
const MOST_RULES: usize = 20_000;
const MOST_WORDS: usize = 20_000;
const LONGEST_WORD: usize = 200;

/// What is wrong with a rule, for `deskd check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    pub rule: String,
    /// The key in the rule's table.
    pub key: &'static str,
    pub why: String,
}

/// What a found pattern means to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Any,
    /// Index into `all`.
    All(usize),
    None,
    /// Index into `together`.
    Together(usize),
}

/// A place of a rule that a pattern fills, or keeps from being filled (`!shut down`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub rule: usize,
    pub slot: Slot,
    pub except: bool,
}

/// The compiled rules of a config.
#[derive(Debug)]
pub struct Rules {
    pub(super) rules: Vec<Rule>,
    pub(super) automaton: AhoCorasick,
    /// Per pattern of the automaton: whose it is, and how many bytes of spaces it has before and behind the word.
    pub(super) patterns: Vec<Pattern>,
    /// `regex` of all rules, on the text as it came.
    pub(super) regexes: RegexSet,
    pub(super) regex_rules: Vec<usize>,
    /// `/…/` in `together`, on the folded text.
    pub(super) inner: Vec<Inner>,
    /// Rules that ask for no words: only for sender, client, source, hours.
    pub(super) wordless: Vec<usize>,
    pub(super) vocabulary: Vocabulary,
}

#[derive(Debug, Default)]
pub(super) struct Pattern {
    pub uses: Vec<Use>,
    /// With `true`: what keeps a shorter sign from counting.
    pub signs: Vec<(Sign, bool)>,
    /// Indices of `inner` whose matches may begin so.
    pub begins: Vec<usize>,
    pub spaced: (bool, bool),
}

impl Rules {
    /// A firm without rules: everything is P3.
    pub fn none() -> Rules {
        Rules {
            rules: Vec::new(),
            automaton: empty_automaton(),
            patterns: Vec::new(),
            regexes: RegexSet::empty(),
            regex_rules: Vec::new(),
            inner: Vec::new(),
            wordless: Vec::new(),
            vocabulary: Vocabulary::default(),
        }
    }

    pub fn compile(rules: Vec<Rule>) -> Result<Rules, Vec<RuleProblem>> {
        let mut build = Build::default();
        if rules.len() > MOST_RULES {
            build.problem("", "rule", format!("{} rules; at most {MOST_RULES} are taken", rules.len()));
        }
        let mut names = HashSet::new();
        for (index, rule) in rules.iter().enumerate() {
            if rule.name.trim().is_empty() {
                build.problem("(unnamed)", "name", format!("rule {} has no name; give it one", index + 1));
            } else if !names.insert(rule.name.to_lowercase()) {
                build.problem(&rule.name, "name", "another rule has this name; give each its own".to_owned());
            }
            build.rule(index, rule);
        }
        for (sign, words) in SIGNS {
            for word in words.split(',') {
                let (word, except) = exception(word.trim());
                if let Some(id) = build.pattern(word) {
                    build.patterns[id].signs.push((sign, except));
                }
            }
        }
        build.finish(rules)
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

#[derive(Default)]
struct Build {
    problems: Vec<RuleProblem>,
    ids: HashMap<String, usize>,
    patterns: Vec<Pattern>,
    regexes: Vec<String>,
    regex_rules: Vec<usize>,
    inner: HashMap<String, Inner>,
    wordless: Vec<usize>,
    vocabulary: Vocabulary,
}

impl Build {
    fn problem(&mut self, rule: &str, key: &'static str, why: String) {
        self.problems.push(RuleProblem { rule: rule.to_owned(), key, why });
    }

    fn rule(&mut self, index: usize, rule: &Rule) {
        if rule.priority.is_none() && rule.category.is_none() && rule.skill.is_none() && rule.tags.is_empty() {
            self.problem(&rule.name, "name", "does nothing; give it priority, category, skill or tags".to_owned());
        }
        let words =
            rule.any.len() + rule.all.len() + rule.none.len() + rule.together.iter().map(Vec::len).sum::<usize>();
        if words > MOST_WORDS {
            self.problem(&rule.name, "any", format!("{words} words; at most {MOST_WORDS} in one rule"));
            return;
        }
        let asks_words =
            !(rule.any.is_empty() && rule.all.is_empty() && rule.together.is_empty() && rule.regex.is_empty());
        let asks_else =
            !(rule.from.is_empty() && rule.client.is_empty() && rule.source.is_empty()) || rule.hours.is_some();
        match (asks_words, asks_else) {
            (false, true) => self.wordless.push(index),
            (false, false) => {
                self.problem(
                    &rule.name,
                    "any",
                    "has no condition; give it words, a regex, a sender or hours".to_owned(),
                );
            }
            _ => {}
        }
        for word in &rule.any {
            self.word(index, rule, "any", word, Slot::Any);
        }
        for (at, word) in rule.all.iter().enumerate() {
            self.word(index, rule, "all", word, Slot::All(at));
        }
        for word in &rule.none {
            self.word(index, rule, "none", word, Slot::None);
        }
        for (at, list) in rule.together.iter().enumerate() {
            if list.is_empty() {
                self.problem(&rule.name, "together", "has an empty list and can never match".to_owned());
            }
            for word in list {
                self.word(index, rule, "together", word, Slot::Together(at));
            }
        }
        self.never(rule);
        for regex in &rule.regex {
            self.regex(index, rule, regex);
        }
    }

    /// A word that is both wanted and forbidden.
    fn never(&mut self, rule: &Rule) {
        let forbidden: HashSet<String> =
            rule.none.iter().filter(|word| !exception(word).1).map(|word| fold_phrase(word)).collect();
        let hit = |word: &&String| !exception(word).1 && forbidden.contains(&fold_phrase(word));
        if let Some(word) = rule.all.iter().find(hit) {
            self.problem(&rule.name, "all", format!("\"{word}\" is also in `none`: the rule can never match"));
        }
        if !rule.any.is_empty() && rule.regex.is_empty() && rule.any.iter().all(|word| hit(&word)) {
            self.problem(&rule.name, "any", "every word is also in `none`: the rule can never match".to_owned());
        }
    }

    fn word(&mut self, index: usize, rule: &Rule, key: &'static str, word: &str, slot: Slot) {
        let (word, except) = exception(word);
        let used = Use { rule: index, slot, except };
        if let Some(regex) =
            word.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|_| key == "together")
        {
            return self.inner_regex(rule, regex, used);
        }
        if word.len() > LONGEST_WORD {
            return self.problem(&rule.name, key, format!("a phrase of {} bytes; at most {LONGEST_WORD}", word.len()));
        }
        match self.pattern(word) {
            Some(id) => self.patterns[id].uses.push(used),
            None => self.problem(&rule.name, key, format!("\"{word}\" has no letter or digit and can never match")),
        }
    }

    /// The id of a word's pattern; `None` when nothing of the word is left after folding.
    fn pattern(&mut self, word: &str) -> Option<usize> {
        let word = word.trim();
        let (open_start, open_end) = (word.starts_with('*'), word.ends_with('*'));
        let folded = fold_phrase(word.trim_matches('*'));
        let before = !open_start && !folded.starts_with(is_unspaced);
        let behind = !open_end && !folded.ends_with(is_unspaced);
        if folded.is_empty() {
            return None;
        }
        for part in folded.split(' ') {
            self.vocabulary.learn(part);
        }
        let text = format!("{}{folded}{}", if before { " " } else { "" }, if behind { " " } else { "" });
        let next = self.patterns.len();
        let id = *self.ids.entry(text).or_insert(next);
        if id == next {
            self.patterns.push(Pattern { spaced: (before, behind), ..Pattern::default() });
        }
        Some(id)
    }

    fn regex(&mut self, index: usize, rule: &Rule, regex: &str) {
        match checked(regex, false) {
            Ok(compiled) if compiled.is_match("") => {
                self.problem(&rule.name, "regex", format!("\"{regex}\" matches every mail; make it ask for something"));
            }
            Ok(_) => {
                self.regexes.push(regex.to_owned());
                self.regex_rules.push(index);
            }
            Err(why) => self.problem(&rule.name, "regex", why),
        }
    }

    fn inner_regex(&mut self, rule: &Rule, regex: &str, used: Use) {
        if let Some(inner) = self.inner.get_mut(regex) {
            return inner.uses.push(used);
        }
        match checked(regex, true) {
            Ok(_) => {
                self.inner.insert(regex.to_owned(), Inner::new(regex, used));
            }
            Err(why) => self.problem(&rule.name, "together", why),
        }
    }

    /// The automaton looks for what the expression's matches begin with.
    fn begin(&mut self, index: usize, inner: &mut Inner) {
        let Some(beginnings) = inner.beginnings() else { return };
        inner.always = false;
        for text in beginnings {
            let next = self.patterns.len();
            let id = *self.ids.entry(text).or_insert(next);
            if id == next {
                self.patterns.push(Pattern::default());
            }
            self.patterns[id].begins.push(index);
        }
    }

    fn finish(mut self, rules: Vec<Rule>) -> Result<Rules, Vec<RuleProblem>> {
        // Hits in the same order in every run, and so the same words in an explanation.
        let mut inner: Vec<Inner> = std::mem::take(&mut self.inner).into_values().collect();
        inner.sort_by(|a, b| a.written.cmp(&b.written));
        for (index, inner) in inner.iter_mut().enumerate() {
            self.begin(index, inner);
        }
        let mut texts = vec![""; self.patterns.len()];
        for (text, id) in &self.ids {
            texts[*id] = text;
        }
        let automaton = AhoCorasick::new(&texts);
        let regexes = RegexSetBuilder::new(&self.regexes).case_insensitive(true).size_limit(64 * REGEX_MEMORY).build();
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        match (automaton, regexes) {
            (Ok(automaton), Ok(regexes)) => Ok(Rules {
                rules,
                automaton,
                patterns: self.patterns,
                regexes,
                regex_rules: self.regex_rules,
                inner,
                wordless: self.wordless,
                vocabulary: self.vocabulary,
            }),
            (automaton, regexes) => {
                let why = [automaton.err().map(|e| e.to_string()), regexes.err().map(|e| e.to_string())];
                let why: Vec<String> = why.into_iter().flatten().collect();
                self.problem("", "rule", format!("all rules together are too large: {}", why.join("; ")));
                Err(self.problems)
            }
        }
    }
}

/// `!shut down` is a phrase whose words do not count.
fn exception(word: &str) -> (&str, bool) {
    word.strip_prefix('!').map_or((word, false), |phrase| (phrase, true))
}

/// In folded text every sign that is no letter or digit is ASCII, so that `\w` need not know all of Unicode: a tenth of the size.
pub(super) fn on_folded(regex: &str) -> String {
    regex.replace(r"\w", r"[a-z0-9_\u{80}-\u{10ffff}]")
}

/// Compiled alone, so that a problem names its rule.
pub(super) fn checked(written: &str, on_folded_text: bool) -> Result<Regex, String> {
    if written.len() > LONGEST_REGEX {
        return Err(format!("a regex of {} bytes; at most {LONGEST_REGEX}", written.len()));
    }
    let meant = if on_folded_text { on_folded(written) } else { written.to_owned() };
    let why = |error: &regex::Error| error.to_string().lines().last().unwrap_or_default().to_owned();
    RegexBuilder::new(&meant)
        // Folded text has no capitals, and case over all of Unicode took the built-in rules half a second.
        .case_insensitive(!on_folded_text || written.contains(|c: char| c.is_ascii_uppercase()))
        .size_limit(REGEX_MEMORY)
        .build()
        .map_err(|error| format!("\"{written}\" is no regex: {}", why(&error)))
}

#[expect(clippy::expect_used, reason = "an automaton of no patterns cannot be too large")]
fn empty_automaton() -> AhoCorasick {
    AhoCorasick::new([""; 0]).expect("no patterns")
}
