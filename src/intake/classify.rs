//! What a ticket is and whose: priority, category, client, people, merging, accepting, spam.

use super::action::ActError;
use super::case::{Case, Deed, Unit};
use super::tell::Tell;
use crate::desk::event::Event;
use crate::notice::Effect;
use crate::store::{StoreError, conversations, messages, people, tickets, time};
use crate::words::{Category, ClientKey, ContactId, Priority, Status, TicketNumber};

impl Case {
    pub(super) fn prioritise(
        &mut self,
        unit: &Unit<'_>,
        deed: &Deed,
        to: Priority,
        why: Option<String>,
    ) -> Result<Vec<Effect>, ActError> {
        let from = self.ticket.priority;
        if from == to {
            return Ok(vec![Effect::Other(format!("is {to} already"))]);
        }
        if to > from && from <= Priority::P2 && why.is_none() {
            let word = to.as_str().to_lowercase();
            return Err(ActError::refused(format!(
                "lowering {from} to {to} needs the reason on the same line: #{word} because …"
            )));
        }
        self.record(unit, deed, Event::PriorityChanged { to, why });
        Ok(vec![Effect::Priority(to)])
    }

    pub(super) async fn categorise(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        to: Category,
        warranty_of: Option<TicketNumber>,
    ) -> Result<Vec<Effect>, ActError> {
        if to == Category::Warranty && warranty_of.is_none() {
            return Err(ActError::refused("warranty needs the ticket that it makes good: #cat warranty #987"));
        }
        if let Some(number) = warranty_of
            && tickets::row(unit.tx, number).await?.is_none()
        {
            return Err(ActError::refused(format!("there is no ticket {number}")));
        }
        if to == Category::Retainer {
            let today = unit.now.with_timezone(&unit.firm().time_zone).date_naive();
            self.must_have_retainer(unit, today, "#cat tm (or project)")?;
        }
        self.record(unit, deed, Event::Categorised { to, warranty_of });
        Ok(match warranty_of {
            Some(number) => vec![Effect::WarrantyOf(number)],
            None => vec![Effect::Category(to)],
        })
    }

    pub(super) async fn set_client(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        client: ClientKey,
    ) -> Result<Vec<Effect>, ActError> {
        let Some(name) = unit.firm().client(&client).map(|client| client.name.clone()) else {
            return Err(ActError::refused(unknown_client(unit, &client)));
        };
        if let Some(requester) = self.ticket.requester {
            people::set_client(unit.tx, requester, &client).await?;
        }
        time::give(unit.tx, self.ticket.number, &client).await?;
        self.record(unit, deed, Event::ClientSet { client: Some(client) });
        Ok(vec![Effect::Client(name)])
    }

    pub(super) async fn add_participant(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        contact: ContactId,
    ) -> Result<Vec<Effect>, ActError> {
        if self.ticket.has_on_it(contact) {
            return Ok(Vec::new());
        }
        let address = people::one(unit.tx, contact).await?.map(|contact| contact.address).unwrap_or_default();
        tickets::add_participant(unit.tx, self.ticket.number, contact).await?;
        self.record(unit, deed, Event::ParticipantAdded { contact });
        Ok(vec![Effect::Cc(address)])
    }

    pub(super) async fn merge(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        into: TicketNumber,
    ) -> Result<Vec<Effect>, ActError> {
        if into == self.ticket.number {
            return Err(ActError::refused("a ticket cannot be merged into itself"));
        }
        let mut target = match Case::load(unit, into).await {
            Ok(target) => target,
            Err(StoreError::Missing { .. }) => {
                return Err(ActError::refused(format!("there is no ticket {into}")));
            }
            Err(error) => return Err(error.into()),
        };
        if target.ticket.number == self.ticket.number {
            return Err(ActError::refused(format!("{into} was merged into this ticket already")));
        }
        if self.ticket.client.is_some() && target.ticket.client.is_some() && self.ticket.client != target.ticket.client
        {
            return Err(ActError::refused(format!(
                "{into} belongs to another client; nothing is shown across clients"
            )));
        }
        let into = target.ticket.number;
        messages::move_all(unit.tx, self.ticket.number, into).await?;
        conversations::move_all(unit.tx, self.ticket.number, into).await?;
        let touch = self.ticket.first_touch.clone();
        let event = Event::MergedFrom {
            ticket: self.ticket.number,
            received_at: self.ticket.received_at,
            priority: self.ticket.priority,
            first_touch_at: touch.as_ref().map(|touch| touch.at),
            first_touch_by: touch.map(|touch| touch.by),
        };
        target.record(unit, deed, event);
        for contact in self.ticket.requester.into_iter().chain(self.ticket.participants.clone()) {
            if !target.ticket.has_on_it(contact) && target.ticket.client == self.ticket.client {
                target.add_participant(unit, deed, contact).await?;
            }
        }
        Box::pin(target.save(unit)).await?;
        self.record(unit, deed, Event::Merged { into });
        self.tell.push(Tell::Withdraw);
        Ok(vec![Effect::Merged { into }])
    }

    pub(super) async fn accept(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        client: Option<ClientKey>,
    ) -> Result<Vec<Effect>, ActError> {
        if self.ticket.status != Status::Unsorted {
            return Ok(vec![Effect::Other("is accepted already".to_owned())]);
        }
        let name = match &client {
            Some(key) => match unit.firm().client(key) {
                Some(client) => Some(client.name.clone()),
                None => return Err(ActError::refused(unknown_client(unit, key))),
            },
            None => None,
        };
        if let Some(requester) = self.ticket.requester {
            people::vouch(unit.tx, requester, unit.now).await?;
            if let Some(client) = &client {
                people::set_client(unit.tx, requester, client).await?;
            }
        }
        if let Some(client) = &client {
            time::give(unit.tx, self.ticket.number, client).await?;
        }
        self.record(unit, deed, Event::Accepted { client: client.clone() });
        let own = client.as_ref().and_then(|key| unit.firm().client(key)?.default_category);
        if let Some(category) = own.filter(|category| *category != self.ticket.category) {
            self.record(unit, deed, Event::Categorised { to: category, warranty_of: None });
        }
        self.assign_by_skill(unit, deed, &[]).await?;
        if !self.ticket.automatic {
            self.tell.push(Tell::Acknowledge { too_large: false });
        }
        Ok(vec![Effect::Accepted { client: name }])
    }

    pub(super) async fn spam(&mut self, unit: &mut Unit<'_>, deed: &Deed) -> Result<Vec<Effect>, ActError> {
        if let Some(requester) = self.ticket.requester
            && let Some(contact) = people::one(unit.tx, requester).await?
        {
            let why = format!("spam: {}", self.ticket.number);
            if contact.client.is_none() {
                people::mute(unit.tx, &contact.address, &why, unit.now).await?;
            }
        }
        self.record(unit, deed, Event::MarkedSpam);
        self.tell.push(Tell::Withdraw);
        Ok(vec![Effect::Spam])
    }
}

fn unknown_client(unit: &Unit<'_>, key: &ClientKey) -> String {
    let known: Vec<&str> = unit.firm().clients.iter().map(|client| client.key.0.as_str()).take(12).collect();
    format!("there is no client \"{key}\"; the keys are: {}", known.join(", "))
}
