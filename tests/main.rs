//! All tests, in one binary: each module tests one behaviour through the door its users use.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, also in what it is built of, a panic is the failure"
)]

mod harness;

mod alert_mails;
mod authentic;
mod batch;
mod billing;
mod calendar;
mod chat;
mod chat_files;
mod chat_pace;
mod chat_platforms;
mod cli;
mod cli_demo;
mod cli_store;
mod config;
mod cursor;
mod database_away;
mod desk_restart;
mod directive;
mod discord;
mod discord_missed;
mod disk_full;
mod docs;
mod figures;
mod ground;
mod hook_callers;
mod hook_signatures;
mod hooks;
mod hygiene;
mod imap_lies;
mod imap_mailbox;
mod kill;
mod kill_chat;
mod kill_hooks;
mod layering;
mod lease;
mod ledger;
mod lifecycle;
mod mail_automatic;
mod mail_build;
mod mail_forward;
mod mail_likeness;
mod mail_parse;
mod mail_reply;
mod maildir;
mod margin;
mod memory;
mod monitoring;
mod mta;
mod notice;
mod oauth;
mod one_person;
mod outbox;
mod pending;
mod phone;
mod phone_calls;
mod portal;
mod pricing;
mod quarantine;
mod reload;
mod review;
mod rules_kept;
mod schema;
mod smtp_login;
mod source_down;
mod statement;
mod story;
mod story_clock;
mod story_intake;
mod story_machines;
mod story_people;
mod story_refusals;
mod story_relay;
mod story_retainer;
mod story_techs;
mod survey;
mod systemd;
mod takeover;
mod triage;
mod trust;
mod trust_approval;
mod trust_border;
mod usage;
mod web;
mod webhooks;
mod wire_story;
mod year;
