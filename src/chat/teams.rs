//! Microsoft Teams: activities of the Bot Framework and outgoing webhooks in, its REST interface out.
//!
//! <https://learn.microsoft.com/en-us/azure/bot-service/rest-api/bot-framework-rest-connector-authentication>,
//! <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook>,
//! <https://learn.microsoft.com/en-us/azure/bot-service/rest-api/bot-framework-rest-connector-send-and-receive-messages>

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Account, Heard, Meant, PostError, Posted, Refused, broken, by_status, id, retry_after, word};
use crate::account::OAuthError;
use crate::channel::said::{Did, Linked, Said};
use crate::channel::sign::{self, Refusal};
use crate::mail::html;

/// Who makes out the tokens of the Bot Framework.
const ISSUER: &str = "https://api.botframework.com";
/// What we ask for to be allowed to answer.
pub const TOKEN_SCOPE: &str = "https://api.botframework.com/.default";
/// The clocks may differ by so much.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);
/// Keys are asked for again after so long, and where an unknown one is named, but not more often than once a minute.
const KEYS_LAST: TimeDelta = TimeDelta::hours(24);
const KEYS_REST: TimeDelta = TimeDelta::minutes(1);
const LOOK: Duration = Duration::from_secs(5);

/// The keys of Microsoft's that sign.
#[derive(Default)]
pub struct Keys(Mutex<Option<(DateTime<Utc>, JwkSet)>>);

#[derive(Deserialize)]
struct Claims {
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(rename = "serviceurl", alias = "serviceUrl", default)]
    service_url: String,
}

impl Keys {
    async fn find(&self, account: &Account, kid: &str, now: DateTime<Utc>) -> Result<Option<Jwk>, Refused> {
        let mut held = self.0.lock().await;
        let age = held.as_ref().map_or(KEYS_LAST, |(at, _)| now - *at);
        let known = held.as_ref().and_then(|(_, keys)| keys.find(kid)).cloned();
        if age < KEYS_LAST && (known.is_some() || age < KEYS_REST) {
            return Ok(known);
        }
        match fetched(account).await {
            Ok(keys) => {
                let found = keys.find(kid).cloned();
                *held = Some((now, keys));
                Ok(found)
            }
            // Yesterday's key is a key still.
            Err(why) => known.map(Some).ok_or(Refused::Later(why)),
        }
    }
}

async fn fetched(account: &Account) -> Result<JwkSet, String> {
    let url = &account.keys_url;
    let why = |error: reqwest::Error| format!("the keys of the Bot Framework cannot be read from {url}: {error}");
    let answer = account.http.get(url).timeout(LOOK).send().await.and_then(reqwest::Response::error_for_status);
    answer.map_err(why)?.json().await.map_err(why)
}

pub(super) async fn hear(account: &Account, post: Heard<'_>) -> Result<Meant, Refused> {
    let given = post.header.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str());
    let given = given.ok_or(Refusal::Missing("authorization"))?;
    let mut event = post.data.clone();
    match given.split_once(' ') {
        Some((scheme, mac)) if scheme.eq_ignore_ascii_case("HMAC") => {
            sign::teams(&account.secrets, post.body, mac)?;
            // Nobody but the answer to this very post can say anything there.
            event["serviceUrl"] = Value::Null;
            let answer = json!({ "type": "message", "text": super::TAKEN_ELSEWHERE });
            Ok(Meant { event: Some(event), answer: Some(answer) })
        }
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            let claims = verified(account, token.trim(), post.now).await?;
            if !same_address(&claims.service_url, word(&event, "/serviceUrl")) {
                return Err(Refusal::Wrong.into());
            }
            Ok(Meant { event: Some(event), answer: None })
        }
        _ => Err(Refusal::Malformed("authorization").into()),
    }
}

/// RS256 by a key of theirs, made out by them for our App ID, and of now.
async fn verified(account: &Account, token: &str, now: DateTime<Utc>) -> Result<Claims, Refused> {
    let malformed = Refusal::Malformed("authorization");
    let header = decode_header(token).map_err(|_| malformed)?;
    let kid = header.kid.filter(|_| header.alg == Algorithm::RS256).ok_or(malformed)?;
    let key = account.keys.find(account, &kid, now).await?.ok_or(Refusal::Wrong)?;
    let key = DecodingKey::from_jwk(&key).map_err(|_| Refusal::Wrong)?;
    let mut wanted = Validation::new(Algorithm::RS256);
    wanted.set_audience(&[&account.app]);
    wanted.set_issuer(&[ISSUER]);
    wanted.set_required_spec_claims(&["exp", "aud", "iss"]);
    // By our own clock, below.
    wanted.validate_exp = false;
    let claims = decode::<Claims>(token, &key, &wanted).map_err(|_| Refusal::Wrong)?.claims;
    let at = |seconds: i64| DateTime::from_timestamp(seconds, 0).ok_or(malformed);
    let begun = claims.nbf.map(at).transpose()?.is_none_or(|from| from - LEEWAY <= now);
    if !begun || at(claims.exp)? + LEEWAY < now {
        return Err(Refusal::Stale.into());
    }
    Ok(claims)
}

