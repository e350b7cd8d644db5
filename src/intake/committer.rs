//! The inside of the door: one task that commits whatever is waiting, and only then answers the sources.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::door::{Arrival, Keep};
use crate::clock::Clock;
use crate::store::inbound::{self, NewInbound};
use crate::store::{Db, StoreError};

/// One transaction keeps at most this many mails …
const BATCH: usize = 256;
/// … or this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// Takes batches until every source has let go of the door. Waits out a database that cannot be reached or is full.
pub async fn run(db: Db, mut keeps: mpsc::Receiver<Keep>, clock: Clock, kept: Arc<Notify>, stop: CancellationToken) {
    while let Some(first) = keeps.recv().await {
        let mut batch = vec![first];
        while has_room(&batch) {
            let Ok(next) = keeps.try_recv() else { break };
            batch.push(next);
        }
        if let Some(new) = commit(&db, &batch, &clock, &stop).await {
            kept.notify_one();
            for keep in batch {
                let is_new = |arrival: &&Arrival| new.contains(&(arrival.source.clone(), arrival.key.clone()));
                let count = keep.arrivals.iter().filter(is_new).count();
                // A source that no longer waits will hand the same keys in again; that is harmless.
                let _ = keep.kept.send(count);
            }
        }
    }
}

fn has_room(batch: &[Keep]) -> bool {
    let arrivals = || batch.iter().flat_map(|keep| &keep.arrivals);
    arrivals().count() < BATCH && arrivals().map(|arrival| arrival.raw.len()).sum::<usize>() < BATCH_BYTES
}

/// Tries until it is committed, and gives source and key of what was not there before; `None` when the daemon stops first (the
/// sources keep their mail).
async fn commit(db: &Db, batch: &[Keep], clock: &Clock, stop: &CancellationToken) -> Option<HashSet<(String, String)>> {
    let mut pause = Duration::from_millis(50);
    loop {
        let error = match keep_all(db, batch, clock).await {
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

async fn keep_all(db: &Db, batch: &[Keep], clock: &Clock) -> Result<HashSet<(String, String)>, StoreError> {
    let now = clock.now();
    let broken = |source| StoreError::Compress { source };
    let mut zstd = zstd::bulk::Compressor::new(1).map_err(broken)?;
    let mut rows = Vec::with_capacity(batch.len());
    for Arrival { source, form, key, arrived_at, raw, junk, oversize } in batch.iter().flat_map(|keep| &keep.arrivals) {
        rows.push(NewInbound {
            source,
            form: *form,
            source_key: key,
            arrived_at: (*arrived_at).min(now),
            size: oversize.unwrap_or(raw.len() as u64),
            junk: *junk,
            compressed: zstd.compress(raw).map_err(broken)?,
        });
    }
    let mut tx = db.write().await?;
    let new = inbound::keep(&mut tx, &rows, now).await?;
    tx.commit().await?;
    Ok(new.into_iter().map(|(_, source, key)| (source, key)).collect())
}
