//! All tests, in one binary: each module tests one behaviour through the door its users use.

mod harness;

mod layering;
mod lease;
mod lifecycle;
mod schema;
mod systemd;
mod web;
