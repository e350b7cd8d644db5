//! Discord's REST: what is there, and what deskd does.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{ACME, BOT, Discord, ELSEWHERE, Inner, TECHS, TOKEN, channel, message, number};
use crate::harness::form;
use crate::harness::speed::Limit;

/// In a channel; it stands in the header of each answer, and nowhere else.
const LIMIT: Limit = (5, 5);

fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

fn unknown_channel() -> Response {
    answer(404, json!({ "message": "Unknown Channel", "code": 10003 }))
}

pub async fn take(
    State(discord): State<Discord>,
    method: Method,
    uri: Uri,
    fields: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().strip_prefix("/api/v10").unwrap_or(uri.path());
    if path == "/files/log.txt" {
        return (StatusCode::OK, b"line 1".to_vec()).into_response();
    }
    let bearer = fields.get("authorization").and_then(|field| field.to_str().ok()).unwrap_or_default();
    let by_token = path.starts_with("/interactions/") || path.starts_with("/webhooks/");
    if !by_token && bearer != format!("Bot {TOKEN}") {
        return answer(401, json!({ "message": "401: Unauthorized", "code": 0 }));
    }
    let form = form::fields(&fields, &body).await;
    let mut data: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(file) = form::file(&form, "files[0]") {
        // 10 MiB a file: https://docs.discord.com/developers/reference#uploading-files
        assert!(!file.1.is_empty() && file.1.len() <= 10 * 1024 * 1024, "{} bytes", file.1.len());
        data = serde_json::from_str(&form::text(&form, "payload_json")).unwrap();
        data["file"] = json!([file.0, file.1]);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let query = |name: &str| {
        let url = reqwest::Url::parse(&format!("x:?{}", uri.query().unwrap_or_default())).unwrap();
        url.query_pairs().find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
    };
    let mut inner = discord.inner();
    let asked = parts.as_slice();
    if method == Method::GET {
        looked_up(&discord, &mut inner, asked, query)
    } else {
        done(&mut inner, method.as_str(), asked, &data)
    }
}

fn looked_up(discord: &Discord, inner: &mut Inner, parts: &[&str], query: impl Fn(&str) -> Option<String>) -> Response {
    match parts {
        ["gateway", ..] => answer(
            200,
            json!({ "url": discord.gateway, "shards": 1,
            "session_start_limit": { "total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1 } }),
        ),
        ["guilds", _, "channels"] => {
            answer(200, [ACME, ELSEWHERE, TECHS].iter().filter_map(|id| channel(inner, *id)).collect())
        }
        ["guilds", _, "threads", "active"] => {
            let threads: Vec<Value> = inner.threads.iter().filter_map(|(id, _)| channel(inner, *id)).collect();
            answer(200, json!({ "threads": threads, "members": [] }))
        }
        ["channels", id] => {
            channel(inner, id.parse().unwrap()).map_or_else(unknown_channel, |found| answer(200, found))
        }
        ["channels", _, "messages", _] if inner.no_history => {
            answer(403, json!({ "message": "Missing Access", "code": 50001 }))
        }
        ["channels", _, "messages", id] => {
            let found = inner.messages.iter().find(|message| message["id"] == *id).cloned();
            found.map_or_else(
                || answer(404, json!({ "message": "Unknown Message", "code": 10008 })),
                |message| answer(200, message),
            )
        }
        ["channels", _, "messages"] if inner.no_history => {
            inner.looks += u32::from(query("after").is_none());
            answer(200, json!([]))
        }
        ["channels", id, "messages"] if query("after").is_none() && inner.broken == id.parse().ok() => {
            inner.looks += 1;
            answer(500, json!({ "message": "500: Internal Server Error", "code": 0 }))
        }
        ["channels", id, "messages"] => page(inner, id.parse().unwrap(), query),
        ["webhooks", _, _, "messages", "@original"] => {
            let shown = message(inner, BOT, ACME, "", &json!({ "seen": true }));
            inner.messages.push(shown.clone());
            answer(200, shown)
        }
        other => panic!("{other:?} was asked for"),
    }
}

/// Messages of a channel, as many as are wanted.
fn page(inner: &mut Inner, id: u64, query: impl Fn(&str) -> Option<String>) -> Response {
    let limit: usize = query("limit").unwrap().parse().unwrap();
    assert!((1..=100).contains(&limit));
    inner.looks += u32::from(query("after").is_none());
    let here = inner.messages.iter().filter(|message| number(&message["channel_id"]) == id);
    // As Discord does: those next after one, or the last; the newest of them first, and without the server's id.
    let mut found: Vec<Value> = match query("after") {
        Some(after) => {
            let after: u64 = after.parse().unwrap();
            here.filter(|message| number(&message["id"]) > after).take(limit).cloned().collect()
        }
        None => {
            let all: Vec<Value> = here.cloned().collect();
            all[all.len().saturating_sub(limit)..].to_vec()
        }
    };
    found.reverse();
    found.iter_mut().for_each(|message| {
        message.as_object_mut().unwrap().remove("guild_id");
    });
    answer(200, found.into())
}

fn done(inner: &mut Inner, method: &str, parts: &[&str], data: &Value) -> Response {
    match (method, parts) {
        ("POST", ["channels", id, "messages"]) => ours(inner, id.parse().unwrap(), data),
        ("POST", ["channels", id, "messages", root, "threads"]) => {
            if inner.no_threads {
                return answer(403, json!({ "message": "Missing Permissions", "code": 50013 }));
            }
            let name = data["name"].as_str().unwrap();
            assert!((1..=100).contains(&name.chars().count()));
            let thread = (root.parse().unwrap(), id.parse().unwrap());
            inner.threads.push(thread);
            answer(201, channel(inner, thread.0).unwrap())
        }
        ("POST" | "PUT", ["applications", _, "commands"]) => {
            inner.commands.push(data["name"].as_str().unwrap_or_default().to_owned());
            answer(
                201,
                json!({ "id": "900000000000000700", "application_id": BOT.to_string(), "name": "ticket", "description": "Open a ticket",
                "type": 1, "version": "1", "default_member_permissions": null, "options": [] }),
            )
        }
        ("POST", ["interactions", _, _, "callback"]) => StatusCode::NO_CONTENT.into_response(),
        ("PATCH", ["webhooks", _, _, "messages", "@original"]) => {
            inner.edited.push(data["content"].as_str().unwrap_or_default().to_owned());
            let shown = inner.messages.last().cloned().unwrap();
            answer(200, shown)
        }
        other => panic!("{other:?} was asked for"),
    }
}

/// A message of deskd's, within what Discord takes.
fn ours(inner: &mut Inner, id: u64, data: &Value) -> Response {
    if channel(inner, id).is_none() {
        return unknown_channel();
    }
    inner.tries += 1;
    if let Some((status, body)) = inner.answers.pop_front() {
        return refused(status, body);
    }
    // 50 a second in all: https://docs.discord.com/developers/topics/rate-limits#global-rate-limit
    if let Err(wait) = inner.speed.takes(&id.to_string(), &[LIMIT], &[(50, 1)]) {
        return refused(429, json!({ "message": "You are being rate limited.", "retry_after": wait, "global": false }));
    }
    let text = data["content"].as_str().unwrap();
    let file = &data["file"];
    assert!(text.is_empty() != file.is_null() && text.chars().count() <= 2000, "{} characters", text.chars().count());
    assert_eq!(data["allowed_mentions"]["parse"], json!([]), "it calls nobody whom we do not name");
    let nonce = data["nonce"].as_str().unwrap().to_owned();
    assert!(nonce.len() <= 25 && data["enforce_nonce"] == true);
    let again = inner.messages.iter().find(|message| message["nonce"] == nonce.as_str()).cloned();
    if let Some(there) = again {
        return answer(200, there);
    }
    inner.nonces.insert(nonce.clone());
    let mut said = message(inner, BOT, id, text, &json!({ "nonce": nonce, "file": file }));
    inner.messages.push(said.clone());
    // What REST answers names no server.
    said.as_object_mut().unwrap().remove("guild_id");
    let (left, seconds) = inner.speed.left(&id.to_string(), LIMIT);
    let mut answer = answer(200, said);
    answer.headers_mut().insert("x-ratelimit-remaining", left.into());
    answer.headers_mut().insert("x-ratelimit-reset-after", format!("{seconds}.000").parse().unwrap());
    answer
}

/// A refusal with the header fields that go with its body; without a body it is what stands before Discord that refuses.
/// <https://docs.discord.com/developers/topics/rate-limits#exceeding-a-rate-limit>
fn refused(status: u16, body: Value) -> Response {
    let mut answer = answer(status, body.clone());
    let mut field = |name: &'static str, value: String| answer.headers_mut().insert(name, value.parse().unwrap());
    match body["retry_after"].as_f64() {
        Some(seconds) => {
            field("retry-after", format!("{}", seconds.floor()));
            field("x-ratelimit-reset-after", format!("{seconds}"));
        }
        None if status == 429 => drop(field("retry-after", "30".to_owned())),
        None => {}
    }
    if body["global"] == true {
        field("x-ratelimit-global", "true".to_owned());
    }
    answer
}
