//! Discord on loopback: its REST and its gateway (HELLO, IDENTIFY, READY, heartbeats, RESUME, INVALID_SESSION, RECONNECT, dropped sockets).
//!
//! <https://docs.discord.com/developers/events/gateway>

mod rest;

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

use super::speed::Speed;

pub const TOKEN: &str = "discord-bot-token";
pub const BOT: u64 = 900_000_000_000_000_500;
pub const GUILD: u64 = 900_000_000_000_000_999;
pub const ACME: u64 = 900_000_000_000_000_011;
pub const ELSEWHERE: u64 = 900_000_000_000_000_012;
pub const TECHS: u64 = 900_000_000_000_000_013;
pub const DIRECT: u64 = 900_000_000_000_000_014;
/// Milliseconds of Unix time of `story::MORNING`, and the moment that snowflakes count from.
const MORNING: u64 = 1_772_463_600_000;
const EPOCH: u64 = 1_420_070_400_000;

/// What the gateway does to its sockets.
#[derive(Debug, Clone)]
enum Do {
    Send(Value),
    Drop,
    Reconnect,
}

#[derive(Default)]
struct Inner {
    /// All messages there are, ours too.
    messages: Vec<Value>,
    /// Thread and the channel that it belongs to.
    threads: Vec<(u64, u64)>,
    /// Everything dispatched in this session, for RESUME.
    dispatched: Vec<Value>,
    count: u64,
    minutes: u64,
    /// Status and body for the next messages of ours.
    answers: VecDeque<(u16, Value)>,
    /// How often the newest messages of a channel were asked for.
    looks: u32,
    /// How often one of ours was tried.
    tries: u32,
    nonces: BTreeSet<String>,
    /// A session is resumed; else it is invalid, and a new one must be begun.
    resumes: bool,
    identified: u32,
    resumed: u32,
    beats: u32,
    commands: Vec<String>,
    edited: Vec<String>,
    no_threads: bool,
    /// READ_MESSAGE_HISTORY was taken away: pages are empty, and no message can be looked up.
    no_history: bool,
    /// The channel whose newest messages nobody can be told.
    broken: Option<u64>,
    speed: Speed,
}

#[derive(Clone)]
pub struct Discord {
    pub api: String,
    inner: Arc<Mutex<Inner>>,
    sockets: broadcast::Sender<Do>,
    gateway: String,
}

