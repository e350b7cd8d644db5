//! `[[webhook]]`: the firm's programs that are told what happens to tickets.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::secret::Surroundings;
use super::section::Section;
use super::value;
use crate::channel::sign::standard_key;
use crate::desk::webhook::{self, News};

/// A webhook with what its sender needs.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub webhook: webhook::Webhook,
    pub url: String,
    /// Each signs; the first is the one that stays.
    pub secrets: Vec<SecretString>,
    pub ca: Option<PathBuf>,
}

pub fn webhook(section: &Section<'_>, around: &Surroundings) -> Option<Webhook> {
    section.must("name", "name = \"crm\"");
    section.must("url", "url = \"https://crm.northwind.example/deskd\"");
    let name = section.parse("name", value::name);
    let url = encrypted(section, "url", "tickets");
    let mut secrets: Vec<SecretString> = around.secret(section, "secret").into_iter().collect();
    // Both sign while the program changes over to the new one.
    if section.has("old_secret") {
        secrets.extend(around.secret(section, "old_secret"));
    }
    let unread = |secret: &SecretString| secret.expose_secret().is_empty();
    if secrets.iter().any(|secret| !unread(secret) && standard_key(secret).is_none()) {
        let right = "make one with: echo whsec_$(openssl rand -base64 32)";
        section.notes.wrong(&section.place_of("secret"), "leads to no key of Standard Webhooks", right);
    }
    let of = events(section);
    let ca = around.ca(section);
    section.finish();
    Some(Webhook { webhook: webhook::Webhook { name: name?.value, of }, url: url?, secrets, ca })
}

/// A web address to which nothing travels unencrypted, except on this machine.
pub(super) fn encrypted(section: &Section<'_>, key: &'static str, what: &str) -> Option<String> {
    let found = section.text(key)?;
    let url = reqwest::Url::parse(found.value).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(host) = url.as_ref().and_then(reqwest::Url::host_str) else {
        let right = "write it like \"https://crm.northwind.example/deskd\"";
        section.notes.wrong(&found.place, format!("\"{}\" is no web address", found.value), right);
        return None;
    };
    let is_open = url.as_ref().is_some_and(|url| url.scheme() == "http");
    if is_open && !value::is_loopback(host.trim_matches(['[', ']'])) {
        let right =
            "use https:// (ca = \"file.pem\" names an authority of your own); http:// is for 127.0.0.1 and localhost";
        section.notes.wrong(&found.place, format!("sends {what} to {host} in the open"), right);
        return None;
    }
    Some(found.value.to_owned())
}

/// All of them unless some are named.
fn events(section: &Section<'_>) -> Vec<News> {
    let named = section.texts("events");
    if named.is_empty() {
        return News::ALL.to_vec();
    }
    let mut of = Vec::new();
    for found in named {
        match News::ALL.iter().find(|news| news.as_str() == found.value) {
            Some(news) => of.push(*news),
            None => {
                let known: Vec<String> = News::ALL.iter().map(|news| format!("\"{}\"", news.as_str())).collect();
                section.notes.wrong(
                    &found.place,
                    format!("\"{}\" is no event", found.value),
                    format!("write {}", known.join(", ")),
                );
            }
        }
    }
    of
}
