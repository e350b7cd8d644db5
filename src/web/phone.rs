//! `POST /phone/NAME/call|recording|transcription|text|key`: what Twilio tells of a line. Signed, kept in the one door, and answered with
//! TwiML after the commit.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use minijinja::context;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::watch;

use crate::channel::Form;
use crate::channel::delivery::Delivery;
use crate::channel::phone::{self, Event, Keyword};
use crate::channel::sign;
use crate::clock::Clock;
use crate::intake::{Arrival, Intake};
use crate::notice::{Twiml, twiml};
use crate::store::outbox::pages::{self, Called};
use crate::store::{Db, StoreError};

/// A line as its door needs it.
#[derive(Debug, Clone)]
pub struct Line {
    pub name: String,
    pub token: SecretString,
    /// `https://desk.northwind.example/phone/main`: Twilio signs the address that it calls.
    pub base: String,
    /// Of the firm, for HELP.
    pub firm: String,
    pub voicemail: bool,
    pub transcribe: bool,
    pub greeting: String,
    pub notice: String,
    pub language: String,
    /// `phone/main`: its channel in the outbox.
    pub channel: String,
    /// What a technician hears who acknowledged, and who did not.
    pub seen: String,
    pub unknown: String,
}

/// The lines change with a reload.
#[derive(Clone)]
pub struct Lines {
    pub lines: watch::Receiver<Arc<Vec<Line>>>,
    pub intake: Intake,
    pub db: Db,
    pub clock: Clock,
}

/// Far more than any of Twilio's posts has, bytes.
const LIMIT: usize = 64 * 1024;

const UNKNOWN: Refused = Refused(StatusCode::NOT_FOUND, "there is no such line");
const UNREADABLE: Refused = Refused(StatusCode::UNPROCESSABLE_ENTITY, "the post cannot be read");
const LATER: Refused = Refused(StatusCode::SERVICE_UNAVAILABLE, "deskd cannot take it now; try again in a minute");

pub fn routes(lines: Lines) -> Router {
    Router::new()
        .route("/phone/{name}/{part}", post(take))
        .route("/phone/{name}/key/{call}", post(pressed))
        .with_state(lines)
}

/// Why nothing was kept, in words for the log of Twilio's console.
struct Refused(StatusCode, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

async fn take(
    State(lines): State<Lines>,
    Path((name, part)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let known = matches!(part.as_str(), "call" | "recording" | "transcription" | "text");
    let line = line(&lines, &name).filter(|_| known).ok_or(UNKNOWN)?;
    let delivery = signed(&line, &part, request).await?;
    let Ok(data) = delivery.data() else { return Err(UNREADABLE) };
    keep(&lines, &line, &delivery, &data).await?;
    Ok(answer(&line, &part, Keyword::of(&data)))
}

/// A technician pressed a key in our call: one acknowledges, any other hears it all again. Whose call it is, and about which ticket, its row
/// of the outbox says and not the post.
async fn pressed(
    State(lines): State<Lines>,
    Path((name, call)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let line = line(&lines, &name).ok_or(UNKNOWN)?;
    let delivery = signed(&line, &format!("key/{call}"), request).await?;
    let Ok(data) = delivery.data() else { return Err(UNREADABLE) };
    let called = called(&lines, &line, &call).await?;
    let Some(called) = called.filter(|called| phone::dialled(&data).as_ref() == Some(&called.recipient)) else {
        return Ok(goodbye(&line, &line.unknown));
    };
    let Some(seen) = phone::seen(&data, &call) else {
        return Ok(xml(String::from_utf8_lossy(&called.bytes).into_owned()));
    };
    keep(&lines, &line, &delivery.with_json(&seen), &seen).await?;
    Ok(goodbye(&line, &line.seen))
}

fn line(lines: &Lines, name: &str) -> Option<Line> {
    lines.lines.borrow().iter().find(|line| line.name == name).cloned()
}

/// What Twilio has posted to this address of the line, and signed.
async fn signed(line: &Line, part: &str, request: Request) -> Result<Delivery, Refused> {
    let (head, body) = request.into_parts();
    let body = whole(body).await?;
    let given = head.headers.get("x-twilio-signature").and_then(|given| given.to_str().ok()).unwrap_or_default();
    let query = head.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    if let Err(why) = sign::twilio(&line.token, &format!("{}/{part}{query}", line.base), &body, given) {
        tracing::warn!(source.name = %line.name, "line {}: a post was refused: {why}", line.name);
        let wrong =
            "the signature does not fit: check auth_token, and that [firm] url is the address that Twilio calls";
        return Err(Refused(StatusCode::FORBIDDEN, wrong));
    }
    let header = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Ok(Delivery::new(header, body))
}

async fn keep(lines: &Lines, line: &Line, delivery: &Delivery, data: &Value) -> Result<(), Refused> {
    let key = Event::of(data).key(data).ok_or(UNREADABLE)?;
    let arrival = Arrival {
        source: line.name.clone(),
        form: Form::Phone,
        key,
        arrived_at: lines.clock.now(),
        raw: delivery.to_bytes(),
        junk: false,
        oversize: None,
    };
    lines.intake.receive(vec![arrival]).await.map(drop).map_err(|_| LATER)
}

async fn called(lines: &Lines, line: &Line, call: &str) -> Result<Option<Called>, Refused> {
    let found = async {
        let mut tx = lines.db.read().await?;
        let found = pages::called(&mut tx, &line.channel, call).await?;
        tx.rollback().await?;
        Ok::<_, StoreError>(found)
    };
    found.await.map_err(|error| {
        tracing::warn!(%error, source.name = %line.name, "line {}: a key that was pressed waits for the database: {error}", line.name);
        LATER
    })
}

async fn whole(body: Body) -> Result<Vec<u8>, Refused> {
    let mut frames = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(frame) = frames.next().await {
        whole.extend_from_slice(&frame.map_err(|_| Refused(StatusCode::BAD_REQUEST, "the body broke off"))?);
        if whole.len() > LIMIT {
            return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"));
        }
    }
    Ok(whole)
}

/// TwiML, <https://www.twilio.com/docs/voice/twiml>.
fn answer(line: &Line, part: &str, keyword: Option<Keyword>) -> Response {
    let Line { firm, voicemail, transcribe, greeting, notice, language, base, .. } = line;
    let help = format!(
        "{firm}: write us what is wrong and a technician answers here. Reply STOP to get no more text messages."
    );
    let message = (keyword == Some(Keyword::Help)).then_some(help);
    match part {
        "call" => xml(twiml(Twiml::Call, context! { voicemail, transcribe, greeting, notice, language, base })),
        part => xml(twiml(Twiml::Said, context! { message, hangup => part == "recording" })),
    }
}

/// The last words of a call.
fn goodbye(line: &Line, words: &str) -> Response {
    let language = &line.language;
    xml(twiml(Twiml::Said, context! { spoken => words, language, hangup => true }))
}

fn xml(page: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], page).into_response()
}
