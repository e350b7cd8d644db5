//! One request against all rules: what was found, what counts, who wins.

use std::collections::BTreeMap;

use super::compile::{Rules, Slot};
use super::doubt::{Doubt, Doubted, Scene, Seen};
use super::fold::{EXAMINED, SENTENCE, fold, new_text, prefix, readable};
use super::{Match, Rule, Verdict};
use crate::words::{ClientKey, Priority};

/// What triage looks at.
pub struct Request<'a> {
    pub subject: &'a str,
    /// The new text only, without quotes; at most 64 KiB of it are looked at.
    pub body: &'a str,
    /// The sender's address; empty when there is none.
    pub from: &'a str,
    pub client: Option<&'a ClientKey>,
    pub source: &'a str,
    /// Calendar name → open when the request arrived.
    pub is_open: &'a dyn Fn(&str) -> bool,
}

/// A word of a rule at these bytes of the folded text.
#[derive(Debug, Clone, Copy)]
struct Hit {
    slot: Slot,
    /// Of a `!phrase`.
    except: bool,
    start: usize,
    end: usize,
}

/// What a rule makes of its hits.
enum Outcome {
    /// Not all conditions are met: not worth a word.
    Silent,
    Lost {
        words: Vec<String>,
        why: String,
    },
    Won {
        words: Vec<String>,
    },
}

impl Rules {
    pub fn triage(&self, request: &Request<'_>) -> Verdict {
        let body = new_text(request.body);
        let subject = fold(prefix(current(request.subject, &body), 2048));
        let joined = format!("{subject}{SENTENCE}{}", fold(&body));
        let (text, slips) = self.vocabulary.correct(&joined);
        let ends: Vec<usize> = text.match_indices(SENTENCE).map(|(at, _)| at).collect();
        let subject_ends = ends.get(subject.matches(SENTENCE).count()).copied().unwrap_or(0);
        let (mut hits, seen) = self.search(&text);
        for rule in &self.wordless {
            hits.entry(*rule).or_default();
        }
        let raw = format!("{}\n{}", request.subject, prefix(&body, EXAMINED));
        let mut by_regex: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for found in self.regexes.matches(&raw) {
            let rule = self.regex_rules[found];
            by_regex.entry(rule).or_default().push(self.regexes.patterns()[found].clone());
            hits.entry(rule).or_default();
        }
        let scene = Scene { text: &text, ends, subject_ends, seen };
        let mut verdict = empty();
        let mut settled = Settled::default();
        for (index, hits) in &hits {
            let rule = &self.rules[*index];
            if !applies(rule, request) {
                continue;
            }
            let regexes = by_regex.get(index).map(Vec::as_slice).unwrap_or_default();
            match (Weighing { rule, scene: &scene, subject_ends, hits, regexes }).outcome() {
                Outcome::Silent => {}
                Outcome::Lost { words, why } => {
                    verdict.matches.push(Match { rule: rule.name.clone(), words, gave: Vec::new(), lost: Some(why) });
                }
                Outcome::Won { words } => settled.take(&mut verdict, rule, spelled(words, &slips)),
            }
        }
        verdict.priority = settled.priority.map_or(Priority::P3, |(priority, _)| priority);
        verdict.sensitive = verdict.tags.iter().any(|tag| tag == "sensitive");
        verdict
    }

    fn search(&self, text: &str) -> (BTreeMap<usize, Vec<Hit>>, Vec<Seen>) {
        let mut hits: BTreeMap<usize, Vec<Hit>> = BTreeMap::new();
        let mut seen = Vec::new();
        let mut begun: Vec<bool> = self.inner.iter().map(|inner| inner.always).collect();
        for found in self.automaton.find_overlapping_iter(text) {
            let pattern = &self.patterns[found.pattern().as_usize()];
            let start = found.start() + usize::from(pattern.spaced.0);
            let end = found.end() - usize::from(pattern.spaced.1);
            for used in &pattern.uses {
                hits.entry(used.rule).or_default().push(Hit { slot: used.slot, except: used.except, start, end });
            }
            pattern.begins.iter().for_each(|inner| begun[*inner] = true);
            seen.extend(pattern.signs.iter().map(|(sign, except)| Seen { sign: *sign, except: *except, start, end }));
        }
        for inner in self.inner.iter().zip(begun).filter_map(|(inner, begun)| begun.then_some(inner)) {
            for found in inner.regex().into_iter().flat_map(|regex| regex.find_iter(text).take(64)) {
                let (start, end) = (found.start(), found.end());
                for used in &inner.uses {
                    hits.entry(used.rule).or_default().push(Hit { slot: used.slot, except: used.except, start, end });
                }
            }
        }
        for hits in hits.values_mut() {
            drop_excepted(hits);
        }
        (hits, super::doubt::counted(seen))
    }
}