impl Discord {
    pub async fn start() -> Discord {
        super::ring();
        let rest = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let discord = Discord {
            api: format!("http://{}", rest.local_addr().unwrap()),
            inner: Arc::new(Mutex::new(Inner { resumes: true, ..Inner::default() })),
            sockets: broadcast::channel(4096).0,
            gateway: format!("ws://{}", gateway.local_addr().unwrap()),
        };
        let app = Router::new().fallback(rest::take).with_state(discord.clone());
        tokio::spawn(async move { axum::serve(rest, app).await });
        let listening = discord.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = gateway.accept().await {
                tokio::spawn(listening.clone().serve(stream));
            }
        });
        discord
    }

    pub fn config(&self, folder: &Path, more: &str) -> String {
        std::fs::write(folder.join("token"), TOKEN).unwrap();
        format!(
            "[[chat]]\nname = \"talk\"\nkind = \"discord\"\napi = \"{}\"\ntoken = {{ file = \"{}/token\" }}\ninternal = [\"{TECHS}\"]\n\
             clients = {{ \"{ACME}\" = \"acme\" }}\n{more}\n",
            self.api,
            folder.display()
        )
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn passed(&self, minutes: u64) {
        self.inner().minutes += minutes;
    }

    /// Its clock shows what ours does.
    pub fn is_now(&self) {
        let now = u64::try_from(deskd::clock::Clock::System.now().timestamp_millis()).unwrap();
        self.inner().minutes = (now - MORNING) / 60_000;
    }

    pub fn answers(&self, answers: &[(u16, Value)]) {
        self.inner().answers = answers.iter().cloned().collect();
    }

    /// From now on it counts what is said, by this clock.
    pub fn counts_by(&self, clock: &deskd::clock::TestClock) {
        self.inner().speed.by(clock);
    }

    /// How many messages came too fast.
    pub fn too_fast(&self) -> usize {
        self.inner().speed.refused()
    }

    /// How often deskd tried to say something since the last look.
    pub fn tries(&self) -> u32 {
        std::mem::take(&mut self.inner().tries)
    }

    pub fn resumes(&self, resumes: bool) {
        self.inner().resumes = resumes;
    }

    /// Nobody may begin threads.
    pub fn no_threads(&self) {
        self.inner().no_threads = true;
    }

    /// Whether deskd may read the history.
    pub fn history(&self, may: bool) {
        self.inner().no_history = !may;
    }

    /// Discord has a fault of its own where the newest messages of that channel are asked for.
    pub fn breaks(&self, channel: Option<u64>) {
        self.inner().broken = channel;
    }

    /// Sessions begun, and gone on with; and heartbeats.
    pub fn sessions(&self) -> (u32, u32, u32) {
        let inner = self.inner();
        (inner.identified, inner.resumed, inner.beats)
    }

    pub fn commands(&self) -> (Vec<String>, Vec<String>) {
        let inner = self.inner();
        (inner.commands.clone(), inner.edited.clone())
    }

    /// Every socket is gone, without a word.
    pub fn drop_sockets(&self) {
        let _ = self.sockets.send(Do::Drop);
    }

    /// RECONNECT: the client is asked to come again and go on.
    pub fn reconnect(&self) {
        let _ = self.sockets.send(Do::Reconnect);
    }

    /// Somebody writes; the gateway tells it to who is there. Gives the id.
    pub fn say(&self, who: u64, channel: u64, text: &str) -> u64 {
        self.say_with(who, channel, text, &json!({}))
    }

    pub fn say_with(&self, who: u64, channel: u64, text: &str, more: &Value) -> u64 {
        let mut inner = self.inner();
        let message = message(&mut inner, who, channel, text, more);
        inner.messages.push(message.clone());
        let id = message["id"].as_str().unwrap().parse().unwrap();
        self.dispatch(&mut inner, "MESSAGE_CREATE", message);
        id
    }

    /// The same while the gateway tells nobody, now or later: only the history has it.
    pub fn say_unheard(&self, who: u64, channel: u64, text: &str) -> u64 {
        let mut inner = self.inner();
        let message = message(&mut inner, who, channel, text, &json!({}));
        inner.messages.push(message.clone());
        message["id"].as_str().unwrap().parse().unwrap()
    }

    /// Another bot says something.
    pub fn say_by_bot(&self, channel: u64, text: &str) {
        let bot = json!({ "author": user(BOT + 1, true) });
        self.say_with(BOT + 1, channel, text, &bot);
    }

    /// How often deskd looked at the newest messages of a channel.
    pub fn looks(&self) -> u32 {
        self.inner().looks
    }

    /// A message has other words from now on, and the gateway tells nobody.
    pub fn edit_unheard(&self, id: u64, text: &str, at: &str) {
        let mut inner = self.inner();
        let message = inner.messages.iter_mut().find(|message| number(&message["id"]) == id).unwrap();
        (message["content"], message["edited_timestamp"]) = (text.into(), at.into());
    }

    pub fn delete_unheard(&self, id: u64) {
        self.inner().messages.retain(|message| number(&message["id"]) != id);
    }

    pub fn tell(&self, kind: &str, data: Value) {
        let mut inner = self.inner();
        self.dispatch(&mut inner, kind, data);
    }

    fn dispatch(&self, inner: &mut Inner, kind: &str, data: Value) {
        let number = inner.dispatched.len() as u64 + 2;
        let event = json!({ "op": 0, "t": kind, "s": number, "d": data });
        inner.dispatched.push(event.clone());
        let _ = self.sockets.send(Do::Send(event));
    }

    /// What deskd said: channel or thread, text; of a file its name and what is in it.
    pub fn said(&self) -> Vec<(u64, String)> {
        let mut inner = self.inner();
        let ours = |message: &Value| number(&message["author"]["id"]) == BOT && message["seen"].is_null();
        let said = inner.messages.iter().filter(|message| ours(message));
        let text = |message: &Value| match message["file"].as_array() {
            None => message["content"].as_str().unwrap().to_owned(),
            Some(file) => {
                let bytes: Vec<u8> = serde_json::from_value(file[1].clone()).unwrap();
                format!("{}: {}", file[0].as_str().unwrap(), String::from_utf8_lossy(&bytes))
            }
        };
        let said = said.map(|message| (number(&message["channel_id"]), text(message)));
        let said: Vec<_> = said.collect();
        inner.messages.iter_mut().for_each(|message| message["seen"] = true.into());
        said
    }

    async fn serve(self, stream: TcpStream) {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let mut orders = self.sockets.subscribe();
        let hello = json!({ "op": 10, "d": { "heartbeat_interval": 500 } });
        if socket.send(Message::Text(hello.to_string())).await.is_err() {
            return;
        }
        let mut ready = false;
        loop {
            let heard = tokio::select! {
                order = orders.recv() => {
                    let words = match order {
                        Ok(Do::Send(event)) if ready => event,
                        Ok(Do::Send(..)) => continue,
                        Ok(Do::Reconnect) => json!({ "op": 7, "d": null }),
                        Ok(Do::Drop) | Err(_) => return,
                    };
                    if socket.send(Message::Text(words.to_string())).await.is_err() { return }
                    continue;
                }
                heard = socket.next() => heard,
            };
            let Some(Ok(heard)) = heard else { return };
            let Message::Text(text) = heard else { continue };
            let heard: Value = serde_json::from_str(&text).unwrap();
            let answers = self.answer(&heard, &mut ready);
            for words in answers {
                if socket.send(Message::Text(words.to_string())).await.is_err() {
                    return;
                }
            }
        }
    }

    fn answer(&self, heard: &Value, ready: &mut bool) -> Vec<Value> {
        let mut inner = self.inner();
        match heard["op"].as_u64() {
            Some(1) => {
                inner.beats += 1;
                vec![json!({ "op": 11 })]
            }
            Some(2) => {
                // serenity puts the scheme of REST before it, which Discord takes.
                assert_eq!(heard["d"]["token"].as_str().unwrap().trim_start_matches("Bot "), TOKEN);
                // GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT
                assert_eq!(heard["d"]["intents"].as_u64().unwrap(), 1 | 1 << 9 | 1 << 12 | 1 << 15);
                inner.identified += 1;
                inner.dispatched.clear();
                *ready = true;
                vec![json!({ "op": 0, "t": "READY", "s": 1, "d": {
                    "v": 10, "user": user(BOT, true), "guilds": [{ "id": GUILD.to_string(), "unavailable": true }],
                    "session_id": format!("session{}", inner.identified), "resume_gateway_url": self.gateway,
                    "shard": [0, 1], "application": { "id": BOT.to_string(), "flags": 0 } } })]
            }
            Some(6) if inner.resumes => {
                inner.resumed += 1;
                *ready = true;
                let seen = heard["d"]["seq"].as_u64().unwrap_or(0);
                let missed = inner.dispatched.iter().filter(|event| event["s"].as_u64().unwrap() > seen).cloned();
                let last = inner.dispatched.len() as u64 + 1;
                missed.chain([json!({ "op": 0, "t": "RESUMED", "s": last, "d": {} })]).collect()
            }
            Some(6) => vec![json!({ "op": 9, "d": false })],
            _ => Vec::new(),
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).or(value.as_u64()).unwrap_or(0)
}

fn user(id: u64, bot: bool) -> Value {
    json!({ "id": id.to_string(), "username": format!("user{}", id % 1000), "discriminator": "0", "global_name": null, "avatar": null, "bot": bot })
}

fn message(inner: &mut Inner, who: u64, channel: u64, text: &str, more: &Value) -> Value {
    inner.count += 1;
    let at = MORNING + inner.minutes * 60_000;
    let id = ((at - EPOCH) << 22) + inner.count;
    let moment = chrono::DateTime::from_timestamp_millis(i64::try_from(at).unwrap()).unwrap().to_rfc3339();
    let mut message = json!({
        "id": id.to_string(), "channel_id": channel.to_string(), "author": user(who, who == BOT), "content": text, "timestamp": moment,
        "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [],
        "embeds": [], "pinned": false, "type": 0, "flags": 0, "components": [],
    });
    if channel != DIRECT {
        message["guild_id"] = GUILD.to_string().into();
    }
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

fn channel(inner: &Inner, id: u64) -> Option<Value> {
    let last = inner
        .messages
        .iter()
        .filter(|message| number(&message["channel_id"]) == id)
        .map(|message| number(&message["id"]))
        .max();
    let last = last.map(|id| id.to_string());
    if id == DIRECT {
        return Some(
            json!({ "id": id.to_string(), "type": 1, "last_message_id": last, "recipients": [user(7, false)] }),
        );
    }
    let mut channel = json!({ "id": id.to_string(), "type": 0, "guild_id": GUILD.to_string(), "name": format!("room{}", id % 100), "position": 0,
        "permission_overwrites": [], "nsfw": false, "last_message_id": last, "parent_id": null });
    if let Some((_, parent)) = inner.threads.iter().find(|(thread, _)| *thread == id) {
        channel["type"] = 11.into();
        channel["parent_id"] = parent.to_string().into();
        channel["owner_id"] = BOT.to_string().into();
        channel["thread_metadata"] = json!({ "archived": false, "auto_archive_duration": 10080, "locked": false,
            "archive_timestamp": "2026-03-02T15:00:00+00:00" });
        return Some(channel);
    }
    [ACME, ELSEWHERE, TECHS].contains(&id).then_some(channel)
}
