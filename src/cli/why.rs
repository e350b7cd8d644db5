//! `deskd why`: how a ticket's deadlines add up, and why it has its priority and its tech.

use std::fmt::Write;
use std::sync::LazyLock;

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use clap::Args;
use regex::{Captures, Regex};
use serde::Serialize;

use super::Failure;
use super::dossier::Dossier;
use super::events::{clock_word, who, words};
use super::open::Opened;
use super::paper::{Ink, Paper, moment, plain, say, say_json, span};
use super::ticket::{ClockJson, number};
use crate::desk::event::{Event, Recorded, RuleHit};
use crate::desk::sla::SlaClock;
use crate::notice::EventJson;
use crate::words::{Login, Priority, Status, TicketNumber};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskd why 1042\n  deskd why 1042 --json | jq '.clocks[].sum'")]
pub struct WhyArgs {
    /// Its number, with or without #
    #[arg(value_parser = number)]
    pub number: i64,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct WhyJson<'a> {
    number: TicketNumber,
    status: Status,
    priority: Priority,
    first_priority: Priority,
    rules: &'a [RuleHit],
    assignee: Option<&'a Login>,
    /// In the order they happened.
    assignments: Vec<EventJson<'a>>,
    priorities: Vec<EventJson<'a>>,
    escalations: Vec<EventJson<'a>>,
    clocks: Vec<ClockJson<'a>>,
}

pub async fn run(opened: &Opened, paper: Paper, args: &WhyArgs) -> Result<(), Failure> {
    let dossier = Dossier::read(opened, args.number).await?;
    if args.json {
        let of =
            |is: fn(&Event) -> bool| dossier.history.iter().filter(|one| is(&one.event)).map(EventJson::of).collect();
        return Ok(say_json(&WhyJson {
            number: dossier.row.number,
            status: dossier.row.status,
            priority: dossier.row.priority,
            first_priority: dossier.row.first_priority,
            rules: &dossier.ticket.rules,
            assignee: dossier.row.assignee.as_ref(),
            assignments: of(is_assignment),
            priorities: of(is_priority),
            escalations: of(is_escalation),
            clocks: dossier.clocks.iter().map(ClockJson::of).collect(),
        })?);
    }
    Ok(say(&text(&dossier, opened, paper))?)
}

fn is_assignment(event: &Event) -> bool {
    matches!(event, Event::Assigned { .. } | Event::Taken { .. })
}

fn is_priority(event: &Event) -> bool {
    matches!(event, Event::PriorityChanged { .. } | Event::MergedFrom { .. })
}

fn is_escalation(event: &Event) -> bool {
    matches!(event, Event::Breached { .. } | Event::Escalated { .. } | Event::Acknowledged { .. })
}

fn text(dossier: &Dossier, opened: &Opened, paper: Paper) -> String {
    let (row, zone) = (&dossier.row, opened.zone);
    let title = format!("{} {}", row.number, plain(&row.subject));
    let mut text = format!("{}\n  {} · {} · times in {zone}\n", paper.ink(Ink::Bold, &title), row.priority, row.status);
    let mut section = |name: &str, lines: Vec<String>| {
        let _ = writeln!(text, "\n{}", paper.ink(Ink::Bold, name));
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    };
    section(&format!("Priority {}", row.priority), priority(dossier, opened));
    let name =
        row.assignee.as_ref().map_or_else(|| "Assigned to nobody".to_owned(), |login| format!("Assigned to {login}"));
    let mut assignment = told(dossier, opened, is_assignment);
    if assignment.is_empty() {
        let unsorted = row.status == Status::Unsorted;
        let why = if unsorted {
            "unsorted tickets are assigned when a manager accepts them"
        } else {
            "nothing was decided yet"
        };
        assignment.push(why.to_owned());
    }
    section(&name, assignment);
    if dossier.clocks.is_empty() {
        section("Clocks", vec![format!("none: a ticket that is {} counts in no figure", row.status)]);
    }
    for clock in &dossier.clocks {
        section(&title_of(clock), clock_lines(clock, opened));
    }
    let escalations = told(dossier, opened, is_escalation);
    if !escalations.is_empty() {
        section("Escalations", escalations);
    }
    text
}

fn priority(dossier: &Dossier, opened: &Opened) -> Vec<String> {
    let first = dossier.row.first_priority;
    let mut lines = Vec::new();
    if let Some(why) = &dossier.ticket.unsorted {
        lines.push(format!("unsorted at first: {}", plain(why)));
    }
    lines.push(match dossier.ticket.rules.is_empty() {
        true => format!("triage gave {first}: no rule matched"),
        false => format!("triage gave {first}:"),
    });
    for reason in &dossier.ticket.rules {
        let words: Vec<String> = reason.words.iter().map(|word| format!("\"{}\"", plain(word))).collect();
        let on = if words.is_empty() { String::new() } else { format!(" on {}", words.join(", ")) };
        let gave = if reason.gave.is_empty() { String::new() } else { format!(": {}", reason.gave.join(", ")) };
        lines.push(format!("  rule \"{}\"{on}{gave}", plain(&reason.rule)));
    }
    lines.extend(told(dossier, opened, is_priority));
    lines
}

/// Who, when and why, of the events asked for.
fn told(dossier: &Dossier, opened: &Opened, is: fn(&Event) -> bool) -> Vec<String> {
    let line = |recorded: &Recorded| {
        let what = words(&recorded.event, &dossier.names, opened.zone, &opened.config.firm.escalations);
        format!("{}  {}: {what}", moment(recorded.at, opened.zone), who(&recorded.actor, &dossier.names))
    };
    dossier.history.iter().filter(|recorded| is(&recorded.event)).map(line).collect()
}

fn title_of(clock: &SlaClock) -> String {
    let mut name = clock_word(clock.kind).to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

/// The sum, and what it comes to at this moment where no event has ended it.
fn clock_lines(clock: &SlaClock, opened: &Opened) -> Vec<String> {
    let mut lines: Vec<String> = clock.sum.iter().map(|line| in_zone(line, opened.zone)).collect();
    if clock.is_running() {
        let left = clock.due - opened.now;
        lines.push(match left.num_milliseconds() < 0 {
            true => format!("now {} late", span(left)),
            false => format!("now {} left", span(left)),
        });
    }
    if clock.breached {
        lines.push("counted as late".to_owned());
    }
    lines
}

/// Moments in a sum are UTC; people get the firm's zone.
fn in_zone(line: &str, zone: Tz) -> String {
    static MOMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").ok());
    let Some(pattern) = MOMENT.as_ref() else { return line.to_owned() };
    let local = |found: &Captures<'_>| match NaiveDateTime::parse_from_str(&found[0], "%Y-%m-%d %H:%M UTC") {
        Ok(at) => moment(at.and_utc(), zone),
        Err(_) => found[0].to_owned(),
    };
    pattern.replace_all(line, local).into_owned()
}
