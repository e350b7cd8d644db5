//! `[[alert_mail]]`: monitoring systems that write mails.

use regex::Regex;

use super::hook::priorities;
use super::section::{Found, Section};
use super::value;
use crate::channel::alert_mail::{AlertMail, KINDS, OVER, ready};
use crate::channel::kind;

/// The system, and the client that it names.
pub fn alert_mail<'a>(section: &Section<'a>) -> (Option<AlertMail>, Option<Found<'a, String>>) {
    section.must("name", "name = \"nagios\"");
    section.must("from", "from = \"nagios@monitor.northwind.example\"");
    let name = section.parse("name", value::name);
    let from = section.texts("from");
    for address in from.iter().filter(|address| !address.value.contains('@')) {
        section.notes.wrong(&address.place, "is no address", "write the address that its mails come from");
    }
    let kinds: Vec<(&str, &str)> = KINDS.iter().map(|kind| (*kind, *kind)).collect();
    let mut subjects = section.choice("kind", &kinds).map(ready).unwrap_or_default();
    for own in section.texts("subject") {
        match Regex::new(&own.value) {
            Ok(expression) if expression.capture_names().flatten().any(|group| group == "alert") => {
                subjects.insert(0, expression);
            }
            Ok(_) => {
                let right = "name the part that tells which alert it is: '^(?P<state>DOWN|UP) (?P<alert>.+)$'";
                section.notes.wrong(&own.place, "has no group called alert", right);
            }
            Err(error) => section.notes.wrong(&own.place, format!("is no expression: {error}"), "see docs/channels.md"),
        }
    }
    if subjects.is_empty() && (!section.has("subject") && !section.has("kind")) {
        let right = "write kind = \"nagios\", or an expression of your own as subject";
        section.notes.wrong(&section.place_of("kind"), "is missing, and so is subject", right);
    }
    let mut words: std::collections::BTreeMap<_, _> = kind::severities().collect();
    words.extend(priorities(section));
    let mut over: Vec<String> =
        section.texts("resolved_is").into_iter().map(|word| word.value.to_lowercase()).collect();
    if over.is_empty() {
        over = OVER.map(str::to_owned).to_vec();
    }
    let client = section.text("client").map(|found| Found { value: found.value.to_owned(), place: found.place });
    let unsigned = section.yes("unsigned", false);
    section.finish();
    let alert_mail = name.filter(|_| !subjects.is_empty()).map(|name| AlertMail {
        name: name.value,
        from: from.into_iter().map(|address| address.value.to_lowercase()).collect(),
        subjects,
        priorities: words,
        resolved_is: over,
        client: client.as_ref().map(|found| found.value.clone()),
        unsigned,
    });
    (alert_mail, client)
}
