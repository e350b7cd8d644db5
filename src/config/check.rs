//! What only shows across sections: duplicates, references to what is not there, parts that are missing.

use std::collections::HashMap;

use super::clockwork::sorted;
use super::load::Parts;
use super::people::MANAGER;
use super::section::{Found, Notes, Place, Section};
use super::value;
use crate::words::contract::Rate;
use crate::words::{Category, Login};

pub fn across(notes: &Notes, main: &Section<'_>, parts: &Parts<'_>, firm_category: Option<Category>) {
    present(notes, main, parts);
    duplicates(notes, parts);
    references(notes, parts);
    billable(notes, parts, firm_category);
}

fn present(notes: &Notes, main: &Section<'_>, parts: &Parts<'_>) {
    let missing = |key: &str, wrong: &str, right: &str| {
        notes.wrong(&Place { key: key.to_owned(), ..main.place.clone() }, wrong, right);
    };
    if parts.mailboxes.is_empty() && parts.maildirs.is_empty() && !main.has("mailbox") && !main.has("maildir") {
        missing("mailbox", "no mail comes in", "add [[mailbox]] or [[maildir]]");
    }
    if parts.techs.is_empty() {
        if !main.has("tech") {
            missing("tech", "there is nobody to do the work", "add [[tech]] with login, name and email");
        }
    } else if !parts.techs.iter().any(|entry| entry.tech.manager) {
        let right = "give one tech roles = [\"manager\"]: escalations and digests go there";
        notes.wrong(&parts.techs[0].place, "no tech is a manager", right);
    }
}

/// Notes every later one of equal values.
fn unique<'p, 'a: 'p>(notes: &Notes, what: &str, all: impl Iterator<Item = (&'p str, &'p Place<'a>)>) {
    let mut seen: HashMap<&str, &Place<'_>> = HashMap::new();
    for (value, place) in all.filter(|(value, _)| !value.is_empty()) {
        match seen.get(value) {
            Some(first) => {
                let line = first.file.text[..first.offset].matches('\n').count() + 1;
                let wrong = format!("{what} \"{value}\" is already given at {}:{line}", first.file.path.display());
                notes.wrong(place, wrong, "keep one of them");
            }
            None => {
                seen.insert(value, place);
            }
        }
    }
}

fn listed<'p, 'a>(list: &'p [Found<'a, String>]) -> impl Iterator<Item = (&'p str, &'p Place<'a>)> {
    list.iter().map(|found| (found.value.as_str(), &found.place))
}

fn duplicates(notes: &Notes, parts: &Parts<'_>) {
    unique(notes, "the login", parts.techs.iter().map(|entry| (entry.tech.login.0.as_str(), &entry.place)));
    unique(notes, "the key", parts.clients.iter().map(|entry| (entry.client.key.0.as_str(), &entry.place)));
    unique(notes, "the domain", parts.clients.iter().flat_map(|entry| listed(&entry.domains)));
    unique(notes, "the mailbox", listed(&parts.mailbox_addresses));
    unique(notes, "a source named", listed(&parts.source_names));
    unique(notes, "a webhook named", listed(&parts.webhook_names));
    // Nobody can be two: a tech, a contact of two clients, and the desk itself.
    let techs = parts.techs.iter().flat_map(|entry| listed(&entry.emails));
    let contacts = parts.clients.iter().flat_map(|entry| listed(&entry.contacts));
    unique(notes, "the address", techs.chain(contacts));
    let own: HashMap<_, _> = listed(&parts.mailbox_addresses).chain(listed(&parts.maildir_addresses)).collect();
    let people = parts.techs.iter().flat_map(|entry| listed(&entry.emails));
    for (address, place) in people.chain(parts.clients.iter().flat_map(|entry| listed(&entry.contacts))) {
        if own.contains_key(address) {
            notes.wrong(place, format!("{address} is the desk's own address"), "give the person's own address");
        }
    }
}

fn references(notes: &Notes, parts: &Parts<'_>) {
    let logins: Vec<&str> = parts.techs.iter().map(|entry| entry.tech.login.0.as_str()).collect();
    let keys: Vec<&str> = parts.clients.iter().map(|entry| entry.client.key.0.as_str()).collect();
    let skills: Vec<&str> = parts.techs.iter().flat_map(|entry| &entry.tech.skills).map(String::as_str).collect();
    let calendars = sorted(&parts.calendars);
    let known = |place: &Place<'_>, what: &str, name: &str, all: &[&str]| {
        if !all.contains(&name) {
            let (wrong, right) = value::unknown_name(what, name, all);
            notes.wrong(place, wrong, right);
        }
    };
    for entry in &parts.techs {
        known(&entry.calendar, "calendar", &entry.tech.calendar, &calendars);
    }
    for entry in &parts.clients {
        if let (Some(Login(login)), Some(place)) = (&entry.client.account_manager, &entry.account_manager) {
            known(place, "tech", login, &logins);
        }
        if let (Some(calendar), Some(place)) = (&entry.client.calendar, &entry.calendar) {
            known(place, "calendar", calendar, &calendars);
        }
    }
    for client in &parts.hook_clients {
        known(&client.place, "client", &client.value, &keys);
    }
    for role in parts.techs.iter().flat_map(|entry| &entry.roles).filter(|role| role.value != MANAGER) {
        let named = parts.rates.iter().any(|entry| entry.rate.role.as_ref() == Some(&role.value));
        if !named {
            let right = "the roles are \"manager\" and those that a [[rate]] names with `role`";
            notes.wrong(&role.place, format!("\"{}\" is no role", role.value), right);
        }
    }
    for entry in &parts.rates {
        if let Some(client) = &entry.client {
            known(&client.place, "client", &client.value, &keys);
        }
        if let Some(skill) = &entry.skill {
            known(&skill.place, "skill", &skill.value, &skills);
        }
    }
}

/// A client whose work is billed by time needs a rate for ordinary work.
fn billable(notes: &Notes, parts: &Parts<'_>, firm_category: Option<Category>) {
    for entry in &parts.clients {
        let category = entry.client.default_category.or(firm_category);
        let covers = |rate: &Rate| {
            rate.client.as_ref().is_none_or(|key| *key == entry.client.key)
                && rate.role.is_none()
                && rate.skill.is_none()
                && rate.after_hours != Some(true)
        };
        let has_rate = parts.rates.iter().any(|rate| covers(&rate.rate));
        if category == Some(Category::Tm) && !entry.client.internal && !has_rate {
            let key = &entry.client.key;
            let right = format!("add [[rate]] with amount = \"160.00 USD\" for everybody, or with client = \"{key}\"");
            notes.wrong(&entry.place, format!("\"{key}\" is billed by time (tm) and has no rate"), right);
        }
    }
}
