//! `[priority.P1]` and `[[escalation]]`: how fast, and who hears of it when not.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::section::{Found, Section};
use super::value::{self, Length};
use crate::desk::calendar::Calendar;
use crate::desk::event::ClockKind;
use crate::desk::firm::{Escalation, Notify, Targets};
use crate::words::{Login, Priority};

/// Targets by `Priority::index`; P3 and P4 have defaults.
pub fn targets(root: &Section<'_>, calendars: &HashMap<String, Arc<Calendar>>) -> [Targets; 4] {
    let mut given: [Option<Section<'_>>; 4] = Default::default();
    for (name, section) in root.named("priority") {
        match value::priority(name) {
            Ok(priority) => given[priority.index()] = Some(section),
            Err((wrong, right)) => section.notes.wrong(&section.place, wrong, right),
        }
    }
    Priority::ALL.map(|priority| match &given[priority.index()] {
        Some(section) => target(section, priority, calendars),
        None => {
            if priority <= Priority::P2 {
                let mut place = root.place.clone();
                place.key = format!("priority.{priority}");
                let right = format!("add [priority.{priority}] with first_touch and resolve");
                root.notes.wrong(&place, "has no targets", right);
            }
            let calendar = if priority == Priority::P1 { "always" } else { "office" };
            resolve(default_lengths(priority), calendar, calendars)
        }
    })
}

fn default_lengths(priority: Priority) -> [Length; 2] {
    let hours = |hours| Length { days: 0, rest: TimeDelta::hours(hours) };
    let days = |days| Length { days, rest: TimeDelta::zero() };
    match priority {
        Priority::P1 => [Length { days: 0, rest: TimeDelta::minutes(15) }, hours(4)],
        Priority::P2 => [hours(1), hours(8)],
        Priority::P3 => [hours(4), days(3)],
        Priority::P4 => [days(1), days(5)],
    }
}

fn resolve(lengths: [Length; 2], calendar: &str, calendars: &HashMap<String, Arc<Calendar>>) -> Targets {
    let day = calendars.get(calendar).map_or(TimeDelta::hours(8), |calendar| calendar.day);
    let [first_touch, resolve] = lengths.map(|length| length.with_day(day));
    Targets { first_touch, resolve, calendar: calendar.to_owned() }
}

fn target(section: &Section<'_>, priority: Priority, calendars: &HashMap<String, Arc<Calendar>>) -> Targets {
    let default = default_lengths(priority);
    let length = |key: &'static str, default: Length, example: &str| {
        if priority <= Priority::P2 {
            section.must(key, example);
        }
        let read = |text: &str| match value::length(text)? {
            length if length.is_zero() => {
                Err(("is a target of no time at all".to_owned(), "write a duration above zero: \"15m\"".to_owned()))
            }
            length => Ok(length),
        };
        section.parse(key, read).map_or(default, |found| found.value)
    };
    let first_touch = length("first_touch", default[0], "first_touch = \"15m\"");
    let done = length("resolve", default[1], "resolve = \"4h\"");
    let calendar = section.text("calendar");
    known_calendar(section, calendar.as_ref(), calendars);
    let built_in = if priority == Priority::P1 { "always" } else { "office" };
    section.finish();
    let targets = resolve([first_touch, done], calendar.map_or(built_in, |found| found.value), calendars);
    if targets.resolve < targets.first_touch {
        let right = "give `resolve` at least as long as `first_touch`";
        section.notes.wrong(&section.place_of("resolve"), "is shorter than first_touch", right);
    }
    targets
}

/// Says so when the calendar named is none of ours.
pub fn known_calendar(
    section: &Section<'_>,
    named: Option<&Found<'_, &str>>,
    calendars: &HashMap<String, Arc<Calendar>>,
) {
    if let Some(named) = named
        && !calendars.contains_key(named.value)
    {
        let known = sorted(calendars);
        let (wrong, right) = value::unknown_name("calendar", named.value, &known);
        section.notes.wrong(&named.place, wrong, right);
    }
}

pub fn sorted(calendars: &HashMap<String, Arc<Calendar>>) -> Vec<&str> {
    let mut known: Vec<&str> = calendars.keys().map(String::as_str).collect();
    known.sort_unstable();
    known
}

/// Where none is given: first touch 50 % assignee, 100 % managers; resolution 75 % for P1 and P2 only.
pub fn default_escalations() -> Vec<Escalation> {
    let step = |of, percent, notify: &[Notify], priorities: &[Priority]| Escalation {
        of,
        percent,
        notify: notify.to_vec(),
        repeat: None,
        times: 1,
        priorities: priorities.to_vec(),
    };
    vec![
        step(ClockKind::FirstTouch, 50, &[Notify::Assignee], &[]),
        step(ClockKind::FirstTouch, 100, &[Notify::Assignee, Notify::Managers], &[]),
        step(ClockKind::Resolve, 75, &[Notify::Assignee], &[Priority::P1, Priority::P2]),
    ]
}

pub fn escalation(section: &Section<'_>, logins: &[&str]) -> Option<Escalation> {
    const CLOCKS: &[(&str, ClockKind)] = &[("first_touch", ClockKind::FirstTouch), ("resolve", ClockKind::Resolve)];
    section.must("of", "of = \"first_touch\" or \"resolve\"");
    let of = section.choice("of", CLOCKS);
    section.must("at", "at = \"50%\"");
    let percent = section.parse("at", value::percent);
    section.must("notify", "notify = [\"assignee\"]");
    let named = section.texts("notify");
    if section.has("notify") && named.is_empty() {
        section.notes.wrong(&section.place_of("notify"), "tells nobody", "name \"assignee\", \"managers\" or a login");
    }
    let notify = named.iter().filter_map(|found| match found.value.as_str() {
        "assignee" => Some(Notify::Assignee),
        "managers" => Some(Notify::Managers),
        "on_call" => Some(Notify::OnCall),
        "account_manager" => Some(Notify::AccountManager),
        login if logins.contains(&login) => Some(Notify::Tech(Login(login.to_owned()))),
        other => {
            let known: Vec<&str> =
                ["assignee", "managers", "on_call", "account_manager"].iter().chain(logins).copied().collect();
            let (wrong, right) = value::unknown_name("tech or group", other, &known);
            section.notes.wrong(&found.place, wrong, right);
            None
        }
    });
    let notify: Vec<Notify> = notify.collect();
    let repeat = section.parse("repeat", value::duration).map(|found| found.value);
    let times = section.number("times", 1..=1_000);
    if repeat.is_none() && times.is_some_and(|times| times > 1) {
        section.notes.wrong(&section.place_of("times"), "repeats without `repeat`", "add repeat = \"15m\"");
    }
    let mut priorities = Vec::new();
    for found in section.texts("priority") {
        match value::priority(&found.value) {
            Ok(priority) => priorities.push(priority),
            Err((wrong, right)) => section.notes.wrong(&found.place, wrong, right),
        }
    }
    if section.has("priority") && section.texts("priority").is_empty() {
        section.notes.wrong(
            &section.place_of("priority"),
            "escalates over nothing",
            "leave it out to mean every priority",
        );
    }
    section.finish();
    // A repeat without a number of times goes on for as long as a working day has quarters of an hour.
    let times = times.unwrap_or(if repeat.is_some() { 4 } else { 1 });
    Some(Escalation { of: of?, percent: percent?.value, notify, repeat, times, priorities })
}
