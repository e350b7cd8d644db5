//! What a batch of mails needs to know, looked up for all of them at once and kept true by what the batch itself does.
//! What is not here is read when it is asked for: the memo saves statements and decides nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::case::Unit;
use super::read::Ready;
use super::{breaker, gather};
use crate::desk::assign::Load;
use crate::desk::firm::Firm;
use crate::store::outbox::Acknowledged;
use crate::store::outbox::held::Flow;
use crate::store::people::{self, Contact};
use crate::store::tickets::{self, Recent};
use crate::store::{Db, StoreError, inbound, jobs, outbox, time};
use crate::words::{ClientKey, ContactId, InboundId, Minutes, TicketNumber, is_mail};

#[derive(Debug, Default)]
pub struct Memo {
    /// Earlier mails by the hash of their content; `None` for a hash that is new.
    contents: Contents,
    muted: HashMap<String, bool>,
    contacts: HashMap<String, Contact>,
    /// Each contact's other tickets.
    earlier: HashMap<ContactId, Earlier>,
    /// Automatic mails to an address in the last hour and day.
    automatic: HashMap<String, (i64, i64)>,
    /// The latest acknowledgements to those who had enough automatic mail for the breaker to look at them.
    acknowledged: HashMap<String, Vec<Acknowledged>>,
    /// Until when the breaker pauses acknowledgements to an address, in seconds of Unix time; 0 where it does not.
    paused: HashMap<String, i64>,
    resolved: Resolved,
    used: HashMap<ClientKey, Minutes>,
}

/// A contact's tickets so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Earlier {
    pub count: i64,
    /// The newest first.
    pub recent: Vec<Recent>,
}

/// How many of a contact's tickets are shown.
const RECENT: i64 = 3;
/// Among so many resolved tickets of a client similar ones are looked for.
const RESOLVED: i64 = 200;

/// Looks up what a batch will ask for; one mail alone asks for itself. Nothing is written in the batch's transaction yet, so other
/// connections see what it sees, and the look-ups go beside each other.
pub(super) async fn prepare(unit: &mut Unit<'_>, db: &Db, batch: &[Ready]) -> Result<(), StoreError> {
    if batch.len() < 2 {
        return Ok(());
    }
    let senders: BTreeSet<String> = batch.iter().map(Ready::sender).collect();
    let senders: Vec<String> = senders.into_iter().collect();
    let (now, firm) = (unit.now, unit.firm());
    let (mails, people, written) =
        tokio::try_join!(mails(db, batch, &senders), people(db, &senders), written(db, batch, &senders, (now, firm)),)?;
    let (contents, muted, paused, loads) = mails;
    let (contacts, earlier, resolved) = people;
    let (automatic, acknowledged, flows) = written;
    unit.memo =
        Memo { contents, muted, contacts, earlier, automatic, acknowledged, paused, resolved, used: HashMap::new() };
    unit.flows = flows;
    unit.loads = Some(loads);
    Ok(())
}

type Contents = HashMap<String, Option<(InboundId, Option<TicketNumber>)>>;

/// What came before, and who is not listened to; and the techs' loads.
async fn mails(
    db: &Db,
    batch: &[Ready],
    senders: &[String],
) -> Result<(Contents, HashMap<String, bool>, HashMap<String, i64>, Vec<Load>), StoreError> {
    let mut tx = db.read().await?;
    let hashes: Vec<String> = batch.iter().map(|mail| mail.mail.content_hash.clone()).collect();
    let mut contents: Contents = hashes.iter().map(|hash| (hash.clone(), None)).collect();
    for (hash, id, ticket) in inbound::same_contents(&mut tx, &hashes).await? {
        contents.insert(hash, Some((id, ticket)));
    }
    let mut muted: HashMap<String, bool> = senders.iter().map(|sender| (sender.clone(), false)).collect();
    muted.extend(people::muted(&mut tx, senders).await?.into_iter().map(|sender| (sender, true)));
    let names: Vec<String> = senders.iter().map(|sender| breaker::pause_of(sender)).collect();
    let mut paused: HashMap<String, i64> = names.iter().map(|name| (name.clone(), 0)).collect();
    paused.extend(jobs::counters(&mut tx, &names).await?);
    let loads = tickets::loads(&mut tx).await?;
    tx.rollback().await?;
    Ok((contents, muted, paused, loads))
}

type Resolved = HashMap<ClientKey, Arc<Vec<(TicketNumber, String)>>>;

