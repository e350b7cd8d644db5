//! What was changed or taken back while no session was there: nobody tells of it afterwards, so that the newest messages are looked at again.
//!
//! Of messages that open tickets stand on, and of the last hundred of each of their channels: a page a channel is all that it costs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use serenity::all::{ChannelId, Http, MessageId};

use super::trouble::{ANSWERED, is_unknown_message, refused};
use super::{EPOCH_MS, Listening, MARGIN_MS, PAGE, id_of, value};
use crate::source::SourceError;
use crate::store::{conversations, inbound};

/// So many messages of open tickets, and channels of them, are looked at; those that were spoken in last come first.
const MESSAGES: i64 = 500;
const CHANNELS: usize = 50;
/// No look begins sooner after the one before.
const APART: TimeDelta = TimeDelta::minutes(5);

/// A message as it is kept.
struct Known {
    channel: u64,
    /// Its `edited_timestamp`; null where it was not changed before it was kept.
    edited: Value,
}

impl Listening<'_> {
    /// Hands in what the live way would have, under the same keys: what it did tell is there already. A channel that cannot be looked at
    /// costs neither the others nor the session anything: it has its turn with the next look.
    pub(super) async fn look_again(&mut self, http: &Http) -> Result<(), SourceError> {
        let now = self.inside.clock.now();
        if !self.source.looks.begins(now) {
            return Ok(());
        }
        let mut by_channel: HashMap<u64, BTreeMap<u64, Known>> = HashMap::new();
        let mut channels = Vec::new();
        for (message, known) in self.known().await? {
            if !by_channel.contains_key(&known.channel) {
                channels.push(known.channel);
            }
            by_channel.entry(known.channel).or_default().insert(message, known);
        }
        for channel in channels.into_iter().take(CHANNELS) {
            let known = by_channel.remove(&channel).unwrap_or_default();
            match self.look_at(http, channel, &known).await {
                Ok(()) => {}
                // A channel that is gone, or that we may not read any more, tells nothing of its messages.
                Err(SourceError::Lost(why)) if why.starts_with(ANSWERED) => {}
                Err(SourceError::Lost(why)) => {
                    tracing::warn!(source.name = %self.source.account.name, "what was changed in channel {channel} is looked for later: {why}");
                    self.source.looks.wanted();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Clients' and technicians' messages of open tickets. They are read before Discord is asked: what is not among its answers may be gone.
    async fn known(&self) -> Result<Vec<(u64, Known)>, SourceError> {
        let name = &self.source.account.name;
        let mut tx = self.inside.db.read().await?;
        let messages = conversations::messages_of_open_tickets(&mut tx, name, MESSAGES).await?;
        tx.rollback().await?;
        let mut all = Vec::new();
        for message in messages {
            // Each by itself: what is kept may be megabytes, and nobody else is to wait for all of it.
            let mut tx = self.inside.db.read().await?;
            let raw = inbound::kept_under(&mut tx, name, &message).await?;
            tx.rollback().await?;
            // Nothing is kept under the id of a message of ours.
            let Some(known) = raw.and_then(|raw| known(&raw)) else { continue };
            all.push((message.parse().unwrap_or(0), known));
        }
        Ok(all)
    }

    async fn look_at(&mut self, http: &Http, channel: u64, known: &BTreeMap<u64, Known>) -> Result<(), SourceError> {
        let found = http.get_messages(ChannelId::new(channel.max(1)), None, Some(PAGE)).await.map_err(refused)?;
        let mut found: BTreeMap<u64, Value> = found.iter().map(|message| (message.id.get(), value(message))).collect();
        // Where the page is full, what lies before its first message is not on it.
        let first = found.keys().next().copied().filter(|_| found.len() >= usize::from(PAGE)).unwrap_or(0);
        // A message may show up late.
        let settled = self.inside.clock.now() - TimeDelta::milliseconds(i64::try_from(MARGIN_MS).unwrap_or(0));
        for (id, known) in known.range(first..) {
            let (kind, message) = match found.remove(id) {
                Some(message) if changed(&message, known) => ("edit", message),
                None if said_at(*id) < settled => {
                    ("delete", json!({ "id": MessageId::new(*id), "channel_id": ChannelId::new(channel) }))
                }
                _ => continue,
            };
            if let Some(arrival) = self.arrival(http, kind, message).await?
                && !self.is_kept(&arrival.key).await?
                && (kind == "edit" || is_gone(http, channel, *id).await?)
            {
                self.hand_in(vec![arrival]).await?;
            }
        }
        Ok(())
    }

    async fn is_kept(&self, key: &str) -> Result<bool, SourceError> {
        let mut tx = self.inside.db.read().await?;
        let kept = inbound::kept_under(&mut tx, &self.source.account.name, key).await?;
        tx.rollback().await?;
        Ok(kept.is_some())
    }
}

/// Only "Unknown Message" says that it is: without the right to read the history Discord shows a page with nothing on it.
async fn is_gone(http: &Http, channel: u64, id: u64) -> Result<bool, SourceError> {
    match http.get_message(ChannelId::new(channel.max(1)), MessageId::new(id.max(1))).await {
        Ok(_) => Ok(false),
        Err(error) if is_unknown_message(&error) => Ok(true),
        Err(error) => Err(refused(error)),
    }
}

/// When it was looked for last, and whether it is to be again: sessions may come and go by the second.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<(bool, Option<DateTime<Utc>>)>);

impl Looks {
    /// A session began, or a channel could not be looked at.
    pub(super) fn wanted(&self) {
        self.both().0 = true;
    }

    fn both(&self) -> MutexGuard<'_, (bool, Option<DateTime<Utc>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a look begins now: it is wanted, and the last one is long enough ago.
    fn begins(&self, now: DateTime<Utc>) -> bool {
        let mut looks = self.both();
        let (wanted, last) = *looks;
        let begins = wanted && last.is_none_or(|last| now - last >= APART);
        if begins {
            *looks = (false, Some(now));
        }
        begins
    }
}

/// Changed since it was kept. Discord sets no such time where it only looked up a link.
fn changed(message: &Value, known: &Known) -> bool {
    !message["edited_timestamp"].is_null() && message["edited_timestamp"] != known.edited
}

fn said_at(id: u64) -> DateTime<Utc> {
    let at = i64::try_from(id >> 22).unwrap_or(0) + EPOCH_MS;
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}

/// What is kept of a message, without the files that came along.
fn known(raw: &[u8]) -> Option<Known> {
    #[derive(Deserialize)]
    struct Kept {
        event: Event,
    }
    #[derive(Deserialize)]
    struct Event {
        d: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        channel_id: Value,
        #[serde(default)]
        edited_timestamp: Value,
    }
    let Kept { event } = serde_json::from_slice(&zstd::decode_all(raw).ok()?).ok()?;
    Some(Known { channel: id_of(&event.d.channel_id), edited: event.d.edited_timestamp })
}
