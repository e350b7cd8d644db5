//! All tests, in one binary: each module tests one behaviour through the door its users use.

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
mod lifecycle;
mod mta;
mod schema;
mod systemd;
mod web;