/// A `!shut down` takes the `down` in it away; what reaches out of the phrase on both sides stays.
fn drop_excepted(hits: &mut Vec<Hit>) {
    let excepts: Vec<Hit> = hits.iter().filter(|hit| hit.except).copied().collect();
    if !excepts.is_empty() {
        let taken = |hit: &Hit| excepts.iter().any(|except| except.slot == hit.slot && !apart(except, hit));
        hits.retain(|hit| !hit.except && !taken(hit));
    }
}

/// The subject, unless it only repeats what an answer is about: "Re: Outage" above a text of its own.
fn current<'a>(subject: &'a str, body: &str) -> &'a str {
    const ANSWERS: [&str; 14] =
        ["re:", "re :", "aw:", "antw:", "sv:", "vs:", "odp:", "rif:", "r:", "res:", "ref:", "re[", "antwort:", "réf:"];
    let head: String = subject.trim_start().chars().take(12).collect::<String>().to_lowercase();
    let answer = ANSWERS.iter().any(|answer| head.starts_with(answer));
    if answer && body.split_whitespace().count() >= 5 { "" } else { subject }
}

fn empty() -> Verdict {
    Verdict {
        priority: Priority::P3,
        category: None,
        skill: None,
        tags: Vec::new(),
        sensitive: false,
        matches: Vec::new(),
    }
}

/// Conditions that need no words.
fn applies(rule: &Rule, request: &Request<'_>) -> bool {
    let from = request.from.to_lowercase();
    let sender = |wanted: &String| {
        let wanted = wanted.to_lowercase();
        from == wanted || (wanted.starts_with('@') && from.ends_with(&wanted))
    };
    (rule.from.is_empty() || rule.from.iter().any(sender))
        && (rule.client.is_empty() || request.client.is_some_and(|client| rule.client.contains(client)))
        && (rule.source.is_empty() || rule.source.iter().any(|source| source == request.source))
        && rule.hours.as_ref().is_none_or(|when| (request.is_open)(&when.calendar) != when.outside)
}

/// `down (written "dwon")`
fn spelled(words: Vec<String>, slips: &[(String, String)]) -> Vec<String> {
    let note = |word: String| {
        let written = slips.iter().find(|(_, meant)| word.split(' ').any(|part| part == meant));
        match written {
            Some((written, _)) => format!("{word} (written {written})"),
            None => word,
        }
    };
    words.into_iter().map(note).collect()
}

/// One rule and everything of it that was found.
struct Weighing<'a> {
    rule: &'a Rule,
    scene: &'a Scene<'a>,
    subject_ends: usize,
    hits: &'a [Hit],
    regexes: &'a [String],
}

