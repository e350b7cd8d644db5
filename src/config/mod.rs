//! The config files: read whole, checked whole, every problem told at once with its line.

mod alert_mail;
mod billing;
mod chat;
mod check;
mod clockwork;
mod cron_line;
mod holidays;
mod hook;
mod hours;
mod limits;
mod load;
mod nearest;
mod people;
mod phone;
mod problem;
mod programs;
mod public_domains;
pub mod rules;
mod secret;
mod section;
mod security;
mod server;
mod triage;
mod value;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::desk::firm::{Alerts, Firm, Gather};

pub use chat::Chat;
pub use cron_line::{CronLine, Schedule};
pub use hook::Hook;
pub use load::{load, load_for, load_with};
pub use phone::{Phone, Voice};
pub use problem::{Problem, Problems};
pub use secret::Secrets;
pub use security::Dns;
pub use server::{Auth, Mailbox, Maildir, NullSender, OAuth, Outgoing, Provider, Smtp, Tls};
pub use webhook::Webhook;

/// A config that was found good.
#[derive(Debug, Clone)]
pub struct Config {
    pub firm: Arc<Firm>,
    /// `sqlite:/absolute/path` or `postgres://…`.
    pub store_url: String,
    /// Lock file and instance id.
    pub state_dir: PathBuf,
    pub web_listen: Option<SocketAddr>,
    /// The form at `/new` is there.
    pub web_form: bool,
    pub mailboxes: Vec<Mailbox>,
    pub maildirs: Vec<Maildir>,
    pub hooks: Vec<Hook>,
    pub phones: Vec<Phone>,
    pub chats: Vec<Chat>,
    /// Who is told.
    pub webhooks: Vec<Webhook>,
    pub out: Outgoing,
    pub dns: Dns,
    pub schedule: Schedule,
    pub log: Log,
    pub limits: Limits,
    /// Folder with templates that replace built-in ones.
    pub templates: Option<PathBuf>,
    /// All files read: what a reload reads again.
    pub files: Vec<PathBuf>,
    pub warnings: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// What `tracing`'s filter understands: `info`, `deskd=debug,sqlx=warn`.
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
    Journald,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes. A larger mail becomes a placeholder ticket.
    pub mail: u64,
    /// Bytes. Attachments that travel with one relay.
    pub attachments: u64,
    pub gather: Gather,
    pub alerts: Alerts,
}

/// Why `new` cannot take over from `old` without a restart; `None` when it can.
pub fn refuses_reload(old: &Config, new: &Config) -> Option<String> {
    let mut changed = Vec::new();
    if old.store_url != new.store_url || old.state_dir != new.state_dir {
        changed.push("store");
    }
    if old.web_listen != new.web_listen {
        changed.push("web.listen");
    }
    if old.dns != new.dns {
        changed.push("security.dns");
    }
    if old.firm.domain != new.firm.domain {
        changed.push("firm.domain");
    }
    if changed.is_empty() { None } else { Some(format!("restart needed: {} changed", changed.join(", "))) }
}
