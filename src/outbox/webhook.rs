//! Deliveries to the firm's own programs: signed posts by Standard Webhooks.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use rustls::ClientConfig;
use secrecy::SecretString;

use super::{SendError, http};
use crate::channel::sign;

/// A program that is told what happens.
#[derive(Debug)]
pub struct Endpoint {
    /// `webhook/crm`
    pub channel: String,
    pub url: String,
    /// Each signs every delivery, so that the program can change from one to the other.
    pub secrets: Vec<SecretString>,
    /// The address without its query, which may hold a key: for people.
    shown: String,
    http: reqwest::Client,
}

/// How long the whole answer may take: the specification advises 15 to 30 s.
const TIMEOUT: Duration = Duration::from_secs(20);
/// So much of a refusal is kept to be shown, in bytes.
const SHOWN: usize = 200;

impl Endpoint {
    pub fn new(
        channel: String,
        url: String,
        secrets: Vec<SecretString>,
        tls: &Arc<ClientConfig>,
    ) -> Result<Endpoint, reqwest::Error> {
        let http = http::client(tls, TIMEOUT)?;
        let shown = url.split('?').next().unwrap_or_default().to_owned();
        Ok(Endpoint { channel, url, secrets, shown, http })
    }

    /// One attempt. Any 2xx means that it arrived; 410 that the program wants no more of it; all else is tried again.
    pub(super) async fn post(&self, id: &str, body: Vec<u8>, now: DateTime<Utc>) -> Result<(), SendError> {
        let stamp = now.timestamp();
        let signature = sign::standard_webhooks(&self.secrets, id, stamp, &body);
        let sent = self
            .http
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", stamp)
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await;
        let server = || self.shown.clone();
        let answer = sent.map_err(|error| {
            let source = io::Error::other(http::why(&error, TIMEOUT));
            // A program that takes too long for one delivery would for the others too.
            SendError::Unreachable { server: server(), source }
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(SendError::Never { recipient: server(), reply: "410 Gone".to_owned() }),
            status => {
                let source = io::Error::other(refusal(status, answer).await);
                Err(SendError::Later { server: server(), source })
            }
        }
    }
}

/// `503 Service Unavailable: the queue is full`
async fn refusal(status: StatusCode, mut answer: reqwest::Response) -> String {
    let mut said = Vec::new();
    while said.len() < SHOWN {
        let Ok(Some(piece)) = answer.chunk().await else { break };
        said.extend_from_slice(&piece);
    }
    said.truncate(SHOWN);
    let said: String = String::from_utf8_lossy(&said).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match said.trim() {
        "" => status.to_string(),
        said => format!("{status}: {said}"),
    }
}
