//! deskd: the desk daemon of an IT services firm. ARCHITECTURE.md tells the flow; each module's first line tells what it is in charge of.
//!
//! `use` lines point one way (tests/layering.rs enforces it):
//! `main → cli → daemon → {source, schedule, web} → intake → notice → outbox → store → {desk, money} → chat → channel → words → clock`;
//! `mail` and `account` use nothing above `clock` and are open to all; `config` builds what `desk` defines and is imported by `cli` and `daemon` only.

pub mod account;
pub mod channel;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod desk;
pub mod intake;
pub mod lifecycle;
pub mod mail;
pub mod money;
pub mod notice;
pub mod outbox;
pub mod schedule;
pub mod source;
pub mod store;
pub mod web;
pub mod words;

/// A sixth of the work on a backlog was glibc's allocator, and it keeps what a big mail took; the settings are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
