//! `/metrics`: the desk's figures and the process's own, as Prometheus text.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Counts at the moment of the scrape; the daemon takes them from the database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Fate and how many ended in it since the beginning.
    pub inbound: Vec<(String, i64)>,
    /// Status, priority, tickets; of those that wait for somebody.
    pub queue: Vec<(String, String, i64)>,
    /// State and rows.
    pub outbox: Vec<(String, i64)>,
    /// Seconds since the oldest inbound without a fate was kept; 0 when there is none.
    pub oldest_unprocessed_seconds: f64,
    /// Source and the moment it last answered, in seconds since 1970; 0 when it never has.
    pub sources: Vec<(String, f64)>,
    /// Kind of clock (`first_touch`, `answer`, `resolve`), priority, tickets in the queue that have missed it.
    pub breaches: Vec<(String, String, i64)>,
}

/// Where the figures come from. An error is a sentence for the log.
pub type Count = Arc<dyn Fn() -> BoxFuture<'static, Result<Figures, String>> + Send + Sync>;

/// What `/metrics` needs.
#[derive(Clone)]
pub struct Metrics {
    pub version: &'static str,
    pub count: Count,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFate {
    fate: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: String,
    priority: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySource {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByClock {
    clock: String,
    priority: String,
}

type Seconds = Gauge<f64, AtomicU64>;

pub fn routes(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(metrics)
}

async fn scrape(State(metrics): State<Metrics>) -> Response {
    let mut registry = Registry::with_prefix("deskd");
    registry.register("build", "The running program", Info::new([("version", metrics.version)]));
    let up = Gauge::<i64>::default();
    registry.register("database_up", "1 when the figures below could be counted", up.clone());
    match (metrics.count)().await {
        Ok(figures) => {
            up.set(1);
            register(&mut registry, figures);
        }
        Err(error) => tracing::warn!(%error, "the figures for /metrics could not be counted: {error}"),
    }
    let mut process = Registry::default();
    if let Some(bytes) = resident_bytes() {
        let resident = Gauge::<i64>::default();
        resident.set(bytes);
        process.register_with_unit("process_resident_memory", "Memory in use", Unit::Bytes, resident);
    }
    match encode(&process, &registry) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn encode(process: &Registry, desk: &Registry) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    text::encode_registry(&mut out, process)?;
    text::encode_registry(&mut out, desk)?;
    text::encode_eof(&mut out)?;
    Ok(out)
}

fn register(registry: &mut Registry, figures: Figures) {
    let inbound = Family::<ByFate, Gauge>::default();
    for (fate, count) in figures.inbound {
        inbound.get_or_create(&ByFate { fate }).set(count);
    }
    registry.register("inbound", "What arrived, by what became of it", inbound);

    let queue = Family::<ByStatus, Gauge>::default();
    for (status, priority, count) in figures.queue {
        queue.get_or_create(&ByStatus { status, priority }).set(count);
    }
    registry.register("queue_tickets", "Tickets that wait for somebody", queue);

    let outbox = Family::<ByState, Gauge>::default();
    for (state, count) in figures.outbox {
        outbox.get_or_create(&ByState { state }).set(count);
    }
    registry.register("outbox", "Mails by where they stand", outbox);

    let oldest = Seconds::default();
    oldest.set(figures.oldest_unprocessed_seconds);
    registry.register_with_unit("oldest_unprocessed", "Age of the oldest kept mail", Unit::Seconds, oldest);

    let sources = Family::<BySource, Seconds>::default();
    for (source, moment) in figures.sources {
        sources.get_or_create(&BySource { source }).set(moment);
    }
    registry.register_with_unit("source_last_success_timestamp", "When it last answered", Unit::Seconds, sources);

    let breaches = Family::<ByClock, Gauge>::default();
    for (clock, priority, count) in figures.breaches {
        breaches.get_or_create(&ByClock { clock, priority }).set(count);
    }
    registry.register("sla_breached_tickets", "Tickets in the queue past a deadline", breaches);
}

/// Linux tells it in `/proc/self/status`, in KiB.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok().map(|kib| kib * 1024)
}
