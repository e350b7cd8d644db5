//! Sensitive requests: asking an approver of the client, and taking a plain "ok" for an answer.

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::letter::{self, ClientLetter};
use super::picture::Picture;
use super::process::{Decided, store};
use super::read::Ready;
use super::thread::Thread;
use crate::mail::build::Voice;
use crate::notice::{self, ApprovalFacts};
use crate::outbox::Class;
use crate::store::StoreError;
use crate::store::inbound::Fate;
use crate::store::people::Contact;
use crate::store::tokens::Purpose;
use crate::words::{Actor, ContactId};

/// Asks an approver whether the request may be carried out. Goes to the address in the config, never to one in a mail.
pub(super) async fn ask(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    (address, name): (&str, &str),
    key: &str,
) -> Result<(), StoreError> {
    let contact = super::client::contact_for(unit, address, name).await?;
    let token =
        letter::issue(unit, Some(case.ticket.number), None, Purpose::Approval, Some(contact.id.0.to_string())).await?;
    let facts = ApprovalFacts {
        ticket: picture.client_ticket(unit),
        approver_name: name.to_owned(),
        requester: picture.requester.as_ref().map(who),
        request: picture.request.clone(),
    };
    let rendered = notice::approval(&unit.office.texts, &picture.language, &facts);
    let letter = ClientLetter {
        kind: "approval",
        class: Class::MustArrive,
        voice: Voice::Notice,
        // Asking changes nothing on the ticket, so that only the token tells one question from the next.
        key: format!("approval/{key}/{token}"),
        sender_name: None,
        rendered,
        message_id: letter::message_id(unit, &token),
        files: Vec::new(),
    };
    letter::to_client(unit, case, picture, letter, &[contact]).await
}

fn who(contact: &Contact) -> String {
    match contact.name.as_str() {
        "" => contact.address.clone(),
        name => format!("{name} <{}>", contact.address),
    }
}

/// An approver's answer to the question. Only a plain yes from the approver's own address clears; anything else is an ordinary message.
pub(super) async fn answer(unit: &mut Unit<'_>, ready: &Ready, thread: &Thread) -> Result<Option<Decided>, ActError> {
    let Some(token) = thread.token.as_ref().filter(|token| token.purpose == Purpose::Approval) else {
        return Ok(None);
    };
    let asked = token.context.as_deref().and_then(|id| id.parse().ok()).map(ContactId);
    let sender = crate::store::people::by_address(unit.tx, &ready.sender()).await?;
    let (Some(asked), Some(sender), Some(number)) = (asked, sender, token.ticket) else { return Ok(None) };
    if sender.id != asked || !says_yes(&ready.new.text) || !super::client::authentic(ready) {
        return Ok(None);
    }
    let mut case = Case::load(unit, number).await?;
    let deed = Deed { actor: Actor::Contact(sender.id), at: ready.row.arrived_at, cause: ready.cause() };
    // No reason: a reason on a public message reads as "the sender is not verified".
    let message = store(unit, ready, &case, (true, deed.actor.clone()), None).await?;
    case.act(unit, &deed, Action::Approve { contact: sender.id }).await?;
    case.act(unit, &deed, Action::ClientWrote { message }).await?;
    let number = case.save(unit).await?;
    Ok(Some(Decided::on(Fate::Reply, number).with_reason("approved")))
}

/// The first line says yes and nothing else of weight.
fn says_yes(text: &str) -> bool {
    const YES: [&str; 16] = [
        "ok",
        "okay",
        "yes",
        "approved",
        "approve",
        "i approve",
        "yes please",
        "go ahead",
        "ja",
        "genehmigt",
        "oui",
        "approuvé",
        "sí",
        "aprobado",
        "sì",
        "approvato",
    ];
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_lowercase();
    let first = first.trim_matches(|letter: char| !letter.is_alphanumeric());
    YES.contains(&first)
}
