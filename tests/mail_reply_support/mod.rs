//! Builds a `Mail` from raw bytes for the tests of the reply text and the signs.

use std::path::PathBuf;

use deskd::mail::{Attachment, Mail, Mailbox};
use mail_parser::{Address, MessageParser, MimeHeaders};

/// The folder of public test data; `None` (and a line that says so) where it is absent.
pub fn testdata(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("DESKD_TESTDATA").map_or_else(|| PathBuf::from("../shared/testdata"), PathBuf::from);
    let path = root.join(folder);
    if !path.is_dir() {
        println!("skipped: no test data");
        return None;
    }
    Some(path)
}

fn mailboxes(address: Option<&Address>) -> Vec<Mailbox> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_string();
    address.map(|list| list.iter().map(|a| Mailbox { name: text(a.name()), address: text(a.address()) }).collect()).unwrap_or_default()
}

pub fn mail(raw: &[u8]) -> Mail {
    let raw = if raw.starts_with(b"From ") { &raw[raw.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1)..] } else { raw };
    let Some(message) = MessageParser::default().parse(raw) else { return Mail::default() };
    let headers: Vec<(String, String)> = message
        .headers_raw()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    let part = |html: bool| message.parts.iter().find(|p| if html { p.is_text_html() } else { p.is_text() && !p.is_text_html() });
    let plain = part(false).and_then(|p| p.text_contents()).map(str::to_string);
    Mail {
        from: mailboxes(message.from()),
        from_fields: 1,
        sender: mailboxes(message.sender()).into_iter().next(),
        to: mailboxes(message.to()),
        return_path: headers.iter().find(|(name, _)| name == "return-path").map(|(_, v)| v.trim_matches(['<', '>', ' ']).to_string()),
        subject: message.subject().unwrap_or_default().to_string(),
        html: part(true).and_then(|p| p.text_contents()).map(str::to_string),
        has_plain: plain.is_some(),
        text: plain.unwrap_or_else(|| message.body_text(0).unwrap_or_default().to_string()).replace('\r', ""),
        attachments: message
            .attachments()
            .map(|a| Attachment {
                name: a.attachment_name().unwrap_or("x").to_string(),
                content_type: a.content_type().map(|c| format!("{}/{}", c.ctype(), c.subtype().unwrap_or_default())).unwrap_or_default(),
                content_id: None,
                inline: false,
                bytes: a.contents().to_vec(),
            })
            .collect(),
        headers,
        ..Mail::default()
    }
}
