//! `GET/POST /new`: a plain form for whoever does not know the mail address. Without JavaScript; what comes in is a mail to the desk.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Multipart, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};

use super::guarded::Peer;
use super::page::{self, Said, Wrong};
use super::rate::Rate;
use crate::channel::Form;
use crate::clock::Clock;
use crate::intake::{Arrival, Intake};
use crate::mail::build::{self, Outgoing, Voice};
use crate::mail::{Attachment, Mailbox};
use crate::notice::Texts;

/// Name of the source in tables and rules.
pub const SOURCE: &str = "portal";
/// Files together, bytes; what is larger goes by mail.
pub const FILES: usize = 10 * 1024 * 1024;
/// Longest text, bytes.
const TEXT: usize = 100_000;
/// Longest name, address or subject, bytes.
const LINE: usize = 300;
const MOST_FILES: usize = 20;
/// Posts that are read at a time: each may be as large as its files, and all of them are in memory.
const AT_A_TIME: usize = 8;
/// How long a post waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// The form as the config has it.
#[derive(Debug, Clone)]
pub struct Portal {
    pub firm: String,
    /// Where it goes, and where one may write instead.
    pub desk: Mailbox,
    pub phone: Option<String>,
    pub texts: Arc<Texts>,
    /// Addresses of the firm's own people and desks, lower case: nobody acts as them through a form.
    pub ours: Arc<Vec<String>>,
}

/// What the form's door needs; the form itself changes with a reload, and may not be there.
#[derive(Clone)]
pub struct Door {
    pub portal: watch::Receiver<Option<Arc<Portal>>>,
    pub intake: Intake,
    pub clock: Clock,
    pub rate: Arc<Rate>,
    pub turns: Turns,
}

/// How many posts are being read.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

pub fn routes(door: Door) -> Router {
    Router::new()
        .route("/new", get(show).post(take))
        .layer(DefaultBodyLimit::max(FILES + TEXT + 64 * 1024))
        .with_state(door)
}

#[derive(Deserialize)]
struct Asked {
    sent: Option<String>,
}

async fn show(State(door): State<Door>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let Some(portal) = door.portal.borrow().clone() else { return nothing_here() };
    let language = language(&portal, &headers);
    let page = match asked.sent {
        Some(_) => page::thanks(&portal, &language),
        None => page::form(&portal, &language, &Said::default(), &[]),
    };
    answer(StatusCode::OK, page)
}

async fn take(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let Some(portal) = door.portal.borrow().clone() else { return nothing_here() };
    let language = language(&portal, &headers);
    let Ok(Ok(_turn)) = tokio::time::timeout(TURN, door.turns.0.acquire()).await else {
        let page = page::form(&portal, &language, &Said::default(), &[Wrong::Stopping]);
        return answer(StatusCode::SERVICE_UNAVAILABLE, page);
    };
    let (said, files) = match read(form).await {
        Ok(read) => read,
        Err(status) => {
            let wrong = [if status == StatusCode::PAYLOAD_TOO_LARGE { Wrong::TooLarge } else { Wrong::Broken }];
            return answer(status, page::form(&portal, &language, &Said::default(), &wrong));
        }
    };
    let wrong = faults(&portal, &said, &files);
    if !wrong.is_empty() {
        let status = match wrong.contains(&Wrong::TooLarge) {
            true => StatusCode::PAYLOAD_TOO_LARGE,
            false => StatusCode::UNPROCESSABLE_ENTITY,
        };
        return answer(status, page::form(&portal, &language, &said, &wrong));
    }
    let now = door.clock.now();
    if !door.rate.lets_through(whose(peer, &headers), &said.email.to_lowercase(), now) {
        tracing::warn!(source.name = SOURCE, "portal: too many posts, one was turned away");
        let mut refused =
            answer(StatusCode::TOO_MANY_REQUESTS, page::form(&portal, &language, &said, &[Wrong::TooMany]));
        refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
        return refused;
    }
    let key = key(&said, &files);
    let Some(raw) = written(&portal, &said, files, &key, now) else {
        return answer(StatusCode::UNPROCESSABLE_ENTITY, page::form(&portal, &language, &said, &[Wrong::Email]));
    };
    let arrival = Arrival {
        source: SOURCE.to_owned(),
        form: Form::Portal,
        key,
        arrived_at: now,
        raw,
        junk: false,
        oversize: None,
    };
    match door.intake.receive(vec![arrival]).await {
        // A page of its own, so that looking at it again sends nothing again.
        Ok(_) => Redirect::to("/new?sent=1").into_response(),
        Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, page::form(&portal, &language, &said, &[Wrong::Stopping])),
    }
}

