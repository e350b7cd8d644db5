//! The life of the process: signals, what systemd is told, heartbeats, logs, the lock on the state folder. Uses nothing of the rest
//! and is open to all.

mod heartbeat;
mod lock;
mod logs;
mod progress;
mod signals;
mod systemd;

pub use heartbeat::{Beat, Heartbeats, Pulse};
pub use lock::{Instance, LockError};
pub use logs::{Escaping, Format, log_panics, start_logs};
pub use progress::{Progress, Turn};
/// An error with everything behind it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

pub use signals::{Signals, signals};
pub use systemd::{ready, reloading, status, stopping, watchdog};
