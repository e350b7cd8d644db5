//! Messages to a chat, by the platform's own account of ours.

use std::io;
use std::sync::Arc;

use super::SendError;
use crate::chat::{Account, PostError, Posted};

/// A chat that messages leave by.
#[derive(Debug)]
pub struct Room {
    /// `chat/discord`
    pub channel: String,
    pub account: Arc<Account>,
}

impl Room {
    pub(super) async fn send(&self, place: &str, body: &[u8], id: &str) -> Result<Posted, SendError> {
        let text = String::from_utf8_lossy(body);
        let server = || self.account.platform.as_str().to_owned();
        self.account.post(place, &text, id).await.map_err(|error| match error {
            PostError::Unreachable(source) => SendError::Unreachable { server: server(), source },
            PostError::TooFast(after) => SendError::TooFast { server: server(), after },
            PostError::Later(why) => SendError::Later { server: server(), source: io::Error::other(why) },
            PostError::Never(reply) => SendError::Never { recipient: place.to_owned(), reply },
            PostError::Uncertain => SendError::Uncertain { server: server() },
            PostError::Account(reply) => SendError::Paused { server: server(), reply },
        })
    }
}
