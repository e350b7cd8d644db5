//! Discord on loopback: its REST and its gateway (HELLO, IDENTIFY, READY, heartbeats, RESUME, INVALID_SESSION, RECONNECT, dropped sockets).
//!
//! <https://docs.discord.com/developers/events/gateway>

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

use super::form;

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
        let app = Router::new().fallback(take).with_state(discord.clone());
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

fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

fn unknown_channel() -> Response {
    answer(404, json!({ "message": "Unknown Channel", "code": 10003 }))
}

async fn take(State(discord): State<Discord>, method: Method, uri: Uri, fields: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().strip_prefix("/api/v10").unwrap_or(uri.path());
    if path == "/files/log.txt" {
        return (StatusCode::OK, b"line 1".to_vec()).into_response();
    }
    let bearer = fields.get("authorization").and_then(|field| field.to_str().ok()).unwrap_or_default();
    let by_token = path.starts_with("/interactions/") || path.starts_with("/webhooks/");
    if !by_token && bearer != format!("Bot {TOKEN}") {
        return answer(401, json!({ "message": "401: Unauthorized", "code": 0 }));
    }
    let form = form::fields(&fields, &body).await;
    let mut data: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(file) = form::file(&form, "files[0]") {
        // 10 MiB a file: https://docs.discord.com/developers/reference#uploading-files
        assert!(!file.1.is_empty() && file.1.len() <= 10 * 1024 * 1024, "{} bytes", file.1.len());
        data = serde_json::from_str(&form::text(&form, "payload_json")).unwrap();
        data["file"] = json!([file.0, file.1]);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let query = |name: &str| {
        let url = reqwest::Url::parse(&format!("x:?{}", uri.query().unwrap_or_default())).unwrap();
        url.query_pairs().find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
    };
    let mut inner = discord.inner();
    let asked = parts.as_slice();
    if method == Method::GET {
        looked_up(&discord, &mut inner, asked, query)
    } else {
        done(&mut inner, method.as_str(), asked, &data)
    }
}

fn looked_up(discord: &Discord, inner: &mut Inner, parts: &[&str], query: impl Fn(&str) -> Option<String>) -> Response {
    match parts {
        ["gateway", ..] => answer(
            200,
            json!({ "url": discord.gateway, "shards": 1,
            "session_start_limit": { "total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1 } }),
        ),
        ["guilds", _, "channels"] => {
            answer(200, [ACME, ELSEWHERE, TECHS].iter().filter_map(|id| channel(inner, *id)).collect())
        }
        ["guilds", _, "threads", "active"] => {
            let threads: Vec<Value> = inner.threads.iter().filter_map(|(id, _)| channel(inner, *id)).collect();
            answer(200, json!({ "threads": threads, "members": [] }))
        }
        ["channels", id] => {
            channel(inner, id.parse().unwrap()).map_or_else(unknown_channel, |found| answer(200, found))
        }
        ["channels", id, "messages"] => {
            let (id, after): (u64, u64) = (id.parse().unwrap(), query("after").unwrap().parse().unwrap());
            let limit: usize = query("limit").unwrap().parse().unwrap();
            let of = |message: &&Value| number(&message["channel_id"]) == id && number(&message["id"]) > after;
            // As Discord does: those next after it, the newest of them first, and without the server's id.
            let mut found: Vec<Value> = inner.messages.iter().filter(of).take(limit).cloned().collect();
            found.reverse();
            found.iter_mut().for_each(|message| {
                message.as_object_mut().unwrap().remove("guild_id");
            });
            answer(200, found.into())
        }
        ["webhooks", _, _, "messages", "@original"] => {
            let shown = message(inner, BOT, ACME, "", &json!({ "seen": true }));
            inner.messages.push(shown.clone());
            answer(200, shown)
        }
        other => panic!("{other:?} was asked for"),
    }
}

fn done(inner: &mut Inner, method: &str, parts: &[&str], data: &Value) -> Response {
    match (method, parts) {
        ("POST", ["channels", id, "messages"]) => ours(inner, id.parse().unwrap(), data),
        ("POST", ["channels", id, "messages", root, "threads"]) => {
            if inner.no_threads {
                return answer(403, json!({ "message": "Missing Permissions", "code": 50013 }));
            }
            let name = data["name"].as_str().unwrap();
            assert!((1..=100).contains(&name.chars().count()));
            let thread = (root.parse().unwrap(), id.parse().unwrap());
            inner.threads.push(thread);
            answer(201, channel(inner, thread.0).unwrap())
        }
        ("POST" | "PUT", ["applications", _, "commands"]) => {
            inner.commands.push(data["name"].as_str().unwrap_or_default().to_owned());
            answer(
                201,
                json!({ "id": "900000000000000700", "application_id": BOT.to_string(), "name": "ticket", "description": "Open a ticket",
                "type": 1, "version": "1", "default_member_permissions": null, "options": [] }),
            )
        }
        ("POST", ["interactions", _, _, "callback"]) => StatusCode::NO_CONTENT.into_response(),
        ("PATCH", ["webhooks", _, _, "messages", "@original"]) => {
            inner.edited.push(data["content"].as_str().unwrap_or_default().to_owned());
            let shown = inner.messages.last().cloned().unwrap();
            answer(200, shown)
        }
        other => panic!("{other:?} was asked for"),
    }
}

/// A message of deskd's, within what Discord takes.
fn ours(inner: &mut Inner, id: u64, data: &Value) -> Response {
    if channel(inner, id).is_none() {
        return unknown_channel();
    }
    inner.tries += 1;
    if let Some((status, body)) = inner.answers.pop_front() {
        return refused(status, body);
    }
    let text = data["content"].as_str().unwrap();
    let file = &data["file"];
    assert!(text.is_empty() != file.is_null() && text.chars().count() <= 2000, "{} characters", text.chars().count());
    assert_eq!(data["allowed_mentions"]["parse"], json!([]), "it calls nobody whom we do not name");
    let nonce = data["nonce"].as_str().unwrap().to_owned();
    assert!(nonce.len() <= 25 && data["enforce_nonce"] == true);
    let again = inner.messages.iter().find(|message| message["nonce"] == nonce.as_str()).cloned();
    if let Some(there) = again {
        return answer(200, there);
    }
    inner.nonces.insert(nonce.clone());
    let mut said = message(inner, BOT, id, text, &json!({ "nonce": nonce, "file": file }));
    inner.messages.push(said.clone());
    // What REST answers names no server.
    said.as_object_mut().unwrap().remove("guild_id");
    answer(200, said)
}

/// A refusal with the header fields that go with its body; without a body it is what stands before Discord that refuses.
/// <https://docs.discord.com/developers/topics/rate-limits#exceeding-a-rate-limit>
fn refused(status: u16, body: Value) -> Response {
    let mut answer = answer(status, body.clone());
    let mut field = |name: &'static str, value: String| answer.headers_mut().insert(name, value.parse().unwrap());
    match body["retry_after"].as_f64() {
        Some(seconds) => {
            field("retry-after", format!("{}", seconds.floor()));
            field("x-ratelimit-reset-after", format!("{seconds}"));
        }
        None if status == 429 => drop(field("retry-after", "30".to_owned())),
        None => {}
    }
    if body["global"] == true {
        field("x-ratelimit-global", "true".to_owned());
    }
    answer
}
