//! The chat platforms on loopback: each posts what people say, signed as the platform signs, and takes what deskd says, within the limits
//! that the platform documents.

mod platforms;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use deskd::channel::said::Platform;
use deskd::clock::TestClock;
use ring::hmac;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::speed::Speed;

pub const TOKEN: &str = "xoxb-our-token";
/// Base64, as Teams wants the secret of an outgoing webhook.
pub const SECRET: &str = "c2VjcmV0IG9mIGEgY2hhdA==";
pub const APP: &str = "00000000-0000-4000-8000-00000000b0b0";
/// For `answers`: this one is taken.
pub const AS_USUAL: (u16, Value) = (0, Value::Null);
/// Unix time of `story::MORNING`.
const MORNING: i64 = 1_772_463_600;

/// A message of deskd's, as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub room: String,
    /// Empty where it begins one.
    pub thread: String,
    pub text: String,
    /// The platform's id of it.
    pub id: String,
    /// A file and its name, without words.
    pub file: Option<(String, Vec<u8>)>,
}

struct Inner {
    platform: Platform,
    said: Mutex<Vec<Said>>,
    /// Status and body for the next messages and uploads; with `AS_USUAL`, and once there are none left, they are taken.
    answers: Mutex<VecDeque<(u16, Value)>>,
    speed: Mutex<Speed>,
    /// Slack and Mattermost: files that nobody sees yet, by their ids.
    held: Mutex<Vec<(String, String, Vec<u8>)>>,
    /// Telegram: what waits for getUpdates.
    updates: Mutex<Vec<Value>>,
    fresh: Notify,
    count: AtomicI64,
    /// Seconds since the morning.
    passed: AtomicI64,
    /// Root of a message, by its id: Mattermost's REST tells it.
    roots: Mutex<Vec<(String, Value)>>,
    key: Option<(RsaKeyPair, Value)>,
    /// Slack: bytes of files wait while this says so; and how many have come.
    slow: watch::Sender<bool>,
    uploads: AtomicI64,
}

#[derive(Clone)]
pub struct Chat {
    pub api: String,
    pub platform: Platform,
    pub port: u16,
    inner: Arc<Inner>,
}

/// Where somebody speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum In {
    /// Acme's room.
    Acme,
    /// A room that is no client's.
    Elsewhere,
    /// The technicians' room.
    Techs,
    /// With the bot alone.
    Direct,
    /// In the thread that this message of deskd's is in, or in answer to it.
    Thread(Said),
}

