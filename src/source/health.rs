//! How a source is doing, for `/readyz`, the metrics and the watchdog.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

/// Shared between a source and whoever asks; cloning shares.
#[derive(Debug, Clone)]
pub struct Health(Arc<watch::Sender<Snapshot>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// In words: `watching`, `fetching`, `our account is refused`.
    pub state: String,
    /// When the source was last seen whole: everything in it was fetched or known.
    pub last_success: Option<DateTime<Utc>>,
    /// How often that was; the restart loop compares it.
    pub successes: u64,
    /// The last failure; older than `last_success` when it is over.
    pub last_error: Option<(DateTime<Utc>, String)>,
    /// Requests that were handed in and committed.
    pub handed_in: u64,
    /// When the source's loop last turned: one that stands still for minutes hangs.
    pub beat: Instant,
}

/// A loop that waits for a long time on purpose shows that it lives this often.
const BEAT: Duration = Duration::from_secs(5);

impl Default for Health {
    fn default() -> Health {
        Health(Arc::new(watch::Sender::new(Snapshot {
            state: "not started".to_owned(),
            last_success: None,
            successes: 0,
            last_error: None,
            handed_in: 0,
            beat: Instant::now(),
        })))
    }
}

impl Health {
    pub fn snapshot(&self) -> Snapshot {
        self.0.borrow().clone()
    }

    /// Returns once the snapshot is as wanted; for whoever waits for a source to be ready.
    pub async fn until(&self, wanted: impl FnMut(&Snapshot) -> bool) {
        // The sender lives in `self`, so waiting can only end by a snapshot as wanted.
        let _ = self.0.subscribe().wait_for(wanted).await;
    }

    /// Ready: it has seen the whole source at least once, and its last try did not fail.
    pub fn is_well(&self) -> bool {
        let now = self.0.borrow();
        now.last_success.is_some_and(|success| now.last_error.as_ref().is_none_or(|(failure, _)| *failure <= success))
    }

    pub(super) fn successes(&self) -> u64 {
        self.0.borrow().successes
    }

    pub(super) fn state(&self, words: &str) {
        self.0.send_modify(|snapshot| {
            words.clone_into(&mut snapshot.state);
            snapshot.beat = Instant::now();
        });
    }

    pub(super) fn succeeded(&self, now: DateTime<Utc>) {
        self.0.send_modify(|snapshot| {
            snapshot.last_success = Some(now);
            snapshot.successes += 1;
            snapshot.beat = Instant::now();
        });
    }

    pub(super) fn failed(&self, why: &str, now: DateTime<Utc>) {
        self.0.send_modify(|snapshot| {
            snapshot.last_error = Some((now, why.to_owned()));
            snapshot.beat = Instant::now();
        });
    }

    pub(super) fn handed_in(&self, count: u64) {
        self.0.send_modify(|snapshot| {
            snapshot.handed_in += count;
            snapshot.beat = Instant::now();
        });
    }

    pub(super) fn beat(&self) {
        self.0.send_modify(|snapshot| snapshot.beat = Instant::now());
    }

    /// Waits for `pause`, beating.
    pub(super) async fn beating(&self, pause: Duration) {
        let end = Instant::now() + pause;
        while Instant::now() < end {
            self.beat();
            tokio::time::sleep_until(end.min(Instant::now() + BEAT)).await;
        }
    }
}
