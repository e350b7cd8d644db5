//! How fast messages leave: the `rate` of the config, and where a chat platform wants to be left alone for a while.

use std::collections::{HashMap, VecDeque};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// `rate = "30/min"`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub mails: usize,
    pub per: Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let wrong = || format!("\"{text}\" is no rate; write it like \"30/min\" (s, min, h or day)");
        let (mails, per) = text.split_once('/').ok_or_else(wrong)?;
        let seconds = match per.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            "d" | "day" => 86_400,
            _ => return Err(wrong()),
        };
        let mails = mails.trim().parse().ok().filter(|mails| *mails > 0).ok_or_else(wrong)?;
        Ok(Rate { mails, per: Duration::from_secs(seconds) })
    }
}

/// When mails left, as far back as the rate counts.
#[derive(Debug, Default)]
pub(super) struct Left(VecDeque<Instant>);

impl Left {
    /// How many of `most` the rate allows now.
    pub(super) fn room(&mut self, rate: Option<Rate>, most: i64) -> i64 {
        let Some(rate) = rate else { return most };
        while self.0.front().is_some_and(|at| at.elapsed() >= rate.per) {
            self.0.pop_front();
        }
        most.min(rate.mails.saturating_sub(self.0.len()) as i64)
    }

    pub(super) fn went(&mut self) {
        self.0.push_back(Instant::now());
    }
}

/// Until when a room takes nothing.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rests: HashMap<String, DateTime<Utc>>,
}

/// All rooms together.
const ALL: &str = "";

impl Pace {
    /// Nothing to that room before `until`, or (`None`) to no room.
    pub(super) fn rest(&mut self, room: Option<&str>, until: DateTime<Utc>) {
        let held = self.rests.entry(room.unwrap_or(ALL).to_owned()).or_insert(until);
        *held = until.max(*held);
    }

    /// When the next message to that room may leave; `None`: now.
    pub(super) fn wait(&mut self, room: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.rests.retain(|_, until| *until > now);
        [room, ALL].into_iter().filter_map(|room| self.rests.get(room)).max().copied()
    }
}
