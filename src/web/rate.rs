//! How many may come in an hour: from one place, in one name, and in all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

const FROM_ONE_PLACE: u32 = 20;
const IN_ONE_NAME: u32 = 6;
const IN_ALL: u32 = 600;
/// Places and names that are counted at a time: a flood from everywhere fills no memory.
const COUNTED: usize = 20_000;
const WINDOW: TimeDelta = TimeDelta::hours(1);

/// Counts of the running hour; kept in memory, for what gets through after a restart does no harm.
#[derive(Debug, Default)]
pub struct Rate(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    since: Option<DateTime<Utc>>,
    all: u32,
    of: HashMap<String, u32>,
}

impl Rate {
    /// Counts it, and says whether it is one of those that may.
    pub fn lets_through(&self, place: IpAddr, name: &str, now: DateTime<Utc>) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.since.is_none_or(|since| now - since >= WINDOW || now < since) {
            *counts = Counts { since: Some(now), ..Counts::default() };
        }
        if counts.all >= IN_ALL || counts.of.len() >= COUNTED {
            return false;
        }
        let mut less = |key: String, most: u32| {
            let count = counts.of.entry(key).or_default();
            *count += 1;
            *count <= most
        };
        let place = less(network(place), FROM_ONE_PLACE);
        // Whoever is turned away for the place uses up nobody's name.
        if !(place && less(name.to_owned(), IN_ONE_NAME)) {
            return false;
        }
        counts.all += 1;
        true
    }
}

/// One address, or the network of a household where addresses are plenty.
fn network(place: IpAddr) -> String {
    match place {
        IpAddr::V4(place) => place.to_string(),
        IpAddr::V6(place) => match place.to_ipv4_mapped() {
            Some(place) => place.to_string(),
            None => Ipv6Addr::from_bits(place.to_bits() >> 64 << 64).to_string(),
        },
    }
}
