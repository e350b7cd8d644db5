//! Mails of monitoring systems: the subject tells which alert it is, how bad, and whether it is over.

use std::collections::BTreeMap;

use regex::Regex;

use super::Post;
use crate::words::Priority;

/// `[[alert_mail]]`
#[derive(Debug, Clone)]
pub struct AlertMail {
    pub name: String,
    /// Addresses, lower case.
    pub from: Vec<String>,
    /// Tried in turn. Groups: `alert` (which one it is), `state`, `severity`.
    pub subjects: Vec<Regex>,
    /// What it calls a severity or a state, lower case.
    pub priorities: BTreeMap<String, Priority>,
    /// Values of `state` that mean that it is over, lower case.
    pub resolved_is: Vec<String>,
    pub client: Option<String>,
    /// The From alone is believed: for a system within the house that does not sign its mail.
    pub unsigned: bool,
}

/// Subjects as these systems write them unless told otherwise.
const READY: &[(&str, &[&str])] = &[
    // Nagios: "** PROBLEM Service Alert: web01/HTTP is CRITICAL **". Icinga 2: "[PROBLEM] HTTP on web01 is CRITICAL!". Checkmk: "Check_MK: web01/HTTP OK -> CRIT".
    (
        "nagios",
        &[
            r"^\*+ (?P<state>[A-Z]+)(?: \([^)]*\))? (?:Host|Service) Alert: (?P<alert>.+) is (?P<severity>[A-Z]+) \*+$",
            r"^\[(?P<state>[A-Z]+)\] (?P<alert>.+) is (?P<severity>[A-Z]+)!?$",
            r"^Check_MK: (?P<alert>\S+(?:/.+)?) [A-Z]+ -> (?P<severity>(?P<state>[A-Z]+))$",
        ],
    ),
    // "Problem: Free disk space is low", "Resolved in 12m 3s: Free disk space is low", "Resolved: …"
    ("zabbix", &[r"^(?P<state>Problem|Resolved)(?: in [^:]+)?: (?P<alert>.+)$"]),
    // "[Customer portal] [🔴 Down] connect ECONNREFUSED", "[Customer portal] [✅ Up] 200 - OK"
    ("uptime-kuma", &[r"^\[(?P<alert>.+?)\] \[\W*(?P<state>Down|Up)\]"]),
    // "[FIRING:1] HostDown (db1:9100 critical)", "[RESOLVED] HostDown (db1:9100 critical)"
    ("alertmanager", &[r"^\[(?P<state>FIRING|RESOLVED)(?::\d+)?\] (?P<alert>.+)$"]),
];

/// The words of `kind` in the config.
pub const KINDS: [&str; 4] = ["nagios", "zabbix", "uptime-kuma", "alertmanager"];
/// What says that it is over, unless the config says otherwise.
pub const OVER: [&str; 6] = ["recovery", "resolved", "ok", "up", "closed", "recovered"];

/// The expressions of a kind.
pub fn ready(kind: &str) -> Vec<Regex> {
    let found = READY.iter().find(|(name, _)| *name == kind).map_or(&[] as &[&str], |(_, subjects)| subjects);
    found.iter().filter_map(|subject| Regex::new(subject).ok()).collect()
}

impl AlertMail {
    /// What the mail says; `None` where it is none of these: then it is a mail like any other.
    pub fn read(&self, from: &str, subject: &str, text: &str) -> Option<Post> {
        if !self.from.iter().any(|known| known == from) {
            return None;
        }
        let subject = subject.trim();
        let found = self.subjects.iter().find_map(|expression| expression.captures(subject))?;
        let group = |name: &str| found.name(name).map(|group| group.as_str().trim().to_lowercase());
        let priority = |name: &str| group(name).and_then(|word| self.priorities.get(&word).copied());
        Some(Post {
            origin: format!("alert mail {}", self.name),
            subject: subject.to_owned(),
            text: text.to_owned(),
            client: self.client.clone(),
            priority: priority("severity").or_else(|| priority("state")),
            thread: Some(super::mapping::short(format!("{}: {}", self.name, group("alert").unwrap_or_default()))),
            resolved: group("state").is_some_and(|state| self.resolved_is.contains(&state)),
            ..Post::default()
        })
    }
}
