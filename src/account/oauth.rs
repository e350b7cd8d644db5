//! OAuth tokens for mailboxes: fetched from the provider, kept until shortly before they expire, renewed when asked for.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::clock::Clock;

/// A token is renewed this long before its end, so that no command is begun with one that dies on the way.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// How a token is asked for.
#[derive(Debug, Clone)]
pub enum Grant {
    /// The daemon's own right (Microsoft 365 app with application permissions).
    ClientCredentials,
    /// A person's consent (Google; Microsoft 365 with delegated permissions).
    RefreshToken(SecretString),
}

/// `[oauth.NAME]` of the config.
#[derive(Debug, Clone)]
pub struct OAuthSetup {
    /// Named in errors: the mailbox or `[oauth.NAME]`.
    pub account: String,
    pub token_url: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub scope: Option<String>,
    pub grant: Grant,
}

impl OAuthSetup {
    /// Microsoft's token address of a tenant (its id or one of its domains).
    pub fn microsoft_url(tenant: &str) -> String {
        format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")
    }

    /// What Microsoft 365 wants as scope for IMAP and SMTP with this grant.
    pub fn microsoft_scope(grant: &Grant) -> &'static str {
        match grant {
            Grant::ClientCredentials => "https://outlook.office365.com/.default",
            Grant::RefreshToken(_) => {
                "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access"
            }
        }
    }

    pub const GOOGLE_URL: &'static str = "https://oauth2.googleapis.com/token";
}

/// One variant per decision: the operator has to act, or it goes on by itself.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    #[error("{account}: no OAuth token: the provider refused ({answer}); {advice}")]
    Refused { account: String, answer: String, advice: &'static str },
    #[error("{account}: no OAuth token: {url} cannot be asked now ({reason}); it is tried again")]
    Unreachable { account: String, url: String, reason: String },
}

/// Hands out access tokens; shared by every connection of an account, so that they refresh once.
pub struct TokenSource {
    setup: OAuthSetup,
    http: reqwest::Client,
    clock: Clock,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<(SecretString, DateTime<Utc>)>,
    /// Newer than the configured one, where the provider rotates them.
    refresh_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Seconds>,
    #[serde(default)]
    refresh_token: Option<String>,
}

/// Some providers write the number as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenSource {
    pub fn new(setup: OAuthSetup, tls: &Arc<ClientConfig>, clock: Clock) -> Result<TokenSource, OAuthError> {
        let http = reqwest::Client::builder()
            .use_preconfigured_tls(ClientConfig::clone(tls))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| unreachable_because(&setup, &error))?;
        Ok(TokenSource { setup, http, clock, held: Mutex::default() })
    }

    /// A token that is good for some minutes more. Callers at the same time wait for one request.
    pub async fn token(&self) -> Result<SecretString, OAuthError> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some((token, until)) = &held.token
            && now < *until
        {
            return Ok(token.clone());
        }
        let granted = self.fetch(&held).await?;
        let lifetime = match granted.expires_in {
            Some(Seconds::Number(seconds)) => seconds,
            Some(Seconds::Text(text)) => text.trim().parse().unwrap_or(3600),
            None => 3600,
        };
        let lifetime = TimeDelta::seconds(lifetime.clamp(0, 7 * 24 * 3600));
        // A provider with very short tokens still gets each of them used for half of its life.
        let until = now + (lifetime - MARGIN).max(lifetime / 2);
        let token = SecretString::from(granted.access_token);
        held.token = Some((token.clone(), until));
        if let Some(newer) = granted.refresh_token {
            held.refresh_token = Some(SecretString::from(newer));
        }
        Ok(token)
    }

    /// The server refused the token although it had time left: the next call asks for a new one.
    pub async fn forget(&self) {
        self.held.lock().await.token = None;
    }

    async fn fetch(&self, held: &Held) -> Result<Granted, OAuthError> {
        let mut form: Vec<(&str, &str)> = vec![("client_id", &self.setup.client_id)];
        match &self.setup.grant {
            Grant::ClientCredentials => form.push(("grant_type", "client_credentials")),
            Grant::RefreshToken(configured) => {
                form.push(("grant_type", "refresh_token"));
                form.push(("refresh_token", held.refresh_token.as_ref().unwrap_or(configured).expose_secret()));
            }
        }
        if let Some(secret) = &self.setup.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        if let Some(scope) = &self.setup.scope {
            form.push(("scope", scope));
        }
        let response = self.http.post(&self.setup.token_url).form(&form).send().await;
        let response = response.map_err(|error| unreachable_because(&self.setup, &error.without_url()))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unreachable_because(&self.setup, &error.without_url()))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| OAuthError::Refused {
                account: self.setup.account.clone(),
                answer: "an answer without access_token".to_owned(),
                advice: "check token_url: it must be the provider's token address",
            });
        }
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(unreachable_because(&self.setup, &format!("HTTP {status}")));
        }
        Err(self.refused(status, &body))
    }

    fn refused(&self, status: reqwest::StatusCode, body: &[u8]) -> OAuthError {
        let denied: Option<Denied> = serde_json::from_slice(body).ok();
        let code = denied.as_ref().map_or("", |denied| denied.error.as_str());
        let advice = match code {
            "invalid_grant" => {
                "its consent has expired or was withdrawn: let the mailbox's owner consent again and put the new refresh token into the config"
            }
            "invalid_client" => {
                "client_id or client_secret is wrong or the secret has expired: make a new secret at the provider and put it into the config"
            }
            "unauthorized_client" => {
                "the app may not use this grant: allow it at the provider, or use the other grant in the config"
            }
            "invalid_scope" => "the scope in the config is not one that the provider knows",
            _ => "check token_url, client_id and the app's rights at the provider",
        };
        let answer = match &denied {
            // The first line is for people; the rest are trace ids.
            Some(denied) => {
                let said: String = denied.error_description.lines().next().unwrap_or("").chars().take(200).collect();
                format!("{}: {said}", denied.error)
            }
            None => format!("HTTP {status}"),
        };
        OAuthError::Refused { account: self.setup.account.clone(), answer, advice }
    }
}

/// What XOAUTH2 wants as its first word, before base64 (IMAP and SMTP alike).
pub fn xoauth2(user: &str, token: &SecretString) -> SecretString {
    SecretString::from(format!("user={user}\x01auth=Bearer {}\x01\x01", token.expose_secret()))
}

fn unreachable_because(setup: &OAuthSetup, reason: &dyn std::fmt::Display) -> OAuthError {
    OAuthError::Unreachable { account: setup.account.clone(), url: setup.token_url.clone(), reason: reason.to_string() }
}
