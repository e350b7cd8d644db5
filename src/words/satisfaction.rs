//! What a client thinks of how a request was handled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownWord;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Satisfaction {
    Good,
    Fair,
    Bad,
}

impl Satisfaction {
    pub const ALL: [Satisfaction; 3] = [Satisfaction::Good, Satisfaction::Fair, Satisfaction::Bad];

    pub fn as_str(self) -> &'static str {
        match self {
            Satisfaction::Good => "good",
            Satisfaction::Fair => "fair",
            Satisfaction::Bad => "bad",
        }
    }

    pub fn face(self) -> &'static str {
        match self {
            Satisfaction::Good => "🙂",
            // With the mark that asks for the coloured one.
            Satisfaction::Fair => "😐\u{fe0f}",
            Satisfaction::Bad => "🙁",
        }
    }
}

impl fmt::Display for Satisfaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Satisfaction {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Satisfaction, UnknownWord> {
        Satisfaction::ALL
            .into_iter()
            .find(|answer| answer.as_str() == word)
            .ok_or_else(|| UnknownWord { what: "satisfaction", word: word.to_owned() })
    }
}

/// How many answered what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    pub good: u32,
    pub fair: u32,
    pub bad: u32,
}

impl Answers {
    pub fn all(self) -> u32 {
        self.good + self.fair + self.bad
    }

    pub fn add(&mut self, answer: Satisfaction, count: u32) {
        match answer {
            Satisfaction::Good => self.good += count,
            Satisfaction::Fair => self.fair += count,
            Satisfaction::Bad => self.bad += count,
        }
    }
}
