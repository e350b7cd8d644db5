//! How the daemon is doing: what `/readyz` and `/metrics` are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::lifecycle::{Heartbeats, chain};
use crate::outbox::sender;
use crate::source;
use crate::store::{Db, StoreError, figures, tickets};
use crate::web::Parts;
use crate::web::health::{Health, Part, Probe};
use crate::web::metrics::{Count, Figures, Metrics};

/// Shared between the desk's loops and the web listener.
#[derive(Clone, Default)]
pub struct DeskState(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    holds: bool,
    sources: BTreeMap<String, source::Health>,
    outbox: Arc<sender::Health>,
}

impl DeskState {
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
        let snapshot = self.inner().outbox.snapshot();
        match (&snapshot.paused, &snapshot.unreachable) {
            (Some(paused), _) => Part::failing(format!("the mail server refuses our account since {}", paused.since)),
            (None, Some(away)) => Part::failing(format!("the mail server cannot be reached since {}", away.since)),
            (None, None) => Part::ok("sending"),
        }
    }
}

/// What the web part asks.
pub(super) fn parts(db: &Db, heartbeats: &Heartbeats, state: &DeskState, clock: &Clock) -> Parts {
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