impl Weighing<'_> {
    fn outcome(&self) -> Outcome {
        let mut words = self.regexes.to_vec();
        let mut doubted = None;
        let wants_any = !self.rule.any.is_empty() || !self.rule.regex.is_empty();
        if wants_any && self.regexes.is_empty() && !self.one_of(Slot::Any, &mut words, &mut doubted) {
            return self.lost(words, doubted);
        }
        for at in 0..self.rule.all.len() {
            if !self.one_of(Slot::All(at), &mut words, &mut doubted) {
                return self.lost(words, doubted);
            }
        }
        if !self.rule.together.is_empty() && !self.together(&mut words, &mut doubted) {
            return self.lost(words, doubted);
        }
        if let Some(none) = self.hits.iter().find(|hit| hit.slot == Slot::None) {
            return Outcome::Lost { words, why: format!("its `none` word \"{}\" is there", self.word(none)) };
        }
        Outcome::Won { words }
    }

    fn lost(&self, words: Vec<String>, doubted: Option<(String, Doubted)>) -> Outcome {
        match doubted {
            Some((word, doubted)) => {
                let words = if words.is_empty() { vec![word] } else { words };
                Outcome::Lost { words, why: doubted.to_string() }
            }
            None => Outcome::Silent,
        }
    }

    /// As a human reads it: a keyword may begin or end with a blank or with the mark of a sentence's end.
    fn word(&self, hit: &Hit) -> String {
        readable(&self.scene.text[hit.start..hit.end])
    }

    /// In the subject or body, as the rule asks.
    fn placed(&self, hit: &Hit) -> bool {
        let places = self.rule.places;
        let in_subject = hit.start < self.subject_ends;
        (!places.subject && !places.body) || (places.subject && in_subject) || (places.body && !in_subject)
    }

    /// The first undoubted hit of this slot goes to `words`; otherwise the first doubt is kept. Where the body doubts all it
    /// says itself, the subject alone does not count: "No network" above "my PC has no network".
    fn one_of(&self, slot: Slot, words: &mut Vec<String>, doubted: &mut Option<(String, Doubted)>) -> bool {
        let (subject, body): (Vec<&Hit>, Vec<&Hit>) = self
            .hits
            .iter()
            .filter(|hit| hit.slot == slot && self.placed(hit))
            .partition(|hit| hit.start < self.subject_ends);
        let deciding = if body.is_empty() { subject } else { body };
        for hit in deciding {
            match self.scene.doubt(&self.rule.doubts, hit.start, hit.end) {
                None => {
                    words.push(self.word(hit));
                    return true;
                }
                Some(doubt) => {
                    doubted.get_or_insert((self.word(hit), doubt));
                }
            }
        }
        false
    }

    /// One sentence with an undoubted hit of every list, no two from the same place. A subject that says nothing else
    /// ("Telephones") is the topic of every sentence.
    fn together(&self, words: &mut Vec<String>, doubted: &mut Option<(String, Doubted)>) -> bool {
        let mut sentences: BTreeMap<usize, Vec<&Hit>> = BTreeMap::new();
        let mut topic = Vec::new();
        for hit in self.hits.iter().filter(|hit| matches!(hit.slot, Slot::Together(_)) && self.placed(hit)) {
            sentences.entry(self.scene.sentence(hit.start)).or_default().push(hit);
            if self.is_topic(hit) {
                topic.push(hit);
            }
        }
        // Where the body doubts all that it says itself, the subject alone does not count.
        let (subject, body): (Vec<_>, Vec<_>) =
            sentences.values().partition(|hits| hits.iter().all(|hit| hit.start < self.subject_ends));
        if body.iter().any(|hits| self.sentence(hits, words, doubted)) {
            return true;
        }
        if doubted.is_some() {
            return false;
        }
        if subject.iter().any(|hits| self.sentence(hits, words, doubted)) {
            return true;
        }
        let subject = topic.first().map(|hit| self.scene.sentence(hit.start));
        subject.is_some_and(|subject| {
            sentences.iter().filter(|(sentence, _)| **sentence != subject).any(|(_, hits)| {
                let with_topic: Vec<&Hit> = topic.iter().chain(hits).copied().collect();
                self.sentence(&with_topic, words, doubted)
            })
        })
    }

    /// More than half of the subject's words.
    fn is_topic(&self, hit: &Hit) -> bool {
        let words = |text: &str| text.split_whitespace().filter(|word| word.starts_with(char::is_alphanumeric)).count();
        hit.start < self.subject_ends
            && words(&self.scene.text[..self.subject_ends]) < 2 * words(&self.scene.text[hit.start..hit.end])
    }

    fn sentence(&self, hits: &[&Hit], words: &mut Vec<String>, doubted: &mut Option<(String, Doubted)>) -> bool {
        let lists = self.rule.together.len();
        if (0..lists).any(|list| !hits.iter().any(|hit| hit.slot == Slot::Together(list))) {
            return false;
        }
        let mut sure: Vec<Vec<&Hit>> = Vec::new();
        for list in 0..lists {
            let of_list = hits.iter().copied().filter(|hit| hit.slot == Slot::Together(list));
            let (free, first_doubt) = self.undoubted(of_list, list + 1 == lists);
            if free.is_empty() {
                if let Some(doubt) = first_doubt {
                    doubted.get_or_insert(doubt);
                }
                return false;
            }
            sure.push(free);
        }
        let found = one_of_each(&sure, &[]);
        words.extend(found.iter().flatten().map(|hit| self.word(hit)));
        found.is_some()
    }

    /// The hits that count, and the first doubt of the others.
    fn undoubted<'h>(
        &self,
        hits: impl Iterator<Item = &'h Hit>,
        last: bool,
    ) -> (Vec<&'h Hit>, Option<(String, Doubted)>) {
        // "no phones, all dead": what there is none of stands in the lists before the last.
        let known: Vec<Doubt> =
            self.rule.doubts.iter().copied().filter(|doubt| last || *doubt != Doubt::Absent).collect();
        let mut free = Vec::new();
        let mut first_doubt = None;
        for hit in hits.take(MOST_TRIED) {
            match self.scene.doubt(&known, hit.start, hit.end) {
                None => free.push(hit),
                Some(doubt) => {
                    first_doubt.get_or_insert((self.word(hit), doubt));
                }
            }
        }
        (free, first_doubt)
    }
}

