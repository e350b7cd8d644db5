//! How a sender does: read by /readyz, the metrics and the watchdog.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;

use crate::lifecycle::Progress;

/// How the sender does, for /readyz, metrics and the watchdog.
#[derive(Debug, Default)]
pub struct Health {
    snapshot: watch::Sender<Snapshot>,
    pub(super) progress: Progress,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// When the loop last came round.
    pub beat: Option<DateTime<Utc>>,
    /// The server refuses our account: nothing is sent before `until`.
    pub paused: Option<Stopped>,
    pub unreachable: Option<Stopped>,
    pub sent: u64,
    pub later: u64,
    pub failed: u64,
    pub uncertain: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stopped {
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub times: u32,
    pub why: String,
}

impl Health {
    /// The loop takes its turns with the others of `progress`.
    pub fn among(progress: Progress) -> Health {
        Health { progress, ..Health::default() }
    }

    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// Sees every change: each round of the loop, and each outcome once its row is written.
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.snapshot.send_modify(change);
    }
}
