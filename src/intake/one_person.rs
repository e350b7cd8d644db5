//! Two mail addresses of one person: a technician or the person says so, the other address is asked, and a yes from there alone joins them.

use chrono::TimeDelta;

use super::action::{ActError, Action};
use super::approval::{says_no, says_yes, unproved};
use super::case::{Case, Deed, Unit};
use super::client;
use super::letter::{self, TechLetter};
use super::link::{self, AN_HOUR};
use super::process::{Decided, store};
use super::read::Ready;
use super::tell::Tell;
use super::thread::Thread;
use crate::desk::firm::Firm;
use crate::mail::Mailbox;
use crate::mail::reply::without_signature;
use crate::notice::{self, Effect, LinkQuestionFacts, LinkedFacts};
use crate::outbox::Class;
use crate::store::inbound::Fate;
use crate::store::links::{self, Asked};
use crate::store::people::{self, Contact};
use crate::store::tokens::{Purpose, Token};
use crate::store::{StoreError, tickets};
use crate::words::{Actor, ClientKey, ContactId, Status, TicketNumber, is_mail};

/// What a token of such a question says in `context`.
const CONTEXT: &str = "link";
/// How long it may be answered.
const GOOD: TimeDelta = TimeDelta::days(2);

/// What a mail is to such a question.
pub(super) enum Heard {
    Done(Decided),
    /// A yes that does not count, and why.
    Uncounted(String),
    Nothing,
}

/// `#link jane@home.example`: the requester's address too, says a technician.
pub(super) async fn by_tech(unit: &mut Unit<'_>, case: &Case, address: &str) -> Result<Effect, ActError> {
    let requester = match case.ticket.requester {
        Some(id) => people::one(unit.tx, id).await?,
        None => None,
    };
    let Some(requester) = requester.filter(|_| !matches!(case.ticket.status, Status::Unsorted | Status::Spam)) else {
        return Err(ActError::refused(
            "nobody who is known asks for this ticket; #accept it, or say who it is with #from",
        ));
    };
    let ticket = Some(case.ticket.number);
    if let Err(why) = ask(unit, &requester, address, ticket, &format!("tech/{}", case.ticket.number.0)).await? {
        return Err(ActError::Refused(why));
    }
    Ok(Effect::Other(format!("{address} is asked whether it is {}'s too", shown(&requester))))
}

/// A client's mail that asks for it, or the answer to the question.
pub(super) async fn mail(unit: &mut Unit<'_>, ready: &Ready, thread: &Thread) -> Result<Heard, ActError> {
    let token = thread.token.clone().filter(|token| token.context.as_deref() == Some(CONTEXT) && thread.token_counts());
    if let Some(token) = token {
        return answered(unit, ready, &token).await;
    }
    let Some(address) = link::address_in(without_signature(&ready.new.text)) else { return Ok(Heard::Nothing) };
    // Whoever nothing vouches for asks for it as for anything else: a human reads it.
    if thread.ticket().is_some() || unproved(ready).is_some() || ready.mail.single_from().is_none() {
        return Ok(Heard::Nothing);
    }
    let sender = client::sender(unit, ready).await?;
    let known = sender.certain_client().is_some();
    let Some(contact) = people::by_address(unit.tx, &ready.sender()).await?.filter(|_| known) else {
        return Ok(Heard::Nothing);
    };
    let asked = ask(unit, &contact, &address, None, &ready.cause()).await?;
    // The same words either way: who is known here is nobody's business.
    if letter::may_write_automatically(unit, &contact).await?.is_some() {
        let question = question(unit, &contact, &address);
        tell(unit, &contact.address, &LinkedFacts { question, joined: false }, &ready.cause());
    }
    let reason = match asked {
        Ok(()) => format!("asked to be known by {address} too"),
        Err(why) => format!("asked to be known by {address} too, which is not asked: {why}"),
    };
    Ok(Heard::Done(Decided::because(Fate::Automatic, reason)))
}

