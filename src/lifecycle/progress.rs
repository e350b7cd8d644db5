//! What the desk's loops have done and whether all of them rest, so that one can wait for "nothing left to do" instead of looking at rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// Shared by all loops. Cloning is cheap; all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<watch::Sender<Steps>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Steps {
    /// Pieces of work that may give another loop something to do, and calls to look again.
    done: u64,
    loops: BTreeMap<String, State>,
}

/// How one loop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Busy,
    /// It looked when so many steps were done, and found nothing to do.
    Looked(u64),
    /// Only somebody outside (a mail server) can give it work, and tells it then.
    Waits,
}

impl Steps {
    /// Every loop has looked since the last step. While there is no loop (another daemon has the desk) nobody rests.
    fn at_rest(&self) -> bool {
        let rests = |state: &State| matches!(state, State::Waits) || *state == State::Looked(self.done);
        !self.loops.is_empty() && self.loops.values().all(rests)
    }
}

/// One loop's own end; a loop that has ended is waited for no more.
#[derive(Debug)]
pub struct Turn {
    name: String,
    progress: Progress,
}

/// How far the work was when a loop began to look.
#[derive(Debug, Clone, Copy)]
pub struct Look(u64);

impl Progress {
    /// A loop begins.
    pub fn join(&self, name: impl Into<String>) -> Turn {
        let name = name.into();
        self.announce(name.clone());
        Turn { name, progress: self.clone() }
    }

    /// A loop is about to begin: until it has joined and looked nobody rests.
    pub fn announce(&self, name: impl Into<String>) {
        self.0.send_modify(|steps| {
            steps.loops.insert(name.into(), State::Busy);
        });
    }

    /// Asks all loops to look at once, and returns when there is nothing left that can be done now.
    pub async fn settled(&self) {
        self.0.send_modify(|steps| steps.done += 1);
        self.rested().await;
    }

    /// Returns as soon as all loops rest; gives the steps done so far.
    pub async fn rested(&self) -> u64 {
        self.wait(Steps::at_rest).await
    }

    /// Returns when there was a step after `done`.
    pub async fn stirred(&self, done: u64) {
        self.wait(|steps| steps.done != done).await;
    }

    /// How many steps were done so far.
    pub fn done(&self) -> u64 {
        self.0.borrow().done
    }

    async fn wait(&self, until: impl FnMut(&Steps) -> bool) -> u64 {
        let mut steps = self.0.subscribe();
        // The sender lives in `self`, so waiting can only end by what is waited for.
        steps.wait_for(until).await.map_or(0, |steps| steps.done)
    }
}

impl Turn {
    /// The loop looks for work: until it says otherwise it may have some.
    pub fn look(&self) -> Look {
        let mut done = 0;
        self.progress.0.send_if_modified(|steps| {
            done = steps.done;
            steps.loops.insert(self.name.clone(), State::Busy);
            // Nobody waits for a loop to begin.
            false
        });
        Look(done)
    }

    /// Something was done that may give other loops work.
    pub fn worked(&self) {
        self.progress.0.send_modify(|steps| {
            steps.done += 1;
            steps.loops.insert(self.name.clone(), State::Busy);
        });
    }

    /// Nothing was to be done at that look.
    pub fn rests(&self, look: Look) {
        self.stands(State::Looked(look.0));
    }

    /// Nothing is left to do until somebody outside says so.
    pub fn waits(&self) {
        self.stands(State::Waits);
    }

    fn stands(&self, now: State) {
        self.progress.0.send_if_modified(|steps| steps.loops.insert(self.name.clone(), now) != Some(now));
    }

    /// Returns when anything was done since `look`, or somebody asks: it is worth another look.
    pub async fn stirred(&self, look: Look) {
        self.progress.stirred(look.0).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.progress.0.send_modify(|steps| {
            steps.loops.remove(&self.name);
        });
    }
}
