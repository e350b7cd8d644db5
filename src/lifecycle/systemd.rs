//! What the service manager is told: ready, reloading, stopping, one line of status, and that the loops go round. Outside systemd
//! all of it does nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::Heartbeats;

/// Everything is up: schema, database, listeners. Also ends a reload.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A reload begins; `ready` ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "no monotonic clock: {error}"),
    }
}

pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what is in hand")]);
}

/// What `systemctl status` shows.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(&one_line(status))]);
}

/// Tells systemd three times in its watchdog period that all loops go round, until `stop`. A loop that is late stops the pings (and is
/// logged once); systemd then restarts the service. Returns at once where no watchdog is set.
pub async fn watchdog(heartbeats: Heartbeats, stop: CancellationToken) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = tokio::time::interval((period / 3).max(Duration::from_millis(100)));
    let mut silent = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let late = heartbeats.late(Instant::now());
        if late.is_empty() {
            tell(&[NotifyState::Watchdog]);
        } else if !silent {
            let names: Vec<&str> = late.iter().map(|beat| beat.name.as_str()).collect();
            tracing::error!(loops = ?names, "these loops have stopped: {}; systemd will restart deskd", names.join(", "));
        }
        silent = !late.is_empty();
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told: {error}");
    }
}

/// A newline would begin another assignment of the protocol.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
