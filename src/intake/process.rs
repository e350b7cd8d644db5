//! What becomes of one mail: exactly one fate, decided in one transaction with everything it brings about.

use std::sync::Arc;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::read::Ready;
use super::thread::Thread;
use super::{client, tech};
use crate::channel::Post;
use crate::channel::alert_mail::AlertMail;
use crate::desk::firm::Firm;
use crate::mail::Mail;
use crate::mail::automatic::Kind;
use crate::store::inbound::{self, Fate, Outcome};
use crate::store::messages::{self, NewMessage};
use crate::store::{StoreError, outbox};
use crate::words::{Actor, MessageRow, TicketNumber};

/// A fate, with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub fate: Fate,
    pub reason: Option<String>,
    pub ticket: Option<TicketNumber>,
}

impl Decided {
    pub(super) fn on(fate: Fate, ticket: TicketNumber) -> Decided {
        Decided { fate, reason: None, ticket: Some(ticket) }
    }

    pub(super) fn because(fate: Fate, reason: impl Into<String>) -> Decided {
        Decided { fate, reason: Some(reason.into()), ticket: None }
    }

    pub(super) fn with_reason(self, reason: impl Into<String>) -> Decided {
        Decided { reason: Some(reason.into()), ..self }
    }
}

/// Decides and records the fate of one mail, and does all that follows from it.
pub(super) async fn process(unit: &mut Unit<'_>, ready: &Ready) -> Result<Decided, StoreError> {
    let decided = match decide(unit, ready).await {
        Ok(decided) => decided,
        Err(ActError::Store(error)) => return Err(error),
        // A refusal that nobody was told of: kept with its reason, never lost.
        Err(ActError::Refused(why)) => Decided::because(Fate::Refused, why),
    };
    let sender = ready.sender();
    let outcome = Outcome {
        fate: decided.fate,
        reason: decided.reason.as_deref(),
        ticket: decided.ticket,
        message_id: ready.mail.message_id.as_deref(),
        content_hash: Some(&ready.mail.content_hash),
        sender: &sender,
        subject: &ready.mail.subject,
    };
    inbound::decide(unit.tx, ready.row.id, &outcome, unit.now);
    unit.note_content(ready.row.id, &ready.mail.content_hash, decided.ticket);
    Ok(decided)
}

async fn decide(unit: &mut Unit<'_>, ready: &Ready) -> Result<Decided, ActError> {
    if let Some(post) = &ready.post {
        return match &post.chat {
            Some(said) => Box::pin(super::chat::take(unit, ready, post, said)).await,
            None => super::post::take(unit, ready, post).await,
        };
    }
    let same = unit.same_content(ready.row.id, &ready.mail.content_hash).await?;
    if let Some((earlier, ticket)) = same {
        let decided = Decided::because(Fate::Duplicate, format!("the same content as inbound {}", earlier.0));
        return Ok(Decided { ticket, ..decided });
    }
    if let Some(why) = own_mail(unit, ready).await? {
        return Ok(Decided::because(Fate::Refused, why));
    }
    let sender = ready.sender();
    if !sender.is_empty() && unit.is_muted(&sender).await? {
        return Ok(Decided::because(Fate::Refused, "the sender was muted with #spam"));
    }
    if let Some(alert) = alert(unit.firm(), ready) {
        return Box::pin(super::post::take(unit, &alert.0, &alert.1)).await;
    }
    let thread = Thread::of(unit, ready).await?;
    if ready.sign.kind == Kind::Bounce {
        return bounce(unit, ready, &thread).await;
    }
    let automatic = matches!(ready.sign.kind, Kind::AutoReply | Kind::Report);
    if automatic || (ready.sign.kind == Kind::Generated && thread.ticket().is_some()) {
        return keep_automatic(unit, ready, &thread).await;
    }
    let from_tech = unit.firm().tech_by_address(&sender).is_some();
    let tech_token = thread.token.as_ref().is_some_and(|token| token.tech.is_some());
    if from_tech || (tech_token && !is_on_ticket(unit, &sender, &thread).await?) {
        return tech::mail(unit, ready, &thread).await;
    }
    client::mail(unit, ready, &thread).await
}

/// A mail of a monitoring system, as what a machine posts. From one who may not be it, it is a mail like any other.
fn alert(firm: &Firm, ready: &Ready) -> Option<(Ready, Post)> {
    let believed =
        |known: &AlertMail| client::authentic(ready) || (known.unsigned && client::dmarc_failure(ready).is_none());
    let known = firm.alert_mails.iter().filter(|known| ready.mail.from_fields == 1 && believed(known));
    as_posted(ready, known)
}

/// The same of a mail that was believed when it came.
pub(super) fn kept_alert(firm: &Firm, ready: &Ready) -> Option<(Ready, Post)> {
    as_posted(ready, firm.alert_mails.iter())
}

fn as_posted<'f>(ready: &Ready, mut known: impl Iterator<Item = &'f AlertMail>) -> Option<(Ready, Post)> {
    let sender = ready.sender();
    let post = known.find_map(|known| known.read(&sender, &ready.mail.subject, &ready.new.text))?;
    // Nobody asks, and nobody is written to.
    let mail = Mail { from: Vec::new(), ..(*ready.mail).clone() };
    Some((Ready { mail: Arc::new(mail), post: Some(Arc::new(post.clone())), triage: None, ..ready.clone() }, post))
}

