//! All tests, in one binary: each module tests one behaviour through the door its users use.

mod harness;
mod imap_lies;
mod imap_mailbox;
mod maildir;
