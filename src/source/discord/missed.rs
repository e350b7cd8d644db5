//! What was changed or taken back while no session was there: nobody tells of it afterwards, so that the newest messages are looked at again.
//!
//! Of messages that open tickets stand on, and of the last hundred of each of their channels: a page a channel is all that it costs.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use serenity::all::{ChannelId, Http, MessageId};

use super::trouble::{ANSWERED, again};
use super::{EPOCH_MS, Listening, MARGIN_MS, PAGE, id_of, value};
use crate::chat::Kept;
use crate::source::SourceError;
use crate::store::{Tx, conversations, inbound};

/// So many messages of open tickets, and channels of them, are looked at; those that were spoken in last come first.
const MESSAGES: i64 = 500;
const CHANNELS: usize = 50;

/// A message as it is kept.
struct Known {
    channel: u64,
    /// Its `edited_timestamp`; null where it was not changed before it was kept.
    edited: Value,
}

impl Listening<'_> {
    /// Hands in what the live way would have, under the same keys: what it did tell is there already.
    pub(super) async fn look_again(&mut self, http: &Http) -> Result<(), SourceError> {
        let mut by_channel: HashMap<u64, BTreeMap<u64, Known>> = HashMap::new();
        let mut channels = Vec::new();
        for (message, known) in self.known().await? {
            if !by_channel.contains_key(&known.channel) {
                channels.push(known.channel);
            }
            by_channel.entry(known.channel).or_default().insert(message, known);
        }
        for channel in channels.into_iter().take(CHANNELS) {
            let found = again(|| http.get_messages(ChannelId::new(channel.max(1)), None, Some(PAGE))).await;
            let found = match found {
                Ok(found) => found,
                // A channel that is gone, or that we may not read any more, tells nothing of its messages.
                Err(SourceError::Lost(why)) if why.starts_with(ANSWERED) => continue,
                Err(error) => return Err(error),
            };
            let found: BTreeMap<u64, Value> = found.iter().map(|message| (message.id.get(), value(message))).collect();
            let known = by_channel.remove(&channel).unwrap_or_default();
            self.compare(http, channel, &known, found).await?;
        }
        Ok(())
    }

    /// Clients' and technicians' messages of open tickets. They are read before Discord is asked: what is not among its answers is gone.
    async fn known(&self) -> Result<Vec<(u64, Known)>, SourceError> {
        let name = &self.source.account.name;
        let mut tx = self.inside.db.read().await?;
        let mut all = Vec::new();
        for message in conversations::messages_of_open_tickets(&mut tx, name, MESSAGES).await? {
            let Some(kept) = kept(&mut tx, name, &message).await? else { continue };
            let object = &kept.event["d"];
            let known = Known { channel: id_of(&object["channel_id"]), edited: object["edited_timestamp"].clone() };
            all.push((message.parse().unwrap_or(0), known));
        }
        tx.rollback().await?;
        Ok(all)
    }

    async fn compare(
        &mut self,
        http: &Http,
        channel: u64,
        known: &BTreeMap<u64, Known>,
        mut found: BTreeMap<u64, Value>,
    ) -> Result<(), SourceError> {
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

/// Changed since it was kept. Discord sets no such time where it only looked up a link.
fn changed(message: &Value, known: &Known) -> bool {
    !message["edited_timestamp"].is_null() && message["edited_timestamp"] != known.edited
}

fn said_at(id: u64) -> DateTime<Utc> {
    let at = i64::try_from(id >> 22).unwrap_or(0) + EPOCH_MS;
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}

/// What is kept under the id of a message; `None` where it is one of ours.
async fn kept(tx: &mut Tx, source: &str, message: &str) -> Result<Option<Kept>, SourceError> {
    let raw = inbound::kept_under(tx, source, message).await?;
    Ok(raw.and_then(|raw| serde_json::from_slice(&zstd::decode_all(raw.as_slice()).ok()?).ok()))
}
