//! Health: `/livez` says that the process goes round, `/readyz` how each part of it is doing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;

use crate::lifecycle::{Beat, Heartbeats};

/// A part that does not answer within this time is not ready.
const PROBE: Duration = Duration::from_secs(3);

/// What `/livez` and `/readyz` look at.
#[derive(Clone, Default)]
pub struct Health {
    pub heartbeats: Heartbeats,
    /// `database`, `sources`, `outbox`, `worker`.
    pub probes: Arc<Vec<Probe>>,
}

/// One part that can be asked how it is doing.
pub struct Probe {
    name: &'static str,
    ask: Box<dyn Fn() -> BoxFuture<'static, Part> + Send + Sync>,
}

/// How a part is doing. The detail is for people who may see the listener: no addresses, no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    pub ok: bool,
    pub detail: String,
}

#[derive(Serialize)]
struct Report {
    ready: bool,
    parts: BTreeMap<&'static str, Part>,
}

impl Probe {
    pub fn new(name: &'static str, ask: impl Fn() -> BoxFuture<'static, Part> + Send + Sync + 'static) -> Probe {
        Probe { name, ask: Box::new(ask) }
    }
}

impl Part {
    pub fn ok(detail: impl Into<String>) -> Part {
        Part { ok: true, detail: detail.into() }
    }

    pub fn failing(detail: impl Into<String>) -> Part {
        Part { ok: false, detail: detail.into() }
    }
}

pub fn routes(health: Health) -> Router {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready)).with_state(health)
}

async fn live(State(health): State<Health>) -> (StatusCode, String) {
    let part = loops(&health.heartbeats);
    (code(part.ok), format!("{}\n", part.detail))
}

async fn ready(State(health): State<Health>) -> (StatusCode, Json<Report>) {
    let asked = health.probes.iter().map(async |probe| {
        let part = tokio::time::timeout(PROBE, (probe.ask)()).await;
        (probe.name, part.unwrap_or_else(|_| Part::failing(format!("no answer within {} s", PROBE.as_secs()))))
    });
    let mut parts: BTreeMap<&'static str, Part> = join_all(asked).await.into_iter().collect();
    parts.insert("loops", loops(&health.heartbeats));
    let ready = parts.values().all(|part| part.ok);
    (code(ready), Json(Report { ready, parts }))
}

fn loops(heartbeats: &Heartbeats) -> Part {
    let beats = heartbeats.all(Instant::now());
    let late: Vec<String> = beats.iter().filter(|beat| beat.late()).map(describe).collect();
    match late.is_empty() {
        true => Part::ok(format!("{} loops go round", beats.len())),
        false => Part::failing(late.join("; ")),
    }
}

fn describe(beat: &Beat) -> String {
    format!("{} has stood still for {} s (allowed: {} s)", beat.name, beat.age.as_secs(), beat.allowance.as_secs())
}

fn code(ok: bool) -> StatusCode {
    if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
