//! `deskd queue`: what a lead wants at a glance, the most overdue first.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;

use super::Failure;
use super::open::Opened;
use super::paper::{Ink, Paper, cut, person, plain, say, say_json, span};
use crate::desk::event::{ClockKind, Event, Waiting};
use crate::notice::TicketJson;
use crate::store::queue::{self, Figures, Line};
use crate::words::{Priority, Status};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskd queue\n  deskd queue --json | jq -r '.[] | select(.priority == \"P1\") | .number'"
)]
pub struct QueueArgs {
    /// Also what is resolved, closed, spam or merged, the newest first
    #[arg(long)]
    pub all: bool,
    /// At most so many tickets
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub limit: i64,
    /// An array of tickets for scripts (docs/cli.md)
    #[arg(long)]
    pub json: bool,
}

pub async fn run(opened: &Opened, paper: Paper, args: &QueueArgs) -> Result<(), Failure> {
    let mut tx = opened.db.read().await?;
    let lines = queue::by_urgency(&mut tx, args.all, args.limit).await?;
    let figures = queue::figures(&mut tx, opened.now).await?;
    tx.rollback().await?;
    if args.json {
        let tickets: Vec<TicketJson<'_>> = lines.iter().map(|line| TicketJson::of(&line.row)).collect();
        return Ok(say_json(&tickets)?);
    }
    let mut text = text(&lines, &figures, paper, opened.zone, opened.now);
    let shown = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let active = figures.working + figures.waiting + figures.unsorted;
    if shown == args.limit && (args.all || shown < active) {
        text.push_str(&format!("Only the first {shown} are shown; --limit shows more.\n"));
    }
    Ok(say(&text)?)
}

/// The table, the unsorted ones with their senders, and the sum.
pub fn text(lines: &[Line], figures: &Figures, paper: Paper, zone: Tz, now: DateTime<Utc>) -> String {
    let (unsorted, rows): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.row.status == Status::Unsorted);
    let mut text = String::new();
    if !rows.is_empty() {
        let cells: Vec<(Ink, Vec<String>)> = rows.iter().map(|line| cells(line, zone, now)).collect();
        text.push_str(&paper.table(&["TICKET", "PRIO", "DUE", "WHO", "CLIENT", "SUBJECT"], &cells));
        text.push('\n');
    }
    if !unsorted.is_empty() {
        text.push_str("Unsorted, from strangers (a manager answers the digest with #accept or #spam):\n");
        let cells: Vec<(Ink, Vec<String>)> = unsorted.iter().map(|line| stranger(line, now)).collect();
        text.push_str(&paper.table(&["TICKET", "PRIO", "SINCE", "FROM", "SUBJECT"], &cells));
        text.push('\n');
    }
    text.push_str(&sum(figures));
    text
}

fn cells(line: &Line, zone: Tz, now: DateTime<Utc>) -> (Ink, Vec<String>) {
    let row = &line.row;
    let (ink, due) = due(line, zone, now);
    let who = row.assignee.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let client = row.client.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let cells = vec![
        row.number.to_string(),
        row.priority.to_string(),
        due,
        cut(&who, 12),
        cut(&client, 14),
        subject(&row.subject),
    ];
    (ink, cells)
}

fn subject(subject: &str) -> String {
    if subject.trim().is_empty() { "(no subject)".to_owned() } else { plain(subject) }
}

/// What comes next and how long it has, and how much it wants a look.
fn due(line: &Line, zone: Tz, now: DateTime<Utc>) -> (Ink, String) {
    let row = &line.row;
    match row.status {
        Status::New | Status::Open => {}
        Status::Waiting => return (Ink::Faint, waits(line, zone)),
        Status::Merged => {
            let into = row.merged_into.map_or_else(String::new, |into| format!(" into {into}"));
            return (Ink::Faint, format!("merged{into}"));
        }
        other => return (Ink::Faint, other.to_string()),
    }
    let Some(due) = line.due else { return (Ink::Plain, row.status.to_string()) };
    let what = match line.clock {
        Some(ClockKind::FirstTouch) | None => "touch",
        Some(ClockKind::Answer) => "answer",
        Some(ClockKind::Resolve) => "resolve",
    };
    let left = due - now;
    if left < TimeDelta::zero() {
        return (Ink::Red, format!("{what} {} late", span(left)));
    }
    let soon = left <= TimeDelta::minutes(30) || row.priority == Priority::P1;
    (if soon { Ink::Yellow } else { Ink::Plain }, format!("{what} in {}", span(left)))
}

fn waits(line: &Line, zone: Tz) -> String {
    match line.wait.as_ref().map(|wait| &wait.0) {
        Some(Event::WaitStarted { until: Some(until), .. }) => {
            format!("waits until {}", until.with_timezone(&zone).format("%a %-d %b"))
        }
        Some(Event::WaitStarted { on: Waiting::Vendor, .. }) => "waits for vendor".to_owned(),
        Some(Event::WaitStarted { on: Waiting::Client, .. }) => "waits for client".to_owned(),
        _ => "waits".to_owned(),
    }
}

fn stranger(line: &Line, now: DateTime<Utc>) -> (Ink, Vec<String>) {
    let row = &line.row;
    let name = row.requester_name.as_deref().unwrap_or_default();
    let from = person(name, row.requester_address.as_deref().unwrap_or_default());
    let from = if from.is_empty() { "nobody named".to_owned() } else { cut(&from, 34) };
    let since = span(now - row.received_at);
    let ink = if row.priority == Priority::P1 { Ink::Yellow } else { Ink::Plain };
    (ink, vec![row.number.to_string(), row.priority.to_string(), since, from, subject(&row.subject)])
}

fn sum(figures: &Figures) -> String {
    let Figures { working, overdue, unassigned, waiting, unsorted } = *figures;
    if working + waiting + unsorted == 0 {
        return "The queue is empty.\n".to_owned();
    }
    let mut parts = vec![format!("{working} to do, {overdue} overdue")];
    for (count, word) in [(unassigned, "with nobody"), (waiting, "waiting"), (unsorted, "unsorted")] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    format!("{}\n", parts.join(" · "))
}
