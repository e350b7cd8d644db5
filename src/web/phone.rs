//! `POST /phone/NAME/call|recording|transcription|text`: what Twilio tells of a line. Signed, kept in the one door, and answered with TwiML
//! after the commit.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use minijinja::{AutoEscape, Environment, context};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::channel::Form;
use crate::channel::delivery::Delivery;
use crate::channel::phone::{Event, Keyword};
use crate::channel::sign;
use crate::clock::Clock;
use crate::intake::{Arrival, Intake};

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
}

/// The lines change with a reload.
#[derive(Clone)]
pub struct Lines {
    pub lines: watch::Receiver<Arc<Vec<Line>>>,
    pub intake: Intake,
    pub clock: Clock,
}

/// Far more than any of Twilio's posts has, bytes.
const LIMIT: usize = 64 * 1024;

const CALL: &str = include_str!("../../config/phone/call.xml");
const SAID: &str = include_str!("../../config/phone/said.xml");

pub fn routes(lines: Lines) -> Router {
    Router::new().route("/phone/{name}/{part}", post(take)).with_state(lines)
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
    let found = lines.lines.borrow().iter().find(|line| line.name == name).cloned();
    let known = matches!(part.as_str(), "call" | "recording" | "transcription" | "text");
    let line = found.filter(|_| known).ok_or(Refused(StatusCode::NOT_FOUND, "there is no such line"))?;
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
    let delivery = Delivery::new(header, body);
    let unreadable = Refused(StatusCode::UNPROCESSABLE_ENTITY, "the post cannot be read");
    let Ok(data) = delivery.data() else { return Err(unreadable) };
    let Some(key) = Event::of(&data).key(&data) else { return Err(unreadable) };
    let arrival = Arrival {
        source: line.name.clone(),
        form: Form::Phone,
        key,
        arrived_at: lines.clock.now(),
        raw: delivery.to_bytes(),
        junk: false,
        oversize: None,
    };
    let stopping = Refused(StatusCode::SERVICE_UNAVAILABLE, "deskd is stopping; try again in a minute");
    lines.intake.receive(vec![arrival]).await.map_err(|_| stopping)?;
    Ok(answer(&line, &part, Keyword::of(&data)))
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
    let (template, facts) = match part {
        "call" => (CALL, context! { voicemail, transcribe, greeting, notice, language, base }),
        part => (SAID, context! { message, hangup => part == "recording" }),
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // The templates are our own, and a test renders each.
    let page = environment.render_str(template, facts).unwrap_or_else(|_| "<Response/>".to_owned());
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], page).into_response()
}