/// Writes the question, or tells why there is none to ask.
async fn ask(
    unit: &mut Unit<'_>,
    contact: &Contact,
    address: &str,
    ticket: Option<TicketNumber>,
    key: &str,
) -> Result<Result<(), String>, StoreError> {
    if let Some(why) = hindrance(unit, contact, address).await? {
        return Ok(Err(why));
    }
    let author = contact.id.0.to_string();
    let who = (links::MAIL, author.as_str());
    let (by_person, to_address) = links::issued(unit.tx, who, address, unit.now - TimeDelta::hours(1)).await?;
    if by_person >= AN_HOUR || to_address >= AN_HOUR {
        return Ok(Err(
            "that was asked three times within the hour; the question in the mailbox is good for two days".to_owned()
        ));
    }
    let token = letter::issue(unit, ticket, None, Purpose::Client, Some(CONTEXT.to_owned())).await?;
    links::issue(unit.tx, who, address, &token, unit.now).await?;
    let rendered = notice::link_question(&unit.office.texts, &unit.firm().language, &question(unit, contact, address));
    let key = format!("link_question/{key}/{token}");
    let letter = TechLetter { kind: "link_question", class: Class::MustArrive, key, rendered, files: Vec::new() };
    letter::question(unit, Mailbox { name: String::new(), address: address.to_owned() }, token, letter);
    Ok(Ok(()))
}

/// Why an address cannot become this contact's, in words for a technician; asked before the question, and again when it is answered.
async fn hindrance(unit: &mut Unit<'_>, contact: &Contact, address: &str) -> Result<Option<String>, StoreError> {
    let firm = unit.firm();
    let no = |why: String| Ok(Some(why));
    let Some(client) = contact.client.clone() else {
        return no(format!("nobody knows whose contact {} is; say it with #client first", shown(contact)));
    };
    if firm.desk_by_address(address).is_some() || firm.tech_by_address(address).is_some() {
        return no(format!("{address} is an address of our own"));
    }
    if !is_mail(&contact.address) {
        return no(format!("{} has no mail address; name the person with #from {address}", shown(contact)));
    }
    let of = |key: &ClientKey| firm.client(key).map_or_else(|| key.to_string(), |client| client.name.clone());
    let other = people::by_address(unit.tx, address).await?;
    if other.as_ref().is_some_and(|other| other.id == contact.id) {
        return no(format!("{address} is {}'s already", shown(contact)));
    }
    let by_domain = firm.client_by_domain(address).map(|client| client.key.clone());
    let owner = other.as_ref().and_then(|other| other.client.clone()).or(by_domain);
    if let Some(owner) = owner.filter(|owner| *owner != client) {
        return no(format!("{address} belongs to {}, another client", of(&owner)));
    }
    if let Some(why) = stands_in_config(firm, address) {
        return no(why);
    }
    if unit.is_muted(address).await? {
        return no(format!("{address} was muted with #spam"));
    }
    match other {
        Some(other) if links::has_tickets_elsewhere(unit.tx, other.id, &client).await? => {
            no(format!("{address} is on a ticket of another client"))
        }
        _ => Ok(None),
    }
}

/// Whom the config names is asked for nothing: it alone says whose such an address is.
fn stands_in_config(firm: &Firm, address: &str) -> Option<String> {
    let same = |other: &String| other.eq_ignore_ascii_case(address);
    firm.clients.iter().find_map(|client| {
        if client.contacts.iter().filter_map(|person| person.email.as_ref()).any(same) {
            return Some(format!("{address} is a contact of its own in the config"));
        }
        let named = client.approvers.iter().chain(&client.managers).any(same);
        named.then(|| format!("{address} is an approver or a manager of {} in the config", client.name))
    })
}

