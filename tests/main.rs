//! All tests, in one binary: each module tests one behaviour through the door its users use.
mod mail_automatic;
mod mail_forward;
mod mail_reply;
mod mail_reply_support;
