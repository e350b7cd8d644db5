//! A tech's new mail: a call taken, a client's mail passed on, or something that must be confirmed first.

use std::sync::Arc;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::client::{NewRequest, contact_for, open_request};
use super::letter::{self, TechLetter};
use super::maintain;
use super::orders::{self, NotDone, Orders, Refused};
use super::process::Decided;
use super::read::{self, Ready};
use super::receipt;
use super::tell::Tell;
use super::thread::Thread;
use crate::desk::directive::{self, Directive, Reading};
use crate::desk::firm::Tech;
use crate::mail::Mailbox;
use crate::mail::forward;
use crate::notice::{self, ConfirmationFacts, Effect, MailtoLinks};
use crate::outbox::Class;
use crate::store::inbound::{self, Fate};
use crate::store::tokens::{Purpose, Token};
use crate::store::{StoreError, people};
use crate::words::{Actor, ContactId};

/// Without a token: directives that open a ticket, or a forwarded client's mail; anything else is confirmed first.
pub(super) async fn mail(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    thread: &Thread,
) -> Result<Decided, ActError> {
    let answers = thread.referred.is_some() || !ready.mail.in_reply_to.is_empty();
    let context = directive::Context { now: ready.row.arrived_at, zone: tech.time_zone, may_name_tickets: true };
    let forwarded = forward::forwarded(&ready.mail);
    let words = match &forwarded {
        Some(forwarded) => forwarded.message.clone().unwrap_or_default(),
        None => ready.new.text.clone(),
    };
    let reading = directive::read(&words, &context);
    let names_tickets = reading.lines.iter().any(|line| line.ticket.is_some());
    let opens = forwarded.as_ref().is_some_and(|forwarded| forwarded.from.is_some())
        || reading
            .lines
            .iter()
            .any(|line| matches!(line.parsed, Ok(Directive::From { .. } | Directive::Client { .. })));
    if !answers && forwarded.is_none() && maintain::is_all_of(&reading) {
        return maintain::mail(unit, ready, tech, reading).await;
    }
    if answers || names_tickets || !opens {
        return confirm(unit, ready, tech, "it does not answer a mail of deskd's").await;
    }
    open(unit, ready, tech, forwarded, reading).await
}

/// Opens a ticket as the mail says, or says why not.
async fn open(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    forwarded: Option<forward::Forwarded>,
    reading: Reading,
) -> Result<Decided, ActError> {
    unit.tx.deed().await?;
    match try_open(unit, ready, tech, forwarded, reading).await {
        Ok(number) => {
            unit.tx.deed_done().await?;
            Ok(Decided::on(Fate::Ticket, number))
        }
        Err(NotDone::Refused(refused)) => {
            unit.undo_deed().await?;
            receipt::not_sent(unit, None, ready, tech, (Purpose::Internal, &refused)).await?;
            Ok(Decided::because(Fate::Refused, format!("not done: {}", refused.why)))
        }
        Err(NotDone::Store(error)) => Err(error.into()),
    }
}

