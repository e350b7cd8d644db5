//! Chat platforms: who it is that tells, what it tells, and what is said back. One file a platform; what they share is here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::account::TokenSource;
use crate::channel::delivery::Unusable;
use crate::channel::said::{Did, Platform, Said};
use crate::channel::sign::Refusal;

pub mod discord;
mod files;
mod kept;
mod mattermost;
mod slack;
mod teams;
pub mod telegram;
mod upload;

pub use kept::{File, Kept, Missed, kept_post};
pub use teams::TOKEN_SCOPE as TEAMS_SCOPE;
pub use upload::Upload;

/// Our account at a platform, and how it is reached.
pub struct Account {
    /// Name in the config.
    pub name: String,
    pub platform: Platform,
    /// Base of its web interface, without a slash at the end.
    pub api: String,
    /// The bot's own.
    pub token: SecretString,
    /// What the platform shows when it posts to us; each of them counts.
    pub secrets: Vec<SecretString>,
    /// Teams: the bot's App ID, for which its tokens are made out.
    pub app: String,
    /// Teams: how we get a token to answer.
    pub tokens: Option<TokenSource>,
    /// Teams: where the keys are that its tokens are signed with.
    pub keys_url: String,
    keys: teams::Keys,
    http: reqwest::Client,
}

/// A post of the platform's, before anything of it is believed.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'r> {
    /// Names in lower case.
    pub header: &'r [(String, String)],
    pub body: &'r [u8],
    /// The body as data.
    pub data: &'r Value,
    pub now: DateTime<Utc>,
}

/// What a post means.
#[derive(Debug, Clone, PartialEq)]
pub struct Meant {
    /// To be kept, as the platform put it; `None` where it says nothing about anybody's words.
    pub event: Option<Value>,
    /// The body of the answer, as JSON.
    pub answer: Option<Value>,
}

/// Why a post is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    Signature(#[from] Refusal),
    #[error("{0}")]
    Unusable(#[from] Unusable),
    /// Nobody can say now whether it is genuine.
    #[error("{0}")]
    Later(String),
    #[error("{0} posts nothing to us")]
    Silent(&'static str),
}

/// A message of ours that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The platform's id of it, in the form of `Said::message`; empty where it tells none.
    pub message: String,
    /// Where answers to it are said, in the form of `Said::place`.
    pub place: String,
    /// The platform says that it was the last for so long that the room takes.
    pub rest: Option<Duration>,
}

impl Posted {
    fn new(message: String, place: String) -> Posted {
        Posted { message, place, rest: None }
    }
}

/// Why a message of ours is not there; one variant a decision.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("{0}")]
    Unreachable(io::Error),
    /// Too many in too short a time: again after that, and before it nothing to that room, or to none.
    #[error("too many messages; again in {} s", .after.as_secs())]
    TooFast { after: Duration, everywhere: bool },
    #[error("{0}")]
    Later(String),
    #[error("{0}")]
    Never(String),
    /// It may be there.
    #[error("no answer")]
    Uncertain,
    /// Our account is refused.
    #[error("{0}")]
    Account(String),
}

/// Said at once to a command; the acknowledgement with the number follows.
pub const TAKEN: &str = "Taken. The answer follows here.";
/// The same where nothing can follow.
const TAKEN_ELSEWHERE: &str = "Taken. The answer follows by mail.";
/// How long the whole answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a file may take.
const UPLOAD: Duration = Duration::from_secs(300);
/// So much of a refusal is kept to be shown, in characters.
const SHOWN: usize = 200;

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({} at {})", self.name, self.platform.as_str())
    }
}

/// What the config says of an account.
pub struct Setup {
    pub name: String,
    pub platform: Platform,
    pub api: String,
    pub token: SecretString,
    pub secrets: Vec<SecretString>,
    pub app: String,
    pub tokens: Option<TokenSource>,
    pub keys_url: String,
}

