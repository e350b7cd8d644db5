//! What Discord's errors mean to the source.

use std::time::Duration;

use serenity::all::{GatewayError, HttpError};

use crate::source::SourceError;

/// Begins the reason where Discord did answer, and said no.
pub(super) const ANSWERED: &str = "Discord refuses";

/// Asks again where Discord wants a pause or has a fault of its own.
pub(super) async fn again<T, F>(ask: impl Fn() -> F) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, serenity::Error>>,
{
    const TRIES: u32 = 5;
    for turn in 1.. {
        match ask().await {
            Ok(found) => return Ok(found),
            Err(error) if turn < TRIES && is_passing(&error) => {
                tokio::time::sleep(Duration::from_secs(u64::from(turn))).await
            }
            Err(error) => return Err(refused(error)),
        }
    }
    Err(SourceError::Lost("Discord does not answer".to_owned()))
}

fn status(error: &serenity::Error) -> Option<u16> {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(refusal)) => Some(refusal.status_code.as_u16()),
        _ => None,
    }
}

fn is_passing(error: &serenity::Error) -> bool {
    status(error).is_some_and(|status| status == 429 || status >= 500)
}

/// Discord says that there is no such thing, or not for us.
pub(super) fn is_answer(error: &serenity::Error) -> bool {
    matches!(status(error), Some(403 | 404))
}

/// There is no such message, and not only none for us.
/// <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>
pub(super) fn is_unknown_message(error: &serenity::Error) -> bool {
    const UNKNOWN_MESSAGE: isize = 10_008;
    matches!(error, serenity::Error::Http(HttpError::UnsuccessfulRequest(refusal))
        if refusal.status_code.as_u16() == 404 && refusal.error.code == UNKNOWN_MESSAGE)
}

pub(super) fn refused(error: serenity::Error) -> SourceError {
    match (&error, status(&error)) {
        (serenity::Error::Gateway(GatewayError::InvalidAuthentication), _) | (_, Some(401)) => {
            SourceError::Refused("Discord does not know the bot's token".to_owned())
        }
        (serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents), _) => {
            let right = "switch on MESSAGE CONTENT INTENT for the bot in Discord's developer portal";
            SourceError::Refused(format!("the bot may not read messages: {right}"))
        }
        (_, Some(_)) if is_answer(&error) => SourceError::Lost(format!("{ANSWERED}: {error}")),
        _ => SourceError::Lost(error.to_string()),
    }
}