async fn try_open(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    forwarded: Option<forward::Forwarded>,
    reading: Reading,
) -> Result<crate::words::TicketNumber, NotDone> {
    let requester = requester(unit, &forwarded, &reading).await?;
    let client = match requester {
        Some(id) => people::one(unit.tx, id).await?.and_then(|contact| contact.client),
        None => None,
    };
    let (subject, body) = match &forwarded {
        Some(forwarded) => {
            let subject = forwarded.subject.clone().unwrap_or_else(|| plain_subject(&ready.mail.subject));
            (subject, forwarded.body.clone())
        }
        None => (ready.mail.subject.clone(), reading.rest.clone()),
    };
    let request = NewRequest {
        subject,
        body,
        requester,
        address: forwarded
            .as_ref()
            .and_then(|forwarded| forwarded.from.clone())
            .map(|from| from.address)
            .unwrap_or_default(),
        client,
        doubt: None,
        automatic: false,
        actor: requester.map_or(Actor::Tech(tech.login.clone()), Actor::Contact),
    };
    let mut case = open_request(unit, ready, &request).await?;
    case.arrived = Some(Arc::clone(&ready.mail));
    let internal =
        Reading { rest: if forwarded.is_some() { reading.rest } else { String::new() }, lines: reading.lines };
    let orders =
        Orders::new(tech, ready, Purpose::Internal, internal).map_err(|(line, why)| orders::refusal(&line, why))?;
    let mut done = orders::carry_out(unit, &mut case, &orders).await?;
    if case.ticket.assignee.is_none() && case.ticket.status.is_active() {
        let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
        let own = tech.emails.contains(&requester_address(unit, &case).await?);
        let done = match own {
            true => case.assign_to_another(unit, &deed, &tech.login).await,
            false => case.act(unit, &deed, Action::AssignBySkill).await,
        };
        done.map_err(|error| match error {
            ActError::Refused(why) => NotDone::Refused(Refused { line: String::new(), why, suggestions: Vec::new() }),
            ActError::Store(error) => NotDone::Store(error),
        })?;
    }
    // Who has been spoken to knows that we have it.
    if case.ticket.status.is_active() && case.ticket.first_touch.is_none() {
        case.tell.push(Tell::Acknowledge { too_large: false });
    }
    let assignee = case.ticket.assignee.as_ref().map(|login| super::picture::tech_name(unit, login));
    done.effects.insert(0, Effect::Opened { assignee });
    receipt::receipt(unit, &case, ready, tech, done).await?;
    Ok(case.save(unit).await?)
}

async fn requester(
    unit: &mut Unit<'_>,
    forwarded: &Option<forward::Forwarded>,
    reading: &Reading,
) -> Result<Option<ContactId>, NotDone> {
    let said = reading.lines.iter().find_map(|line| match &line.parsed {
        Ok(Directive::From { address }) => Some(Mailbox { name: String::new(), address: address.clone() }),
        _ => None,
    });
    let Some(from) = said.or_else(|| forwarded.as_ref().and_then(|forwarded| forwarded.from.clone())) else {
        return Ok(None);
    };
    Ok(Some(contact_for(unit, &from.address.to_lowercase(), &from.name).await?.id))
}

async fn requester_address(unit: &mut Unit<'_>, case: &Case) -> Result<String, StoreError> {
    let Some(id) = case.ticket.requester else { return Ok(String::new()) };
    Ok(people::one(unit.tx, id).await?.map(|contact| contact.address).unwrap_or_default())
}

/// `Fwd: printer` is `printer`.
fn plain_subject(subject: &str) -> String {
    notice::client_subject(subject).trim_start_matches("Re: ").to_owned()
}

/// Was this you? An answer to the confirmation makes the mail count.
pub(super) async fn confirm(unit: &mut Unit<'_>, ready: &Ready, tech: &Tech, why: &str) -> Result<Decided, ActError> {
    let context = Some(ready.row.id.0.to_string());
    let token = letter::issue(unit, None, Some(tech), Purpose::Confirm, context).await?;
    let address = letter::tech_address(unit, token);
    let would_do = directive::read(
        &ready.new.text,
        &directive::Context { now: ready.row.arrived_at, zone: tech.time_zone, may_name_tickets: true },
    );
    let facts = ConfirmationFacts {
        now: unit.now,
        mail_subject: ready.mail.subject.clone(),
        arrived_at: ready.row.arrived_at.with_timezone(&tech.time_zone),
        would_do: would_do.lines.into_iter().map(|line| line.raw).collect(),
        excerpt: ready.new.text.chars().take(300).collect(),
        links: MailtoLinks { address: address.reply_to.clone(), subject: ready.mail.subject.clone() },
    };
    let rendered = notice::confirmation(&unit.office.texts, &unit.firm().language, &facts);
    let key = format!("confirmation/{}", ready.cause());
    let letter = TechLetter { kind: "confirmation", class: Class::MustArrive, key, rendered, files: Vec::new() };
    letter::to_tech(unit, None, tech, &address, letter).await?;
    Ok(Decided::because(Fate::Refused, format!("waits for {}'s confirmation: {why}", tech.name)))
}

