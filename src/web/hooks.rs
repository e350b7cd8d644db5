//! `POST /hooks/NAME`: who signs it, what it is called, and its bytes into the one door. 2xx only after the commit.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::watch;

use crate::channel::Form;
use crate::channel::delivery::{Delivery, Unusable};
use crate::channel::mapping::{Mapping, TooMany};
use crate::channel::sign::Auth;
use crate::clock::Clock;
use crate::intake::{Arrival, Intake};
use crate::lifecycle::chain;
use crate::store::{Db, inbound};

/// Largest body of a delivery, bytes.
const LIMIT: usize = 1024 * 1024;
/// Longest name of a delivery, bytes.
const LONGEST_ID: usize = 200;

/// A hook as the door sees it.
#[derive(Debug, Clone)]
pub struct Hook {
    pub name: String,
    pub auth: Auth,
    pub mapping: Mapping,
}

/// What the door of the hooks needs; the hooks change with a reload.
#[derive(Clone)]
pub struct Hooks {
    pub hooks: watch::Receiver<Arc<Vec<Hook>>>,
    pub intake: Intake,
    pub db: Db,
    pub clock: Clock,
}

/// Why a delivery was not taken; nothing of it is kept.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// What a 401 asks for (RFC 9110 section 15.5.2).
    challenge: Option<&'static str>,
}

#[derive(Serialize)]
struct Taken {
    /// The name under which it is kept: the same again changes nothing.
    id: String,
    /// It was here before.
    already: bool,
}

#[derive(Serialize)]
struct Trouble<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    error: Trouble<'a>,
}

impl Refused {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refused {
        Refused { status, code, message: message.into(), challenge: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = Json(Answer { error: Trouble { code: self.code, message: &self.message } });
        let mut response = (self.status, body).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

pub fn routes(hooks: Hooks) -> Router {
    Router::new().route("/hooks/{name}", post(take)).with_state(hooks)
}

async fn take(State(hooks): State<Hooks>, Path(name): Path<String>, request: Request) -> Result<Json<Taken>, Refused> {
    let found = hooks.hooks.borrow().iter().find(|hook| hook.name == name).cloned();
    let hook =
        found.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "unknown_hook", "there is no hook of this name"))?;
    let (head, body) = request.into_parts();
    let body = whole(body).await?;
    let now = hooks.clock.now();
    let field = |name: &'static str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if let Err(why) = hook.auth.check(field, &body, now) {
        tracing::warn!(source.name = %hook.name, "hook {}: a delivery was refused: {why}", hook.name);
        let refused = Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", why.to_string());
        return Err(Refused { challenge: Some(hook.auth.challenge()), ..refused });
    }
    let delivery = Delivery::new(head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())), body);
    let data = delivery.data().map_err(|error| match error {
        Unusable::Type(_) => Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type", error.to_string()),
        _ => Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "unreadable_body", error.to_string()),
    })?;
    let key = match id(&hook, &head.headers, &data)? {
        Some(id) => id,
        // Without a name each delivery is one of its own: rather one twice than one lost.
        None => unnamed(),
    };
    let kept = one_each(&hook.mapping, &key, delivery, data)?;
    let arrivals = kept.iter().map(|(key, delivery)| Arrival {
        source: hook.name.clone(),
        form: Form::Hook,
        key: key.clone(),
        arrived_at: now,
        raw: delivery.to_bytes(),
        junk: false,
        oversize: None,
    });
    let closed =
        |_| Refused::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "deskd is stopping; send it again in a minute");
    let new = hooks.intake.receive(arrivals.collect()).await.map_err(closed)?;
    if new < kept.len() {
        for (key, delivery) in &kept {
            same_as_kept(&hooks, &hook.name, key, &delivery.body).await?;
        }
    }
    Ok(Json(Taken { id: key, already: new == 0 }))
}

/// A delivery of several alerts becomes one each, named by their places in the list; all of them are kept in one commit.
fn one_each(
    mapping: &Mapping,
    key: &str,
    delivery: Delivery,
    data: serde_json::Value,
) -> Result<Vec<(String, Delivery)>, Refused> {
    let too_many = |error: TooMany| Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error.to_string());
    let parts = mapping.split(data, delivery.body.len()).map_err(too_many)?;
    if parts.len() == 1 {
        return Ok(vec![(key.to_owned(), delivery)]);
    }
    let part = |(place, data): (usize, serde_json::Value)| (format!("{key}#{place}"), delivery.with_json(&data));
    Ok(parts.into_iter().enumerate().map(part).collect())
}

async fn whole(body: Body) -> Result<Vec<u8>, Refused> {
    let mut frames = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(frame) = frames.next().await {
        let broken =
            |error| Refused::new(StatusCode::BAD_REQUEST, "broken_body", format!("the body broke off: {error}"));
        whole.extend_from_slice(&frame.map_err(broken)?);
        if whole.len() > LIMIT {
            let message = format!("the body is longer than {LIMIT} bytes");
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
    }
    Ok(whole)
}

/// The name of the delivery: from the data where the config says so, else from the scheme's header field.
fn id(hook: &Hook, headers: &HeaderMap, data: &serde_json::Value) -> Result<Option<String>, Refused> {
    if let Some(id) = hook.mapping.id(data) {
        return Ok(Some(id));
    }
    let Some(field) = hook.auth.id_field() else { return Ok(None) };
    let Some(value) = headers.get(field) else { return Ok(None) };
    let id = value.to_str().ok().filter(|id| !id.is_empty() && id.len() <= LONGEST_ID);
    let wrong = || {
        let message = format!("{field} must be 1 to {LONGEST_ID} visible ASCII characters");
        Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_id", message)
    };
    id.map(|id| Some(id.to_owned())).ok_or_else(wrong)
}

/// A name that nothing else has.
fn unnamed() -> String {
    let bytes: [u8; 16] = rand::random();
    format!("unnamed/{}", data_encoding::HEXLOWER.encode(&bytes))
}

/// The same name with another body is another delivery, and a fault of its sender's: neither is dropped in silence.
async fn same_as_kept(hooks: &Hooks, source: &str, key: &str, body: &[u8]) -> Result<(), Refused> {
    let kept = async {
        let mut tx = hooks.db.read().await?;
        inbound::kept_under(&mut tx, source, key).await
    };
    let away = |error: &dyn std::error::Error| {
        tracing::warn!(source.name = %source, "hook {source}: {}", chain(error));
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, "database", "the database cannot be asked now; send it again")
    };
    let kept = kept.await.map_err(|error| away(&error))?;
    let Some(kept) = kept else { return Ok(()) };
    let kept = zstd::decode_all(kept.as_slice()).map_err(|error| away(&error))?;
    if Delivery::from_bytes(&kept).is_ok_and(|kept| kept.body == body) {
        return Ok(());
    }
    let message = format!("\"{key}\" was delivered before with another body; that one is kept, this one is not");
    Err(Refused::new(StatusCode::CONFLICT, "another_body", message))
}