/// A client whom the tech had in Cc answers to all: the tech's token comes back from one of the ticket's own people.
async fn is_on_ticket(unit: &mut Unit<'_>, sender: &str, thread: &Thread) -> Result<bool, StoreError> {
    let Some(number) = thread.token.as_ref().and_then(|token| token.ticket) else { return Ok(false) };
    let Some(contact) = unit.contact_by_address(sender).await? else { return Ok(false) };
    match Case::load(unit, number).await {
        Ok(case) => {
            let same_client = contact.client.is_some() && contact.client == case.ticket.client;
            Ok(case.ticket.has_on_it(contact.id) || same_client)
        }
        Err(StoreError::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Two of our own addresses never talk to each other, and nothing that we sent comes in again.
async fn own_mail(unit: &mut Unit<'_>, ready: &Ready) -> Result<Option<String>, StoreError> {
    let mail = &ready.mail;
    if let Some(desk) = unit.firm().desk_by_address(&ready.sender()) {
        return Ok(Some(format!("it comes from our own address {}", desk.address)));
    }
    if mail.header("x-deskd-loop").is_some_and(|domain| domain.trim().eq_ignore_ascii_case(&unit.firm().domain)) {
        return Ok(Some("deskd itself wrote it".to_owned()));
    }
    if let Some(id) = mail.message_id.as_deref().filter(|id| id.ends_with(&format!("@{}", unit.firm().domain)))
        && outbox::by_message_id(unit.tx, id).await?.is_some()
    {
        return Ok(Some("deskd itself sent it".to_owned()));
    }
    Ok(None)
}

/// A bounce is kept with the ticket whose mail came back; it is never answered.
async fn bounce(unit: &mut Unit<'_>, ready: &Ready, thread: &Thread) -> Result<Decided, ActError> {
    let original = match &ready.sign.original_message_id {
        Some(id) => messages::ticket_of(unit.tx, id).await?,
        None => None,
    };
    let failed = ready.sign.failed.join(", ");
    let status = ready.sign.status.as_deref().unwrap_or("no status");
    let reason = format!("undeliverable: {failed} ({status})");
    if ready.sign.hard == Some(true)
        && let Some(id) = &ready.sign.original_message_id
    {
        outbox::came_back(unit.tx, id, &reason, &ready.sign.failed).await?;
    }
    match original.or(thread.ticket()) {
        Some(number) => {
            let mut case = match Case::load(unit, number).await {
                Ok(case) => case,
                // A number that is not ours.
                Err(StoreError::Missing { .. }) => return Ok(Decided::because(Fate::Bounce, reason)),
                Err(error) => return Err(error.into()),
            };
            let message = store(unit, ready, &case, (false, Actor::Desk), Some(&reason)).await?;
            let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
            case.act(unit, &deed, Action::KeepAutomatic { message }).await?;
            let number = case.save(unit).await?;
            Ok(Decided::on(Fate::Bounce, number).with_reason(reason))
        }
        None => Ok(Decided::because(Fate::Bounce, reason)),
    }
}

/// An out-of-office or a report stays with its ticket without reopening it; without one it is only counted.
async fn keep_automatic(unit: &mut Unit<'_>, ready: &Ready, thread: &Thread) -> Result<Decided, ActError> {
    let why = ready.sign.why.clone();
    let Some(number) = thread.ticket() else { return Ok(Decided::because(Fate::Automatic, why)) };
    let mut case = match Case::load(unit, number).await {
        Ok(case) => case,
        Err(StoreError::Missing { .. }) => return Ok(Decided::because(Fate::Automatic, why)),
        Err(error) => return Err(error.into()),
    };
    let message = store(unit, ready, &case, (false, Actor::Desk), Some(&why)).await?;
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    case.act(unit, &deed, Action::KeepAutomatic { message }).await?;
    let number = case.save(unit).await?;
    Ok(Decided::on(Fate::Automatic, number).with_reason(why))
}

/// Stores the mail's text as a message of the ticket.
pub(super) async fn store(
    unit: &mut Unit<'_>,
    ready: &Ready,
    case: &Case,
    who: (bool, Actor),
    reason: Option<&str>,
) -> Result<MessageRow, StoreError> {
    store_text(unit, ready, case.ticket.number, who, reason, &ready.new.text).await
}

/// The same with other words than the mail's new text: of a forwarded mail the client's, not the tech's.
pub(super) async fn store_text(
    unit: &mut Unit<'_>,
    ready: &Ready,
    ticket: TicketNumber,
    (public, actor): (bool, Actor),
    reason: Option<&str>,
    text: &str,
) -> Result<MessageRow, StoreError> {
    let sender = ready.sender();
    let new = NewMessage {
        ticket,
        inbound: Some(ready.row.id),
        public,
        actor: actor.to_string(),
        sender_name: ready.sender_name(),
        sender_address: &sender,
        subject: &ready.mail.subject,
        message_id: ready.mail.message_id.as_deref(),
        at: ready.row.arrived_at,
        text,
        files: ready.files(),
        verdicts: ready.verdict_json(),
        reason,
        place: ready.place(),
    };
    messages::insert(unit.tx, new).await
}
