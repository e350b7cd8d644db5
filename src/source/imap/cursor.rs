//! Where a mailbox stands: which UIDs need not be looked at again, and which could not be read yet.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::talk::Selected;

/// Saved as JSON in `source_cursor`. It only saves work: without it everything is listed again and known keys are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub uid_validity: u32,
    /// Counts how often the server gave out UIDs from the start again without a new UIDVALIDITY.
    pub rewound: u32,
    /// The lowest UID that is not resolved: nothing below it is in the folder and unknown to us.
    pub low: u32,
    /// UIDs that could not be read, and when they are tried again.
    #[serde(default)]
    pub unreadable: BTreeMap<u32, Tried>,
    /// When the whole folder was last listed.
    pub listed_whole_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub times: u32,
    pub again_at: DateTime<Utc>,
}

/// Pauses after the first, second, … failure to read one mail, in minutes: about an hour in sum, then once a day.
const PAUSES: [i64; 5] = [0, 1, 9, 20, 30];
const DAILY: TimeDelta = TimeDelta::days(1);

/// What changed between the saved cursor and the folder that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    /// Another UIDVALIDITY: all UIDs mean something else now.
    Renumbered,
    /// UIDNEXT fell below what we have seen: UIDs are given out a second time.
    Rewound,
}

impl Cursor {
    /// Fits the cursor to the folder as it is. After a change everything is listed again; the intake's content hash keeps
    /// known mail from becoming tickets a second time.
    pub fn meet(&mut self, selected: &Selected) -> Change {
        if self.low == 0 || self.uid_validity != selected.uid_validity {
            let change = if self.low == 0 { Change::None } else { Change::Renumbered };
            *self = Cursor { uid_validity: selected.uid_validity, low: 1, ..Cursor::default() };
            return change;
        }
        if selected.uid_next != 0 && selected.uid_next < self.low {
            *self = Cursor {
                uid_validity: selected.uid_validity,
                rewound: self.rewound.saturating_add(1),
                low: 1,
                ..Cursor::default()
            };
            return Change::Rewound;
        }
        Change::None
    }

    /// The key of a mail in `inbound`. UIDs that are given out a second time must not pass for the mail that had them first.
    pub fn key(&self, uid: u32) -> String {
        match self.rewound {
            0 => format!("{}/{uid}", self.uid_validity),
            times => format!("{}~{times}/{uid}", self.uid_validity),
        }
    }

    /// Whether a mail that could not be read may be asked for now.
    pub fn may_ask(&self, uid: u32, now: DateTime<Utc>) -> bool {
        self.unreadable.get(&uid).is_none_or(|tried| tried.again_at <= now)
    }

    /// Notes that a mail could not be read; true when it is time to tell people.
    pub fn could_not_read(&mut self, uid: u32, now: DateTime<Utc>) -> bool {
        let tried = self.unreadable.entry(uid).or_insert(Tried { times: 0, again_at: now });
        let pause = PAUSES.get(tried.times as usize).map_or(DAILY, |minutes| TimeDelta::minutes(*minutes));
        tried.times = tried.times.saturating_add(1);
        tried.again_at = now + pause;
        tried.times as usize == PAUSES.len()
    }

    /// After a listing from `from` on: `open` is what was listed and is not resolved, `highest` the highest resolved UID.
    pub fn listed(&mut self, from: u32, open: &[u32], highest: Option<u32>) {
        self.unreadable.retain(|uid, _| *uid < from || open.contains(uid));
        let above = highest.map_or(0, |highest| highest.saturating_add(1)).max(self.low);
        let lowest_open = open.iter().chain(self.unreadable.keys()).min();
        self.low = lowest_open.map_or(above, |open| *open.min(&above));
    }
}
