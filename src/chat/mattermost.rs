//! Mattermost: outgoing webhooks and slash commands in, its REST interface out.
//!
//! <https://developers.mattermost.com/integrate/webhooks/outgoing/>, <https://developers.mattermost.com/api-documentation/#/operations/CreatePost>

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

/// A look at what was posted takes no longer: the server waits for us.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn hear(account: &Account, post: Heard<'_>) -> Result<Meant, Refused> {
    let given = word(post.data, "/token");
    if given.is_empty() {
        return Err(Refusal::Missing("token").into());
    }
    sign::secret(&account.secrets, given)?;
    let mut event = post.data.clone();
    if let Some(fields) = event.as_object_mut() {
        fields.remove("token");
    }
    let command = !word(&event, "/command").is_empty();
    if !command && let Some(post) = post_of(account, word(&event, "/post_id")).await {
        // Our own words come back here too: nobody answers a machine.
        if ["/props/from_bot", "/props/from_webhook"].iter().any(|part| word(&post, part) == "true") {
            return Ok(Meant { event: None, answer: None });
        }
        event["root_id"] = word(&post, "/root_id").into();
        event["files"] = post.pointer("/metadata/files").cloned().unwrap_or_default();
    }
    let answer = command.then(|| json!({ "response_type": "ephemeral", "text": super::TAKEN }));
    Ok(Meant { event: Some(event), answer })
}

/// What the webhook does not say: the thread, and the files. Without it the message is taken as one outside threads.
async fn post_of(account: &Account, post: &str) -> Option<Value> {
    let plain = !post.is_empty() && post.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let url = plain.then(|| format!("{}/api/v4/posts/{post}", account.api))?;
    let asked = account.http.get(url).bearer_auth(account.token.expose_secret()).timeout(LOOK).send().await;
    asked.ok().filter(|answer| answer.status().is_success())?.json().await.ok()
}

pub(super) fn said(event: &Value) -> Option<Said> {
    let (channel, post, root) = (word(event, "/channel_id"), word(event, "/post_id"), word(event, "/root_id"));
    let command = !word(event, "/command").is_empty();
    let author = word(event, "/user_id");
    if channel.is_empty() || author.is_empty() || (post.is_empty() && !command) {
        return None;
    }
    let trigger = word(event, "/trigger_word");
    let text = word(event, "/text").trim();
    let words = text.strip_prefix(trigger).unwrap_or(text).trim();
    let asked = |id: String| if command { format!("c/{id}") } else { id };
    Some(Said {
        key: asked(if command { word(event, "/trigger_id").to_owned() } else { post.to_owned() }),
        did: if command { Did::Asked } else { Did::Wrote },
        message: post.to_owned(),
        rooms: vec![channel.to_owned(), word(event, "/team_id").to_owned()],
        place: match (root, post) {
            ("", "") => channel.to_owned(),
            ("", post) => format!("{channel}/{post}"),
            (root, _) => format!("{channel}/{root}"),
        },
        threaded: !root.is_empty(),
        direct: false,
        // It comes here because it begins with our word, or because the channel is ours.
        mentions_us: !trigger.is_empty(),
        answers: None,
        author: author.to_owned(),
        author_name: word(event, "/user_name").to_owned(),
        text: words.to_owned(),
        files: files(event),
        at: id(event, "/timestamp").parse().ok().and_then(DateTime::from_timestamp_millis),
    })
}

fn files(event: &Value) -> Vec<Linked> {
    let known = event.pointer("/files").and_then(Value::as_array);
    let file = |file: &Value| Linked {
        name: word(file, "/name").to_owned(),
        content_type: word(file, "/mime_type").to_owned(),
        size: file.pointer("/size").and_then(Value::as_u64),
        at: word(file, "/id").to_owned(),
    };
    known.into_iter().flatten().map(file).collect()
}

pub(super) async fn post(account: &Account, place: &str, text: &str, row: &str) -> Result<Posted, PostError> {
    say(account, place, json!({ "message": quiet(text) }), row).await
}

/// A file that nobody sees before a post shows it. <https://docs.mattermost.com/api/reference/upload-file>
pub(super) async fn upload(account: &Account, place: &str, file: &Upload) -> Result<String, PostError> {
    let (channel, _) = in_room(place);
    let request = account.http.post(format!("{}/api/v4/files", account.api)).timeout(UPLOAD);
    let request = request.query(&[("channel_id", channel), ("filename", &file.name)]);
    let said = call(account, request.body(file.bytes.clone())).await?;
    let held = word(&said, "/file_infos/0/id");
    if held.is_empty() {
        return Err(PostError::Later("it took a file and gave no id for it".to_owned()));
    }
    Ok(held.to_owned())
}

pub(super) async fn show(account: &Account, place: &str, held: &str, row: &str) -> Result<Posted, PostError> {
    say(account, place, json!({ "message": "", "file_ids": [held] }), row).await
}

/// Its server takes a second post with the same `pending_post_id` for the first one.
async fn say(account: &Account, place: &str, mut post: Value, row: &str) -> Result<Posted, PostError> {
    let (channel, root) = in_room(place);
    (post["channel_id"], post["root_id"], post["pending_post_id"]) = (channel.into(), root.into(), row.into());
    let said = call(account, account.http.post(format!("{}/api/v4/posts", account.api)).json(&post)).await?;
    let own = word(&said, "/id").to_owned();
    let place = format!("{channel}/{}", if root.is_empty() { &own } else { root });
    Ok(Posted::new(own, place))
}

async fn call(account: &Account, request: RequestBuilder) -> Result<Value, PostError> {
    let sent = request.bearer_auth(account.token.expose_secret()).send().await;
    let answer = sent.map_err(|error| broken(&error))?;
    let (status, wait) = (answer.status(), retry_after(&answer));
    if !status.is_success() {
        let said = answer.json::<Value>().await.unwrap_or_default();
        // Its limiter counts what an account asks for, wherever.
        return Err(by_status(status, wait, word(&said, "/message")).in_all_rooms());
    }
    answer.json::<Value>().await.map_err(|_| PostError::Uncertain)
}

/// `@channel`, `@all` and `@here` call everybody; with a character of no width in it the word calls nobody.
fn quiet(text: &str) -> String {
    ["channel", "all", "here"]
        .iter()
        .fold(text.to_owned(), |text, word| text.replace(&format!("@{word}"), &format!("@\u{200b}{word}")))
}
