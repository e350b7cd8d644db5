//! The platforms' own interfaces: each takes what deskd says and refuses what its documents refuse.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use deskd::channel::said::Platform;
use serde_json::{Value, json};

use super::{APP, AS_USUAL, Inner, MORNING, Said, TOKEN};
use crate::harness::form::{self, Field};
use crate::harness::speed::Limit;

pub async fn take(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    fields: HeaderMap,
    body: Bytes,
) -> Response {
    let data: Value = serde_json::from_slice(&body).unwrap_or_default();
    let form = form::fields(&fields, &body).await;
    let bearer = fields.get("authorization").and_then(|field| field.to_str().ok()).unwrap_or_default().to_owned();
    match inner.platform {
        Platform::Slack if uri.path().starts_with("/upload/") => {
            inner.uploads.fetch_add(1, Ordering::Relaxed);
            inner.slow.subscribe().wait_for(|slow| !slow).await.unwrap();
            slack_upload(&inner, uri.path(), &bearer, &body)
        }
        Platform::Slack if uri.path().starts_with("/files.") => slack_file(&inner, &uri, &fields, &body, &data),
        Platform::Slack => slack(&inner, uri.path(), &bearer, &data),
        Platform::Telegram => telegram(&inner, uri.path(), &data, &form).await,
        Platform::Mattermost if method == Method::POST && uri.path() == "/api/v4/files" => {
            mattermost_upload(&inner, &uri, &bearer, &body)
        }
        Platform::Mattermost => mattermost(&inner, &method, uri.path(), &bearer, &data),
        Platform::Teams => teams(&inner, uri.path(), &bearer, &body, &data),
        Platform::Discord => unreachable!(),
    }
}

/// With `null`, nothing is said.
fn answer(status: u16, body: Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    if body.is_null() { status.into_response() } else { (status, axum::Json(body)).into_response() }
}

/// What the test wants to be answered now, if anything.
fn wanted(inner: &Inner) -> Option<Response> {
    let wanted = inner.answers.lock().unwrap().pop_front().filter(|wanted| *wanted != AS_USUAL);
    wanted.map(|(status, body)| answer(status, body))
}

/// Takes a message, unless the test wants another answer.
fn spoken(inner: &Inner, said: Said, taken: Value) -> Response {
    if let Some(wanted) = wanted(inner) {
        return wanted;
    }
    let (in_room, in_all) = limits(inner.platform, &said.room);
    if let Err(wait) = inner.speed.lock().unwrap().takes(&said.room, in_room, in_all) {
        return too_fast(inner.platform, wait);
    }
    inner.said.lock().unwrap().push(said);
    answer(if inner.platform == Platform::Mattermost { 201 } else { 200 }, taken)
}

/// What the documents say: in a room, and in all. "Short bursts" are five messages here.
fn limits(platform: Platform, room: &str) -> (&'static [Limit], &'static [Limit]) {
    match platform {
        // https://docs.slack.dev/apis/web-api/rate-limits: one a second in a channel
        Platform::Slack => (&[(5, 5)], &[]),
        // https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
        Platform::Telegram if room.starts_with('-') => (&[(5, 5), (20, 60)], &[(30, 1)]),
        Platform::Telegram => (&[(5, 5)], &[(30, 1)]),
        // https://docs.mattermost.com/administration-guide/configure/rate-limiting-configuration-settings.html
        Platform::Mattermost => (&[], &[(10, 1)]),
        // https://learn.microsoft.com/en-us/microsoftteams/platform/bots/how-to/rate-limit
        Platform::Teams => (&[(7, 1), (8, 2), (60, 30), (1800, 3600)], &[(30, 1)]),
        Platform::Discord => unreachable!(),
    }
}

