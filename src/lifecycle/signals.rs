//! Signals: SIGTERM and SIGINT stop gently and, the second time, at once; SIGHUP asks for a reload.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the process is asked from outside.
#[derive(Debug)]
pub struct Signals {
    /// Cancelled by the first SIGTERM or SIGINT.
    pub stop: CancellationToken,
    /// One item for each SIGHUP; several that come while a reload is under way count as one.
    pub reload: mpsc::Receiver<()>,
}

/// Listens from now on; must be called within the runtime. A second SIGTERM or SIGINT ends the process at once with 128 plus the signal's
/// number, as a shell would report it.
pub fn signals() -> io::Result<Signals> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = CancellationToken::new();
    let (sender, reload) = mpsc::channel(1);
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                number = ends(&mut terminate, &mut interrupt) => {
                    if asked.is_cancelled() {
                        tracing::warn!(signal = number, "signal {number} came a second time: ending at once");
                        std::process::exit(128 + number);
                    }
                    tracing::info!(signal = number, "signal {number}: finishing what is in hand; a second one ends at once");
                    asked.cancel();
                }
                _ = hangup.recv() => {
                    // A full channel means that a reload is asked for already.
                    let _ = sender.try_send(());
                }
            }
        }
    });
    Ok(Signals { stop, reload })
}

async fn ends(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
    }
}