/// The contacts, and the other tickets of them and their clients.
async fn people(
    db: &Db,
    senders: &[String],
) -> Result<(HashMap<String, Contact>, HashMap<ContactId, Earlier>, Resolved), StoreError> {
    let mut tx = db.read().await?;
    let mut contacts = HashMap::new();
    for contact in people::by_addresses(&mut tx, senders).await? {
        contacts.insert(contact.address.clone(), contact);
    }
    let ids: Vec<ContactId> = contacts.values().map(|contact| contact.id).collect();
    let mut earlier: HashMap<ContactId, Earlier> = ids.iter().map(|id| (*id, Earlier::default())).collect();
    for (id, count) in tickets::counts_of(&mut tx, &ids).await? {
        earlier.entry(id).or_default().count = count;
    }
    for (id, recent) in tickets::recents_of(&mut tx, &ids, RECENT).await? {
        earlier.entry(id).or_default().recent.push(recent);
    }
    let clients: BTreeSet<&ClientKey> = contacts.values().filter_map(|contact| contact.client.as_ref()).collect();
    let clients: Vec<ClientKey> = clients.into_iter().cloned().collect();
    let mut resolved: HashMap<ClientKey, Vec<(TicketNumber, String)>> =
        clients.iter().map(|key| (key.clone(), Vec::new())).collect();
    for (client, number, subject) in tickets::resolved_of_clients(&mut tx, &clients, RESOLVED).await? {
        resolved.entry(client).or_default().push((number, subject));
    }
    tx.rollback().await?;
    earlier.values_mut().for_each(|earlier| earlier.recent.sort_by_key(|recent| Reverse(recent.number)));
    resolved.values_mut().for_each(|list| list.sort_by_key(|(number, _)| Reverse(*number)));
    Ok((contacts, earlier, resolved.into_iter().map(|(client, list)| (client, Arc::new(list))).collect()))
}

type Written = (HashMap<String, (i64, i64)>, HashMap<String, Vec<Acknowledged>>, HashMap<String, Flow>);

/// What the senders and the techs were written lately.
async fn written(
    db: &Db,
    batch: &[Ready],
    senders: &[String],
    (now, firm): (DateTime<Utc>, &Firm),
) -> Result<Written, StoreError> {
    let mut tx = db.read().await?;
    let mut automatic: HashMap<String, (i64, i64)> = senders.iter().map(|sender| (sender.clone(), (0, 0))).collect();
    let (hour, day) = (now - TimeDelta::hours(1), now - TimeDelta::hours(24));
    for (recipient, in_hour, in_day) in outbox::automatic_of(&mut tx, senders, hour, day).await? {
        automatic.insert(recipient, (in_hour, in_day));
    }
    let looked_at = over_rounds(batch, &automatic);
    let mut acknowledged: HashMap<String, Vec<Acknowledged>> =
        looked_at.iter().map(|address| (address.clone(), Vec::new())).collect();
    for (address, mail) in outbox::acknowledged_of(&mut tx, &looked_at, now - breaker::WITHIN).await? {
        acknowledged.entry(address).or_default().push(mail);
    }
    let flows = gather::flows(&mut tx, firm, now).await?;
    tx.rollback().await?;
    Ok((automatic, acknowledged, flows))
}

/// Senders who come over the breaker's number of rounds with this batch.
fn over_rounds(batch: &[Ready], automatic: &HashMap<String, (i64, i64)>) -> Vec<String> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for mail in batch {
        *counts.entry(mail.sender()).or_default() += 1;
    }
    let in_hour = |sender: &String| automatic.get(sender).map_or(0, |(in_hour, _)| *in_hour);
    let over = counts.into_iter().filter(|(sender, count)| in_hour(sender) + count > breaker::ROUNDS);
    over.map(|(sender, _)| sender).collect()
}

