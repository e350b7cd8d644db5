//! Sensitive requests: asking an approver of the client, and taking a plain "ok" for an answer.

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::letter::{self, ClientLetter};
use super::picture::Picture;
use super::process::{Decided, store};
use super::read::Ready;
use super::thread::Thread;
use crate::mail::authentic::Authentic;
use crate::mail::build::Voice;
use crate::notice::{self, ApprovalFacts};
use crate::outbox::Class;
use crate::store::StoreError;
use crate::store::inbound::Fate;
use crate::store::people::{self, Contact};
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
        by_mail: false,
    };
    letter::to_client(unit, case, picture, letter, &[contact]).await
}

fn who(contact: &Contact) -> String {
    match contact.name.as_str() {
        "" => contact.address.clone(),
        name => format!("{name} <{}>", contact.address),
    }
}

/// An approver of the ticket's client, by address or by a part of the name.
pub(super) fn approver(unit: &Unit<'_>, case: &Case, who: &str) -> Result<(String, String), String> {
    let client = case.ticket.client.as_ref().and_then(|key| unit.firm().client(key));
    let Some(client) = client else {
        return Err("the ticket has no client, so nobody can approve; use #client first".to_owned());
    };
    let wanted = who.to_lowercase();
    let name_of = |address: &String| {
        let person = client.contacts.iter().find(|person| person.email.as_deref() == Some(address.as_str()));
        person.map_or_else(|| address.clone(), |person| person.name.clone())
    };
    let fits = |address: &&String| {
        address.contains(&wanted) || name_of(address).to_lowercase().split_whitespace().any(|part| part == wanted)
    };
    match client.approvers.iter().find(fits) {
        Some(address) => Ok((address.clone(), name_of(address))),
        None => Err(format!("\"{who}\" is no approver of {}; they are: {}", client.name, client.approvers.join(", "))),
    }
}

/// What a mail is to the question that an approver was asked.
pub(super) enum Answer {
    Approved(Decided),
    /// An ordinary message.
    Ordinary(Ordinary),
}

/// What is to be known of an answer that clears nothing.
#[derive(Debug, Default)]
pub(super) struct Ordinary {
    /// A word of ours for the tech: why its yes does not count.
    pub remark: Option<String>,
    /// The approver, shown to be the one who was asked, said no.
    pub declined: Option<ContactId>,
}

/// Only a plain yes from the approver's own address, shown to be from there, clears; anything else is an ordinary message.
pub(super) async fn answer(unit: &mut Unit<'_>, ready: &Ready, thread: &Thread) -> Result<Answer, ActError> {
    let ordinary = |remark| Ok(Answer::Ordinary(Ordinary { remark, declined: None }));
    let Some(token) = thread.token.as_ref().filter(|token| token.purpose == Purpose::Approval) else {
        return ordinary(None);
    };
    let asked = token.context.as_deref().and_then(|id| id.parse().ok()).map(ContactId);
    let (Some(asked), Some(number)) = (asked, token.ticket) else { return ordinary(None) };
    if !says_yes(&ready.new.text) {
        let sender = people::by_address(unit.tx, &ready.sender()).await?;
        let no =
            says_no(&ready.new.text) && sender.is_some_and(|sender| sender.id == asked) && unproved(ready).is_none();
        return Ok(Answer::Ordinary(Ordinary { remark: None, declined: no.then_some(asked) }));
    }
    let Some(mut case) = Case::found(unit, number).await? else { return ordinary(None) };
    let open = !case.ticket.cleared;
    let sender = people::by_address(unit.tx, &ready.sender()).await?;
    // Of several addresses of one person only that of the config may approve.
    let named = |address: &String| unit.firm().clients.iter().any(|client| client.approvers.contains(address));
    let Some(sender) = sender.filter(|sender| sender.id == asked && named(&sender.address)) else {
        let approver = people::one(unit.tx, asked).await?.map(|contact| contact.address).unwrap_or_default();
        let why = format!("the question went to {approver}, and the answer is from {}", ready.sender());
        return ordinary(open.then(|| not_counted(&why, &approver)));
    };
    if let Some(why) = unproved(ready) {
        return ordinary(open.then(|| not_counted(&why, &sender.address)));
    }
    let deed = Deed { actor: Actor::Contact(sender.id), at: ready.row.arrived_at, cause: ready.cause() };
    // No reason: a reason on a public message reads as "the sender is not verified".
    let message = store(unit, ready, &case, (true, deed.actor.clone()), None).await?;
    case.act(unit, &deed, Action::Approve { contact: sender.id }).await?;
    case.act(unit, &deed, Action::ClientWrote { message }).await?;
    let number = case.save(unit).await?;
    Ok(Answer::Approved(Decided::on(Fate::Reply, number).with_reason("approved")))
}

/// Why nothing shows that the mail is its sender's.
pub(super) fn unproved(ready: &Ready) -> Option<String> {
    match ready.verdict.as_ref().map(|verdict| &verdict.authentic) {
        Some(Authentic::Yes { .. }) => None,
        Some(Authentic::No { why } | Authentic::Unknown { why }) => Some(why.clone()),
        None => Some("no sender is verified here".to_owned()),
    }
}

/// What the tech has to know, and the two ways on.
fn not_counted(why: &str, approver: &str) -> String {
    format!(
        "it answers #approve with a yes that does not count: {why}. Make sure by phone and write #verified by phone, \
         or ask again with #approve {approver}"
    )
}

/// The first line says yes and nothing else of weight.
pub(super) fn says_yes(text: &str) -> bool {
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
    YES.contains(&first_line(text).as_str())
}

/// The first line begins with a no. It clears nothing either way, so that more may stand beside it: "No, ask Tom first".
pub(super) fn says_no(text: &str) -> bool {
    const NO: [&str; 12] = [
        "no",
        "nope",
        "not approved",
        "not ok",
        "declined",
        "i decline",
        "denied",
        "rejected",
        "refused",
        "nein",
        "non",
        "nee",
    ];
    const FINE: [&str; 7] =
        ["no problem", "no objection", "no objections", "no worries", "no need", "no doubt", "no issue"];
    let line = first_line(text);
    let begins = |phrase: &&str| {
        line.strip_prefix(*phrase).is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_alphanumeric()))
    };
    NO.iter().any(begins) && !FINE.iter().any(begins)
}

fn first_line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_lowercase();
    first.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned()
}
