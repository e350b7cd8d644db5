//! `deskd ticket`: one ticket whole, or a new one.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use clap::Subcommand;
use serde::Serialize;

use super::Failure;
use super::dossier::Dossier;
use super::events::{clock_word, contact, who, words};
use super::open::Opened;
use super::paper::{Ink, Paper, moment, person, plain, plain_lines, say, say_json, span};
use super::ticket_new::{self, NewArgs};
use crate::desk::event::ClockKind;
use crate::desk::sla::SlaClock;
use crate::notice::{EventJson, TicketJson};
use crate::store::messages::{FileNote, Message};
use crate::words::{Category, Login, Minutes, Priority, TicketNumber};

#[derive(Debug, Subcommand)]
pub enum TicketCommand {
    /// Show a ticket: head, clocks, people, messages, time and history
    #[command(
        after_help = "Examples:\n  deskd ticket show 1042\n  deskd ticket show 1042 --json | jq .messages[0].text"
    )]
    Show {
        /// Its number, with or without #
        #[arg(value_parser = number)]
        number: i64,
        /// For scripts (docs/cli.md)
        #[arg(long)]
        json: bool,
    },
    /// Take down a request that came by telephone
    New(NewArgs),
}

/// `1042` or `#1042`.
pub fn number(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a ticket's number looks like 1042".to_owned())
}

pub async fn run(opened: &Opened, paper: Paper, command: &TicketCommand) -> Result<(), Failure> {
    let (number, json) = match command {
        TicketCommand::New(args) => return ticket_new::run(opened, args).await,
        TicketCommand::Show { number, json } => (number, json),
    };
    let dossier = Dossier::read(opened, *number).await?;
    if *json {
        return Ok(say_json(&Whole::of(&dossier))?);
    }
    let mut text = head(&dossier, opened, paper);
    for clock in &dossier.clocks {
        let _ = writeln!(text, "  {:<12} {}", clock_word(clock.kind), clock_line(clock, &dossier, opened, paper));
    }
    let _ = writeln!(text, "\n{}", paper.ink(Ink::Bold, "Messages"));
    for message in &dossier.messages {
        text.push_str(&message_text(message, opened.zone, paper));
    }
    text.push_str(&time(&dossier, paper));
    text.push_str(&events(&dossier, opened, paper));
    Ok(say(&text)?)
}

fn head(dossier: &Dossier, opened: &Opened, paper: Paper) -> String {
    let (row, ticket, firm) = (&dossier.row, &dossier.ticket, &opened.config.firm);
    let mut text = format!("{}\n", paper.ink(Ink::Bold, &format!("{} {}", row.number, plain(&row.subject))));
    let mut state = vec![row.priority.to_string(), row.status.to_string(), row.category.to_string()];
    if row.first_priority != row.priority {
        state[0] = format!("{} (first {})", row.priority, row.first_priority);
    }
    if let Some(into) = row.merged_into {
        state.push(format!("into {into}"));
    }
    state.extend(row.skill.iter().map(|skill| format!("skill {skill}")));
    if !row.tags.0.is_empty() {
        state.push(format!("tags {}", plain(&row.tags.0.join(", "))));
    }
    let _ = writeln!(text, "  {}", state.join(" · "));
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<12} {}", plain(value));
    };
    let client = row
        .client
        .as_ref()
        .map(|key| firm.client(key).map_or_else(|| key.to_string(), |client| format!("{} ({key})", client.name)));
    field("client", client.as_deref().unwrap_or("unknown"));
    let address = row.requester_address.as_deref().unwrap_or_default();
    let requester = person(row.requester_name.as_deref().unwrap_or_default(), address);
    field("requester", if requester.is_empty() { "nobody (automatic)" } else { &requester });
    for id in ticket.participants.iter().filter(|id| Some(**id) != ticket.requester) {
        field("also on it", &contact(*id, &dossier.names));
    }
    let assignee = row
        .assignee
        .as_ref()
        .map(|login| firm.tech(login).map_or_else(|| login.to_string(), |tech| format!("{} ({login})", tech.name)));
    field("assignee", assignee.as_deref().unwrap_or("nobody"));
    field("received", &format!("{} by {}", moment(row.received_at, opened.zone), row.source));
    if let Some(why) = &ticket.unsorted {
        field("unsorted", why);
    }
    text
}