impl Unit<'_> {
    /// What was done since `Tx::deed` is taken back, in the database and in what is known of it.
    pub(super) async fn undo_deed(&mut self) -> Result<(), StoreError> {
        self.forget_all();
        self.tx.deed_undone().await
    }

    /// Rows were taken back: nothing that was looked up or counted holds any more.
    pub fn forget_all(&mut self) {
        self.forget();
        self.flows.clear();
        self.loads = None;
    }

    /// Something may have changed that the memo holds.
    pub(super) fn forget(&mut self) {
        self.memo = Memo::default();
    }

    /// An earlier mail with the same content.
    pub(super) async fn same_content(
        &mut self,
        id: InboundId,
        hash: &str,
    ) -> Result<Option<(InboundId, Option<TicketNumber>)>, StoreError> {
        match self.memo.contents.get(hash) {
            Some(known) => Ok(known.filter(|(earlier, _)| *earlier != id)),
            None => inbound::same_content(self.tx, id, hash).await,
        }
    }

    /// A mail of this batch got its fate.
    pub(super) fn note_content(&mut self, id: InboundId, hash: &str, ticket: Option<TicketNumber>) {
        if let Some(known) = self.memo.contents.get_mut(hash) {
            known.get_or_insert((id, ticket));
        }
    }

    pub(super) async fn is_muted(&mut self, address: &str) -> Result<bool, StoreError> {
        match self.memo.muted.get(address) {
            Some(muted) => Ok(*muted),
            None => people::is_muted(self.tx, address).await,
        }
    }

    pub(super) async fn contact_by_address(&mut self, address: &str) -> Result<Option<Contact>, StoreError> {
        if let Some(contact) = self.memo.contacts.get(address) {
            return Ok(Some(contact.clone()));
        }
        let found = people::by_address(self.tx, address).await?;
        if let Some(contact) = &found {
            self.memo.contacts.insert(address.to_owned(), contact.clone());
        }
        Ok(found)
    }

    /// With the mail address that the contact wrote from, where it wrote in this batch; by telephone only where it has no mail.
    pub(super) async fn contact(&mut self, id: ContactId) -> Result<Option<Contact>, StoreError> {
        match self.memo.contacts.values().find(|contact| contact.id == id && is_mail(&contact.address)) {
            Some(contact) => Ok(Some(contact.clone())),
            None => people::one(self.tx, id).await,
        }
    }

    /// Two of them turned out to be one.
    pub(super) fn forget_contacts(&mut self) {
        self.memo.contacts.clear();
        self.memo.earlier.clear();
    }

    /// A contact's tickets before this one.
    pub(super) async fn earlier(&mut self, contact: ContactId, except: TicketNumber) -> Result<Earlier, StoreError> {
        match self.memo.earlier.get(&contact) {
            Some(earlier) => Ok(earlier.clone()),
            None => Ok(Earlier {
                count: tickets::count_of(self.tx, contact, except).await?,
                recent: tickets::recent_of(self.tx, contact, except, RECENT).await?,
            }),
        }
    }

    /// A ticket was opened, and all that is told of it is written.
    pub(super) fn note_opened(&mut self, contact: ContactId, recent: Recent) {
        if let Some(earlier) = self.memo.earlier.get_mut(&contact) {
            earlier.count += 1;
            earlier.recent.insert(0, recent);
            earlier.recent.truncate(RECENT as usize);
        }
    }

    /// Automatic mails to an address in the last hour and in the last day.
    pub(super) async fn automatic_to(&mut self, address: &str) -> Result<(i64, i64), StoreError> {
        if let Some(counts) = self.memo.automatic.get(address) {
            return Ok(*counts);
        }
        let hour = outbox::automatic_since(self.tx, address, self.now - TimeDelta::hours(1)).await?;
        let day = outbox::automatic_since(self.tx, address, self.now - TimeDelta::hours(24)).await?;
        Ok((hour, day))
    }

    pub(super) fn note_automatic(&mut self, address: &str) {
        if let Some((hour, day)) = self.memo.automatic.get_mut(address) {
            *hour += 1;
            *day += 1;
        }
    }

    /// Requests of this sender that were acknowledged since that moment, the oldest first.
    pub(super) async fn acknowledged(
        &mut self,
        address: &str,
        since: DateTime<Utc>,
    ) -> Result<Vec<Acknowledged>, StoreError> {
        if let Some(mails) = self.memo.acknowledged.get(address) {
            return Ok(mails.clone());
        }
        let found = outbox::acknowledged_of(self.tx, &[address.to_owned()], since).await?;
        Ok(found.into_iter().map(|(_, mail)| mail).collect())
    }

    /// An acknowledgement is about to be written.
    pub(super) fn note_acknowledged(&mut self, address: &str, mail: Acknowledged) {
        if let Some(mails) = self.memo.acknowledged.get_mut(address) {
            mails.push(mail);
        }
    }

    /// Until when a pause of the breaker goes, by its name.
    pub(super) async fn paused_until(&mut self, name: &str) -> Result<i64, StoreError> {
        match self.memo.paused.get(name) {
            Some(until) => Ok(*until),
            None => jobs::counter(self.tx, name).await,
        }
    }

    pub(super) async fn pause_until(&mut self, name: &str, until: i64) -> Result<(), StoreError> {
        self.memo.paused.insert(name.to_owned(), until);
        jobs::set_counter(self.tx, name, until).await
    }

    /// A client's resolved tickets, the newest first.
    pub(super) async fn resolved_of(
        &mut self,
        client: &ClientKey,
        except: TicketNumber,
    ) -> Result<Arc<Vec<(TicketNumber, String)>>, StoreError> {
        match self.memo.resolved.get(client) {
            Some(list) => Ok(Arc::clone(list)),
            None => tickets::resolved_of_client(self.tx, client, except, RESOLVED).await.map(Arc::new),
        }
    }

    /// What a client has used of its retainer this month, by the client's own calendar.
    pub(super) async fn retainer_used(
        &mut self,
        client: &ClientKey,
        (from, to): (chrono::NaiveDate, chrono::NaiveDate),
    ) -> Result<Minutes, StoreError> {
        if let Some(used) = self.memo.used.get(client) {
            return Ok(*used);
        }
        let used = time::retainer_minutes(self.tx, client, from, to).await?;
        self.memo.used.insert(client.clone(), used);
        Ok(used)
    }
}