/// What we answer to is the address that the token names; nothing travels there in the open, but on this machine.
fn same_address(claimed: &str, given: &str) -> bool {
    let is_ours = given.starts_with("https://") || given.starts_with("http://127.0.0.1:");
    is_ours && claimed.trim_end_matches('/').eq_ignore_ascii_case(given.trim_end_matches('/'))
}

pub(super) fn said(event: &Value) -> Option<Said> {
    let did = match word(event, "/type") {
        "message" => Did::Wrote,
        "messageUpdate" => Did::Edited,
        "messageDelete" => Did::Deleted,
        _ => return None,
    };
    // The same person has another `id` in each bot's eyes; the directory's is one.
    let author = [word(event, "/from/aadObjectId"), word(event, "/from/id")].into_iter().find(|id| !id.is_empty())?;
    let (conversation, number) = (word(event, "/conversation/id"), word(event, "/id"));
    let (channel, root) = conversation.split_once(";messageid=").unwrap_or((conversation, ""));
    let direct = word(event, "/conversation/conversationType") == "personal";
    let own = format!("{conversation}/{number}");
    let service = word(event, "/serviceUrl");
    let rooms = [channel, word(event, "/channelData/channel/id"), word(event, "/channelData/team/id")];
    let tenant = [word(event, "/conversation/tenantId"), word(event, "/channelData/tenant/id")];
    let rooms = rooms.into_iter().chain(tenant).filter(|room| !room.is_empty()).map(str::to_owned);
    Some(Said {
        key: match did {
            Did::Edited => format!("e/{own}/{}", word(event, "/timestamp")),
            Did::Deleted => format!("d/{own}"),
            Did::Wrote | Did::Asked => own.clone(),
        },
        did,
        message: own,
        rooms: rooms.collect(),
        place: if service.is_empty() { String::new() } else { format!("{service}|{conversation}") },
        threaded: !root.is_empty() && root != number,
        direct,
        mentions_us: !direct,
        answers: Some(word(event, "/replyToId")).filter(|id| !id.is_empty()).map(|id| format!("{conversation}/{id}")),
        author: author.to_owned(),
        author_name: word(event, "/from/name").to_owned(),
        text: plain(event),
        files: files(event),
        at: DateTime::parse_from_rfc3339(word(event, "/timestamp")).ok().map(|at| at.with_timezone(&Utc)),
    })
}

/// The words without the `<at>` by which we were called.
fn plain(event: &Value) -> String {
    let mut text = word(event, "/text").to_owned();
    let entities = event.pointer("/entities").and_then(Value::as_array);
    for entity in entities.into_iter().flatten() {
        let ours = word(entity, "/mentioned/id") == word(event, "/recipient/id");
        let called = word(entity, "/text");
        if word(entity, "/type") == "mention" && ours && !called.is_empty() {
            text = text.replace(called, "");
        }
    }
    // Of an outgoing webhook nobody says who is called; all else in it is markup.
    let marked = text.contains("<at>") || text.contains("</") || text.contains('&');
    let text = if marked { html::to_text(&text.replace("<at>", "").replace("</at>", "")) } else { text };
    text.trim().to_owned()
}

/// Files lie in the sender's own storage, to which a bot has no key: their names and addresses are told.
fn files(event: &Value) -> Vec<Linked> {
    let all = event.pointer("/attachments").and_then(Value::as_array);
    let is_text = |file: &&Value| word(file, "/contentType") != "text/html";
    let file = |file: &Value| Linked {
        name: if word(file, "/name").is_empty() { "file".to_owned() } else { word(file, "/name").to_owned() },
        content_type: word(file, "/contentType").to_owned(),
        size: None,
        at: [word(file, "/content/downloadUrl"), word(file, "/contentUrl")].concat(),
    };
    all.into_iter().flatten().filter(is_text).map(file).collect()
}

pub(super) async fn post(account: &Account, place: &str, text: &str) -> Result<Posted, PostError> {
    let nowhere = || PostError::Never("nobody can be written to there".to_owned());
    let (service, conversation) = place.split_once('|').ok_or_else(nowhere)?;
    let tokens = account.tokens.as_ref().ok_or_else(nowhere)?;
    let token = tokens.token().await.map_err(|error| match error {
        OAuthError::Refused { .. } => PostError::Account(error.to_string()),
        OAuthError::Unreachable { .. } => PostError::Later(error.to_string()),
    })?;
    let mut url = reqwest::Url::parse(service).map_err(|_| nowhere())?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["v3", "conversations", conversation, "activities"]);
    }
    let body = json!({ "type": "message", "text": text, "textFormat": "plain" });
    let sent = account.http.post(url).bearer_auth(token.expose_secret()).json(&body).send().await;
    let answer = sent.map_err(|error| broken(&error))?;
    let (status, wait) = (answer.status(), retry_after(&answer));
    let said = answer.json::<Value>().await.unwrap_or_default();
    if status.is_success() {
        return Ok(Posted::new(format!("{conversation}/{}", id(&said, "/id")), place.to_owned()));
    }
    // Microsoft asks to try these again: https://learn.microsoft.com/en-us/microsoftteams/platform/bots/how-to/rate-limit
    if matches!(status.as_u16(), 412 | 502 | 504) {
        return Err(PostError::Later(status.to_string()));
    }
    Err(by_status(status, wait, word(&said, "/error/message")))
}
