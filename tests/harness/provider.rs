//! An OAuth provider on loopback: answers as it is told and keeps what it was asked.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use deskd::account::oauth::{Grant, OAuthSetup};
use deskd::account::{TokenSource, tls};
use deskd::clock::Clock;

/// Answers in order (the last one for ever) and what was asked.
#[derive(Clone, Default)]
struct Inner {
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

pub struct Provider {
    pub token_url: String,
    inner: Inner,
}

impl Provider {
    pub async fn start(answers: &[(u16, &str)]) -> Provider {
        super::ring();
        let inner = Inner::default();
        *inner.answers.lock().unwrap() = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let token_url = format!("http://{}/token", listener.local_addr().unwrap());
        let app = axum::Router::new().route("/token", post(answer)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Provider { token_url, inner }
    }

    /// Every form that was posted.
    pub fn asked(&self) -> Vec<String> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// Tokens of the account `desk`, by its own right.
    pub fn tokens(&self, clock: Clock) -> Arc<TokenSource> {
        let setup = OAuthSetup {
            account: "[oauth.m365]".to_owned(),
            token_url: self.token_url.clone(),
            client_id: "desk".to_owned(),
            client_secret: Some("s3cret".to_owned().into()),
            scope: None,
            grant: Grant::ClientCredentials,
        };
        Arc::new(TokenSource::new(setup, &tls::client_config(None).unwrap(), clock).unwrap())
    }
}

async fn answer(State(inner): State<Inner>, form: String) -> (StatusCode, String) {
    inner.asked.lock().unwrap().push(form);
    let mut answers = inner.answers.lock().unwrap();
    let (status, body) = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
    (StatusCode::from_u16(status).unwrap(), body)
}