/// An answer that begins with a no. Anything else is the confirmation that an answer from there is anyway: "No problem, it was me".
fn denies(text: &str) -> bool {
    const NO: [&str; 13] = [
        "no",
        "nope",
        "not me",
        "not mine",
        "it was not",
        "this was not",
        "that was not",
        "nein",
        "non",
        "nee",
        "nie",
        "stop",
        "cancel",
    ];
    const FINE: [&str; 5] = ["no problem", "no worries", "no issue", "kein problem", "nee hoor"];
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.take(4).collect::<Vec<_>>().join(" ").to_lowercase() + " ";
    let begins = |phrase: &&str| first.starts_with(&format!("{phrase} "));
    NO.iter().any(begins) && !FINE.iter().any(begins)
}

/// The tech said yes: the first mail counts, with its own arrival time. Said no: it never counts, and the managers hear of it.
pub(super) async fn confirmed(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    token: &Token,
) -> Result<Decided, ActError> {
    let id = token.context.as_deref().and_then(|id| id.parse().ok()).map(crate::words::InboundId);
    let original = match id {
        Some(id) => inbound::one(unit.tx, id).await?,
        None => None,
    };
    let Some(original) = original.and_then(|row| read::read(row, unit.firm()).ok()) else {
        return Ok(Decided::because(Fate::Refused, "it confirms a mail that is no longer there"));
    };
    if !inbound::confirm(unit.tx, original.row.id).await? {
        return Ok(Decided::because(Fate::Refused, "it confirms a mail that was confirmed before"));
    }
    if denies(&ready.new.text) {
        let why = format!("{} says that it was somebody else: a mail in that name", tech.name);
        inbound::became(unit.tx, original.row.id, (Fate::Refused, None), &why).await?;
        super::managers::quarantined(unit, &original.row, &why).await?;
        let said = format!("denies inbound {}", original.row.id.0);
        return Ok(Decided { fate: Fate::Reply, reason: Some(said), ticket: None });
    }
    let mut thread = Thread::of(unit, &original).await?;
    // A bare number proves nothing: after a restore it may be another client's ticket.
    thread.tag = None;
    let decided = match thread.ticket() {
        Some(number) => super::tech::on_ticket(unit, &original, tech, (number, Purpose::Public)).await?,
        None => {
            let now = original.row.arrived_at;
            let context = directive::Context { now, zone: tech.time_zone, may_name_tickets: false };
            let forwarded = forward::forwarded(&original.mail);
            let words = match &forwarded {
                Some(forwarded) => forwarded.message.clone().unwrap_or_default(),
                None => original.new.text.clone(),
            };
            let mut reading = directive::read(&words, &context);
            if forwarded.is_none() && maintain::is_all_of(&reading) {
                maintain::mail(unit, &original, tech, reading).await?
            } else {
                if requester_missing(&forwarded, &reading) {
                    // A tech's own request: the tech is the requester.
                    let raw = format!("#from {}", original.sender());
                    let parsed = Ok(Directive::From { address: original.sender() });
                    reading.lines.push(directive::Line { raw, ticket: None, parsed });
                }
                open(unit, &original, tech, forwarded, reading).await?
            }
        }
    };
    inbound::became(unit.tx, original.row.id, (decided.fate, decided.ticket), "confirmed").await?;
    let said = format!("confirms inbound {}", original.row.id.0);
    Ok(Decided { fate: Fate::Reply, reason: Some(said), ticket: decided.ticket })
}

fn requester_missing(forwarded: &Option<forward::Forwarded>, reading: &Reading) -> bool {
    forwarded.as_ref().is_none_or(|forwarded| forwarded.from.is_none())
        && !reading.lines.iter().any(|line| matches!(line.parsed, Ok(Directive::From { .. })))
}
