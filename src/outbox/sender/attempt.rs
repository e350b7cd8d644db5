//! One attempt at one row: its bytes to the server, by whichever line the channel has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{CLAIM, Sender};
use crate::chat::Posted;
use crate::outbox::smtp::Session;
use crate::outbox::webhook::Endpoint;
use crate::outbox::{SendError, Transport, chat, folder, phone};
use crate::store::outbox::pages::CALL;
use crate::store::outbox::{self as rows, Claimed, MAIL};
use crate::store::{StoreError, conversations, people};
use crate::words::is_mail;

/// How long the mail in hand may take once the daemon stops.
const STOP_GRACE: Duration = Duration::from_secs(5);

pub(super) enum Line<'a> {
    Smtp(Box<Session<'a>>),
    Folder(&'a folder::Folder),
    Webhook(&'a Endpoint),
    Phone(&'a phone::Line),
    Chat(&'a chat::Room),
}

impl<'a> Line<'a> {
    pub(super) async fn open(transport: &'a Transport) -> Result<Line<'a>, SendError> {
        Ok(match transport {
            Transport::Smtp(smtp) => Line::Smtp(Box::new(smtp.open().await?)),
            Transport::Folder(folder) => Line::Folder(folder),
            Transport::Webhook(endpoint) => Line::Webhook(endpoint),
            Transport::Phone(line) => Line::Phone(line),
            Transport::Chat(room) => Line::Chat(room),
        })
    }
}

impl Sender {
    /// One mail; of a chat with how long the room takes nothing more. When the daemon stops meanwhile it has `STOP_GRACE` left.
    pub(super) async fn attempt(&self, line: &mut Line<'_>, row: &Claimed) -> Result<Option<Duration>, SendError> {
        let in_data = AtomicBool::new(false);
        let work = self.try_one(line, row, &in_data);
        let give_up = async {
            self.stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            outcome = work => outcome,
            () = give_up => {
                let server = "the server".to_owned();
                Err(if in_data.load(Ordering::Relaxed) {
                    SendError::Uncertain { server }
                } else {
                    SendError::Later { server, source: std::io::Error::other("deskd stopped") }
                })
            }
        }
    }

    async fn try_one(
        &self,
        line: &mut Line<'_>,
        row: &Claimed,
        in_data: &AtomicBool,
    ) -> Result<Option<Duration>, SendError> {
        if self.channel == MAIL && !is_mail(&row.recipient) {
            let reply =
                "this person has no mail address, and no [[phone]] or [[chat]] of the config reaches them".to_owned();
            return Err(SendError::Never { recipient: row.recipient.clone(), reply });
        }
        let bytes = self.bytes(row).await.map_err(at_home)?;
        match line {
            // A file is there or it is not: no state in between, and a second attempt finds the first.
            Line::Folder(folder) => folder.put(&row.kind, &row.recipient, &row.message_id, bytes).await,
            // Its id lets the program leave out a second copy: what nobody answered is simply posted again.
            Line::Webhook(endpoint) => endpoint.post(&row.message_id, bytes, self.clock.now()).await,
            Line::Phone(line) => {
                let calls = row.kind == CALL;
                if !calls && self.has_stopped(&row.recipient).await.map_err(at_home)? {
                    let reply = "no more text messages are wanted there (STOP)".to_owned();
                    return Err(SendError::Never { recipient: row.recipient.clone(), reply });
                }
                self.mark_data(row).await.map_err(at_home)?;
                in_data.store(true, Ordering::Relaxed);
                match calls {
                    true => line.call(&row.recipient, &bytes).await,
                    false => line.text(&row.recipient, &bytes).await,
                }
            }
            Line::Chat(room) => {
                // A file that is there and that nobody sees is no message yet.
                let ready = room.prepare(row, bytes).await?;
                self.mark_data(row).await.map_err(at_home)?;
                in_data.store(true, Ordering::Relaxed);
                let posted = room.say(row, &ready).await?;
                self.remember(row, &posted).await;
                return Ok(posted.rest);
            }
            Line::Smtp(session) => {
                session.offer(row.envelope_from.as_deref(), &row.recipient, &bytes).await?;
                if let Err(error) = self.mark_data(row).await {
                    session.give_up();
                    return Err(at_home(error));
                }
                in_data.store(true, Ordering::Relaxed);
                session.deliver(&row.recipient, &bytes).await
            }
        }
        .map(|()| None)
    }

    async fn bytes(&self, row: &Claimed) -> Result<Vec<u8>, StoreError> {
        let mut tx = self.db.read().await?;
        let bytes = rows::bytes(&mut tx, row.id).await?;
        tx.rollback().await?;
        Ok(bytes)
    }

    /// What is answered to our message belongs to its ticket. A message that is there is sent, whether or not this can be noted.
    async fn remember(&self, row: &Claimed, posted: &Posted) {
        if posted.message.is_empty() {
            return;
        }
        let noted = async {
            let mut tx = self.db.write().await?;
            if let Some(ticket) = rows::show(&mut tx, row.id).await?.ticket {
                let name = self.channel.strip_prefix("chat/").unwrap_or(&self.channel);
                conversations::said(&mut tx, name, (&posted.message, &posted.place), ticket, self.clock.now()).await?;
            }
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, outbox.id = row.id.0, "answers to message {} may open another ticket: {error}", row.id.0);
        }
    }

    async fn has_stopped(&self, number: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        people::has_stopped(&mut tx, number).await
    }

    async fn mark_data(&self, row: &Claimed) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let ours = rows::mark_data(&mut tx, row, &self.owner, self.clock.now() + CLAIM).await?;
        tx.commit().await?;
        if ours { Ok(()) } else { Err(StoreError::Refused("the claim on this mail was lost".to_owned())) }
    }
}

/// Our own database is the trouble, not the server.
fn at_home(error: StoreError) -> SendError {
    SendError::Later { server: "the outbox".to_owned(), source: std::io::Error::other(error.to_string()) }
}
