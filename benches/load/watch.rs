//! What the program says of itself, overheard: the moments of its trace, and its SQL statements with their time.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The lines of target `deskd::trace`, and when they were said.
pub static TRACE: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());
/// Times and seconds of each statement.
pub static STATEMENTS: Mutex<Option<HashMap<String, (u64, f64)>>> = Mutex::new(None);

struct Ear;

#[derive(Default)]
struct Heard {
    message: String,
    statement: String,
    seconds: f64,
}

impl Visit for Heard {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => self.statement = value.to_owned(),
            "message" => self.message = value.to_owned(),
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.seconds = value;
        }
    }
}

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = Instant::now();
        let mut heard = Heard::default();
        event.record(&mut heard);
        if event.metadata().target() == "deskd::trace" {
            TRACE.lock().unwrap().push((heard.message, now));
        } else if let Some(statements) = STATEMENTS.lock().unwrap().as_mut() {
            let entry = statements.entry(heard.statement).or_default();
            entry.0 += 1;
            entry.1 += heard.seconds;
        }
    }
}

/// Logs are written as the daemon writes them, into nothing.
pub fn install(statements: bool) {
    let mut targets = Targets::new().with_target("deskd::trace", LevelFilter::INFO);
    if statements {
        targets = targets.with_target("sqlx::query", LevelFilter::DEBUG);
    }
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::INFO);
    let loud = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(LevelFilter::ERROR);
    tracing_subscriber::registry().with(Ear.with_filter(targets)).with(logs).with(loud).init();
}
