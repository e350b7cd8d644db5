//! Where requests come from: each source runs in a task of its own, is started again when it fails, and stops when told to.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::intake::Intake;
use crate::lifecycle::Progress;
use crate::store::{Db, StoreError};

mod batch;
#[cfg(feature = "discord")]
pub mod discord;
mod health;
pub mod imap;
pub mod maildir;
pub mod telegram;

pub use health::{Health, Snapshot};

/// What every source is given.
#[derive(Debug, Clone)]
pub struct Inside {
    pub intake: Intake,
    pub db: Db,
    pub clock: Clock,
    /// For a source that can say when it has seen everything (a folder), and can be asked to look.
    pub progress: Progress,
}

/// A place that requests are fetched from.
pub trait Source: Send + Sync + 'static {
    /// Name in the config; the first half of every key of `inbound`.
    fn name(&self) -> &str;

    /// Fetches until told to stop (`Ok`) or until something fails; is then called again, after a pause.
    fn run(
        self: Arc<Self>,
        inside: Inside,
        health: Health,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// Why a source has to begin anew; one variant per decision of the restart loop.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The other side refuses our account: asking often would only lock it.
    #[error("{0}")]
    Refused(String),
    /// The network, the server or the disk: again soon.
    #[error("{0}")]
    Lost(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// We are stopping: the intake takes nothing more.
    #[error("the intake is closed; the mail stays at its source")]
    Closed,
}

/// How long to wait before a source is started again: doubled each time, with up to a quarter of jitter on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub most: Duration,
    /// After a refused login.
    pub refused_first: Duration,
    pub refused_most: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(300),
            refused_first: Duration::from_secs(60),
            refused_most: Duration::from_secs(900),
        }
    }
}

impl Backoff {
    /// `failures` counts from 1.
    fn pause(&self, failures: u32, refused: bool) -> Duration {
        let (first, most) = if refused { (self.refused_first, self.refused_most) } else { (self.first, self.most) };
        let plain = first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(most);
        plain.mul_f64(1.0 + rand::random_range(0.0..0.25))
    }
}

/// Runs one source until `stop`: whatever fails in it, a panic too, ends in a pause and a new start, and touches no other source.
pub async fn supervise<S: Source>(
    source: S,
    inside: Inside,
    backoff: Backoff,
    health: Health,
    stop: CancellationToken,
) {
    let source = Arc::new(source);
    let mut failures = 0;
    while !stop.is_cancelled() {
        let before = health.successes();
        health.state("starting");
        let run = Arc::clone(&source).run(inside.clone(), health.clone(), stop.clone());
        let error = match tokio::spawn(run).await {
            Ok(Ok(())) => break,
            Ok(Err(SourceError::Closed)) if stop.is_cancelled() => break,
            Ok(Err(error)) => error,
            Err(panic) => SourceError::Lost(format!("a fault in deskd itself: {panic}; please report it")),
        };
        if health.successes() > before {
            failures = 0;
        }
        failures += 1;
        let refused = matches!(error, SourceError::Refused(_));
        let pause = backoff.pause(failures, refused);
        report(source.name(), &error, pause, failures, &health, &inside.clock);
        tokio::select! {
            () = health.beating(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    health.state("stopped");
    tracing::info!(source.name = source.name(), "source {} has stopped", source.name());
}

fn report(name: &str, error: &SourceError, pause: Duration, failures: u32, health: &Health, clock: &Clock) {
    let text = with_cause(error);
    let seconds = pause.as_secs_f32();
    match error {
        SourceError::Refused(_) => tracing::error!(
            source.name = name,
            failures,
            "source {name} refuses our account: {text}; next try in {seconds:.0} s"
        ),
        _ => tracing::warn!(source.name = name, failures, "source {name} failed: {text}; next try in {seconds:.1} s"),
    }
    health.failed(&text, clock.now());
    health.state(match error {
        SourceError::Refused(_) => "our account is refused",
        _ => "waiting to try again",
    });
}

/// The error and what caused it, in one line.
fn with_cause(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}
