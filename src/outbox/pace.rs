//! How fast messages leave: the `rate` of the config, and what a chat platform takes in a room and in all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::channel::said::Platform;
use crate::store::outbox::Lately;
use crate::words::OutboxId;

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

/// What a platform takes in a room and in all: counted by what was tried, so that none is refused for being too fast.
#[derive(Debug)]
pub(super) struct Pace {
    platform: Platform,
    /// Until when a room takes nothing.
    rests: HashMap<String, DateTime<Utc>>,
    /// When something was tried, by room, the earliest first.
    tried: HashMap<String, Vec<DateTime<Utc>>>,
    /// The moments that rows were given, by room: each row asks again at its own.
    planned: HashMap<String, BTreeMap<OutboxId, DateTime<Utc>>>,
}

/// All rooms together.
const ALL: &str = "";
/// No limit of theirs looks further back.
pub(super) const LOOK_BACK: TimeDelta = TimeDelta::hours(1);

impl Pace {
    /// With what left `lately`, before this start, and what still rests.
    pub(super) fn new(platform: Platform, lately: Lately) -> Pace {
        let mut pace = Pace { platform, rests: HashMap::new(), tried: HashMap::new(), planned: HashMap::new() };
        for (place, at) in lately.sent {
            pace.tried(&place, at);
        }
        for (place, until) in lately.refused {
            pace.rest(Some(&place), until);
        }
        if let Some(until) = lately.refused_everywhere {
            pace.rest(None, until);
        }
        pace
    }

    /// A batch begins: what is over is forgotten.
    pub(super) fn begin(&mut self, now: DateTime<Utc>) {
        self.planned.retain(|_, moments| {
            moments.retain(|_, at| *at > now);
            !moments.is_empty()
        });
        self.rests.retain(|_, until| *until > now);
        self.tried.retain(|_, times| {
            times.retain(|at| *at > now - LOOK_BACK);
            !times.is_empty()
        });
    }

    /// Nothing to the room of that place before `until`, or (`None`) to no room.
    pub(super) fn rest(&mut self, place: Option<&str>, until: DateTime<Utc>) {
        let room = place.map_or(ALL, |place| self.platform.room(place));
        let held = self.rests.entry(room.to_owned()).or_insert(until);
        *held = until.max(*held);
    }

    pub(super) fn tried(&mut self, place: &str, at: DateTime<Utc>) {
        for room in [self.platform.room(place), ALL] {
            self.tried.entry(room.to_owned()).or_default().push(at);
        }
    }

    /// When that row may leave; `None`: now. Never before one of the same room that was written earlier and has been given a moment, but for
    /// what is `urgent`: that passes by all that waits.
    pub(super) fn wait(
        &mut self,
        (row, urgent): (OutboxId, bool),
        place: &str,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let room = self.platform.room(place);
        let planned = self.planned.entry(room.to_owned()).or_default();
        planned.remove(&row);
        let first = if urgent { OutboxId(i64::MIN) } else { row };
        let ahead: Vec<_> = planned.range(..first).map(|(_, at)| *at).filter(|at| *at > now).collect();
        let rests = [room, ALL].into_iter().filter_map(|room| self.rests.get(room)).copied();
        let of = |room: &str| self.tried.get(room).map(Vec::as_slice).unwrap_or_default();
        let full = [
            free((of(room), &ahead), self.platform.room_limits(room)),
            free((of(ALL), &[]), self.platform.overall_limits()),
        ];
        let last = ahead.iter().max().copied();
        let at = rests.chain(full.into_iter().flatten()).chain(last).max().filter(|at| *at > now)?;
        planned.insert(row, at);
        Some(at)
    }
}

/// From when on limits let another one pass, after those that were tried and those that go ahead of it.
fn free((tried, ahead): (&[DateTime<Utc>], &[DateTime<Utc>]), limits: &[(usize, i64)]) -> Option<DateTime<Utc>> {
    let first = |(most, seconds): &(usize, i64)| {
        let at = match ahead.len().checked_sub(*most) {
            Some(place) => ahead.get(place),
            None => tried.len().checked_sub(most - ahead.len()).and_then(|place| tried.get(place)),
        };
        Some(*at? + TimeDelta::seconds(*seconds))
    };
    limits.iter().filter_map(first).max()
}
