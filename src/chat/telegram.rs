//! Telegram: updates by webhook or long poll in, `sendMessage` and `sendDocument` out. <https://core.telegram.org/bots/api>

use std::time::Duration;

use chrono::DateTime;
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{
    Account, Heard, Meant, PostError, Posted, Refused, UPLOAD, Upload, broken, by_status, id, in_room, retry_after,
    word,
};
use crate::channel::said::{Did, Linked, Said};
use crate::channel::sign::{self, Refusal};

/// What a webhook is set up with as `secret_token` comes back in this field.
const SECRET: &str = "x-telegram-bot-api-secret-token";
/// How long one look for updates lasts where there are none, seconds.
const POLL: u64 = 25;

pub(super) fn hear(account: &Account, post: Heard<'_>) -> Result<Meant, Refused> {
    let given = post.header.iter().find(|(name, _)| name == SECRET).map(|(_, value)| value.as_str());
    sign::secret(&account.secrets, given.ok_or(Refusal::Missing(SECRET))?)?;
    Ok(Meant { event: Some(post.data.clone()), answer: None })
}

pub(super) fn said(event: &Value) -> Option<Said> {
    let wrote = ["/message", "/channel_post"].into_iter().find_map(|part| event.pointer(part));
    let (did, message) = match (wrote, event.pointer("/edited_message")) {
        (Some(message), _) => (Did::Wrote, message),
        (None, Some(message)) => (Did::Edited, message),
        (None, None) => return None,
    };
    let (chat, number, author) = (id(message, "/chat/id"), id(message, "/message_id"), id(message, "/from/id"));
    let is_bots = message.pointer("/from/is_bot") == Some(&Value::Bool(true));
    if is_bots || author.is_empty() || chat.is_empty() {
        return None;
    }
    let files = files(message);
    let text = [word(message, "/text"), word(message, "/caption")].concat();
    // Somebody joined, a title was changed: nothing was said.
    if text.is_empty() && files.is_empty() {
        return None;
    }
    let (command, text) = without_command(text.trim());
    let direct = word(message, "/chat/type") == "private";
    let own = format!("{chat}/{number}");
    let answered = id(message, "/reply_to_message/message_id");
    Some(Said {
        key: if did == Did::Edited { format!("e/{own}/{}", id(message, "/edit_date")) } else { own.clone() },
        did: if command && did == Did::Wrote { Did::Asked } else { did },
        message: own.clone(),
        rooms: vec![chat.clone()],
        place: if direct { chat.clone() } else { own },
        threaded: false,
        direct,
        mentions_us: command,
        answers: (!answered.is_empty()).then(|| format!("{chat}/{answered}")),
        author,
        author_name: format!("{} {}", word(message, "/from/first_name"), word(message, "/from/last_name"))
            .trim()
            .to_owned(),
        text,
        files,
        at: message.pointer("/date").and_then(Value::as_i64).and_then(|at| DateTime::from_timestamp(at, 0)),
    })
}

/// Whether it begins with `/ticket`, `/ticket@our_bot` or `/start`, and the words without that.
fn without_command(text: &str) -> (bool, String) {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = first.split_once('@').map_or(first, |(name, _)| name);
    if matches!(name, "/ticket" | "/start" | "/help") {
        (true, rest.trim().to_owned())
    } else {
        (false, text.to_owned())
    }
}

/// Of a picture the largest of its sizes, which come smallest first.
fn files(message: &Value) -> Vec<Linked> {
    let file = |value: &Value, name: &str, content_type: &str| {
        let or = |given: &str, other: &str| if given.is_empty() { other.to_owned() } else { given.to_owned() };
        Linked {
            name: or(word(value, "/file_name"), name),
            content_type: or(word(value, "/mime_type"), content_type),
            size: value.pointer("/file_size").and_then(Value::as_u64),
            at: word(value, "/file_id").to_owned(),
        }
    };
    let photo = message.pointer("/photo").and_then(Value::as_array).and_then(|sizes| sizes.last());
    let mut files: Vec<Linked> = photo.map(|photo| file(photo, "photo.jpg", "image/jpeg")).into_iter().collect();
    for (part, name, kind) in [
        ("/document", "file", "application/octet-stream"),
        ("/video", "video.mp4", "video/mp4"),
        ("/voice", "voice.ogg", "audio/ogg"),
        ("/audio", "audio.mp3", "audio/mpeg"),
    ] {
        files.extend(message.pointer(part).map(|value| file(value, name, kind)));
    }
    files
}

