//! Discord's REST by serenity.

use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serenity::all::{
    AutoArchiveDuration, ChannelId, ChannelType, CreateAllowedMentions, CreateMessage, CreateThread, Http, HttpBuilder,
    HttpError, MessageId, Nonce,
};
use sha2::{Digest, Sha256};

use super::super::{PostError, Posted, by_status, in_room};

/// What Discord answers where there is no such channel: the thread was not begun yet.
/// <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>
const UNKNOWN_CHANNEL: isize = 10_003;
/// The thread is there already.
const ALREADY: isize = 160_004;

pub struct Rest(pub(crate) Http);

impl Rest {
    /// serenity's own limiter ignores `proxy`: what is too fast comes back as 429, and the outbox waits.
    pub fn new(api: &str, token: &SecretString, http: &reqwest::Client) -> Rest {
        let builder = HttpBuilder::new(token.expose_secret()).client(http.clone()).ratelimiter_disabled(true);
        Rest(builder.proxy(api).build())
    }

    /// `channel/message` is the thread of that message, which is begun where there is none.
    pub(crate) async fn post(&self, place: &str, text: &str, id: &str) -> Result<Posted, PostError> {
        let (channel, message) = in_room(place);
        let message_in = if message.is_empty() { channel } else { message };
        let room = ChannelId::new(number(message_in)?);
        // Discord leaves out a second message with the same nonce for some minutes.
        let nonce: String = Sha256::digest(id.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let words = || {
            let quiet = CreateAllowedMentions::new();
            let quiet = match called(text) {
                Some(user) => quiet.users([user]),
                None => quiet,
            };
            CreateMessage::new()
                .content(text)
                .allowed_mentions(quiet)
                .nonce(Nonce::String(nonce.clone()))
                .enforce_nonce(true)
        };
        let sent = match room.send_message(&self.0, words()).await {
            Err(error) if code(&error) == Some(UNKNOWN_CHANNEL) && !message.is_empty() => {
                let begun = self.begin(number(channel)?, number(message)?, text).await;
                match begun {
                    Ok(()) => room.send_message(&self.0, words()).await,
                    // Nobody may begin threads there: an answer in the channel then.
                    Err(error) if matches!(status(&error), Some(StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST)) => {
                        let (channel, message) = (ChannelId::new(number(channel)?), MessageId::new(number(message)?));
                        channel.send_message(&self.0, words().reference_message((channel, message))).await
                    }
                    Err(error) => Err(error),
                }
            }
            sent => sent,
        };
        let sent = sent.map_err(|error| meaning(&error))?;
        let own = sent.id.to_string();
        // In a channel an answer to ours may be said in a thread of it.
        let place =
            if message.is_empty() && sent.guild_id.is_some() { format!("{channel}/{own}") } else { place.to_owned() };
        Ok(Posted { message: own, place })
    }

    async fn begin(&self, channel: u64, message: u64, text: &str) -> Result<(), serenity::Error> {
        let thread = CreateThread::new(name(text)).kind(ChannelType::PublicThread);
        let thread = thread.auto_archive_duration(AutoArchiveDuration::OneWeek);
        match ChannelId::new(channel).create_thread_from_message(&self.0, MessageId::new(message), thread).await {
            Err(error) if code(&error) == Some(ALREADY) => Ok(()),
            begun => begun.map(drop),
        }
    }
}

/// What a thread is called: `Request #1042`, where the text names its ticket.
fn name(text: &str) -> String {
    let number = text.split('#').nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    number
        .filter(|digits| !digits.is_empty())
        .map_or_else(|| "Request".to_owned(), |digits| format!("Request #{digits}"))
}

/// Whom we call ourselves, at the beginning of a message.
fn called(text: &str) -> Option<u64> {
    text.strip_prefix("<@")?.split_once('>')?.0.parse().ok()
}

fn number(text: &str) -> Result<u64, PostError> {
    text.parse()
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| PostError::Never(format!("\"{text}\" is no channel of Discord's")))
}

fn refusal(error: &serenity::Error) -> Option<&serenity::http::ErrorResponse> {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(refusal)) => Some(refusal),
        _ => None,
    }
}

fn code(error: &serenity::Error) -> Option<isize> {
    refusal(error).map(|refusal| refusal.error.code)
}

fn status(error: &serenity::Error) -> Option<StatusCode> {
    refusal(error).map(|refusal| refusal.status_code)
}

fn meaning(error: &serenity::Error) -> PostError {
    // serenity keeps no Retry-After; a bucket of Discord's is full again in five seconds.
    const WAIT: Duration = Duration::from_secs(5);
    match (refusal(error), error) {
        (Some(refusal), _) => by_status(refusal.status_code, WAIT, &refusal.error.message),
        (None, serenity::Error::Http(HttpError::Request(error))) if error.is_connect() => {
            PostError::Unreachable(io::Error::other(error.to_string()))
        }
        (None, serenity::Error::Http(HttpError::Request(_))) => PostError::Uncertain,
        (None, serenity::Error::Model(error)) => PostError::Never(error.to_string()),
        (None, error) => PostError::Later(error.to_string()),
    }
}
