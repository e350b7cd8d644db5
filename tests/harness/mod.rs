//! Servers that tests talk to.

pub mod desk;
pub mod dovecot;
pub mod lying_imap;
