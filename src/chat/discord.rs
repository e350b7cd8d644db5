//! Discord: what its gateway tells, as the source keeps it, and its REST interface out.
//!
//! <https://docs.discord.com/developers/resources/message>, <https://docs.discord.com/developers/topics/threads>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{id, word};
use crate::channel::said::{Did, Linked, Said};

mod rest;

pub(super) use rest::post;

/// What the source knows beside the platform's object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Around {
    /// `message`, `edit`, `delete` or `command`.
    pub kind: &'static str,
    /// The channel that a thread belongs to; empty where the message is in none.
    pub parent: String,
    pub direct: bool,
    /// Our own user id.
    pub bot: String,
}

/// The event as it is kept.
pub fn event(object: Value, around: &Around) -> Value {
    let Around { kind, parent, direct, bot } = around;
    json!({ "kind": kind, "d": object, "parent": parent, "direct": direct, "bot": bot })
}

pub(super) fn said(event: &Value) -> Option<Said> {
    let message = event.pointer("/d")?;
    let did = match word(event, "/kind") {
        "message" => Did::Wrote,
        "command" => Did::Asked,
        "edit" => Did::Edited,
        "delete" => Did::Deleted,
        _ => return None,
    };
    let author = id(message, "/author/id");
    let is_bots = message.pointer("/author/bot") == Some(&Value::Bool(true))
        || message.pointer("/webhook_id").is_some_and(|id| !id.is_null());
    // Somebody joined, pinned, opened a thread: nothing was said. 0 is a message, 19 an answer.
    let kind = message.pointer("/type").and_then(Value::as_i64).unwrap_or(0);
    if did != Did::Deleted && (author.is_empty() || is_bots || !matches!(kind, 0 | 19)) {
        return None;
    }
    let (channel, number, bot) = (id(message, "/channel_id"), id(message, "/id"), word(event, "/bot"));
    let (parent, direct) = (word(event, "/parent"), event["direct"] == true);
    let threaded = !parent.is_empty();
    let guild = id(message, "/guild_id");
    let answered = id(message, "/message_reference/message_id");
    let names = ["/member/nick", "/author/global_name", "/author/username"];
    let name = names.into_iter().map(|part| word(message, part)).find(|name| !name.is_empty()).unwrap_or_default();
    let mentions = message.pointer("/mentions").and_then(Value::as_array);
    let edited = word(message, "/edited_timestamp");
    Some(Said {
        key: match did {
            Did::Wrote | Did::Asked => number.clone(),
            Did::Edited => format!("e/{number}/{edited}"),
            Did::Deleted => format!("d/{number}"),
        },
        did,
        rooms: [channel.as_str(), parent, &guild]
            .into_iter()
            .filter(|room| !room.is_empty())
            .map(str::to_owned)
            .collect(),
        place: match (threaded, direct) {
            // A thread that begins with a message has the message's id.
            (true, _) => format!("{parent}/{channel}"),
            (false, true) => channel,
            (false, false) => format!("{channel}/{number}"),
        },
        message: number,
        threaded,
        direct,
        mentions_us: mentions.into_iter().flatten().any(|user| id(user, "/id") == bot),
        answers: (!answered.is_empty() && kind == 19).then_some(answered),
        author,
        author_name: name.to_owned(),
        text: word(message, "/content").replace(&format!("<@{bot}>"), "").trim().to_owned(),
        files: files(message),
        at: DateTime::parse_from_rfc3339(word(message, "/timestamp")).ok().map(|at| at.with_timezone(&Utc)),
    })
}

fn files(message: &Value) -> Vec<Linked> {
    let all = message.pointer("/attachments").and_then(Value::as_array);
    let file = |file: &Value| Linked {
        name: word(file, "/filename").to_owned(),
        content_type: word(file, "/content_type").to_owned(),
        size: file.pointer("/size").and_then(Value::as_u64),
        at: word(file, "/url").to_owned(),
    };
    all.into_iter().flatten().map(file).collect()
}