/// Only a plain yes, from the very address, shown to be from there.
async fn answered(unit: &mut Unit<'_>, ready: &Ready, token: &Token) -> Result<Heard, ActError> {
    let Some(asked) = links::asked(unit.tx, &token.token, unit.now - GOOD).await? else {
        let late = says_yes(&ready.new.text);
        return Ok(match late {
            true => Heard::Uncounted("it says yes to a #link that is answered already, or too old".to_owned()),
            false => Heard::Nothing,
        });
    };
    let from_there = ready.sender() == asked.address && ready.mail.single_from().is_some();
    let unproved = unproved(ready).filter(|_| from_there);
    if from_there && unproved.is_none() && says_no(&ready.new.text) {
        links::used(unit.tx, asked.id, unit.now).await?;
        return Ok(Heard::Done(noted(unit, ready, token, &format!("{} says no to #link", asked.address)).await?));
    }
    if !says_yes(&ready.new.text) {
        return Ok(Heard::Nothing);
    }
    if !from_there || unproved.is_some() {
        links::wrong(unit.tx, (links::MAIL, &asked.author)).await?;
        let why =
            unproved.unwrap_or_else(|| format!("{} was asked, and it comes from {}", asked.address, ready.sender()));
        return Ok(Heard::Uncounted(format!("it says yes to a #link and does not count: {why}")));
    }
    let into = match asked.author.parse() {
        Ok(id) => people::one(unit.tx, ContactId(id)).await?,
        Err(_) => None,
    };
    let Some(into) = into else { return Ok(Heard::Nothing) };
    if let Some(why) = hindrance(unit, &into, &asked.address).await? {
        return Ok(Heard::Uncounted(format!("it says yes to a #link that cannot be any more: {why}")));
    }
    join(unit, ready, &asked, &into).await?;
    let said = format!("{} is {}'s too from now on", asked.address, shown(&into));
    Ok(Heard::Done(noted(unit, ready, token, &said).await?))
}

/// From now on the address is of the contact that was asked for. A contact that had nothing but this address is given up for the other, with
/// what is not over yet; of one that has another address only the asked one goes.
async fn join(unit: &mut Unit<'_>, ready: &Ready, asked: &Asked, into: &Contact) -> Result<(), ActError> {
    links::used(unit.tx, asked.id, unit.now).await?;
    let from = client::contact_for(unit, &asked.address, ready.sender_name()).await?;
    if links::has_another(unit.tx, from.id, &asked.address).await? {
        links::move_address(unit.tx, &asked.address, into.id, unit.now).await?;
        unit.forget_contacts();
    } else {
        let numbers = links::tickets_of(unit.tx, from.id).await?;
        links::put_behind(unit.tx, from.id, unit.now).await?;
        links::merge(unit.tx, from.id, into.id).await?;
        unit.forget_contacts();
        link::hand_over(unit, ready, &numbers, into).await?;
    }
    let facts = LinkedFacts { question: question(unit, into, &asked.address), joined: true };
    for address in [&into.address, &asked.address] {
        tell(unit, address, &facts, &format!("{}/{address}", ready.cause()));
    }
    Ok(())
}

/// The answer stands on the ticket that the technician asked from, and its assignee reads it.
async fn noted(unit: &mut Unit<'_>, ready: &Ready, token: &Token, said: &str) -> Result<Decided, ActError> {
    let row = match token.ticket {
        Some(number) => tickets::row(unit.tx, number).await?,
        None => None,
    };
    let Some(row) = row else { return Ok(Decided::because(Fate::Automatic, said)) };
    let mut case = Case::load(unit, row.number).await?;
    let message = store(unit, ready, &case, (false, Actor::Desk), Some(said)).await?;
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    case.act(unit, &deed, Action::Note { message, reason: Some(said.to_owned()) }).await?;
    case.tell.push(Tell::ClientWrote { message, reopened: false, outsider: Some(said.to_owned()) });
    let number = case.save(unit).await?;
    Ok(Decided::on(Fate::Reply, number).with_reason(said))
}

fn question(unit: &Unit<'_>, contact: &Contact, address: &str) -> LinkQuestionFacts {
    let who = match contact.name.as_str() {
        "" => contact.address.clone(),
        name => format!("{name} <{}>", contact.address),
    };
    LinkQuestionFacts { firm: unit.firm().name.clone(), who, address: address.to_owned() }
}

fn tell(unit: &mut Unit<'_>, to: &str, facts: &LinkedFacts, key: &str) {
    let rendered = notice::linked(&unit.office.texts, &unit.firm().language, facts);
    let key = format!("linked/{key}");
    let letter = TechLetter { kind: "linked", class: Class::Once, key, rendered, files: Vec::new() };
    letter::to_address(unit, Mailbox { name: String::new(), address: to.to_owned() }, None, letter);
}

fn shown(contact: &Contact) -> &str {
    if contact.name.is_empty() { &contact.address } else { &contact.name }
}
