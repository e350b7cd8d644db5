//! What makes found words not count: negation, repair, supposition, one person's own trouble, a part instead of the whole.
//!
//! The signs are words in nine languages, searched by the same automaton as the rules' own; a rule says which doubts it knows.

use super::fold::readable;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why found words may not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doubt {
    /// "not down": a negating word right before the match.
    Negated,
    /// "there is no ransomware": a "no" right before the match. Not among the usual ones, for "no network" is an outage.
    Absent,
    /// "is back up", "after the outage": what was said before it is over.
    Over,
    /// "if the server goes down", "planned power outage", "training about outages": same sentence.
    Supposed,
    /// "my internet", "only me", "colleagues are fine": one person, unless the text also names everybody.
    Own,
    /// "intermittent", "one of our two servers", "we can still work": a part is left.
    Partial,
}

impl Doubt {
    /// What rules that give P1 know when they say nothing else.
    pub const ALL: [Doubt; 5] = [Doubt::Negated, Doubt::Over, Doubt::Supposed, Doubt::Own, Doubt::Partial];
}

/// The meaning of a sign word in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Right before a match.
    Not,
    /// Right before a match: "no", where the rule asks for it.
    No,
    /// Takes back everything up to the end of its sentence.
    Over,
    /// Right before a match: "after the outage".
    After,
    /// In the same sentence, with an `Over` before it: "mail works again, only the TV has no signal".
    Leftover,
    /// Right before an `Over`: "since the power came back" tells a moment.
    Since,
    /// "but", "now": what follows it in the sentence is not touched by what stood before.
    Turn,
    Supposed,
    /// Right before a match: "my".
    My,
    /// In the same sentence: "for me".
    ForMe,
    /// Anywhere: "only me".
    OnlyMe,
    /// Anywhere: "my laptop".
    MyDevice,
    /// Anywhere: "colleagues are fine".
    OthersFine,
    /// Lifts `OthersFine`: "five of us", "several".
    Several,
    /// After a number, like `Several`: "eight pickers".
    People,
    /// In the same sentence: "laptop", "the mouse": a thing that one person has.
    Device,
    /// Lifts `My` and `ForMe`.
    Everybody,
    /// In the same sentence.
    Partial,
    /// Anywhere: "we can still work".
    StillWorks,
}

/// A sign found at these bytes of the folded text.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub sign: Sign,
    /// Of a `!phrase`: keeps the same sign in it from counting.
    pub except: bool,
    pub start: usize,
    pub end: usize,
}

/// A doubt with the word that raised it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubted {
    pub doubt: Doubt,
    pub word: String,
}

impl fmt::Display for Doubted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.doubt {
            Doubt::Negated | Doubt::Absent => "negated by",
            Doubt::Over => "over, by",
            Doubt::Supposed => "supposed, planned or told, by",
            Doubt::Own => "one person's own, by",
            Doubt::Partial => "only a part, by",
        };
        write!(f, "{what} \"{}\"", self.word)
    }
}

/// The signs without those inside a `!phrase` of their own.
pub fn counted(seen: Vec<Seen>) -> Vec<Seen> {
    let excepts: Vec<Seen> = seen.iter().filter(|seen| seen.except).copied().collect();
    let taken = |one: &Seen| {
        excepts.iter().any(|except| except.sign == one.sign && except.start < one.end && one.start < except.end)
    };
    seen.into_iter().filter(|one| !one.except && !taken(one)).collect()
}

/// "my team" is more than one person's own.
const MANY: [&str; 24] = [
    "team",
    "department",
    "colleagues",
    "staff",
    "office",
    "company",
    "customers",
    "clients",
    "firm",
    "people",
    "shop",
    "site",
    "branch",
    "floor",
    "employees",
    "abteilung",
    "kollegen",
    "firma",
    "afdeling",
    "equipe",
    "service",
    "equipo",
    "reparto",
    "dzial",
];

/// Counts of more than one, as words.
const NUMBERS: [&str; 34] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "fifteen", "twenty",
    "thirty", "zwei", "drei", "vier", "funf", "sechs", "acht", "zehn", "twee", "drie", "vijf", "zes", "tien", "deux",
    "trois", "quatre", "cinq", "huit", "dix", "vingt", "dozen",
];

/// Folded text with what the doubts need to know about it.
pub struct Scene<'a> {
    pub text: &'a str,
    /// Byte positions of sentence ends, ascending.
    pub ends: Vec<usize>,
    /// Where the subject ends.
    pub subject_ends: usize,
    pub seen: Vec<Seen>,
}

