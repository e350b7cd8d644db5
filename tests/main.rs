//! All tests, in one binary: each module tests one behaviour through the door its users use.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, also in what it is built of, a panic is the failure"
)]

mod harness;

mod authentic;
mod calendar;
mod cli;
mod cli_demo;
mod cli_store;
mod config;
mod cursor;
mod database_away;
mod desk_restart;
mod directive;
mod disk_full;
mod docs;
mod figures;
mod ground;
mod imap_lies;
mod imap_mailbox;
mod kill;
mod layering;
mod lease;
mod lifecycle;
mod mail_automatic;
mod mail_build;
mod mail_forward;
mod mail_parse;
mod mail_reply;
mod maildir;
mod memory;
mod mta;
mod notice;
mod oauth;
mod outbox;
mod quarantine;
mod reload;
mod schema;
mod smtp_login;
mod source_down;
mod story;
mod story_clock;
mod story_intake;
mod story_techs;
mod systemd;
mod takeover;
mod triage;
mod web;
mod wire_story;