pub(super) fn answer(status: StatusCode, page: String) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'";
    let mut response = (status, Html(page)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    response
}

fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is no form here: [web] form = true switches it on.\n").into_response()
}

fn language(portal: &Portal, headers: &HeaderMap) -> String {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    portal.texts.best(wanted)
}

/// Behind a reverse proxy on this machine the last hop that it names, else the peer.
fn whose(peer: Peer, headers: &HeaderMap) -> IpAddr {
    let named = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = named.and_then(|value| value.rsplit(',').next()?.trim().parse().ok());
    last.filter(|_| peer.0.is_loopback()).unwrap_or(peer.0)
}

/// The fields and files of the form.
async fn read(form: Result<Multipart, MultipartRejection>) -> Result<(Said, Vec<Attachment>), StatusCode> {
    let mut form = form.map_err(|error| error.status())?;
    let (mut said, mut files) = (Said::default(), Vec::new());
    let broken = |error: MultipartError| error.status();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name().unwrap_or_default() {
            "name" => said.name = text(field).await?,
            "email" => said.email = text(field).await?,
            "subject" => said.subject = text(field).await?,
            "text" => said.text = text(field).await?,
            "website" => said.website = text(field).await?,
            "once" => said.once = text(field).await?,
            "files" => files.extend(file(field).await?),
            _ => drop(field.bytes().await.map_err(broken)?),
        }
    }
    Ok((said, files))
}

/// Bytes that are no UTF-8 are shown as such rather than refused.
async fn text(field: Field<'_>) -> Result<String, StatusCode> {
    let bytes = field.bytes().await.map_err(|error| error.status())?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\0', "");
    Ok(text.trim().to_owned())
}

/// A browser sends an empty file where none was chosen.
async fn file(field: Field<'_>) -> Result<Option<Attachment>, StatusCode> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let kind = field.content_type().unwrap_or("application/octet-stream").to_ascii_lowercase();
    let bytes = field.bytes().await.map_err(|error| error.status())?.to_vec();
    let attachment = Attachment { name, content_type: kind, content_id: None, inline: false, decoration: false, bytes };
    Ok((!attachment.bytes.is_empty()).then_some(attachment))
}

fn faults(portal: &Portal, said: &Said, files: &[Attachment]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let email = said.email.to_lowercase();
    if !said.website.is_empty() {
        wrong.push(Wrong::Trap);
    }
    if !build::can_be_written(&email)
        || email.len() > LINE
        || !email.rsplit('@').next().is_some_and(|domain| domain.contains('.'))
    {
        wrong.push(Wrong::Email);
    } else if portal.ours.contains(&email) {
        wrong.push(Wrong::Ours);
    }
    if said.subject.is_empty() || said.subject.len() > LINE || said.name.len() > LINE {
        wrong.push(Wrong::Subject);
    }
    if said.text.is_empty() || said.text.len() > TEXT {
        wrong.push(Wrong::Text);
    }
    let size: usize = files.iter().map(|file| file.bytes.len()).sum();
    if size > FILES || files.len() > MOST_FILES {
        wrong.push(Wrong::TooLarge);
    }
    wrong
}

/// The same words from the same page are the same request, however often the button is pressed.
fn key(said: &Said, files: &[Attachment]) -> String {
    let mut hash = Sha256::new();
    for part in [&said.once, &said.name, &said.email, &said.subject, &said.text] {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    for file in files {
        hash.update(file.name.as_bytes());
        hash.update(Sha256::digest(&file.bytes));
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// As its sender would have mailed it.
fn written(
    portal: &Portal,
    said: &Said,
    attachments: Vec<Attachment>,
    key: &str,
    now: DateTime<Utc>,
) -> Option<Vec<u8>> {
    let (_, domain) = portal.desk.address.rsplit_once('@')?;
    let mail = Outgoing {
        from: Mailbox { name: said.name.clone(), address: said.email.to_lowercase() },
        to: portal.desk.clone(),
        cc: Vec::new(),
        reply_to: None,
        message_id: format!("{key}@portal.{domain}"),
        in_reply_to: None,
        references: Vec::new(),
        subject: said.subject.clone(),
        date: now,
        text: said.text.clone(),
        html: None,
        attachments,
        voice: Voice::Person,
    };
    build::build(&mail).ok()
}