fn clock_line(clock: &SlaClock, dossier: &Dossier, opened: &Opened, paper: Paper) -> String {
    let due = moment(clock.due, opened.zone);
    let (ink, verdict) = match (clock.stopped_at, clock.paused_at) {
        (Some(stopped), _) => {
            let by = match &dossier.ticket.first_touch {
                Some(touch) if clock.kind == ClockKind::FirstTouch => format!(" by {}", touch.by),
                _ => String::new(),
            };
            let how = if stopped > clock.due {
                (Ink::Red, format!("{} late", span(stopped - clock.due)))
            } else if clock.breached {
                (Ink::Red, "was late before".to_owned())
            } else {
                (Ink::Green, "in time".to_owned())
            };
            (how.0, format!("done {}{by}, {}", moment(stopped, opened.zone), how.1))
        }
        (None, Some(paused)) => (Ink::Faint, format!("paused since {}", moment(paused, opened.zone))),
        (None, None) if clock.due < opened.now => (Ink::Red, format!("{} late", span(opened.now - clock.due))),
        (None, None) => (Ink::Plain, format!("{} left", span(clock.due - opened.now))),
    };
    format!("due {due}, {}", paper.ink(ink, &verdict))
}

/// The mark in front tells at a glance who sees it.
fn message_text(message: &Message, zone: Tz, paper: Paper) -> String {
    let (ink, mark) = if message.is_public() { (Ink::Green, "public  ") } else { (Ink::Yellow, "internal") };
    let bar = if message.is_public() { "  " } else { "| " };
    let from = plain(&person(&message.sender_name, &message.sender_address));
    let mut text = format!("  {}  {}  {from}\n", paper.ink(ink, mark), moment(message.at, zone));
    if let Some(reason) = &message.reason {
        let _ = writeln!(text, "    {bar}({})", plain(reason));
    }
    for line in plain_lines(&message.text).trim_end().lines() {
        let _ = writeln!(text, "{}", format!("    {bar}{line}").trim_end());
    }
    for file in &message.attachments.0 {
        let _ = writeln!(text, "    {bar}[{}, {} bytes]", plain(&file.name), file.size);
    }
    text.push('\n');
    text
}

fn time(dossier: &Dossier, paper: Paper) -> String {
    if dossier.entries.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", paper.ink(Ink::Bold, "Time"));
    for entry in &dossier.entries {
        let note = entry.note.as_deref().map_or_else(String::new, |note| format!("  {}", plain(note)));
        let corrects = entry.corrects.map_or_else(String::new, |id| format!("  corrects e{id}"));
        let _ = writeln!(
            text,
            "  e{:<5} {}  {:<10} {:>6} {}{corrects}{note}",
            entry.id, entry.work_date, entry.tech, entry.minutes, entry.category
        );
    }
    let sum: Minutes = dossier.entries.iter().map(|entry| entry.minutes).sum();
    let _ = writeln!(text, "  {sum} in all\n");
    text
}

fn events(dossier: &Dossier, opened: &Opened, paper: Paper) -> String {
    let mut text = format!("{}\n", paper.ink(Ink::Bold, "History"));
    for recorded in &dossier.history {
        let what = words(&recorded.event, &dossier.names, opened.zone, &opened.config.firm.escalations);
        let who = who(&recorded.actor, &dossier.names);
        let late = recorded.recorded_at - recorded.at;
        let noted = match late.num_minutes() {
            0 => String::new(),
            _ => format!(" (noted {} later)", span(late)),
        };
        let _ = writeln!(
            text,
            "  {:>3}  {}  {who} [{}]: {what}{noted}",
            recorded.seq,
            moment(recorded.at, opened.zone),
            recorded.cause
        );
    }
    text
}

