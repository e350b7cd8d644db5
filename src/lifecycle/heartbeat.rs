//! Heartbeats: every loop says that it goes round, and whoever asks learns which one has stopped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::progress::{Progress, Turn};

/// The registry of all loops. Cloning is cheap; all clones are the same registry.
#[derive(Debug, Clone)]
pub struct Heartbeats {
    /// Beats are counted in milliseconds from here.
    start: Instant,
    progress: Progress,
    loops: Arc<Mutex<BTreeMap<String, Entry>>>,
}

#[derive(Debug, Clone)]
struct Entry {
    allowance: Duration,
    last: Arc<AtomicU64>,
}

/// One loop's own end. When the loop dies without `finish` (a panic, an early return) its beats stay away, and that shows.
#[derive(Debug)]
pub struct Pulse {
    name: String,
    /// Whether the loop has anything to do.
    pub turn: Turn,
    last: Arc<AtomicU64>,
    registry: Heartbeats,
}

/// How one loop is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    pub name: String,
    pub age: Duration,
    pub allowance: Duration,
}

impl Beat {
    pub fn late(&self) -> bool {
        self.age > self.allowance
    }
}

impl Default for Heartbeats {
    fn default() -> Heartbeats {
        Heartbeats { start: Instant::now(), progress: Progress::default(), loops: Arc::default() }
    }
}

impl Heartbeats {
    /// A loop starts; from now on it beats at least once within `allowance`. A loop of the same name is replaced.
    pub fn expect(&self, name: impl Into<String>, allowance: Duration) -> Pulse {
        let (name, last) = (name.into(), Arc::new(AtomicU64::new(0)));
        let turn = self.progress.join(name.clone());
        let pulse = Pulse { name: name.clone(), turn, last: last.clone(), registry: self.clone() };
        pulse.beat();
        self.entries().insert(name, Entry { allowance, last });
        pulse
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// All loops as they stand at `now`, by name.
    pub fn all(&self, now: Instant) -> Vec<Beat> {
        let now = self.millis(now);
        let beat = |(name, entry): (&String, &Entry)| Beat {
            name: name.clone(),
            age: Duration::from_millis(now.saturating_sub(entry.last.load(Ordering::Relaxed))),
            allowance: entry.allowance,
        };
        self.entries().iter().map(beat).collect()
    }

    /// The loops that have not beaten within their allowance.
    pub fn late(&self, now: Instant) -> Vec<Beat> {
        self.all(now).into_iter().filter(Beat::late).collect()
    }

    fn millis(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// Every change is one insert or remove: a panic elsewhere leaves nothing half done.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// Called once each time round the loop, also when there was nothing to do.
    pub fn beat(&self) {
        self.last.store(self.registry.millis(Instant::now()), Ordering::Relaxed);
    }

    /// The loop ends because it should; nobody waits for its beats any more.
    pub fn finish(self) {
        let mut entries = self.registry.entries();
        if entries.get(&self.name).is_some_and(|entry| Arc::ptr_eq(&entry.last, &self.last)) {
            entries.remove(&self.name);
        }
    }
}
