//! Everything the store knows of one ticket, read in one transaction: what `ticket show` and `why` tell from.

use super::Failure;
use super::events::{Names, mentioned};
use super::open::Opened;
use super::paper::person;
use crate::desk::event::Recorded;
use crate::desk::sla::{self, Policy, SlaClock};
use crate::desk::ticket::Ticket;
use crate::store::messages::{self, Message};
use crate::store::tickets::{self, Row};
use crate::store::time::{self, Entry};
use crate::store::{StoreError, Tx, people};
use crate::words::TicketNumber;

pub struct Dossier {
    pub row: Row,
    pub ticket: Ticket,
    pub history: Vec<Recorded>,
    pub clocks: Vec<SlaClock>,
    pub messages: Vec<Message>,
    pub entries: Vec<Entry>,
    pub names: Names,
}

impl Dossier {
    pub async fn read(opened: &Opened, number: i64) -> Result<Dossier, Failure> {
        let number = TicketNumber(number);
        let mut tx = opened.db.read().await?;
        let Some(row) = tickets::row(&mut tx, number).await? else {
            return Err(Failure::Missing(format!(
                "there is no ticket {number}; `deskd queue --all` lists what there is"
            )));
        };
        let history = tickets::history(&mut tx, number).await?;
        let ticket = Ticket::replay(number, &history).ok_or_else(|| {
            anyhow::anyhow!("the history of {number} does not begin with its opening; the database is damaged")
        })?;
        let messages = messages::of_ticket(&mut tx, number).await?;
        let entries = time::of_ticket(&mut tx, number).await?;
        let names = names(&mut tx, &ticket, &history).await?;
        tx.rollback().await?;
        let policy = Policy::of(&opened.config.firm, ticket.client.as_ref());
        let clocks = sla::clocks(&ticket, &history, &policy);
        Ok(Dossier { row, ticket, history, clocks, messages, entries, names })
    }
}

async fn names(tx: &mut Tx, ticket: &Ticket, history: &[Recorded]) -> Result<Names, StoreError> {
    let mut names = Names::new();
    let on_it = ticket.participants.iter().copied().chain(ticket.requester);
    let ids = history.iter().flat_map(|recorded| mentioned(&recorded.actor, &recorded.event)).chain(on_it);
    for id in ids.collect::<std::collections::HashSet<_>>() {
        if let Some(contact) = people::one(tx, id).await? {
            names.insert(id, person(&contact.name, &contact.address));
        }
    }
    Ok(names)
}
