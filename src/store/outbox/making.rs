//! The bytes of new mails: made on other threads where there are many, beside the statements that go before them.

use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;

use super::{Content, NewMail};
use crate::mail::build::BuildError;
use crate::store::StoreError;
use crate::store::pending::piece_of;

/// A mail, its final bytes, and when it was written.
pub type Made = (NewMail, Vec<u8>, DateTime<Utc>);

/// Mails whose bytes are made, or are being made.
pub enum Making {
    Made(Vec<Made>),
    Away(JoinHandle<Result<Vec<Made>, BuildError>>),
}

/// So many mails are worth another thread.
const BESIDE: usize = 16;

/// Begins to make the bytes, in pieces as they will be inserted.
pub fn make(mut rows: Vec<(NewMail, DateTime<Utc>)>) -> Result<Vec<Making>, StoreError> {
    let mut makings = Vec::new();
    while let Some(size) = piece_of(rows.len()) {
        let later = rows.split_off(size);
        let piece = std::mem::replace(&mut rows, later);
        makings.push(match size {
            0..BESIDE => Making::Made(all(piece).map_err(refused)?),
            _ => Making::Away(tokio::task::spawn_blocking(move || all(piece))),
        });
    }
    Ok(makings)
}

impl Making {
    pub async fn made(self) -> Result<Vec<Made>, StoreError> {
        match self {
            Making::Made(piece) => Ok(piece),
            Making::Away(making) => match making.await {
                Ok(made) => made.map_err(refused),
                Err(failed) => match failed.try_into_panic() {
                    // Panics count where the mail is worked on.
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(StoreError::lost()),
                },
            },
        }
    }
}

fn all(piece: Vec<(NewMail, DateTime<Utc>)>) -> Result<Vec<Made>, BuildError> {
    let made = |(mut mail, now): (NewMail, DateTime<Utc>)| {
        let content = std::mem::replace(&mut mail.content, Content::Written(Vec::new()));
        Ok((mail, content.written()?, now))
    };
    piece.into_iter().map(made).collect()
}

fn refused(error: BuildError) -> StoreError {
    StoreError::Refused(format!("a mail could not be written: {error}"))
}
