//! A program on loopback that is told what happens: answers as it is told to, and keeps every delivery.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use deskd::channel::sign::Auth;
use serde_json::Value;

/// One post, as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub id: String,
    pub stamp: i64,
    pub signature: String,
    pub body: Vec<u8>,
}

impl Delivery {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Whether this secret alone shows that it is ours.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let auth = Auth::StandardWebhooks(vec![secret.to_owned().into()]);
        let stamp = self.stamp.to_string();
        let field = |name| match name {
            "webhook-id" => Some(self.id.as_str()),
            "webhook-timestamp" => Some(stamp.as_str()),
            "webhook-signature" => Some(self.signature.as_str()),
            _ => None,
        };
        let now = chrono::DateTime::from_timestamp(self.stamp, 0).unwrap();
        auth.check(field, &self.body, now).is_ok()
    }
}

#[derive(Clone, Default)]
struct Inner {
    /// Statuses to answer with, in order; 204 once there are none left.
    answers: Arc<Mutex<Vec<u16>>>,
    taken: Arc<Mutex<Vec<Delivery>>>,
}

pub struct Receiver {
    pub url: String,
    inner: Inner,
}

impl Receiver {
    pub async fn start() -> Receiver {
        super::ring();
        let inner = Inner::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/deskd?key=1", listener.local_addr().unwrap());
        let app = axum::Router::new().route("/deskd", post(take)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Receiver { url, inner }
    }

    /// The next answers; what is posted with them is kept too.
    pub fn answers(&self, statuses: &[u16]) {
        *self.inner.answers.lock().unwrap() = statuses.to_vec();
    }

    /// Whether anything that was posted since the last look says this.
    pub fn heard(&self, words: &str) -> bool {
        let says = |delivery: &Delivery| String::from_utf8_lossy(&delivery.body).contains(words);
        self.inner.taken.lock().unwrap().iter().any(says)
    }

    /// What was posted since the last look.
    pub fn told(&self) -> Vec<Delivery> {
        std::mem::take(&mut *self.inner.taken.lock().unwrap())
    }
}

async fn take(State(inner): State<Inner>, fields: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let field = |name: &str| fields[name].to_str().unwrap().to_owned();
    inner.taken.lock().unwrap().push(Delivery {
        id: field("webhook-id"),
        stamp: field("webhook-timestamp").parse().unwrap(),
        signature: field("webhook-signature"),
        body: body.to_vec(),
    });
    let mut answers = inner.answers.lock().unwrap();
    let status = if answers.is_empty() { 204 } else { answers.remove(0) };
    (StatusCode::from_u16(status).unwrap(), if status < 300 { "" } else { "the queue is full\n" })
}

/// A `[[webhook]]` of that name, its secrets in `folder`.
pub fn config(name: &str, url: &str, folder: &std::path::Path, more: &str) -> String {
    std::fs::write(folder.join(name), SECRET).unwrap();
    let folder = folder.display();
    format!("[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret = {{ file = \"{folder}/{name}\" }}\n{more}\n")
}

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
