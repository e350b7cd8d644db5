//! Text messages and calls through Twilio's API. <https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>,
//! <https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource>

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{SendError, http};

/// A line that text messages and calls leave by.
#[derive(Debug)]
pub struct Line {
    /// `phone/main`
    pub channel: String,
    /// `https://api.twilio.com`
    pub api: String,
    pub account: String,
    pub token: SecretString,
    /// Ours, E.164.
    pub number: String,
    http: reqwest::Client,
}

/// `{"code": 21211, "message": "…"}`, <https://www.twilio.com/docs/usage/twilios-response#twilios-rest-api-error-responses>
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    message: String,
}

const TIMEOUT: Duration = Duration::from_secs(30);
/// Seconds that a telephone rings; Twilio allows up to 600.
const RING: &str = "30";

impl Line {
    pub fn new(
        channel: String,
        api: String,
        (account, token): (String, SecretString),
        number: String,
        tls: &Arc<ClientConfig>,
    ) -> Result<Line, reqwest::Error> {
        let http = http::client(tls, TIMEOUT)?;
        Ok(Line { channel, api, account, token, number, http })
    }

    /// One attempt at a text message.
    pub(super) async fn text(&self, to: &str, body: &[u8]) -> Result<(), SendError> {
        let body = String::from_utf8_lossy(body);
        self.post("Messages", to, &[("To", to), ("From", &self.number), ("Body", &body)]).await
    }

    /// One attempt at a call, which says what its TwiML has. Without an answer within `RING` it ends.
    pub(super) async fn call(&self, to: &str, twiml: &[u8]) -> Result<(), SendError> {
        let twiml = String::from_utf8_lossy(twiml);
        self.post("Calls", to, &[("To", to), ("From", &self.number), ("Twiml", &twiml), ("Timeout", RING)]).await
    }

    /// There is no id by which Twilio would leave out a second copy: what nobody answered is uncertain.
    async fn post(&self, resource: &str, to: &str, form: &[(&str, &str)]) -> Result<(), SendError> {
        let url = format!("{}/2010-04-01/Accounts/{}/{resource}.json", self.api, self.account);
        let sent =
            self.http.post(url).basic_auth(&self.account, Some(self.token.expose_secret())).form(form).send().await;
        let server = || self.api.clone();
        let answer = sent.map_err(|error| match error.is_connect() {
            true => SendError::Unreachable { server: server(), source: io::Error::other(http::why(&error, TIMEOUT)) },
            false => SendError::Uncertain { server: server() },
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let said = answer.json::<Refusal>().await.unwrap_or(Refusal { code: 0, message: String::new() });
        let reply = format!("{status}: {} ({})", said.message, said.code);
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SendError::Paused { server: server(), reply },
            StatusCode::TOO_MANY_REQUESTS => SendError::Later { server: server(), source: io::Error::other(reply) },
            status if status.is_client_error() => SendError::Never { recipient: to.to_owned(), reply },
            _ => SendError::Later { server: server(), source: io::Error::other(reply) },
        })
    }
}
