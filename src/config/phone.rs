//! `[[phone]]`: a telephone line at Twilio, for calls and text messages.

use secrecy::SecretString;

use super::secret::Surroundings;
use super::section::Section;
use super::{value, webhook};
use crate::desk::firm::{self, PagesBy};
use crate::words::Priority;

/// A line with what its door and its sender need.
#[derive(Debug, Clone)]
pub struct Phone {
    pub phone: firm::Phone,
    pub account: String,
    /// Signs what Twilio posts, and lets us send.
    pub token: SecretString,
    /// Without a slash at its end.
    pub api: String,
    pub voice: Voice,
}

/// What callers hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Messages are recorded; off unless the config says otherwise.
    pub voicemail: bool,
    /// And written down.
    pub transcribe: bool,
    pub greeting: Option<String>,
    /// Said before the tone.
    pub notice: String,
    /// As Twilio's `<Say language>` has it.
    pub language: String,
}

const API: &str = "https://api.twilio.com";
const NOTICE: &str = "Please leave a message after the tone. It will be recorded.";

/// `page = ["P1", "P2"]`; none unless given.
pub(super) fn priorities(section: &Section<'_>) -> Vec<Priority> {
    let mut all = Vec::new();
    for found in section.texts("page") {
        match value::priority(&found.value) {
            Ok(priority) => all.push(priority),
            Err((wrong, right)) => section.notes.wrong(&found.place, wrong, right),
        }
    }
    all
}

pub fn phone(section: &Section<'_>, around: &Surroundings) -> Option<Phone> {
    section.must("name", "name = \"main\"");
    section.must("number", "number = \"+13125550100\"");
    section.must("account", "account = \"AC…\": the Account SID");
    let name = section.parse("name", value::name);
    let number = section.parse("number", value::phone);
    let account = section.parse("account", |text| {
        let fits = text.len() == 34 && text.starts_with("AC") && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let right = "copy the Account SID from the console: AC and 32 letters and digits";
        if fits { Ok(text.to_owned()) } else { Err((format!("\"{text}\" is no Account SID"), right.to_owned())) }
    });
    let token = around.secret(section, "auth_token");
    let api = webhook::encrypted(section, "api", "the account's token").unwrap_or_else(|| API.to_owned());
    let api = api.trim_end_matches('/').to_owned();
    let text = |key| section.text(key).map(|found| found.value.to_owned());
    let voicemail = section.yes("voicemail", false);
    let language = text("language").unwrap_or_else(|| "en-US".to_owned());
    let voice = Voice {
        voicemail,
        transcribe: section.yes("transcribe", voicemail),
        greeting: text("greeting"),
        notice: text("notice").unwrap_or_else(|| NOTICE.to_owned()),
        language: language.clone(),
    };
    let pages = priorities(section);
    let ways = [("text", PagesBy::Text), ("call", PagesBy::Call), ("both", PagesBy::Both)];
    let pages_by = section.choice("page_by", &ways).unwrap_or(PagesBy::Text);
    section.finish();
    let phone = firm::Phone { name: name?.value, number: number?.value, pages, pages_by, language };
    Some(Phone { phone, account: account?.value, token: token?, api, voice })
}
