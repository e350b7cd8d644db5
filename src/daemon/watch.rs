//! How the daemon is doing: what `/readyz` and `/metrics` are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::doors::Served;
use crate::clock::Clock;
use crate::intake::{self, Office, Unit};
use crate::lifecycle::{self, Heartbeats, Progress, chain};
use crate::outbox::sender;
use crate::source;
use crate::store::{Db, StoreError, figures, tickets};
use crate::web::Parts;
use crate::web::health::{Health, Part, Probe};
use crate::web::metrics::{Count, Figures, Metrics};

/// Shared between the desk's loops and the web listener.
#[derive(Clone)]
pub struct DeskState(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    holds: bool,
    sources: BTreeMap<String, source::Health>,
    outbox: Arc<sender::Health>,
    /// Telephone lines by channel.
    lines: BTreeMap<String, Arc<sender::Health>>,
}

impl DeskState {
    pub(super) fn among(progress: Progress) -> DeskState {
        let outbox = Arc::new(sender::Health::among(progress));
        DeskState(Arc::new(Mutex::new(Inner { outbox, ..Inner::default() })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this daemon has the desk, or only serves the web and waits.
    pub(super) fn holds(&self, holds: bool) {
        self.inner().holds = holds;
    }

    pub(super) fn forget_sources(&self) {
        self.inner().sources.clear();
    }

    pub(super) fn source(&self, name: &str) -> source::Health {
        self.inner().sources.entry(name.to_owned()).or_default().clone()
    }

    pub(super) fn outbox(&self) -> Arc<sender::Health> {
        Arc::clone(&self.inner().outbox)
    }

    /// The lines of this config, and how their senders do.
    pub(super) fn lines(&self, now: BTreeMap<String, Arc<sender::Health>>) {
        self.inner().lines = now;
    }

    /// Sources that have not been seen whole since: name, since when, the last error.
    fn ill(&self, start: DateTime<Utc>) -> Vec<(String, DateTime<Utc>, String)> {
        let inner = self.inner();
        let ill = inner.sources.iter().filter(|(_, health)| !health.is_well()).map(|(name, health)| {
            let seen = health.snapshot();
            let error = seen.last_error.map_or(seen.state, |(_, error)| error);
            (name.clone(), seen.last_success.unwrap_or(start), error)
        });
        ill.collect()
    }

    fn sources_part(&self) -> Part {
        let inner = self.inner();
        if !inner.holds {
            return Part::ok("another daemon has the desk");
        }
        let ill: Vec<String> = inner
            .sources
            .iter()
            .filter(|(_, health)| !health.is_well())
            .map(|(name, health)| format!("{name}: {}", health.snapshot().state))
            .collect();
        match ill.as_slice() {
            [] => Part::ok(format!("{} sources", inner.sources.len())),
            ill => Part::failing(ill.join("; ")),
        }
    }

    fn outbox_part(&self) -> Part {
        let inner = self.inner();
        for (channel, line) in &inner.lines {
            let line = line.snapshot();
            if let Some(stopped) = line.paused.or(line.unreachable) {
                return Part::failing(format!("{channel}: {} since {}", stopped.why, stopped.since));
            }
        }
        let snapshot = inner.outbox.snapshot();
        match (&snapshot.paused, &snapshot.unreachable) {
            (Some(paused), _) => Part::failing(format!("the mail server refuses our account since {}", paused.since)),
            (None, Some(away)) => Part::failing(format!("the mail server cannot be reached since {}", away.since)),
            (None, None) => Part::ok("sending"),
        }
    }
}

/// A source that has been away for so long is told to the managers, once.
const AWAY: TimeDelta = TimeDelta::minutes(15);
/// How often the sources are looked at: no more than a few words in memory.
const LOOK: Duration = Duration::from_secs(1);

/// Tells managers of sources that stay away: nobody else notices that no mail comes in.
pub(super) async fn tell_of_sources(
    desk: (Db, watch::Receiver<Arc<Office>>, Clock),
    state: DeskState,
    stop: CancellationToken,
) {
    let (db, office, clock) = desk;
    let start = clock.now();
    let mut told: BTreeSet<(String, DateTime<Utc>)> = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = clock.now();
        for (name, since, error) in state.ill(start) {
            if now - since < AWAY || told.contains(&(name.clone(), since)) {
                continue;
            }
            let office = office.borrow().clone();
            let written = async {
                let mut tx = db.write().await?;
                intake::source_down(&mut Unit::new(&mut tx, &office, now), &name, since, &error).await?;
                tx.commit().await
            };
            match written.await {
                Ok(()) => drop(told.insert((name, since))),
                Err(error) => tracing::warn!(error = %chain(&error), "nobody can be told that source {name} is away"),
            }
        }
    }
}

/// Tells the service manager when there is nothing left to do, and how much was done until then.
pub(super) async fn tell_of_rest(progress: Progress, stop: CancellationToken) {
    let told = async {
        loop {
            let steps = progress.rested().await;
            lifecycle::status(&format!("{AT_REST} after {steps} steps"));
            tokio::time::sleep(AT_MOST).await;
            progress.stirred(steps).await;
        }
    };
    tokio::select! {
        () = told => {}
        () = stop.cancelled() => {}
    }
}

/// How that status begins.
const AT_REST: &str = "at rest";
/// It is not told more often.
const AT_MOST: Duration = Duration::from_secs(1);

/// What the web part asks.
pub(super) fn parts(db: &Db, heartbeats: &Heartbeats, state: &DeskState, clock: &Clock, served: Served) -> Parts {
    let database = {
        let db = db.clone();
        move || -> BoxFuture<'static, Part> {
            let db = db.clone();
            Box::pin(async move {
                let asked = async {
                    let mut tx = db.read().await?;
                    tickets::next_timer(&mut tx).await
                };
                match asked.await {
                    Ok(_) => Part::ok("answers"),
                    Err(error) => Part::failing(error.to_string()),
                }
            })
        }
    };
    let (sources, mail) = (state.clone(), state.clone());
    let probes = vec![
        Probe::new("database", database),
        Probe::new("sources", move || {
            let part = sources.sources_part();
            Box::pin(async move { part })
        }),
        Probe::new("outbox", move || {
            let part = mail.outbox_part();
            Box::pin(async move { part })
        }),
    ];
    let (db, state, clock) = (db.clone(), state.clone(), clock.clone());
    let counted: Count = Arc::new(move || {
        let (db, state, clock) = (db.clone(), state.clone(), clock.clone());
        Box::pin(async move { count(&db, &state, &clock).await.map_err(|error| chain(&error)) })
    });
    Parts {
        health: Health { heartbeats: heartbeats.clone(), probes: Arc::new(probes) },
        metrics: Metrics { version: env!("CARGO_PKG_VERSION"), count: counted },
        hooks: served.hooks,
        portal: served.form,
        phones: served.lines,
        chats: served.chats,
        survey: served.survey,
    }
}

async fn count(db: &Db, state: &DeskState, clock: &Clock) -> Result<Figures, StoreError> {
    let mut tx = db.read().await?;
    let (_, oldest) = figures::unprocessed(&mut tx).await?;
    let now = clock.now();
    let seen = |(name, health): (&String, &source::Health)| {
        let seen = health.snapshot().last_success;
        (name.clone(), seen.map_or(0.0, |at| at.timestamp_millis() as f64 / 1000.0))
    };
    let sources = state.inner().sources.iter().map(seen).collect();
    Ok(Figures {
        inbound: figures::inbound_by_fate(&mut tx).await?,
        queue: figures::queue(&mut tx).await?,
        outbox: figures::outbox_by_state(&mut tx).await?,
        oldest_unprocessed_seconds: oldest.map_or(0.0, |at| (now - at).num_milliseconds().max(0) as f64 / 1000.0),
        sources,
        breaches: figures::breaches(&mut tx).await?,
    })
}