fn method(account: &Account, name: &str) -> String {
    format!("{}/bot{}/{name}", account.api, account.token.expose_secret())
}

async fn call(account: &Account, name: &str, body: &Value) -> Result<Value, PostError> {
    let wait = Duration::from_secs(POLL + 15);
    asked(account.http.post(method(account, name)).timeout(wait).json(body)).await
}

/// Asks for one thing; gives `result`. The token stands in the address, so that no error may show it.
async fn asked(request: RequestBuilder) -> Result<Value, PostError> {
    let sent = request.send().await;
    let answer = sent.map_err(|error| broken(&error.without_url()))?;
    let (status, wait) = (answer.status(), retry_after(&answer));
    let said = answer.json::<Value>().await.unwrap_or_default();
    if said["ok"] == true {
        return Ok(said["result"].clone());
    }
    if status.is_success() {
        return Err(PostError::Uncertain);
    }
    let wait = said.pointer("/parameters/retry_after").and_then(Value::as_u64).map_or(wait, Duration::from_secs);
    let reason = word(&said, "/description");
    // An address without a token of theirs is answered with 404.
    let unknown = status == reqwest::StatusCode::NOT_FOUND;
    Err(if unknown { PostError::Account(format!("{status}: {reason}")) } else { by_status(status, wait, reason) })
}

pub(super) async fn post(account: &Account, place: &str, text: &str) -> Result<Posted, PostError> {
    let (chat, answered) = in_room(place);
    let number = |text: &str| text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from);
    // No `parse_mode`: nothing in it is markup.
    let mut body = json!({ "chat_id": number(chat), "text": text, "link_preview_options": { "is_disabled": true } });
    if !answered.is_empty() {
        body["reply_parameters"] = json!({ "message_id": number(answered), "allow_sending_without_reply": true });
    }
    let result = call(account, "sendMessage", &body).await?;
    Ok(posted(chat, &result))
}

/// As a document, whatever it is: a picture sent as one is made smaller. <https://core.telegram.org/bots/api#senddocument>
pub(super) async fn show(account: &Account, place: &str, file: &Upload) -> Result<Posted, PostError> {
    let (chat, answered) = in_room(place);
    let mut form = file.form("document").text("chat_id", chat.to_owned());
    if let Ok(number) = answered.parse::<i64>() {
        let answered = json!({ "message_id": number, "allow_sending_without_reply": true });
        form = form.text("reply_parameters", answered.to_string());
    }
    let request = account.http.post(method(account, "sendDocument")).timeout(UPLOAD).multipart(form);
    Ok(posted(chat, &asked(request).await?))
}

fn posted(chat: &str, result: &Value) -> Posted {
    let own = format!("{chat}/{}", id(result, "/message_id"));
    let place = if word(result, "/chat/type") == "private" { chat.to_owned() } else { own.clone() };
    Posted::new(own, place)
}

/// What happened after the update with this number; waits a while where nothing did.
pub async fn updates(account: &Account, after: i64) -> Result<Vec<Value>, PostError> {
    let kinds = ["message", "edited_message", "channel_post"];
    let body = json!({ "offset": after + 1, "timeout": POLL, "limit": 100, "allowed_updates": kinds });
    let result = call(account, "getUpdates", &body).await?;
    Ok(result.as_array().cloned().unwrap_or_default())
}

/// Where a file lies: only an hour long, so that it is asked for when it is fetched.
pub(super) async fn path_of(account: &Account, file: &str) -> Result<String, PostError> {
    let found = call(account, "getFile", &json!({ "file_id": file })).await?;
    let path = word(&found, "/file_path");
    let plain = path.split('/').all(|part| !part.is_empty() && part != ".." && !part.contains(['?', '#', '%', '\\']));
    if !plain {
        return Err(PostError::Never("it gives no path".to_owned()));
    }
    Ok(format!("{}/file/bot{}/{path}", account.api, account.token.expose_secret()))
}