fn too_fast(platform: Platform, wait: i64) -> Response {
    let body = match platform {
        Platform::Slack => json!({ "ok": false, "error": "ratelimited" }),
        Platform::Telegram => json!({ "ok": false, "error_code": 429, "parameters": { "retry_after": wait } }),
        _ => json!({ "message": "too many requests" }),
    };
    let mut answer = answer(429, body);
    answer.headers_mut().insert("retry-after", wait.into());
    answer
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn slack(inner: &Inner, path: &str, bearer: &str, data: &Value) -> Response {
    if bearer != format!("Bearer {TOKEN}") {
        return answer(200, json!({ "ok": false, "error": "invalid_auth" }));
    }
    if path == "/files/photo.png" {
        return (StatusCode::OK, b"\x89PNG of the photo".to_vec()).into_response();
    }
    assert_eq!(path, "/chat.postMessage");
    let text = text_of(&data["text"]);
    // https://docs.slack.dev/reference/methods/chat.postMessage: 4,000 characters are the advice, 40,000 the limit.
    assert!(!text.is_empty() && text.chars().count() <= 4000, "{} characters", text.chars().count());
    assert!(!text.replace("&lt;", "").contains("<!"), "calls everybody: {text}");
    let number = inner.count.fetch_add(1, Ordering::Relaxed) + 1;
    let (channel, ts) = (text_of(&data["channel"]), format!("{MORNING}.{number:06}"));
    let thread = text_of(&data["thread_ts"]);
    let root = if thread.is_empty() { ts.clone() } else { thread };
    let said = Said { room: channel.clone(), thread: root, text, id: ts.clone(), file: None };
    spoken(inner, said, json!({ "ok": true, "channel": channel, "ts": ts }))
}

/// The three steps of <https://docs.slack.dev/messaging/working-with-files#uploading_files>: this is the first and the third.
fn slack_file(inner: &Inner, uri: &Uri, fields: &HeaderMap, body: &[u8], data: &Value) -> Response {
    assert_eq!(fields["authorization"], format!("Bearer {TOKEN}"));
    let number = inner.count.fetch_add(1, Ordering::Relaxed) + 1;
    if uri.path() == "/files.getUploadURLExternal" {
        assert_eq!(fields["content-type"], "application/x-www-form-urlencoded", "it takes no JSON");
        let asked = query(&String::from_utf8_lossy(body));
        let of = |name: &str| asked.iter().find(|(field, _)| field == name).unwrap().1.clone();
        assert!(of("length").parse::<usize>().unwrap() > 0 && !of("filename").is_empty());
        let url = format!("http://{}/upload/F{number}/{}", fields["host"].to_str().unwrap(), of("length"));
        inner.held.lock().unwrap().push((format!("F{number}"), of("filename"), Vec::new()));
        return answer(200, json!({ "ok": true, "upload_url": url, "file_id": format!("F{number}") }));
    }
    assert_eq!(uri.path(), "/files.completeUploadExternal");
    let thread = text_of(&data["thread_ts"]);
    let file = taken(inner, &data["files"][0]["id"]);
    assert_eq!(data["files"][0]["title"], file.0.as_str());
    let said =
        Said { room: text_of(&data["channel_id"]), thread, text: String::new(), id: String::new(), file: Some(file) };
    spoken(inner, said, json!({ "ok": true, "files": [{ "id": data["files"][0]["id"] }] }))
}

fn slack_upload(inner: &Inner, path: &str, bearer: &str, body: &[u8]) -> Response {
    assert!(bearer.is_empty(), "the address is the permission");
    if let Some(wanted) = wanted(inner) {
        return wanted;
    }
    let parts: Vec<&str> = path.split('/').collect();
    assert_eq!(body.len().to_string(), parts[3]);
    let mut held = inner.held.lock().unwrap();
    held.iter_mut().find(|(id, ..)| id == parts[2]).unwrap().2 = body.to_vec();
    (StatusCode::OK, format!("OK - {}", body.len())).into_response()
}

fn query(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("x:?{text}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// A file that was brought, whole, and is shown now.
fn taken(inner: &Inner, id: &Value) -> (String, Vec<u8>) {
    let mut held = inner.held.lock().unwrap();
    let place = held.iter().position(|(held, ..)| *id == held.as_str()).expect("a file that was brought");
    let (_, name, bytes) = held.remove(place);
    assert!(!bytes.is_empty(), "{name} was never brought");
    (name, bytes)
}

async fn telegram(inner: &Inner, path: &str, data: &Value, form: &[Field]) -> Response {
    if let Some(file) = path.strip_prefix(&format!("/file/bot{TOKEN}/")) {
        assert_eq!(file, "photos/file_1.jpg");
        return (StatusCode::OK, b"\xff\xd8 of the photo".to_vec()).into_response();
    }
    let Some(method) = path.strip_prefix(&format!("/bot{TOKEN}/")) else {
        return answer(404, json!({ "ok": false, "error_code": 404, "description": "Not Found" }));
    };
    match method {
        "getFile" => answer(200, json!({ "ok": true, "result": { "file_path": "photos/file_1.jpg" } })),
        "getUpdates" => loop {
            let fresh = inner.fresh.notified();
            let offset = data["offset"].as_i64().unwrap();
            let due: Vec<Value> = {
                let mut all = inner.updates.lock().unwrap();
                // What lies before the offset is confirmed, and gone.
                all.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
                all.clone()
            };
            if !due.is_empty() {
                return answer(200, json!({ "ok": true, "result": due }));
            }
            fresh.await;
        },
        "sendMessage" => {
            let text = text_of(&data["text"]);
            assert!(!text.is_empty() && text.chars().count() <= 4096, "{} characters", text.chars().count());
            assert!(data["parse_mode"].is_null());
            let chat = data["chat_id"].as_i64().unwrap();
            let id = inner.count.fetch_add(1, Ordering::Relaxed) + 200_001;
            let thread = data.pointer("/reply_parameters/message_id").map(ToString::to_string).unwrap_or_default();
            let said = Said { room: chat.to_string(), thread, text, id: id.to_string(), file: None };
            let kind = if chat > 0 { "private" } else { "group" };
            spoken(
                inner,
                said,
                json!({ "ok": true, "result": { "message_id": id, "chat": { "id": chat, "type": kind } } }),
            )
        }
        "sendDocument" => {
            let file = form::file(form, "document").unwrap();
            assert!(!file.1.is_empty() && file.1.len() <= 50_000_000);
            let chat = form::text(form, "chat_id");
            let id = inner.count.fetch_add(1, Ordering::Relaxed) + 200_001;
            let answered: Value = serde_json::from_str(&form::text(form, "reply_parameters")).unwrap_or_default();
            let thread = answered.pointer("/message_id").map(ToString::to_string).unwrap_or_default();
            let kind = if chat.starts_with('-') { "group" } else { "private" };
            let message = json!({ "message_id": id, "chat": { "id": chat.parse::<i64>().unwrap(), "type": kind } });
            let said = Said { room: chat, thread, text: String::new(), id: id.to_string(), file: Some(file) };
            spoken(inner, said, json!({ "ok": true, "result": message }))
        }
        other => panic!("{other} was asked for"),
    }
}

/// <https://docs.mattermost.com/api/reference/upload-file>
fn mattermost_upload(inner: &Inner, uri: &Uri, bearer: &str, body: &[u8]) -> Response {
    assert_eq!(bearer, format!("Bearer {TOKEN}"));
    if let Some(wanted) = wanted(inner) {
        return wanted;
    }
    let asked = query(uri.query().unwrap());
    assert_eq!((asked[0].0.as_str(), asked[1].0.as_str()), ("channel_id", "filename"));
    let number = inner.count.fetch_add(1, Ordering::Relaxed) + 1;
    let id = format!("file{number:022}");
    inner.held.lock().unwrap().push((id.clone(), asked[1].1.clone(), body.to_vec()));
    answer(201, json!({ "file_infos": [{ "id": id, "name": asked[1].1 }], "client_ids": [] }))
}

fn mattermost(inner: &Inner, method: &Method, path: &str, bearer: &str, data: &Value) -> Response {
    if bearer != format!("Bearer {TOKEN}") {
        return answer(401, json!({ "message": "Invalid or expired session" }));
    }
    if let Some(post) = path.strip_prefix("/api/v4/posts/").filter(|_| *method == Method::GET) {
        let roots = inner.roots.lock().unwrap();
        return match roots.iter().find(|(id, _)| id == post) {
            Some((_, found)) => answer(200, found.clone()),
            None => answer(404, json!({})),
        };
    }
    if path.starts_with("/api/v4/files/") {
        return (StatusCode::OK, b"\x89PNG of the photo".to_vec()).into_response();
    }
    assert_eq!(path, "/api/v4/posts");
    let text = text_of(&data["message"]);
    let file = data["file_ids"].as_array().map(|ids| taken(inner, &ids[0]));
    assert!(text.is_empty() == file.is_some() && text.chars().count() <= 16_383, "{} characters", text.chars().count());
    assert!(!text.contains("@channel") && !text.contains("@all"), "calls everybody: {text}");
    let number = inner.count.fetch_add(1, Ordering::Relaxed) + 1;
    let (room, id, root) = (text_of(&data["channel_id"]), format!("ours{number:022}"), text_of(&data["root_id"]));
    let thread = if root.is_empty() { id.clone() } else { root };
    spoken(inner, Said { room, thread, text, id: id.clone(), file }, json!({ "id": id }))
}

fn teams(inner: &Inner, path: &str, bearer: &str, body: &[u8], data: &Value) -> Response {
    match path {
        "/keys" => return answer(200, json!({ "keys": [inner.key.as_ref().unwrap().1] })),
        "/login" => {
            let form = String::from_utf8_lossy(body).into_owned();
            assert!(form.contains("api.botframework.com") && form.contains(&format!("client_id={APP}")), "{form}");
            return answer(200, json!({ "access_token": "granted", "expires_in": 3600, "token_type": "Bearer" }));
        }
        _ => {}
    }
    assert_eq!(bearer, "Bearer granted");
    let rest = path.strip_prefix("/v3/conversations/").unwrap().strip_suffix("/activities").unwrap();
    let conversation = reqwest::Url::parse(&format!("x:?c={rest}")).unwrap();
    let conversation = conversation.query_pairs().next().unwrap().1.into_owned();
    let text = text_of(&data["text"]);
    assert!(!text.is_empty() && text.len() <= 28_000, "{} bytes", text.len());
    assert_eq!((data["type"].as_str(), data["textFormat"].as_str()), (Some("message"), Some("plain")));
    let (room, thread) = conversation.split_once(";messageid=").unwrap_or((&conversation, ""));
    let number = inner.count.fetch_add(1, Ordering::Relaxed) + 1;
    let id = (MORNING * 1000 + number).to_string();
    let said = Said { room: room.to_owned(), thread: thread.to_owned(), text, id: id.clone(), file: None };
    spoken(inner, said, json!({ "id": id }))
}