impl Scene<'_> {
    pub fn sentence(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at)
    }

    /// The first of the rule's doubts that this match raises.
    pub fn doubt(&self, known: &[Doubt], start: usize, end: usize) -> Option<Doubted> {
        known.iter().find_map(|doubt| {
            let seen = match doubt {
                Doubt::Negated => self.right_before(Sign::Not, start, 2),
                Doubt::Absent => self.right_before(Sign::No, start, 1),
                Doubt::Over => self.over(start, end).or_else(|| self.right_before(Sign::After, start, 2)),
                Doubt::Supposed => self.same_sentence(Sign::Supposed, start, end),
                Doubt::Own => self.own(start, end),
                Doubt::Partial => self
                    .same_sentence(Sign::Partial, start, end)
                    .or_else(|| self.told_below(Sign::Partial, start))
                    .or_else(|| self.anywhere(Sign::StillWorks))
                    .or_else(|| self.anywhere(Sign::OthersFine)),
            }?;
            Some(Doubted { doubt: *doubt, word: readable(&self.text[seen.start..seen.end]) })
        })
    }

    fn of(&self, sign: Sign) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| seen.sign == sign)
    }

    fn anywhere(&self, sign: Sign) -> Option<&Seen> {
        self.of(sign).next()
    }

    /// At most `words` words between the sign and the match, in the same clause.
    fn right_before(&self, sign: Sign, start: usize, words: usize) -> Option<&Seen> {
        self.of(sign).find(|seen| {
            seen.end <= start && {
                let between = &self.text[seen.end..start];
                !between.contains(['\u{1}', '\u{2}']) && between.split_whitespace().count() <= words
            }
        })
    }

    /// "not one of our shops", "any of the three shops", "all three of our sites".
    fn of_all(&self, part: &Seen) -> bool {
        let before = self.text[..part.start].split_whitespace().next_back();
        before.is_some_and(|word| ["not", "all", "any", "none", "each", "every", "either", "neither"].contains(&word))
    }

    fn turned(&self, from: usize, to: usize) -> bool {
        self.of(Sign::Turn).any(|turn| turn.start >= from && turn.end <= to)
    }

    /// Outside the match itself, and no "but now" between the sign and the match.
    fn same_sentence(&self, sign: Sign, start: usize, end: usize) -> Option<&Seen> {
        let sentence = self.sentence(start);
        self.of(sign).find(|seen| {
            let outside = seen.start < start || seen.end > end;
            // "not one of our shops" is all of them.
            let denied = sign == Sign::Partial && self.of_all(seen);
            outside
                && !denied
                && (sign != Sign::Supposed || (self.close(seen, end) && !self.onset(seen)))
                && self.sentence(seen.start) == sentence
                && !(seen.end <= start && self.turned(seen.end, start))
        })
    }

    /// What follows far behind in a sentence without a stop ("nobody can …, and we have surgery planned") is another matter.
    fn close(&self, seen: &Seen, end: usize) -> bool {
        seen.start <= end || self.text[end..seen.start].split_whitespace().count() <= 8
    }

    /// "Dead since your maintenance", "after the training": it happened.
    fn onset(&self, seen: &Seen) -> bool {
        [Sign::After, Sign::Since].iter().any(|sign| self.right_before(*sign, seen.start, 2).is_some())
    }

    fn over(&self, start: usize, end: usize) -> Option<&Seen> {
        let sentence = self.sentence(start);
        self.of(Sign::Over).find(|seen| {
            let outside = seen.end <= start || seen.start >= end;
            // "not solved"; "since the power came back" tells a moment, not a repair.
            let denied = [Sign::Not, Sign::No, Sign::After, Sign::Since]
                .iter()
                .any(|sign| self.right_before(*sign, seen.start, 2).is_some());
            let relapse = seen.end <= start && self.turned(seen.end, start);
            outside && !denied && !relapse && (self.sentence(seen.start) >= sentence || self.left_over(sentence))
        })
    }

    /// "Only the TV still has no signal", after it was told that all is well.
    fn left_over(&self, sentence: usize) -> bool {
        let here = |sign: Sign| self.of(sign).any(|seen| self.sentence(seen.start) == sentence);
        here(Sign::Leftover) && !here(Sign::Everybody) && !here(Sign::Turn)
    }

    /// "my docking station has no network", but not "my whole team has none".
    fn my_thing(&self, start: usize) -> Option<&Seen> {
        let many = |seen: &Seen| {
            let behind = self.text[seen.end..].split_whitespace().take(2);
            behind.into_iter().any(|word| MANY.contains(&word))
        };
        self.right_before(Sign::My, start, 4).filter(|seen| !many(seen))
    }

    /// "eight order pickers", "15 colleagues".
    fn counted_people(&self, people: &Seen) -> bool {
        let number =
            |word: &str| NUMBERS.contains(&word) || word.parse().is_ok_and(|count: u32| (2..5000).contains(&count));
        self.text[..people.start].split_whitespace().rev().take(3).any(number)
    }

    /// A subject is about what its body tells.
    fn told_below(&self, sign: Sign, start: usize) -> Option<&Seen> {
        self.of(sign).find(|seen| start < self.subject_ends && !(sign == Sign::Partial && self.of_all(seen)))
    }

    fn own(&self, start: usize, end: usize) -> Option<&Seen> {
        if let Some(seen) = self.anywhere(Sign::OnlyMe) {
            return Some(seen);
        }
        let several =
            self.anywhere(Sign::Several).is_some() || self.of(Sign::People).any(|people| self.counted_people(people));
        if !several && let Some(seen) = self.anywhere(Sign::OthersFine) {
            return Some(seen);
        }
        // "It works again for everybody, but my Outlook …" names no one who is still in trouble.
        let told_over = |sentence: usize| self.of(Sign::Over).any(|seen| self.sentence(seen.start) == sentence);
        if self.of(Sign::Everybody).any(|seen| !told_over(self.sentence(seen.start))) {
            return None;
        }
        let here = self.sentence(start);
        let device = || self.of(Sign::Device).find(|seen| !several && self.sentence(seen.start) == here);
        self.my_thing(start)
            .or_else(|| self.same_sentence(Sign::ForMe, start, end))
            .or_else(|| self.told_below(Sign::ForMe, start).filter(|_| !several))
            .or_else(device)
            .or_else(|| self.anywhere(Sign::MyDevice).filter(|_| !several))
    }
}