impl Chat {
    pub async fn start(platform: Platform) -> Chat {
        super::ring();
        let key = (platform == Platform::Teams).then(rsa_key);
        let inner = Arc::new(Inner {
            platform,
            said: Mutex::default(),
            answers: Mutex::default(),
            speed: Mutex::default(),
            held: Mutex::default(),
            updates: Mutex::default(),
            fresh: Notify::new(),
            count: AtomicI64::new(0),
            passed: AtomicI64::new(0),
            roots: Mutex::default(),
            key,
            slow: watch::Sender::new(false),
            uploads: AtomicI64::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(platforms::take).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Chat { api, platform, port: super::free_port(), inner }
    }

    /// A `[[chat]]` with its secrets in `folder`, and the listener.
    pub fn config(&self, folder: &Path, more: &str) -> String {
        std::fs::write(folder.join("token"), TOKEN).unwrap();
        std::fs::write(folder.join("secret"), SECRET).unwrap();
        let (kind, api, folder) = (self.platform.as_str(), &self.api, folder.display());
        let own = match self.platform {
            Platform::Teams => format!("app = \"{APP}\"\nlogin = \"{api}/login\"\nkeys = \"{api}/keys\"\n"),
            _ => format!("api = \"{api}\"\n"),
        };
        format!(
            "[web]\nlisten = \"127.0.0.1:{}\"\n[[chat]]\nname = \"talk\"\nkind = \"{kind}\"\n{own}token = {{ file = \"{folder}/token\" }}\n\
             secret = {{ file = \"{folder}/secret\" }}\ninternal = [\"{}\"]\nclients = {{ \"{}\" = \"acme\" }}\n{more}\n",
            self.port,
            self.room(&In::Techs),
            self.room(&In::Acme),
        )
    }

    pub fn answers(&self, answers: &[(u16, Value)]) {
        *self.inner.answers.lock().unwrap() = answers.iter().cloned().collect();
    }

    /// What deskd said since the last look.
    pub fn said(&self) -> Vec<Said> {
        std::mem::take(&mut *self.inner.said.lock().unwrap())
    }

    /// The only thing that deskd said since the last look.
    #[track_caller]
    pub fn said_one(&self) -> Said {
        let mut all = self.said();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Whether Slack takes its time over the bytes of files.
    pub fn slow(&self, slow: bool) {
        self.inner.slow.send_replace(slow);
    }

    /// How many files began to come, ever.
    pub fn uploads(&self) -> i64 {
        self.inner.uploads.load(Ordering::Relaxed)
    }

    /// From now on it counts what is said, by this clock.
    pub fn counts_by(&self, clock: &TestClock) {
        self.inner.speed.lock().unwrap().by(clock);
    }

    /// How many messages came too fast.
    pub fn too_fast(&self) -> usize {
        self.inner.speed.lock().unwrap().refused()
    }

    /// The platform's clock goes on; the story's is the story's.
    pub fn passed(&self, by: chrono::TimeDelta) {
        self.inner.passed.fetch_add(by.num_seconds(), Ordering::Relaxed);
    }

    fn now(&self) -> i64 {
        MORNING + self.inner.passed.load(Ordering::Relaxed)
    }

    fn next(&self) -> i64 {
        self.inner.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn room(&self, place: &In) -> String {
        let number = match place {
            In::Acme => 1,
            In::Elsewhere => 2,
            In::Techs => 3,
            In::Direct => 4,
            In::Thread(said) => return said.room.clone(),
        };
        match (self.platform, place) {
            (Platform::Slack, In::Direct) => "D000000004".to_owned(),
            (Platform::Slack, _) => format!("C00000000{number}"),
            (Platform::Telegram, In::Direct) => "704".to_owned(),
            (Platform::Telegram, _) => format!("-10020{number}"),
            (Platform::Mattermost, _) => format!("{}{number}", "a".repeat(25)),
            (Platform::Teams, In::Direct) => "a:1direct".to_owned(),
            (Platform::Teams, _) => format!("19:room{number}@thread.tacv2"),
            (Platform::Discord, _) => format!("90000000000000001{number}"),
        }
    }

    /// The platform's id of a person.
    pub fn person(&self, name: &str) -> String {
        match self.platform {
            Platform::Telegram => {
                if name == "jane" {
                    "704".to_owned()
                } else {
                    format!("{}", 9000 + name.len())
                }
            }
            Platform::Slack => format!("U0{}", name.to_uppercase()),
            _ => format!("id{name}"),
        }
    }

    /// Somebody says something: what the platform posts for it.
    pub fn event(&self, who: &str, place: &In, text: &str) -> Value {
        let (number, author, room) = (self.next(), self.person(who), self.room(place));
        match self.platform {
            Platform::Slack => {
                let ts = format!("{}.{number:06}", self.now());
                let kind = if *place == In::Direct { "im" } else { "channel" };
                let mut event = json!({ "type": "message", "channel": room, "user": author, "text": text, "ts": ts,
                    "event_ts": ts, "channel_type": kind });
                if let In::Thread(said) = place {
                    event["thread_ts"] = said.thread.clone().into();
                    event["channel_type"] = if said.room.starts_with('D') { "im" } else { "channel" }.into();
                }
                json!({ "type": "event_callback", "team_id": "T1", "event_id": format!("Ev{number}"), "event": event,
                    "authorizations": [{ "user_id": "U0BOT" }] })
            }
            Platform::Telegram => {
                let private = room == "704";
                let mut message = json!({ "message_id": 100_000 + number, "date": self.now(), "text": text,
                    "chat": { "id": room.parse::<i64>().unwrap(), "type": if private { "private" } else { "group" } },
                    "from": { "id": author.parse::<i64>().unwrap(), "is_bot": false, "first_name": who } });
                if let In::Thread(said) = place {
                    message["reply_to_message"] = json!({ "message_id": said.id.parse::<i64>().unwrap() });
                }
                json!({ "update_id": number, "message": message })
            }
            Platform::Mattermost => {
                let post = format!("post{number:022}");
                let root = if let In::Thread(said) = place { said.thread.as_str() } else { "" };
                self.inner.roots.lock().unwrap().push((post.clone(), json!({ "id": post, "root_id": root })));
                json!({ "token": SECRET, "team_id": "team1", "channel_id": room, "user_id": author, "user_name": who,
                    "post_id": post, "text": text, "timestamp": self.now() * 1000, "trigger_word": "" })
            }
            Platform::Teams => {
                let kind = if *place == In::Direct { "personal" } else { "channel" };
                let id = (self.now() * 1000 + number).to_string();
                let conversation = match place {
                    In::Direct => room.clone(),
                    In::Thread(said) if said.room.starts_with("a:") => said.room.clone(),
                    In::Thread(said) => format!("{room};messageid={}", said.thread),
                    _ => format!("{room};messageid={id}"),
                };
                json!({ "type": "message", "id": id, "timestamp": chrono::DateTime::from_timestamp(self.now(), 0).unwrap().to_rfc3339(), "channelId": "msteams",
                    "serviceUrl": format!("{}/", self.api), "textFormat": "plain", "text": format!("<at>Desk</at> {text}"),
                    "from": { "id": format!("29:{who}"), "aadObjectId": author, "name": who },
                    "recipient": { "id": "28:bot", "name": "Desk" },
                    "conversation": { "id": conversation, "conversationType": kind, "tenantId": "tenant1" },
                    "entities": [{ "type": "mention", "text": "<at>Desk</at>", "mentioned": { "id": "28:bot" } }] })
            }
            Platform::Discord => panic!("Discord has a harness of its own"),
        }
    }

    /// The same by a machine, ours or another.
    pub fn event_of_a_bot(&self, place: &In, text: &str) -> Value {
        let mut event = self.event("robot", place, text);
        match self.platform {
            Platform::Slack => event["event"]["bot_id"] = "B1".into(),
            Platform::Telegram => event["message"]["from"]["is_bot"] = true.into(),
            Platform::Mattermost => {
                let mut roots = self.inner.roots.lock().unwrap();
                roots.last_mut().unwrap().1["props"] = json!({ "from_bot": "true" });
            }
            other => panic!("{other:?} tells of no bots"),
        }
        event
    }

    pub async fn say(&self, who: &str, place: &In, text: &str) -> u16 {
        self.post(&self.event(who, place, text)).await
    }

    /// Posts an event as the platform does; gives the status.
    pub async fn post(&self, event: &Value) -> u16 {
        let body = event.to_string();
        let fields = self.fields(&body);
        self.post_with(&body, &fields).await.0
    }

    /// The same to a chat of another name, by a daemon that may not be there.
    pub async fn try_post(&self, name: &str, event: &Value) -> bool {
        let body = event.to_string();
        let url = format!("http://127.0.0.1:{}/chat/{name}", self.port);
        let mut request =
            reqwest::Client::new().post(url).header("content-type", "application/json").body(body.clone());
        for (name, value) in self.fields(&body) {
            request = request.header(name, value);
        }
        request.send().await.is_ok_and(|answer| answer.status() == 200)
    }

    pub async fn post_with(&self, body: &str, fields: &[(&'static str, String)]) -> (u16, Value) {
        let url = format!("http://127.0.0.1:{}/chat/talk", self.port);
        let mut request =
            reqwest::Client::new().post(url).header("content-type", "application/json").body(body.to_owned());
        for (name, value) in fields {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Slack: `/ticket`, with its words as they stand in a form; the answer.
    pub async fn command(&self, who: &str, place: &In, words: &str) -> Value {
        let (room, person) = (self.room(place), self.person(who));
        // No two are alike.
        let trigger = self.inner.count.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            "command=%2Fticket&text={words}&user_id={person}&user_name={who}&channel_id={room}&team_id=T1&trigger_id={trigger}"
        );
        let url = format!("http://127.0.0.1:{}/chat/talk", self.port);
        let form = ("content-type", "application/x-www-form-urlencoded".to_owned());
        let mut request = reqwest::Client::new().post(url);
        for (name, value) in self.fields(&body).into_iter().chain([form]) {
            request = request.header(name, value);
        }
        request.body(body).send().await.unwrap().json().await.unwrap()
    }

    /// What shows that a post is the platform's, at `story::self.now()`.
    pub fn fields(&self, body: &str) -> Vec<(&'static str, String)> {
        match self.platform {
            Platform::Slack => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
                let mac = hmac::sign(&key, format!("v0:{}:{body}", self.now()).as_bytes());
                vec![
                    ("x-slack-request-timestamp", self.now().to_string()),
                    ("x-slack-signature", format!("v0={}", HEXLOWER.encode(mac.as_ref()))),
                ]
            }
            Platform::Telegram => vec![("x-telegram-bot-api-secret-token", SECRET.to_owned())],
            Platform::Teams => vec![("authorization", format!("Bearer {}", self.token(&json!({}))))],
            Platform::Mattermost | Platform::Discord => Vec::new(),
        }
    }

    /// A token of the Bot Framework; `other` overrides claims.
    pub fn token(&self, other: &Value) -> String {
        let mut claims = json!({ "iss": "https://api.botframework.com", "aud": APP, "nbf": self.now() - 60, "exp": self.now() + 3600,
            "serviceurl": format!("{}/", self.api) });
        for (name, value) in other.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": "key1" });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let (pair, _) = self.inner.key.as_ref().unwrap();
        let mut mac = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), signed.as_bytes(), &mut mac).unwrap();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac))
    }

    /// `Authorization` of an outgoing webhook of Teams.
    pub fn hmac(body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64.decode(SECRET.as_bytes()).unwrap());
        format!("HMAC {}", BASE64.encode(hmac::sign(&key, body.as_bytes()).as_ref()))
    }

    /// Telegram: somebody says something, and it waits to be asked for.
    pub fn update(&self, update: Value) {
        self.inner.updates.lock().unwrap().push(update);
        self.inner.fresh.notify_waiters();
    }
}

/// A key made now, and its public half as a JWK (RFC 7517).
fn rsa_key() -> (RsaKeyPair, Value) {
    let made = std::process::Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = String::from_utf8(made.stdout).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let pair = RsaKeyPair::from_der(&BASE64.decode(body.as_bytes()).unwrap()).unwrap();
    let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
    let jwk = json!({ "kty": "RSA", "use": "sig", "kid": "key1", "n": BASE64URL_NOPAD.encode(&public.n),
        "e": BASE64URL_NOPAD.encode(&public.e) });
    (pair, jwk)
}
