//! Servers that tests talk to.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test servers: a failure here is a failed test")]

pub mod desk;
pub mod dovecot;
pub mod lying_imap;
