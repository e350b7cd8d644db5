//! Reads `srever dwon` as `server down`: words that no rule knows, one slip away from a word that a rule knows.

use std::collections::{HashMap, HashSet};

/// The single words of all rules.
#[derive(Debug, Default)]
pub struct Vocabulary {
    words: HashSet<String>,
    /// First letter and the other letters sorted → the word: finds swapped letters.
    swapped: HashMap<String, String>,
    /// A word of 6 letters or more without one letter → the word: finds a forgotten or doubled letter.
    shorter: HashMap<String, String>,
}

/// Words that are words although swapping two letters gives a keyword.
const REAL: [&str; 32] = [
    "form", "from", "trial", "trail", "quiet", "quite", "angel", "angle", "untied", "united", "won", "own", "sever",
    "serve", "cloud", "clear", "close", "brake", "print", "order", "pones", "state", "vier", "vijf", "guess", "plans",
    "plate", "plane", "sting", "water", "tower", "poste",
];

impl Vocabulary {
    pub fn learn(&mut self, word: &str) {
        if !word.is_ascii() || word.contains(|c: char| !c.is_ascii_alphabetic()) || !self.words.insert(word.to_owned())
        {
            return;
        }
        if word.len() >= 4 {
            self.swapped.entry(key(word)).or_insert_with(|| word.to_owned());
        }
        if word.len() >= 6 {
            for left_out in 1..word.len() {
                self.shorter.entry(without(word, left_out)).or_insert_with(|| word.to_owned());
            }
        }
    }

    /// The folded text with slips put right, and what was put right.
    pub fn correct(&self, folded: &str) -> (String, Vec<(String, String)>) {
        let mut fixes = Vec::new();
        let mut out = String::with_capacity(folded.len());
        out.push(' ');
        for word in folded.split(' ').filter(|word| !word.is_empty()) {
            match self.meant(word) {
                Some(meant) => {
                    fixes.push((word.to_owned(), meant.to_owned()));
                    out.push_str(meant);
                }
                None => out.push_str(word),
            }
            out.push(' ');
        }
        (out, fixes)
    }

    fn meant(&self, word: &str) -> Option<&str> {
        if !(4..=24).contains(&word.len())
            || !word.bytes().all(|byte| byte.is_ascii_lowercase())
            || self.words.contains(word)
            || REAL.contains(&word)
        {
            return None;
        }
        if let Some(meant) = self.swapped.get(&key(word)).filter(|meant| one_swap(word, meant)) {
            return Some(meant);
        }
        if word.len() < 5 {
            return None;
        }
        let doubled = |at: usize| word.as_bytes()[at] == word.as_bytes()[at - 1];
        let longer = (1..word.len()).filter(|at| doubled(*at)).map(|at| without(word, at));
        let longer = longer.filter_map(|shorter| self.words.get(&shorter)).find(|meant| meant.len() >= 6);
        let plural = |meant: &&String| meant.strip_prefix(word).is_none_or(|rest| rest.len() != 1);
        self.shorter.get(word).filter(plural).or(longer).map(String::as_str)
    }
}

fn key(word: &str) -> String {
    let mut letters: Vec<u8> = word.bytes().collect();
    letters[1..].sort_unstable();
    String::from_utf8_lossy(&letters).into_owned()
}

fn without(word: &str, at: usize) -> String {
    format!("{}{}", &word[..at], &word[at + 1..])
}

/// Two neighbouring letters are swapped, and nothing else differs.
fn one_swap(word: &str, meant: &str) -> bool {
    let pairs = word.bytes().zip(meant.bytes()).enumerate();
    let different: Vec<usize> = pairs.filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
    matches!(different.as_slice(), [first, second] if first + 1 == *second)
}
