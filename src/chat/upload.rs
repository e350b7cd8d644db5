//! A file of ours on its way into a chat, and how it lies in the outbox: a line of JSON, then its bytes.

use reqwest::multipart::{Form, Part};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub name: String,
    /// Lower case `type/subtype`.
    pub content_type: String,
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

impl Upload {
    pub fn to_bytes(&self) -> Vec<u8> {
        // Two texts: nothing in them can fail to be written.
        let mut all = serde_json::to_vec(self).unwrap_or_default();
        all.push(b'\n');
        all.extend_from_slice(&self.bytes);
        all
    }

    /// `None`: that is no file of ours.
    pub fn read(all: &[u8]) -> Option<Upload> {
        let end = all.iter().position(|byte| *byte == b'\n')?;
        let head: Upload = serde_json::from_slice(&all[..end]).ok()?;
        Some(Upload { bytes: all[end + 1..].to_vec(), ..head })
    }

    /// As the field `field` of a form, under its name as it is: not all of them read the encoded one of RFC 5987.
    pub(super) fn form(&self, field: &'static str) -> Form {
        let part = || Part::bytes(self.bytes.clone()).file_name(self.name.clone());
        let typed = part().mime_str(&self.content_type).unwrap_or_else(|_| part());
        Form::new().percent_encode_noop().part(field, typed)
    }
}
