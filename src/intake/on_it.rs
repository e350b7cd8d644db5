//! Who of the client's is on a ticket, each with the address at which an answer finds them: the one place that says so.

use super::case::{Case, Unit};
use crate::store::messages::Message;
use crate::store::people::Contact;
use crate::store::{StoreError, messages};
use crate::words::{ContactId, is_mail};

/// Each person once, also where two of them turned out to be one.
pub(super) struct OnIt {
    pub requester: Option<Contact>,
    pub participants: Vec<Contact>,
}

impl OnIt {
    pub(super) async fn of(unit: &mut Unit<'_>, case: &Case) -> Result<OnIt, StoreError> {
        let all = said_on(unit, case).await?;
        OnIt::by(unit, case, &all).await
    }

    /// With what was said on the ticket, in its order.
    pub(super) async fn by(unit: &mut Unit<'_>, case: &Case, all: &[Message]) -> Result<OnIt, StoreError> {
        let mut requester = None;
        if let Some(id) = case.ticket.requester {
            requester = person(unit, id, all).await?;
        }
        let mut participants: Vec<Contact> = Vec::new();
        for id in &case.ticket.participants {
            let person = person(unit, *id, all).await?;
            let known = |person: &Contact| requester.iter().chain(&participants).any(|other| other.id == person.id);
            let person = person.filter(|person| !known(person));
            participants.extend(person);
        }
        Ok(OnIt { requester, participants })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Contact> {
        self.requester.iter().chain(&self.participants)
    }
}

pub(super) async fn said_on(unit: &mut Unit<'_>, case: &Case) -> Result<Vec<Message>, StoreError> {
    match &case.first_message {
        Some(message) => Ok(vec![message.clone()]),
        None => messages::of_ticket(unit.tx, case.ticket.number).await,
    }
}

/// Whoever has several mail addresses is written to at the one from which the last words came.
async fn person(unit: &mut Unit<'_>, id: ContactId, all: &[Message]) -> Result<Option<Contact>, StoreError> {
    let Some(contact) = unit.contact(id).await? else { return Ok(None) };
    let mut asked: Vec<&str> = Vec::new();
    for message in all.iter().rev().filter(|message| message.is_public() && is_mail(&message.sender_address)) {
        let address = message.sender_address.as_str();
        if address == contact.address {
            break;
        }
        if asked.contains(&address) || message.actor.starts_with("tech:") {
            continue;
        }
        asked.push(address);
        if let Some(found) = unit.contact_by_address(address).await?.filter(|found| found.id == contact.id) {
            return Ok(Some(found));
        }
    }
    Ok(Some(contact))
}
