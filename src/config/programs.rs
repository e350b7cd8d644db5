//! The programs, telephone lines and chats that deskd hears of and tells: what they post and mail, and where they are told.

use super::alert_mail::alert_mail;
use super::load::Parts;
use super::secret::Surroundings;
use super::section::Section;
use super::{chat, hook, phone, value, webhook};
use crate::desk::firm::Runbook;

pub(super) fn programs<'a>(root: &Section<'a>, around: &Surroundings, parts: &mut Parts<'a>) {
    for section in root.tables("hook") {
        parts.source_names.extend(section.parse("name", value::name));
        let (hook, client) = hook::hook(&section, around);
        parts.hooks.extend(hook);
        parts.hook_clients.extend(client);
    }
    for section in root.tables("alert_mail") {
        // Alerts of two systems must not be taken for each other's.
        parts.source_names.extend(section.parse("name", value::name));
        let (found, client) = alert_mail(&section);
        parts.alert_mails.extend(found);
        parts.hook_clients.extend(client);
    }
    for section in root.tables("runbook") {
        parts.hook_clients.extend(section.texts("client"));
        parts.runbooks.extend(runbook(&section));
    }
    for section in root.tables("phone") {
        parts.source_names.extend(section.parse("name", value::name));
        parts.phones.extend(phone::phone(&section, around));
    }
    for section in root.tables("chat") {
        parts.source_names.extend(section.parse("name", value::name));
        let (found, clients) = chat::chat(&section, around);
        parts.chats.extend(found);
        parts.hook_clients.extend(clients);
    }
    for section in root.tables("webhook") {
        parts.webhook_names.extend(section.parse("name", value::name));
        parts.webhooks.extend(webhook::webhook(&section, around));
    }
}

/// `[[runbook]]`
fn runbook(section: &Section<'_>) -> Option<Runbook> {
    let name = section.need("name", "name = \"Internet line down\"");
    let at = section.need("at", "at = \"https://wiki.northwind.example/line-down\"");
    let list = |key| section.texts(key).into_iter().map(|found| found.value).collect::<Vec<_>>();
    let (skills, tags, clients) = (list("skill"), list("tags"), list("client"));
    if skills.is_empty() && tags.is_empty() && clients.is_empty() {
        section.notes.wrong(
            &section.place,
            "would stand under every ticket",
            "give skill, tags or client: which tickets it is for",
        );
    }
    section.finish();
    Some(Runbook { name: name?.value.to_owned(), at: at?.value.to_owned(), skills, tags, clients })
}

/// What is posted needs a listener.
pub(super) fn heard<'a>(roots: &[Section<'a>], listens: bool) {
    let asks = |section: &Section<'a>| {
        section.text("kind").is_some_and(|kind| kind.value == "discord") || section.yes("poll", false)
    };
    let chats = |root: &Section<'a>| root.tables("chat").into_iter().filter(|section| !asks(section)).collect();
    let posted = |root: &Section<'a>| [root.tables("hook"), root.tables("phone"), chats(root)].into_iter().flatten();
    if let Some(section) = roots.iter().flat_map(posted).next().filter(|_| !listens) {
        let right = "add [web] with listen = \"127.0.0.1:8025\"";
        section.notes.wrong(&section.place, "nothing listens for what is posted", right);
    }
}
