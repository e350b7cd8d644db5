//! What we say on Discord, by its REST interface.
//!
//! By requests of our own: serenity's errors keep no field of an answer, so that nobody would know how long Discord wants to be left alone;
//! and its own limiter waits within the request, where no row of the outbox shows it, and asks Discord itself whatever `api` says.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::{Account, PostError, Posted, UPLOAD, Upload, broken, by_status, id, in_room, pause, seconds, word};

/// What Discord answers where there is no such channel: the thread was not begun yet.
/// <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>
const UNKNOWN_CHANNEL: i64 = 10_003;
/// The thread is there already.
const ALREADY: i64 = 160_004;
/// Minutes of silence after which a thread is put away: a week.
const ARCHIVED_AFTER: u32 = 10_080;
/// Discord wants to read there that a bot asks: <https://docs.discord.com/developers/reference#user-agent>
const AGENT: &str = concat!("DiscordBot (https://deskd.example, ", env!("CARGO_PKG_VERSION"), ")");

/// Why Discord did not do it.
struct Refusal {
    error: PostError,
    /// `None`: nobody answered.
    status: Option<StatusCode>,
    /// Discord's own number of the reason; 0 where it gives none.
    code: i64,
}

/// What Discord answers, and for how long the room takes nothing more.
type Answer = (Value, Option<Duration>);

/// What is said in one message: its text belongs to the data already.
struct Words<'w> {
    data: Value,
    file: Option<&'w Upload>,
}

/// `channel/message` is the thread of that message, which is begun where there is none. `row` is the same for each attempt.
pub(in crate::chat) async fn post(
    account: &Account,
    place: &str,
    (text, file): (&str, Option<&Upload>),
    row: &str,
) -> Result<Posted, PostError> {
    let (channel, message) = in_room(place);
    let room = number(if message.is_empty() { channel } else { message })?;
    let words = Words { data: data(text, row), file };
    let sent = match say(account, room, &words).await {
        Err(refusal) if refusal.code == UNKNOWN_CHANNEL && !message.is_empty() => {
            in_new_thread(account, (number(channel)?, room), text, &words).await
        }
        sent => sent,
    };
    let (sent, rest) = sent.map_err(|refusal| refusal.error)?;
    let own = id(&sent, "/id");
    // Outside threads an answer to ours may be said in a thread of it.
    let place = if message.is_empty() { format!("{channel}/{own}") } else { place.to_owned() };
    Ok(Posted { message: own, place, rest })
}

/// Nobody is called but whom we name ourselves; and a second message with the same nonce Discord leaves out for some minutes.
fn data(text: &str, row: &str) -> Value {
    let nonce: String = Sha256::digest(row.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let mut quiet = json!({ "parse": [] });
    if let Some(user) = called(text) {
        quiet["users"] = json!([user.to_string()]);
    }
    json!({ "content": text, "allowed_mentions": quiet, "nonce": nonce, "enforce_nonce": true })
}

/// Where nobody may begin threads it is an answer in the channel.
async fn in_new_thread(
    account: &Account,
    (channel, message): (u64, u64),
    text: &str,
    words: &Words<'_>,
) -> Result<Answer, Refusal> {
    let thread = json!({ "name": name(text), "auto_archive_duration": ARCHIVED_AFTER });
    let url = url(account, &format!("channels/{channel}/messages/{message}/threads"));
    match ask(account, account.http.post(url).json(&thread)).await {
        Err(refusal) if refusal.code != ALREADY => match refusal.status {
            Some(StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST) => {
                let mut data = words.data.clone();
                data["message_reference"] = json!({ "message_id": message.to_string(), "fail_if_not_exists": false });
                say(account, channel, &Words { data, ..*words }).await
            }
            _ => Err(refusal),
        },
        _ => say(account, message, words).await,
    }
}

/// With a file as a form: <https://docs.discord.com/developers/reference#uploading-files>
async fn say(account: &Account, room: u64, words: &Words<'_>) -> Result<Answer, Refusal> {
    let request = account.http.post(url(account, &format!("channels/{room}/messages")));
    let request = match words.file {
        None => request.json(&words.data),
        Some(file) => {
            let form = file.form("files[0]").text("payload_json", words.data.to_string());
            request.timeout(UPLOAD).multipart(form)
        }
    };
    ask(account, request).await
}

fn url(account: &Account, path: &str) -> String {
    format!("{}/api/v10/{path}", account.api)
}

async fn ask(account: &Account, request: RequestBuilder) -> Result<Answer, Refusal> {
    let token = format!("Bot {}", account.token.expose_secret());
    let sent = request.header(AUTHORIZATION, token).header(USER_AGENT, AGENT).send().await;
    let answer = sent.map_err(|error| Refusal { error: broken(&error), status: None, code: 0 })?;
    let (status, fields) = (answer.status(), answer.headers().clone());
    let said = answer.json::<Value>().await;
    if status.is_success() {
        let said = said.map_err(|_| Refusal { error: PostError::Uncertain, status: Some(status), code: 0 })?;
        let is_last = seconds(&fields, "x-ratelimit-remaining").is_some_and(|left| left < 1.0);
        return Ok((said, seconds(&fields, "x-ratelimit-reset-after").filter(|_| is_last).map(pause)));
    }
    let said = said.unwrap_or_default();
    let error = by_status(status, wait(&fields, &said), word(&said, "/message"));
    // What stands before Discord counts all that we ask for, and says so without JSON.
    let everywhere = said["global"] == true || fields.contains_key("x-ratelimit-global") || !said.is_object();
    let error = if everywhere { error.in_all_rooms() } else { error };
    Err(Refusal { error, status: Some(status), code: said["code"].as_i64().unwrap_or(0) })
}

/// How long nothing more is taken: the longest that Discord says, in parts of a second in the body; what stands before it says it in the header alone.
/// <https://docs.discord.com/developers/topics/rate-limits#exceeding-a-rate-limit>
fn wait(fields: &HeaderMap, said: &Value) -> Duration {
    let told =
        [said["retry_after"].as_f64(), seconds(fields, "retry-after"), seconds(fields, "x-ratelimit-reset-after")];
    pause(told.into_iter().flatten().reduce(f64::max).unwrap_or(5.0))
}

/// What a thread is called: `Request #1042`, where the text names its ticket.
fn name(text: &str) -> String {
    let number = text.split('#').nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    number
        .filter(|digits| !digits.is_empty())
        .map_or_else(|| "Request".to_owned(), |digits| format!("Request #{digits}"))
}

/// Whom we call ourselves, at the beginning of a message.
fn called(text: &str) -> Option<u64> {
    text.strip_prefix("<@")?.split_once('>')?.0.parse().ok()
}

fn number(text: &str) -> Result<u64, PostError> {
    text.parse()
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| PostError::Never(format!("\"{text}\" is no channel of Discord's")))
}
