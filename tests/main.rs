//! All tests, in one binary: each module tests one behaviour through the door its users use.
mod calendar;
mod config;

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, also in what it is built of, a panic is the failure"
)]

mod harness;

mod figures;
mod ground;
mod layering;
mod lease;
mod directive;
mod triage;
mod notice;
mod lifecycle;
mod mta;
mod schema;
mod systemd;
mod web;
mod mail_build;
mod mail_parse;
mod mail_automatic;
mod mail_forward;
mod mail_reply;
mod mail_reply_support;
mod outbox;
mod authentic;
mod imap_lies;
mod imap_mailbox;
mod maildir;
