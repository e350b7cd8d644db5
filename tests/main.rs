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
mod directive;
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
mod mail_likeness;
mod mail_parse;
mod mail_reply;
mod maildir;
mod mta;
mod notice;
mod oauth;
mod outbox;
mod schema;
mod story;
mod story_clock;
mod story_intake;
mod story_relay;
mod story_techs;
mod systemd;
mod triage;
mod web;
mod wire_story;
