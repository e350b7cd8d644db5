//! One line of words for each event of a ticket.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::paper::{cut, moment, plain};
use crate::desk::event::{ClockKind, Event, Touch, Waiting};
use crate::desk::firm::{Escalation, Notify};
use crate::words::{Actor, ContactId};

/// Names of the contacts that a history mentions.
pub type Names = HashMap<ContactId, String>;

/// Who did it: a login, a contact's name, deskd.
pub fn who(actor: &Actor, names: &Names) -> String {
    match actor {
        Actor::Tech(login) => login.to_string(),
        Actor::Contact(id) => contact(*id, names),
        Actor::Stranger => "a stranger".to_owned(),
        Actor::Desk => "deskd".to_owned(),
        Actor::Operator => "the operator".to_owned(),
    }
}

pub fn contact(id: ContactId, names: &Names) -> String {
    names.get(&id).map_or_else(|| format!("contact {}", id.0), |name| plain(name))
}

/// Every contact that an event names.
pub fn mentioned(actor: &Actor, event: &Event) -> Vec<ContactId> {
    let mut ids = Vec::new();
    if let Actor::Contact(id) = actor {
        ids.push(*id);
    }
    match event {
        Event::Opened { requester: Some(id), .. } => ids.push(*id),
        Event::RequesterSet { contact }
        | Event::ParticipantAdded { contact }
        | Event::Approved { contact, .. }
        | Event::ApprovalDeclined { contact } => {
            ids.push(*contact);
        }
        _ => {}
    }
    ids
}

pub fn clock_word(kind: ClockKind) -> &'static str {
    match kind {
        ClockKind::FirstTouch => "first touch",
        ClockKind::Answer => "answer",
        ClockKind::Resolve => "resolution",
    }
}

/// What happened, without who and when.
pub fn words(event: &Event, names: &Names, zone: Tz, steps: &[Escalation]) -> String {
    let because = |why: &str| if why.is_empty() { String::new() } else { format!(": {}", plain(why)) };
    let maybe = |why: &Option<String>| because(why.as_deref().unwrap_or_default());
    match event {
        Event::Opened { priority, category, unsorted, .. } => {
            let kind = if unsorted.is_some() { "opened unsorted" } else { "opened" };
            format!("{kind} as {priority}, {category}{}", maybe(unsorted))
        }
        Event::ClientWrote { .. } => "wrote".to_owned(),
        Event::TechAnswered { .. } => "answered the client".to_owned(),
        Event::Noted { reason, .. } => format!("internal note{}", maybe(reason)),
        Event::AutomaticKept { .. } => "automatic mail kept".to_owned(),
        Event::FirstTouched { by, how, declared } => {
            format!("first touch of {by} {}{}", touched(*how), if *declared { " (declared)" } else { "" })
        }
        Event::Assigned { to: Some(to), why } => format!("assigned to {to}{}", because(why)),
        Event::Assigned { to: None, why } => format!("assigned to nobody{}", because(why)),
        Event::Taken { by } => format!("taken by {by}"),
        Event::PriorityChanged { to, why } => format!("priority {to}{}", maybe(why)),
        Event::Categorised { to, warranty_of: Some(of) } => format!("category {to} of {of}"),
        Event::Categorised { to, warranty_of: None } => format!("category {to}"),
        Event::Tagged { tag } => format!("tag {}", plain(tag)),
        Event::ClientSet { client: Some(client) } => format!("client {client}"),
        Event::ClientSet { client: None } => "no client".to_owned(),
        Event::RequesterSet { contact: id } => format!("requester {}", contact(*id, names)),
        Event::ParticipantAdded { contact: id } => format!("{} joined", contact(*id, names)),
        Event::WaitStarted { on, until } => {
            let on = if *on == Waiting::Client { "client" } else { "vendor" };
            let until = until.map_or_else(String::new, |until| format!(" until {}", moment(until, zone)));
            format!("waits for the {on}{until}")
        }
        Event::WaitEnded => "waiting ended".to_owned(),
        Event::FixNoted { text } => format!("resolution note: {}", cut(&plain(text), 120)),
        Event::Resolved { .. } => "resolved".to_owned(),
        Event::Reopened => "reopened".to_owned(),
        Event::FiredAgain => "reopened: it is back".to_owned(),
        Event::Closed => "closed".to_owned(),
        Event::Merged { into } => format!("merged into {into}"),
        Event::MergedFrom { ticket, .. } => format!("{ticket} merged into this one"),
        Event::Accepted { client: Some(client) } => format!("accepted for {client}"),
        Event::Accepted { client: None } => "accepted".to_owned(),
        Event::MarkedSpam => "marked as spam".to_owned(),
        Event::TimeLogged { tech, minutes, category, day, .. } => format!("{minutes} {category} of {tech} on {day}"),
        Event::Breached { clock, due } => format!("{} was due {}", clock_word(*clock), moment(*due, zone)),
        Event::Escalated { clock, step, round, .. } => escalated(*clock, *step, *round, steps),
        Event::Acknowledged { by } => format!("seen by {by}: no more repeats"),
        Event::Approved { contact: id, .. } => format!("approved by {}", contact(*id, names)),
        Event::ApprovalDeclined { contact: id } => format!("not approved by {}", contact(*id, names)),
        Event::ApprovalAsked { address, name } => format!("asked {} <{}> for approval", plain(name), plain(address)),
        Event::Verified { how } => format!("verified {}", plain(how)),
        Event::Rated { answer, words, .. } => {
            format!("says: {answer}{}", words.as_deref().map_or_else(String::new, |words| because(&cut(words, 120))))
        }
        Event::Nudged { round } => format!("reminder {round} to the client"),
        Event::Undone { seqs } => {
            let seqs: Vec<String> = seqs.iter().map(ToString::to_string).collect();
            format!("took back {}", seqs.join(", "))
        }
    }
}

fn touched(how: Touch) -> &'static str {
    match how {
        Touch::Answer => "by answer",
        Touch::Phone => "by phone",
        Touch::Onsite => "on site",
        Touch::Take => "by taking it",
    }
}

/// The step is told as the config has it now.
fn escalated(clock: ClockKind, step: usize, round: u32, steps: &[Escalation]) -> String {
    let repeat = if round == 0 { String::new() } else { format!(", repeat {round}") };
    let Some(step) = steps.get(step) else { return format!("escalation of {}{repeat}", clock_word(clock)) };
    let told: Vec<String> = step
        .notify
        .iter()
        .map(|notify| match notify {
            Notify::Assignee => "assignee".to_owned(),
            Notify::Managers => "managers".to_owned(),
            Notify::OnCall => "on-call tech".to_owned(),
            Notify::AccountManager => "account manager".to_owned(),
            Notify::Tech(login) => login.to_string(),
        })
        .collect();
    format!("{} % of {} gone{repeat}: tells {}", step.percent, clock_word(clock), told.join(", "))
}
