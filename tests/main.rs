//! All tests, in one binary: each module tests one behaviour through the door its users use.

mod harness;

mod ground;
mod layering;
mod lease;
mod lifecycle;
mod mta;
mod schema;
mod systemd;
mod web;
