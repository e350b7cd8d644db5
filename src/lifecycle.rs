//! The life of the process: signals, what systemd is told, heartbeats, logs, the lock on the state folder. Uses nothing of the rest
//! and is open to all.

mod heartbeat;
mod lock;
mod logs;
mod signals;
mod systemd;

pub use heartbeat::{Beat, Heartbeats, Pulse};
pub use lock::{Instance, LockError};
pub use logs::{Escaping, Format, log_panics, start_logs};
pub use signals::{Signals, signals};
pub use systemd::{ready, reloading, status, stopping, watchdog};