/// Hits of one list in one sentence that are looked at.
const MOST_TRIED: usize = 24;

/// One hit of each list, no two from the same place.
fn one_of_each<'h>(lists: &[Vec<&'h Hit>], taken: &[&'h Hit]) -> Option<Vec<&'h Hit>> {
    let Some((first, rest)) = lists.split_first() else { return Some(taken.to_vec()) };
    first.iter().filter(|hit| taken.iter().all(|other| apart(hit, other))).find_map(|hit| {
        let mut taken = taken.to_vec();
        taken.push(hit);
        one_of_each(rest, &taken)
    })
}

fn apart(a: &Hit, b: &Hit) -> bool {
    a.end <= b.start || b.end <= a.start
}

/// Who gave what: the first of each kind wins.
#[derive(Default)]
struct Settled {
    priority: Option<(Priority, String)>,
    category: Option<String>,
    skill: Option<String>,
    /// The rule that gave tags; others add theirs only with `also`.
    tags: Option<String>,
}

impl Settled {
    fn take(&mut self, verdict: &mut Verdict, rule: &Rule, words: Vec<String>) {
        let mut gave = Vec::new();
        let mut lost = Vec::new();
        if let Some(priority) = rule.priority {
            match &self.priority {
                None => {
                    self.priority = Some((priority, rule.name.clone()));
                    gave.push(priority.to_string());
                }
                Some((_, earlier)) => lost.push(format!("priority came from \"{earlier}\"")),
            }
        }
        if let Some(category) = rule.category {
            match &self.category {
                None => {
                    self.category = Some(rule.name.clone());
                    verdict.category = Some(category);
                    gave.push(format!("category {category}"));
                }
                Some(earlier) => lost.push(format!("category came from \"{earlier}\"")),
            }
        }
        if let Some(skill) = &rule.skill {
            match &self.skill {
                None => {
                    self.skill = Some(rule.name.clone());
                    verdict.skill = Some(skill.clone());
                    gave.push(format!("skill {skill}"));
                }
                Some(earlier) => lost.push(format!("skill came from \"{earlier}\"")),
            }
        }
        match &self.tags {
            Some(earlier) if !rule.also && !rule.tags.is_empty() => lost.push(format!("tags came from \"{earlier}\"")),
            _ => {
                for tag in rule.tags.iter().filter(|tag| !verdict.tags.contains(tag)).cloned().collect::<Vec<_>>() {
                    gave.push(format!("tag {tag}"));
                    verdict.tags.push(tag);
                }
                if !rule.also && !rule.tags.is_empty() {
                    self.tags = Some(rule.name.clone());
                }
            }
        }
        let lost = (!lost.is_empty()).then(|| lost.join("; "));
        verdict.matches.push(Match { rule: rule.name.clone(), words, gave, lost });
    }
}
