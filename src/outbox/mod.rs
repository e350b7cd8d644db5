//! What is decided but not yet sent: claims rows, sends them, records what came of it, backs off.

pub mod chat;
pub mod folder;
pub mod health;
mod http;
mod pace;
pub mod phone;
mod retry;
pub mod sender;
pub mod smtp;
mod stream;
pub mod webhook;

pub use crate::store::outbox::{Class, Content, MAIL, NewMail, State, UNCERTAIN_RETRIES};

/// What the sender decides after a failed attempt; one variant per decision.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("{server} cannot take it now: {source}")]
    Later { server: String, source: std::io::Error },
    /// Like `Later`, for every mail in hand: there is no server to talk to.
    #[error("cannot reach {server}: {source}")]
    Unreachable { server: String, source: std::io::Error },
    /// Again after that, and before it nothing else to the same room, or `everywhere`.
    /// The words are what `store::outbox::lately` looks for after a restart.
    #[error("{server} takes no more messages {}for {} s", if *.everywhere { "anywhere " } else { "" }, .after.as_secs_f64().ceil())]
    TooFast { server: String, after: std::time::Duration, everywhere: bool },
    #[error("{recipient} was refused for good: {reply}")]
    Never { recipient: String, reply: String },
    #[error("{server} went away after the body of the mail")]
    Uncertain { server: String },
    #[error("{server} refuses our account: {reply}")]
    Paused { server: String, reply: String },
}

/// Where a channel's rows go.
#[derive(Debug)]
pub enum Transport {
    Smtp(smtp::Smtp),
    Folder(folder::Folder),
    Webhook(webhook::Endpoint),
    Phone(phone::Line),
    Chat(chat::Room),
}

impl Transport {
    /// Which rows of the outbox leave by it.
    pub fn channel(&self) -> String {
        match self {
            Transport::Smtp(_) | Transport::Folder(_) => MAIL.to_owned(),
            Transport::Webhook(endpoint) => endpoint.channel.clone(),
            Transport::Phone(line) => line.channel.clone(),
            Transport::Chat(room) => room.channel.clone(),
        }
    }
}
