//! What is kept of an event: the platform's own words for it, and the files that came with it.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::channel::said::{Linked, Platform};
use crate::mail::{Attachment, safe_name};

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
