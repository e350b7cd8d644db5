//! Slack: the Events API and slash commands in, `chat.postMessage` and files out.
//!
//! <https://docs.slack.dev/apis/events-api/>, <https://docs.slack.dev/interactivity/implementing-slash-commands>,
//! <https://docs.slack.dev/reference/methods/chat.postMessage>

use chrono::{DateTime, Utc};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{
    Account, Heard, Meant, PostError, Posted, Refused, UPLOAD, Upload, broken, by_status, id, in_room, retry_after,
    word,
};
use crate::channel::said::{Did, Linked, Said};
use crate::channel::sign::Auth;

/// Errors of the Web API that our account brings about.
const ACCOUNT: [&str; 6] =
    ["invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"];
const NO_FILES: &str = "missing_scope: the app has no files:write";
/// Those that pass.
const PASSING: [&str; 5] = ["ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"];

pub(super) fn hear(account: &Account, post: Heard<'_>) -> Result<Meant, Refused> {
    let field =
        |name: &'static str| post.header.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    Auth::Slack(account.secrets.clone()).check(field, post.body, post.now)?;
    let data = post.data;
    if word(data, "/type") == "url_verification" {
        return Ok(Meant { event: None, answer: Some(json!({ "challenge": word(data, "/challenge") })) });
    }
    let command = !word(data, "/command").is_empty();
    let answer = command.then(|| json!({ "response_type": "ephemeral", "text": super::TAKEN }));
    let mut event = data.clone();
    // Who has no signature to show showed this token once: it is not kept.
    if let Some(fields) = event.as_object_mut() {
        fields.remove("token");
    }
    Ok(Meant { event: Some(event), answer })
}

pub(super) fn said(event: &Value) -> Option<Said> {
    if !word(event, "/command").is_empty() {
        return Some(command(event));
    }
    let inner = event.pointer("/event")?;
    let (kind, subtype) = (word(inner, "/type"), word(inner, "/subtype"));
    if !matches!(kind, "message" | "app_mention") {
        return None;
    }
    let (did, message) = match subtype {
        "" | "file_share" | "thread_broadcast" => (Did::Wrote, inner),
        "message_changed" => (Did::Edited, inner.pointer("/message")?),
        "message_deleted" => (Did::Deleted, inner.pointer("/previous_message")?),
        _ => return None,
    };
    let is_bots = message.pointer("/bot_id").is_some() || word(message, "/subtype") == "bot_message";
    let author = word(message, "/user");
    if is_bots || author.is_empty() {
        return None;
    }
    // Slack shows links and threads as changes too: what counts are other words.
    if did == Did::Edited && word(message, "/text") == word(inner, "/previous_message/text") {
        return None;
    }
    let (channel, ts, thread) = (word(inner, "/channel"), word(message, "/ts"), word(message, "/thread_ts"));
    let threaded = !thread.is_empty() && thread != ts;
    let direct = word(inner, "/channel_type") == "im";
    let own = format!("{channel}/{ts}");
    let place = match (threaded, direct) {
        (true, _) => format!("{channel}/{thread}"),
        (false, true) => channel.to_owned(),
        (false, false) => own.clone(),
    };
    let bot = word(event, "/authorizations/0/user_id");
    Some(Said {
        key: match did {
            Did::Edited => format!("e/{own}/{}", word(inner, "/event_ts")),
            Did::Deleted => format!("d/{own}"),
            Did::Wrote | Did::Asked => own.clone(),
        },
        did,
        message: own,
        rooms: vec![channel.to_owned(), word(event, "/team_id").to_owned()],
        place,
        threaded,
        direct,
        mentions_us: kind == "app_mention" || !bot.is_empty() && word(message, "/text").contains(&format!("<@{bot}>")),
        answers: None,
        author: author.to_owned(),
        author_name: word(message, "/user_profile/real_name").to_owned(),
        text: plain(word(message, "/text"), bot),
        files: files(message),
        at: moment(ts),
    })
}

fn command(event: &Value) -> Said {
    Said {
        key: format!("c/{}", word(event, "/trigger_id")),
        did: Did::Asked,
        rooms: vec![word(event, "/channel_id").to_owned(), word(event, "/team_id").to_owned()],
        place: word(event, "/channel_id").to_owned(),
        direct: word(event, "/channel_name") == "directmessage",
        author: word(event, "/user_id").to_owned(),
        author_name: word(event, "/user_name").to_owned(),
        text: plain(word(event, "/text"), ""),
        ..Said::default()
    }
}

fn files(message: &Value) -> Vec<Linked> {
    let all = message.pointer("/files").and_then(Value::as_array);
    let file = |file: &Value| Linked {
        name: word(file, "/name").to_owned(),
        content_type: word(file, "/mimetype").to_owned(),
        size: file.pointer("/size").and_then(Value::as_u64),
        at: word(file, "/url_private_download").to_owned(),
    };
    all.into_iter().flatten().map(file).collect()
}

/// `1772600767.000200`: seconds and a counter.
fn moment(ts: &str) -> Option<DateTime<Utc>> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    DateTime::from_timestamp(seconds.parse().ok()?, micros.parse::<u32>().ok()?.checked_mul(1000)?)
}

