//! How fast a platform lets a bot speak, counted by the story's clock; who goes over is refused, as the platform refuses.

use chrono::{DateTime, TimeDelta, Utc};
use deskd::clock::{Clock, TestClock};

/// So many within so many seconds.
pub type Limit = (usize, i64);

#[derive(Debug, Default)]
pub struct Speed {
    /// Nothing is counted without one.
    clock: Option<Clock>,
    said: Vec<(String, DateTime<Utc>)>,
    refused: usize,
}

impl Speed {
    pub fn by(&mut self, clock: &TestClock) {
        self.clock = Some(clock.clone().into());
    }

    /// Whether one more is taken; else after how many seconds it is.
    pub fn takes(&mut self, room: &str, in_room: &[Limit], in_all: &[Limit]) -> Result<(), i64> {
        let Some(clock) = &self.clock else { return Ok(()) };
        let now = clock.now();
        let over = |(most, seconds): &Limit, everywhere: bool| {
            let since = now - TimeDelta::seconds(*seconds);
            let here = self.said.iter().filter(|(other, at)| *at > since && (everywhere || other == room));
            (here.count() >= *most).then_some(*seconds)
        };
        let wait = in_room
            .iter()
            .filter_map(|limit| over(limit, false))
            .chain(in_all.iter().filter_map(|limit| over(limit, true)));
        if let Some(wait) = wait.max() {
            self.refused += 1;
            return Err(wait);
        }
        self.said.push((room.to_owned(), now));
        Ok(())
    }

    /// How many more the room takes now, and in how many seconds all of them.
    pub fn left(&self, room: &str, (most, seconds): Limit) -> (usize, i64) {
        let Some(clock) = &self.clock else { return (most, seconds) };
        let since = clock.now() - TimeDelta::seconds(seconds);
        let here = self.said.iter().filter(|(other, at)| *at > since && other == room).count();
        (most.saturating_sub(here), seconds)
    }

    pub fn refused(&self) -> usize {
        self.refused
    }
}