impl Account {
    pub fn new(setup: Setup, tls: &Arc<ClientConfig>) -> Result<Account, reqwest::Error> {
        let http = reqwest::Client::builder()
            .use_preconfigured_tls(ClientConfig::clone(tls))
            .user_agent(concat!("deskd/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let Setup { name, platform, api, token, secrets, app, tokens, keys_url } = setup;
        let keys = teams::Keys::default();
        Ok(Account { name, platform, api, token, secrets, app, tokens, keys_url, keys, http })
    }

    /// Whether a post is the platform's, and what it means.
    pub async fn hear(&self, post: Heard<'_>) -> Result<Meant, Refused> {
        match self.platform {
            Platform::Slack => slack::hear(self, post),
            Platform::Telegram => telegram::hear(self, post),
            Platform::Mattermost => mattermost::hear(self, post).await,
            Platform::Teams => teams::hear(self, post).await,
            Platform::Discord => Err(Refused::Silent("Discord")),
        }
    }

    /// Says `text` at a place. `id` is the same for each attempt at the same message.
    pub async fn post(&self, place: &str, text: &str, id: &str) -> Result<Posted, PostError> {
        match self.platform {
            Platform::Slack => slack::post(self, place, text).await,
            Platform::Telegram => telegram::post(self, place, text).await,
            Platform::Mattermost => mattermost::post(self, place, text, id).await,
            Platform::Teams => teams::post(self, place, text).await,
            Platform::Discord => discord::post(self, place, (text, None), id).await,
        }
    }

    /// Brings a file to where nobody sees it yet, and gives what the platform calls it; `None` where it takes files with a message alone.
    /// Whatever comes of it may be done again: what nobody shows the platform forgets.
    pub async fn upload(&self, place: &str, file: &Upload) -> Result<Option<String>, PostError> {
        let held = match self.platform {
            Platform::Slack => slack::upload(self, file).await,
            Platform::Mattermost => mattermost::upload(self, place, file).await,
            Platform::Telegram | Platform::Teams | Platform::Discord => return Ok(None),
        };
        held.map(Some).map_err(|error| match error {
            PostError::Uncertain => PostError::Later("no answer to a file".to_owned()),
            other => other,
        })
    }

    /// Shows a file at a place; `held` is what `upload` gave. `id` is the same for each attempt.
    pub async fn show(&self, place: &str, file: &Upload, held: Option<&str>, id: &str) -> Result<Posted, PostError> {
        match (self.platform, held) {
            (Platform::Slack, Some(held)) => slack::show(self, place, (held, &file.name)).await,
            (Platform::Mattermost, Some(held)) => mattermost::show(self, place, held, id).await,
            (Platform::Telegram, _) => telegram::show(self, place, file).await,
            (Platform::Discord, _) => discord::post(self, place, ("", Some(file)), id).await,
            _ => Err(PostError::Never("files go to nobody there".to_owned())),
        }
    }

    /// An event with the files that belong to it, as far as they can be had.
    pub async fn kept(&self, event: Value, said: &Said, cap: u64, within: Duration) -> Kept {
        let mut kept = Kept::new(self.platform, event);
        if matches!(said.did, Did::Wrote | Did::Asked) {
            self.fetch(&mut kept, &said.files, cap, within).await;
        }
        kept
    }

    /// For a client library that speaks for us.
    pub fn token_text(&self) -> &str {
        self.token.expose_secret()
    }
}

/// What calls a person's attention, where the platform has it by its id.
pub fn mention(platform: Platform, author: &str) -> Option<String> {
    matches!(platform, Platform::Discord | Platform::Slack).then(|| format!("<@{author}>"))
}

/// What an event of the platform's says; `None` where nobody says anything to us in it.
pub fn said(platform: Platform, event: &Value) -> Option<Said> {
    match platform {
        Platform::Slack => slack::said(event),
        Platform::Telegram => telegram::said(event),
        Platform::Mattermost => mattermost::said(event),
        Platform::Teams => teams::said(event),
        Platform::Discord => discord::said(event),
    }
}

/// A text in an event; empty where it lacks.
fn word<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number or a text as text; empty where it lacks.
fn id(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// `room/thread`; the second is empty where there is no thread.
fn in_room(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, ""))
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

impl PostError {
    /// Of a platform that counts what we say in all rooms together.
    fn in_all_rooms(self) -> PostError {
        match self {
            PostError::TooFast { after, .. } => PostError::TooFast { after, everywhere: true },
            other => other,
        }
    }
}

/// What came of a request that did not come back: nothing was sent, or nobody knows.
fn broken(error: &reqwest::Error) -> PostError {
    if !error.is_connect() {
        return PostError::Uncertain;
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    PostError::Unreachable(io::Error::other(innermost.to_string()))
}

/// What `Retry-After` says (RFC 9110 section 10.2.3); five seconds where it says nothing.
fn retry_after(answer: &Response) -> Duration {
    pause(seconds(answer.headers(), "retry-after").unwrap_or(5.0))
}

/// The number of seconds in a field of an answer; some platforms give parts of a second.
fn seconds(fields: &HeaderMap, name: &str) -> Option<f64> {
    fields.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Between one second and a day, and rather a millisecond more: the outbox keeps no finer time.
fn pause(seconds: f64) -> Duration {
    Duration::from_millis((seconds.clamp(1.0, 86_400.0) * 1000.0).ceil() as u64)
}

/// What an answer without 2xx means, by its status alone; `said` is what the platform gives as reason.
fn by_status(status: StatusCode, wait: Duration, said: &str) -> PostError {
    let reply = shortened(&format!("{status}: {said}"));
    match status {
        StatusCode::TOO_MANY_REQUESTS => PostError::TooFast { after: wait, everywhere: false },
        StatusCode::UNAUTHORIZED => PostError::Account(reply),
        status if status.is_client_error() => PostError::Never(reply),
        _ => PostError::Later(reply),
    }
}