/// Slack's markup as people read it: `<https://x|label>`, `<@U1>`, `&amp;`. Our own name at the beginning is no word of theirs.
/// <https://docs.slack.dev/messaging/formatting-message-text>
fn plain(text: &str, bot: &str) -> String {
    let ours = format!("<@{bot}>");
    let mut rest = if bot.is_empty() { text } else { text.trim_start().strip_prefix(ours.as_str()).unwrap_or(text) };
    let mut plain = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        let Some((inside, after)) = after.split_once('>') else {
            plain.push('<');
            rest = after;
            continue;
        };
        let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
        match (target.chars().next(), label) {
            (Some(sign @ ('@' | '#')), "") => plain.push_str(&format!("{sign}{}", &target[1..])),
            (Some(sign @ ('@' | '#')), label) => plain.push_str(&format!("{sign}{label}")),
            (Some('!'), _) => plain.push_str(&format!("@{}", &target[1..])),
            (_, "") => plain.push_str(target.strip_prefix("mailto:").unwrap_or(target)),
            (_, label) if target.ends_with(label) => plain.push_str(label),
            (_, label) => plain.push_str(&format!("{label} ({target})")),
        }
        rest = after;
    }
    plain.push_str(rest);
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").trim().to_owned()
}

pub(super) async fn post(account: &Account, place: &str, text: &str) -> Result<Posted, PostError> {
    let (channel, thread) = in_room(place);
    // Nobody is called and nothing is a link unless Slack finds it so: `<!channel>` in a client's words stays words.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = mentions(&text);
    let mut body = json!({ "channel": channel, "text": text, "mrkdwn": false, "unfurl_links": false });
    if !thread.is_empty() {
        body["thread_ts"] = thread.into();
    }
    let said = call(account, "chat.postMessage", |request| request.json(&body)).await?;
    let (channel, ts) = (id(&said, "/channel"), id(&said, "/ts"));
    let root = if thread.is_empty() { ts.as_str() } else { thread };
    Ok(Posted::new(format!("{channel}/{ts}"), format!("{channel}/{root}")))
}

/// Asks for a method of the Web API; gives what it answers where that is `ok`.
async fn call(
    account: &Account,
    method: &str,
    with: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Result<Value, PostError> {
    let request = account.http.post(format!("{}/{method}", account.api));
    let sent = with(request.bearer_auth(account.token.expose_secret())).send().await;
    let answer = sent.map_err(|error| broken(&error))?;
    let (status, wait) = (answer.status(), retry_after(&answer));
    if status != StatusCode::OK {
        return Err(by_status(status, wait, &answer.text().await.unwrap_or_default()).in_all_rooms());
    }
    let said = answer.json::<Value>().await.map_err(|_| PostError::Uncertain)?;
    if said["ok"] == true {
        return Ok(said);
    }
    Err(match word(&said, "/error") {
        // The method rests for the whole workspace: https://docs.slack.dev/apis/web-api/rate-limits
        "ratelimited" => PostError::TooFast { after: wait, everywhere: true },
        "missing_scope" if method.starts_with("files.") => PostError::Never(NO_FILES.to_owned()),
        error if ACCOUNT.contains(&error) => PostError::Account(error.to_owned()),
        error if PASSING.contains(&error) => PostError::Later(error.to_owned()),
        error => PostError::Never(error.to_owned()),
    })
}

/// The first two of three steps: an address for the file, and the file to there. The third is `show`.
/// <https://docs.slack.dev/messaging/working-with-files#uploading_files>
pub(super) async fn upload(account: &Account, file: &Upload) -> Result<String, PostError> {
    let form = [("filename", file.name.clone()), ("length", file.bytes.len().to_string())];
    let said = call(account, "files.getUploadURLExternal", |request| request.form(&form)).await?;
    let url = reqwest::Url::parse(word(&said, "/upload_url")).ok().filter(|url| account.is_theirs(url));
    let url = url.ok_or_else(|| PostError::Never("Slack names no address of its own for the file".to_owned()))?;
    // The address itself is the permission: our token is for the Web API alone.
    let sent = account.http.post(url).timeout(UPLOAD).body(file.bytes.clone()).send().await;
    let answer = sent.map_err(|error| broken(&error.without_url()))?;
    let (status, wait) = (answer.status(), retry_after(&answer));
    if status.is_success() {
        return Ok(id(&said, "/file_id"));
    }
    Err(by_status(status, wait, &answer.text().await.unwrap_or_default()))
}

/// <https://docs.slack.dev/reference/methods/files.completeUploadExternal>
pub(super) async fn show(account: &Account, place: &str, (held, name): (&str, &str)) -> Result<Posted, PostError> {
    let (channel, thread) = in_room(place);
    let mut body = json!({ "files": [{ "id": held, "title": name }], "channel_id": channel });
    if !thread.is_empty() {
        body["thread_ts"] = thread.into();
    }
    call(account, "files.completeUploadExternal", |request| request.json(&body)).await?;
    // Slack writes the message with it later, and names none here.
    Ok(Posted::new(String::new(), place.to_owned()))
}

/// What calls our own people was written by us, as `<@U…>`, at the beginning of a message alone.
fn mentions(text: &str) -> String {
    let mut text = text.to_owned();
    let mut at = 0;
    while let Some(rest) = text[at..].strip_prefix("&lt;@") {
        let Some(end) = rest.find("&gt;").filter(|end| rest[..*end].bytes().all(|byte| byte.is_ascii_alphanumeric()))
        else {
            break;
        };
        let mention = format!("<@{}>", &rest[..end]);
        let old = "&lt;@".len() + end + "&gt;".len();
        text.replace_range(at..at + old, &mention);
        at += mention.len();
        at += usize::from(text[at..].starts_with(' '));
    }
    text
}
