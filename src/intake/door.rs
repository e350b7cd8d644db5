//! The outside of the door: what a source hands in, and the promise it gets back.

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use crate::channel::Form;

/// One thing that arrived at a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Name of the source in the config.
    pub source: String,
    /// How `raw` is read.
    pub form: Form,
    /// The source's own key, unique within it: `UIDVALIDITY/UID`, a Maildir's unique name.
    pub key: String,
    /// The source's arrival time (IMAP INTERNALDATE, a Maildir file's time); the clock starts here.
    pub arrived_at: DateTime<Utc>,
    /// The bytes as they came; of an oversize mail only the header block.
    pub raw: Vec<u8>,
    /// The mailbox's own filter calls it junk (`$Junk` keyword).
    pub junk: bool,
    /// The whole size in bytes where it was over the cap and only the header was fetched.
    pub oversize: Option<u64>,
}

/// A batch to keep, and where to say that it is committed.
#[derive(Debug)]
pub struct Keep {
    pub arrivals: Vec<Arrival>,
    /// How many of them are new.
    pub kept: oneshot::Sender<usize>,
}

/// The way in; cloned into every source.
#[derive(Debug, Clone)]
pub struct Intake(mpsc::Sender<Keep>);

/// The daemon is stopping (or the database is out of order): nothing was promised, the source keeps its mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the intake is closed; the mail stays at its source")]
pub struct Closed;

impl Intake {
    /// The door and its inside end.
    pub fn new(waiting: usize) -> (Intake, mpsc::Receiver<Keep>) {
        let (sender, receiver) = mpsc::channel(waiting);
        (Intake(sender), receiver)
    }

    /// Returns when raw bytes and source keys of all arrivals are committed; only then may the source be told "done".
    /// Handing in the same key again is harmless. While the database is out of reach this waits.
    /// Gives how many were not here before.
    pub async fn receive(&self, arrivals: Vec<Arrival>) -> Result<usize, Closed> {
        let (kept, answer) = oneshot::channel();
        self.0.send(Keep { arrivals, kept }).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
}
