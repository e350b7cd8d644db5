//! What is kept of an event: the platform's own words for it, and the files that came with it.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::said;
use crate::channel::mapping::clean;
use crate::channel::said::{Linked, Platform, Said};
use crate::channel::{Post, phone};
use crate::mail::{Attachment, safe_name};
use crate::words::in_chat;

/// As it lies in `inbound.raw`, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// `Platform::as_str`
    pub platform: String,
    pub event: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// Files that stayed where they are: too large, or not to be had in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Missed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub content_type: String,
    /// Base64 (RFC 4648 section 4).
    pub data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    pub name: String,
    pub why: String,
}

impl Kept {
    pub fn new(platform: Platform, event: Value) -> Kept {
        Kept { platform: platform.as_str().to_owned(), event, files: Vec::new(), missed: Vec::new() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        // Texts and numbers alone: nothing in it can fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn attachments(&self) -> Vec<Attachment> {
        let attachment = |file: &File| Attachment {
            name: safe_name(&file.name, &file.content_type),
            content_type: file.content_type.clone(),
            content_id: None,
            inline: false,
            decoration: false,
            bytes: BASE64.decode(file.data.as_bytes()).unwrap_or_default(),
        };
        self.files.iter().map(attachment).collect()
    }
}

impl File {
    pub fn new(linked: &Linked, bytes: &[u8]) -> File {
        let kind = linked.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let content_type = if kind.contains('/') { kind } else { "application/octet-stream".to_owned() };
        File { name: linked.name.clone(), content_type, data: BASE64.encode(bytes) }
    }
}

/// What kept bytes say, with the files that came along; else why nobody can tell.
pub fn kept_post(source: &str, raw: &[u8]) -> Result<(Post, Vec<Attachment>), String> {
    let kept: Kept =
        serde_json::from_slice(raw).map_err(|error| format!("what the chat told cannot be read: {error}"))?;
    let platform = Platform::named(&kept.platform);
    let platform = platform.ok_or_else(|| format!("\"{}\" is a chat of a later version of deskd", kept.platform))?;
    let said = said(platform, &kept.event).ok_or("nobody says anything in what the chat told")?;
    Ok((post(source, said, &kept), kept.attachments()))
}

fn post(source: &str, mut said: Said, kept: &Kept) -> Post {
    said.text = clean(&said.text, true);
    said.author_name = clean(&said.author_name, false);
    let mut text = said.text.clone();
    for missed in &kept.missed {
        text.push_str(&format!("\n\n[{}: {}]", clean(&missed.name, false), missed.why));
    }
    Post {
        origin: format!("chat {source}"),
        sender: in_chat(source, &said.author),
        sender_name: said.author_name.clone(),
        subject: phone::beginning(&said.text),
        text: text.trim().to_owned(),
        place: Some(said.place.clone()).filter(|place| !place.is_empty()),
        chat: Some(Box::new(said)),
        ..Post::default()
    }
}
