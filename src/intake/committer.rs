//! The inside of the door: one task that commits whatever is waiting, and only then answers the sources.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::door::{Arrival, Keep};
use crate::clock::Clock;
use crate::store::inbound::{self, NewInbound};
use crate::store::{Db, StoreError, Tx};

/// One transaction keeps at most this many mails …
const BATCH: usize = 256;
/// … or this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// What is committed next, and what of it is compressed already.
#[derive(Default)]
struct Batch {
    keeps: Vec<Keep>,
    /// Of the first arrivals, in their order; zstd.
    compressed: Vec<Vec<u8>>,
    arrivals: usize,
    bytes: usize,
}

impl Batch {
    fn has_room(&self) -> bool {
        self.arrivals < BATCH && self.bytes < BATCH_BYTES
    }

    fn push(&mut self, keep: Keep) {
        self.arrivals += keep.arrivals.len();
        self.bytes += keep.arrivals.iter().map(|arrival| arrival.raw.len()).sum::<usize>();
        self.keeps.push(keep);
    }

    fn compress(&mut self) -> Result<(), StoreError> {
        let broken = |source| StoreError::Compress { source };
        if self.compressed.len() == self.arrivals {
            return Ok(());
        }
        let mut zstd = zstd::bulk::Compressor::new(1).map_err(broken)?;
        for arrival in self.keeps.iter().flat_map(|keep| &keep.arrivals).skip(self.compressed.len()) {
            self.compressed.push(zstd.compress(&arrival.raw).map_err(broken)?);
        }
        Ok(())
    }

    fn rows(&self, now: DateTime<Utc>) -> Vec<NewInbound<'_>> {
        let arrivals = self.keeps.iter().flat_map(|keep| &keep.arrivals);
        let mut rows = Vec::with_capacity(self.arrivals);
        for (arrival, compressed) in arrivals.zip(&self.compressed) {
            let Arrival { source, form, key, arrived_at, raw, junk, oversize } = arrival;
            rows.push(NewInbound {
                source,
                form: *form,
                source_key: key,
                arrived_at: (*arrived_at).min(now),
                size: oversize.unwrap_or(raw.len() as u64),
                junk: *junk,
                compressed,
            });
        }
        rows
    }
}

/// Takes batches until every source has let go of the door. Waits out a database that cannot be reached or is full.
pub async fn run(db: Db, mut keeps: mpsc::Receiver<Keep>, clock: Clock, kept: Arc<Notify>, stop: CancellationToken) {
    while let Some(first) = keeps.recv().await {
        let mut batch = Batch::default();
        batch.push(first);
        if let Some(new) = commit(&db, &mut batch, &mut keeps, &clock, &stop).await {
            kept.notify_one();
            for keep in batch.keeps {
                let is_new = |arrival: &&Arrival| new.contains(&(arrival.source.clone(), arrival.key.clone()));
                let count = keep.arrivals.iter().filter(is_new).count();
                // A source that no longer waits will hand the same keys in again; that is harmless.
                let _ = keep.kept.send(count);
            }
        }
    }
}

/// Tries until it is committed, and gives source and key of what was not there before; `None` when the daemon stops first (the
/// sources keep their mail).
async fn commit(
    db: &Db,
    batch: &mut Batch,
    keeps: &mut mpsc::Receiver<Keep>,
    clock: &Clock,
    stop: &CancellationToken,
) -> Option<HashSet<(String, String)>> {
    let mut pause = Duration::from_millis(50);
    loop {
        let error = match keep_all(db, batch, keeps, clock).await {
            Ok(new) => return Some(new),
            Err(StoreError::Again { .. }) if !stop.is_cancelled() => continue,
            Err(error) => error,
        };
        let place = db.place();
        tracing::error!(error = %crate::lifecycle::chain(&error), store = %place, "mail cannot be kept in {place}; it stays at its source until the database is well again");
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

async fn keep_all(
    db: &Db,
    batch: &mut Batch,
    keeps: &mut mpsc::Receiver<Keep>,
    clock: &Clock,
) -> Result<HashSet<(String, String)>, StoreError> {
    let mut tx = writer(db, batch, keeps).await?;
    let now = clock.now();
    let new = inbound::keep(&mut tx, &batch.rows(now), now).await?;
    tx.commit().await?;
    Ok(new.into_iter().map(|(_, source, key)| (source, key)).collect())
}

/// Waits for the database's writer, and takes in what arrives meanwhile: a turn is long while the worker has a backlog, and
/// whoever comes in it shall not wait for the one after.
async fn writer(db: &Db, batch: &mut Batch, keeps: &mut mpsc::Receiver<Keep>) -> Result<Tx, StoreError> {
    let mut turn = pin!(db.write());
    let tx = loop {
        batch.compress()?;
        tokio::select! {
            biased;
            tx = &mut turn => break tx?,
            Some(keep) = keeps.recv(), if batch.has_room() => batch.push(keep),
        }
    };
    while batch.has_room() {
        let Ok(next) = keeps.try_recv() else { break };
        batch.push(next);
    }
    batch.compress()?;
    Ok(tx)
}
