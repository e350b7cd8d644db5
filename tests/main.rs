//! All tests, in one binary: each module tests one behaviour through the door its users use.
mod calendar;
mod config;

mod harness;

mod lease;
mod directive;
mod triage;
mod notice;
