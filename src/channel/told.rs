//! A request that somebody heard and typed in at the command line (`deskd ticket new`).

use serde::{Deserialize, Serialize};

use super::Post;
use crate::words::Priority;

/// As it is kept, JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Mail address (lower case) or telephone number (E.164) of who asks.
    pub from: String,
    pub name: String,
    pub client: Option<String>,
    pub subject: String,
    pub text: String,
    pub priority: Option<Priority>,
}

impl Told {
    pub fn post(self) -> Post {
        let Told { from, name, client, subject, text, priority } = self;
        Post {
            origin: "the command line".to_owned(),
            sender: from,
            sender_name: name,
            subject,
            text,
            client,
            priority,
            ..Post::default()
        }
    }
}
