//! Messages and files to a chat, by the platform's own account of ours.

use std::io;
use std::sync::Arc;

use super::SendError;
use crate::chat::{Account, PostError, Posted, Upload};
use crate::store::outbox::Claimed;

/// The kind of a row that holds a file (`Upload`) and no words.
pub const FILE: &str = "chat_file";

/// A chat that messages leave by.
#[derive(Debug)]
pub struct Room {
    /// `chat/discord`
    pub channel: String,
    pub account: Arc<Account>,
}

/// What only has to be shown.
pub(super) enum Ready {
    Words(String),
    /// With what the platform calls it, where it has it already.
    File(Upload, Option<String>),
}

impl Room {
    /// Does all that nobody sees and that may be done again.
    pub(super) async fn prepare(&self, row: &Claimed, bytes: Vec<u8>) -> Result<Ready, SendError> {
        if row.kind != FILE {
            return Ok(Ready::Words(String::from_utf8_lossy(&bytes).into_owned()));
        }
        let file = Upload::read(&bytes).ok_or_else(|| PostError::Never("the row holds no file".to_owned()));
        let file = file.map_err(|error| self.meaning(row, error))?;
        let held = self.account.upload(&row.recipient, &file).await.map_err(|error| self.meaning(row, error))?;
        Ok(Ready::File(file, held))
    }

    pub(super) async fn say(&self, row: &Claimed, ready: &Ready) -> Result<Posted, SendError> {
        let (place, id) = (&row.recipient, &row.message_id);
        let posted = match ready {
            Ready::Words(text) => self.account.post(place, text, id).await,
            Ready::File(file, held) => self.account.show(place, file, held.as_deref(), id).await,
        };
        posted.map_err(|error| self.meaning(row, error))
    }

    fn meaning(&self, row: &Claimed, error: PostError) -> SendError {
        let server = self.account.platform.as_str().to_owned();
        match error {
            PostError::Unreachable(source) => SendError::Unreachable { server, source },
            PostError::TooFast { after, everywhere } => SendError::TooFast { server, after, everywhere },
            PostError::Later(why) => SendError::Later { server, source: io::Error::other(why) },
            PostError::Never(reply) => SendError::Never { recipient: row.recipient.clone(), reply },
            PostError::Uncertain => SendError::Uncertain { server },
            PostError::Account(reply) => SendError::Paused { server, reply },
        }
    }
}
