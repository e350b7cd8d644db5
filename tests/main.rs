//! All tests, in one binary: each module tests one behaviour through the door its users use.
mod outbox;
mod authentic;