/// `ticket show --json`
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    ticket: TicketJson<'a>,
    first_priority: Priority,
    skill: Option<&'a str>,
    automatic: bool,
    merged_into: Option<TicketNumber>,
    participants: Vec<String>,
    clocks: Vec<ClockJson<'a>>,
    messages: Vec<MessageJson<'a>>,
    time: Vec<EntryJson<'a>>,
    events: Vec<EventJson<'a>>,
}

#[derive(Serialize)]
pub struct ClockJson<'a> {
    pub clock: ClockKind,
    pub started_at: DateTime<Utc>,
    pub due: DateTime<Utc>,
    pub paused_at: Option<DateTime<Utc>>,
    pub stopped_at: Option<DateTime<Utc>>,
    pub breached: bool,
    pub sum: &'a [String],
}

#[derive(Serialize)]
struct MessageJson<'a> {
    id: i64,
    at: DateTime<Utc>,
    visibility: &'a str,
    actor: &'a str,
    sender_name: &'a str,
    sender_address: &'a str,
    subject: &'a str,
    message_id: Option<&'a str>,
    inbound: Option<i64>,
    text: &'a str,
    attachments: &'a [FileNote],
    verdicts: Option<&'a serde_json::Value>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct EntryJson<'a> {
    id: i64,
    tech: &'a Login,
    minutes: Minutes,
    category: Category,
    work_date: NaiveDate,
    note: Option<&'a str>,
    corrects: Option<i64>,
}

impl<'a> ClockJson<'a> {
    pub fn of(clock: &'a SlaClock) -> ClockJson<'a> {
        let SlaClock { kind, started_at, due, paused_at, stopped_at, breached, sum, .. } = clock;
        ClockJson {
            clock: *kind,
            started_at: *started_at,
            due: *due,
            paused_at: *paused_at,
            stopped_at: *stopped_at,
            breached: *breached,
            sum,
        }
    }
}

impl<'a> MessageJson<'a> {
    fn of(message: &'a Message) -> MessageJson<'a> {
        MessageJson {
            id: message.id.0,
            at: message.at,
            visibility: &message.visibility,
            actor: &message.actor,
            sender_name: &message.sender_name,
            sender_address: &message.sender_address,
            subject: &message.subject,
            message_id: message.message_id.as_deref(),
            inbound: message.inbound.map(|id| id.0),
            text: &message.text,
            attachments: &message.attachments.0,
            verdicts: message.verdicts.as_ref().map(|verdicts| &verdicts.0),
            reason: message.reason.as_deref(),
        }
    }
}

impl<'a> Whole<'a> {
    fn of(dossier: &'a Dossier) -> Whole<'a> {
        let Dossier { row, ticket, history, clocks, messages, entries, names } = dossier;
        let entry = |entry: &'a crate::store::time::Entry| EntryJson {
            id: entry.id,
            tech: &entry.tech,
            minutes: entry.minutes,
            category: entry.category,
            work_date: entry.work_date,
            note: entry.note.as_deref(),
            corrects: entry.corrects,
        };
        Whole {
            ticket: TicketJson::of(row),
            first_priority: row.first_priority,
            skill: row.skill.as_deref(),
            automatic: row.automatic,
            merged_into: row.merged_into,
            participants: ticket.participants.iter().map(|id| contact(*id, names)).collect(),
            clocks: clocks.iter().map(ClockJson::of).collect(),
            messages: messages.iter().map(MessageJson::of).collect(),
            time: entries.iter().map(entry).collect(),
            events: history.iter().map(EventJson::of).collect(),
        }
    }
}
