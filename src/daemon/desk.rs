//! The part of the daemon of which only one may run on a database: sources, worker, schedule, outbox; held together by the lease.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::watch::DeskState;
use super::wire;
use crate::clock::Clock;
use crate::config::Config;
use crate::intake::{self, Changed, Intake, Office, PendingChecks, Trial, Worker};
use crate::lifecycle::{Heartbeats, chain};
use crate::mail::authentic::Verifier;
use crate::schedule::Schedule;
use crate::store::lease::{self, Lease};
use crate::store::{Db, StoreError, outbox};

pub struct Desk {
    pub db: Db,
    pub config: watch::Receiver<Arc<Config>>,
    pub office: watch::Receiver<Arc<Office>>,
    pub clock: Clock,
    pub verifier: Option<Arc<Verifier>>,
    pub program: Option<PathBuf>,
    /// Instance id: whose lease and claims are ours.
    pub owner: String,
    pub heartbeats: Heartbeats,
    pub state: DeskState,
    /// Something was kept, here or by the web listener.
    pub kept: Arc<Notify>,
}

/// A child that reads a suspicious mail gets so long.
const TRIAL: Duration = Duration::from_secs(30);
/// A loop that has not come round for so long is stuck.
const ALLOWANCE: Duration = Duration::from_secs(60);

impl Desk {
    /// Takes the lease as soon as it is free, runs the desk while it holds, and begins again when it is lost.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.take().await {
                Ok(Some(lease)) => self.hold(lease, &stop).await,
                Ok(None) => pause(&stop, lease::RENEW / 5).await,
                Err(error) => {
                    let place = self.db.place();
                    tracing::error!(error = %chain(&error), store = %place, "cannot ask for the lease of the desk in {place}");
                    pause(&stop, Duration::from_secs(2)).await;
                }
            }
        }
    }

    async fn take(&self) -> Result<Option<Lease>, StoreError> {
        let mut tx = self.db.write().await?;
        let taken = lease::take(&mut tx, lease::DESK, &self.owner).await?;
        tx.commit().await?;
        Ok(taken)
    }

    async fn hold(&self, lease: Lease, stop: &CancellationToken) {
        let desk = stop.child_token();
        let mut tasks = JoinSet::new();
        if let Err(error) = self.start(&mut tasks, &desk).await {
            tracing::error!(error = %chain(&error), "the desk cannot start; it tries again");
            pause(stop, Duration::from_secs(2)).await;
            return;
        }
        self.state.holds(true);
        let mut lease = lease;
        loop {
            tokio::select! {
                // When we stop they all end: that comes first.
                biased;
                () = stop.cancelled() => break,
                // None of them ends by itself: without it the desk would stand still and look well.
                Some(ended) = tasks.join_next() => {
                    let why = ended.err().map_or_else(|| "it returned".to_owned(), |error| error.to_string());
                    tracing::error!("a part of the desk ended by itself ({why}); the desk begins again");
                    pause(stop, Duration::from_secs(2)).await;
                    break;
                }
                () = tokio::time::sleep(lease::RENEW) => {}
            }
            match self.renew(&lease).await {
                Ok(Some(renewed)) => lease = renewed,
                Ok(None) => {
                    tracing::warn!("another daemon has the desk now");
                    break;
                }
                Err(error) if tokio::time::Instant::now().into_std() < lease.trusted_until() => {
                    tracing::warn!(error = %chain(&error), "the lease of the desk could not be renewed yet");
                }
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the lease of the desk ran out");
                    break;
                }
            }
        }
        self.state.holds(false);
        desk.cancel();
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the desk ended badly");
            }
        }
        if let Err(error) = self.release(&lease).await {
            tracing::warn!(error = %chain(&error), "the lease of the desk could not be given back; it runs out by itself");
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Option<Lease>, StoreError> {
        let mut tx = self.db.write().await?;
        let renewed = lease::renew(&mut tx, lease).await?;
        tx.commit().await?;
        Ok(renewed)
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        lease::release(&mut tx, lease).await?;
        tx.commit().await
    }

    /// Takes back what was in hand when the desk was last held, by us or by another daemon, then starts all loops.
    async fn start(&self, tasks: &mut JoinSet<()>, stop: &CancellationToken) -> Result<(), StoreError> {
        let uncertain_retry = wire::uncertain_retry(&self.config.borrow());
        let mut tx = self.db.write().await?;
        outbox::take_over(&mut tx, self.clock.now(), uncertain_retry).await?;
        tx.commit().await?;
        let (door, keeps) = Intake::new(8);
        let (kept, changed) = (Arc::clone(&self.kept), Changed::default());
        // The door closes last: the committer ends when every source has let go of it.
        let committer = intake::commit(self.db.clone(), keeps, self.clock.clone(), Arc::clone(&kept), stop.clone());
        tasks.spawn(committer);
        let worker = Worker {
            db: self.db.clone(),
            office: self.office.clone(),
            verifier: self.verifier.clone(),
            clock: self.clock.clone(),
            kept,
            changed: changed.clone(),
            trial: Trial { program: self.program.clone(), patience: TRIAL },
            beat: self.heartbeats.expect("worker", ALLOWANCE),
            stop: stop.clone(),
            panics: Mutex::default(),
        };
        tasks.spawn(worker.run());
        let schedule = Schedule {
            db: self.db.clone(),
            office: self.office.clone(),
            clock: self.clock.clone(),
            changed: changed.clone(),
            beat: self.heartbeats.expect("schedule", ALLOWANCE),
            stop: stop.clone(),
            troubled: crate::schedule::Troubled::default(),
        };
        tasks.spawn(schedule.run());
        let checks = PendingChecks {
            db: self.db.clone(),
            office: self.office.clone(),
            verifier: self.verifier.clone(),
            clock: self.clock.clone(),
            changed: changed.clone(),
            beat: self.heartbeats.expect("pending checks", ALLOWANCE),
            stop: stop.clone(),
        };
        tasks.spawn(checks.run());
        tasks.spawn(wire::sender(self, changed.outbox, stop.clone()));
        tasks.spawn(wire::other_ways(self, stop.clone()));
        tasks.spawn(wire::sources(self, door, stop.clone()));
        if matches!(self.db, Db::Sqlite { .. }) {
            tasks.spawn(shorten_log(self.db.clone(), stop.clone()));
        }
        let told = (self.db.clone(), self.office.clone(), self.clock.clone());
        tasks.spawn(super::watch::tell_of_sources(told, self.state.clone(), stop.clone()));
        Ok(())
    }
}

/// Keeps SQLite's log short beside the writer, who would otherwise stop for it.
pub async fn shorten_log(db: Db, stop: CancellationToken) {
    /// So long a log (4 MiB) has somebody writing a lot.
    const LONG: i64 = 1024;
    while !stop.is_cancelled() {
        let wait = match db.shorten_log().await {
            Ok(pages) if pages > LONG => Duration::from_millis(100),
            Ok(_) => Duration::from_secs(1),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the log of the database cannot be shortened now");
                Duration::from_secs(10)
            }
        };
        pause(&stop, wait).await;
    }
}

async fn pause(stop: &CancellationToken, length: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(length) => {}
    }
}
