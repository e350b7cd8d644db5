//! `POST /chat/NAME`: what a chat platform posts. Shown to be genuine, its files fetched, kept in the one door, and answered after the commit.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::watch;

use crate::channel::Form;
use crate::channel::delivery::Delivery;
use crate::channel::sign::Refusal;
use crate::chat::{self, Account, Heard, Refused};
use crate::clock::Clock;
use crate::intake::{Arrival, Intake};

/// The chats change with a reload.
#[derive(Clone)]
pub struct Chats {
    pub chats: watch::Receiver<Arc<Vec<Arc<Account>>>>,
    pub intake: Intake,
    pub clock: Clock,
}

/// Largest post, bytes.
const LIMIT: usize = 1024 * 1024;
/// Files of one message, bytes in all.
const FILES: u64 = 10 * 1024 * 1024;
/// Slack wants its answer within three seconds, <https://docs.slack.dev/apis/events-api/#responding>; the others wait longer.
const FETCH: Duration = Duration::from_millis(1500);

pub fn routes(chats: Chats) -> Router {
    Router::new().route("/chat/{name}", post(take)).with_state(chats)
}

/// Why nothing was kept.
struct No(StatusCode, &'static str, String);

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let No(status, code, message) = self;
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    }
}

impl From<Refused> for No {
    fn from(refused: Refused) -> No {
        let message = refused.to_string();
        match refused {
            Refused::Signature(Refusal::Missing(_) | Refusal::Stale | Refusal::Wrong | Refusal::Malformed(_)) => {
                No(StatusCode::UNAUTHORIZED, "unauthorized", message)
            }
            Refused::Unusable(_) => No(StatusCode::UNPROCESSABLE_ENTITY, "unreadable", message),
            Refused::Later(_) => No(StatusCode::SERVICE_UNAVAILABLE, "later", message),
            Refused::Silent(_) => No(StatusCode::NOT_FOUND, "not_found", message),
        }
    }
}

async fn take(State(chats): State<Chats>, Path(name): Path<String>, request: Request) -> Result<Response, No> {
    let found = chats.chats.borrow().iter().find(|chat| chat.name == name).cloned();
    let account = found.ok_or_else(|| No(StatusCode::NOT_FOUND, "not_found", "there is no such chat".to_owned()))?;
    let (head, body) = request.into_parts();
    let body = whole(body).await?;
    let header = fields(&head.headers);
    let delivery = Delivery::new(header.iter().map(|(name, value)| (name.as_str(), value.as_bytes())), body);
    let data = delivery.data().map_err(Refused::Unusable)?;
    let now = chats.clock.now();
    let heard = Heard { header: &header, body: &delivery.body, data: &data, now };
    let meant = account.hear(heard).await.inspect_err(|why| {
        tracing::warn!(source.name = %account.name, "chat {}: a post was refused: {why}", account.name);
    })?;
    let answer = meant.answer.map_or_else(|| StatusCode::OK.into_response(), |answer| Json(answer).into_response());
    let Some(event) = meant.event else { return Ok(answer) };
    // What is nobody's words is not kept.
    let Some(said) = chat::said(account.platform, &event) else { return Ok(answer) };
    let kept = account.kept(event, &said, FILES, FETCH).await;
    let arrival = Arrival {
        source: account.name.clone(),
        form: Form::Chat,
        arrived_at: said.since(now),
        key: said.key,
        raw: kept.to_bytes(),
        junk: false,
        oversize: None,
    };
    let stopping =
        |_| No(StatusCode::SERVICE_UNAVAILABLE, "stopping", "deskd is stopping; try again in a minute".to_owned());
    chats.intake.receive(vec![arrival]).await.map_err(stopping)?;
    Ok(answer)
}

/// Names in lower case; what is no text is left out.
fn fields(header: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    header.iter().filter_map(text).collect()
}

async fn whole(body: Body) -> Result<Vec<u8>, No> {
    let mut frames = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(frame) = frames.next().await {
        let broken = |_| No(StatusCode::BAD_REQUEST, "broken", "the body broke off".to_owned());
        whole.extend_from_slice(&frame.map_err(broken)?);
        if whole.len() > LIMIT {
            return Err(No(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too long".to_owned()));
        }
    }
    Ok(whole)
}
