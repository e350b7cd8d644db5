//! What managers are told of deskd's own affairs: mail set aside, mail that failed, strangers' mail, old mail, sources that are down.

use chrono::{DateTime, Utc};

use super::case::Unit;
use super::instead;
use super::letter::{self, TechLetter};
use crate::desk::firm::Tech;
use crate::notice::{
    self, LateListFacts, LateTicket, MailtoLinks, QuarantinedFacts, Rendered, SourceDownFacts, StormFacts,
    UndeliveredFacts, UnsortedDigestFacts, UnsortedTicket,
};
use crate::outbox::Class;
use crate::store::inbound::{Listed, Unprocessed};
use crate::store::outbox::deliveries;
use crate::store::tokens::Purpose;
use crate::store::{StoreError, jobs, messages, outbox, tickets};
use crate::words::{InboundId, TicketNumber};

/// How many lines one list has at the most; the next one goes on.
const LINES: i64 = 50;

/// The same mail to each manager, with an address of his or her own.
async fn to_all<F>(
    unit: &mut Unit<'_>,
    (kind, class, key): (&'static str, Class, &str),
    purpose: Purpose,
    render: F,
) -> Result<(), StoreError>
where
    F: Fn(&Unit<'_>, &Tech, MailtoLinks) -> Rendered,
{
    let managers: Vec<Tech> = unit.firm().managers().cloned().collect();
    for manager in managers {
        let address = letter::tech_token(unit, None, &manager, purpose).await?;
        let links = MailtoLinks { address: address.reply_to.clone(), subject: String::new() };
        let rendered = render(unit, &manager, links);
        let key = format!("{key}/{}", manager.login);
        let letter = TechLetter { kind, class, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &manager, &address, letter).await?;
    }
    Ok(())
}

/// A mail that is set aside; its bytes may be gone.
pub(super) struct SetAside<'a> {
    id: InboundId,
    attempts: i64,
    source: &'a str,
    arrived_at: DateTime<Utc>,
    size: i64,
}

impl<'a> From<&'a Unprocessed> for SetAside<'a> {
    fn from(row: &'a Unprocessed) -> SetAside<'a> {
        let Unprocessed { id, attempts, source, arrived_at, size, .. } = row;
        SetAside { id: *id, attempts: *attempts, source, arrived_at: *arrived_at, size: *size }
    }
}

impl<'a> From<&'a Listed> for SetAside<'a> {
    fn from(row: &'a Listed) -> SetAside<'a> {
        let Listed { id, attempts, source, arrived_at, size, .. } = row;
        SetAside { id: *id, attempts: *attempts, source, arrived_at: *arrived_at, size: *size }
    }
}

/// A mail that deskd set aside, and why.
pub(super) async fn quarantined(
    unit: &mut Unit<'_>,
    row: impl Into<SetAside<'_>>,
    reason: &str,
) -> Result<(), StoreError> {
    let row = row.into();
    let key = format!("quarantined/{}/{}", row.id.0, row.attempts);
    to_all(unit, ("quarantined", Class::MustArrive, &key), Purpose::Digest, |unit, manager, _| {
        let facts = QuarantinedFacts {
            now: unit.now,
            inbound: row.id,
            source: row.source.to_owned(),
            arrived_at: row.arrived_at.with_timezone(&manager.time_zone),
            from: None,
            mail_subject: None,
            bytes: u64::try_from(row.size).unwrap_or(0),
            reason: reason.to_owned(),
        };
        notice::quarantined(&unit.office.texts, &unit.firm().language, &facts)
    })
    .await
}

/// Mails of ours that failed for good and that nobody was told of.
pub async fn undeliverable(unit: &mut Unit<'_>) -> Result<u64, StoreError> {
    let failed = outbox::to_be_told(unit.tx, 50).await?;
    let mut told = 0;
    for row in failed {
        let key = format!("undeliverable/{}", row.id.0);
        if row.kind != "undeliverable" {
            let by_mail = instead::by_mail(unit, &row).await?;
            to_all(unit, ("undeliverable", Class::MustArrive, &key), Purpose::Digest, |unit, manager, _| {
                instead::undeliverable(unit, &row, manager, by_mail)
            })
            .await?;
            told += 1;
        }
        outbox::mark_told(unit.tx, row.id).await?;
    }
    Ok(told)
}

/// Deliveries to the firm's programs that were given up and that nobody was told of: one mail a program and day.
pub async fn undelivered(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let today = today(unit);
    let given_up = deliveries::given_up(unit.tx, &today).await?;
    for lost in &given_up {
        let last = outbox::show(unit.tx, lost.last).await?;
        let key = format!("undelivered/{}/{}", lost.webhook, lost.last.0);
        to_all(unit, ("undelivered", Class::MustArrive, &key), Purpose::Digest, |unit, manager, _| {
            let facts = UndeliveredFacts {
                now: unit.now,
                webhook: lost.webhook.clone(),
                count: u32::try_from(lost.count).unwrap_or(u32::MAX),
                since: lost.since.with_timezone(&manager.time_zone),
                error: last.last_error.clone().unwrap_or_else(|| "no reason given".to_owned()),
            };
            notice::undelivered(&unit.office.texts, &unit.firm().language, &facts)
        })
        .await?;
        deliveries::mark_told(unit.tx, lost).await?;
        jobs::claim(unit.tx, &format!("undelivered/{}", lost.webhook), &today, unit.now).await?;
    }
    Ok(!given_up.is_empty())
}

/// Whether a manager is to be told now of deliveries that were given up.
pub async fn undelivered_waits(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let today = today(unit);
    Ok(!deliveries::given_up(unit.tx, &today).await?.is_empty())
}

fn today(unit: &Unit<'_>) -> String {
    unit.now.with_timezone(&unit.firm().time_zone).date_naive().to_string()
}

/// Strangers' mail since the last list, P1 first. `period` names the hour.
pub async fn unsorted_digest(unit: &mut Unit<'_>, period: &str) -> Result<bool, StoreError> {
    let after = jobs::counter(unit.tx, "unsorted_told").await?;
    let numbers = tickets::unsorted_after(unit.tx, TicketNumber(after), LINES).await?;
    let Some(last) = numbers.last().copied() else { return Ok(false) };
    let mut rows = Vec::new();
    for number in numbers {
        let Some(row) = tickets::row(unit.tx, number).await? else { continue };
        let first = messages::of_ticket(unit.tx, number).await?.into_iter().next();
        rows.push((row, first));
    }
    rows.sort_by_key(|(row, _)| (row.priority, row.received_at));
    let key = format!("unsorted/{period}/{}", last.0);
    to_all(unit, ("unsorted_digest", Class::Once, &key), Purpose::Digest, |unit, manager, links| {
        let ticket = |(row, first): &(tickets::Row, Option<messages::Message>)| UnsortedTicket {
            number: row.number,
            subject: row.subject.clone(),
            from: row.requester_address.clone().unwrap_or_else(|| "no sender".to_owned()),
            received_at: row.received_at.with_timezone(&manager.time_zone),
            priority: row.priority,
            why: first.as_ref().and_then(|first| first.reason.clone()).unwrap_or_default(),
            client_key: row.client.as_ref().map(|key| key.0.clone()),
            excerpt: first.as_ref().map(|first| first.text.chars().take(200).collect()).unwrap_or_default(),
        };
        let facts = UnsortedDigestFacts { now: unit.now, tickets: rows.iter().map(ticket).collect(), links };
        notice::unsorted_digest(&unit.office.texts, &unit.firm().language, &facts)
    })
    .await?;
    jobs::set_counter(unit.tx, "unsorted_told", last.0).await?;
    Ok(true)
}

/// A stranger's ticket looks more urgent than when it was listed: it is listed anew.
pub(super) async fn list_again(unit: &mut Unit<'_>, number: TicketNumber) -> Result<(), StoreError> {
    let told = jobs::counter(unit.tx, "unsorted_told").await?;
    jobs::set_counter(unit.tx, "unsorted_told", told.min(number.0 - 1)).await
}

/// Whether strangers' mail waits to be told.
pub async fn unsorted_waits(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let after = jobs::counter(unit.tx, "unsorted_told").await?;
    Ok(!tickets::unsorted_after(unit.tx, TicketNumber(after), 1).await?.is_empty())
}

/// Whether old mail waits to be told.
pub async fn late_waits(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let after = jobs::counter(unit.tx, "late_told").await?;
    Ok(!tickets::late_after(unit.tx, after, 1).await?.is_empty())
}

/// Whether a stranger's mail that looks like an outage waits to be told.
pub async fn unsorted_is_urgent(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let after = jobs::counter(unit.tx, "unsorted_told").await?;
    tickets::unsorted_outage_after(unit.tx, TicketNumber(after)).await
}

/// Tickets from mail that was over three days old when first seen, one list a source.
pub async fn late_list(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let after = jobs::counter(unit.tx, "late_told").await?;
    let late = tickets::late_after(unit.tx, after, 500).await?;
    let Some(last) = late.last().map(|(id, ..)| *id) else { return Ok(false) };
    let mut rows = Vec::new();
    for (_, source, number) in &late {
        if let Some(row) = tickets::row(unit.tx, *number).await? {
            rows.push((source.clone(), row));
        }
    }
    let mut sources: Vec<String> = rows.iter().map(|(source, _)| source.clone()).collect();
    sources.sort();
    sources.dedup();
    for source in sources {
        let key = format!("late/{source}/{last}");
        to_all(unit, ("late_list", Class::Once, &key), Purpose::Digest, |unit, manager, _| {
            let own = rows.iter().filter(|(of, _)| *of == source);
            let ticket = |(_, row): &(String, tickets::Row)| LateTicket {
                number: row.number,
                subject: row.subject.clone(),
                client_name: row
                    .client
                    .as_ref()
                    .and_then(|key| unit.firm().client(key))
                    .map(|client| client.name.clone()),
                from: row.requester_address.clone().unwrap_or_default(),
                received_at: row.received_at.with_timezone(&manager.time_zone),
                priority: row.priority,
                assignee_name: row.assignee.as_ref().map(|login| super::picture::tech_name(unit, login)),
            };
            let facts = LateListFacts { now: unit.now, source: source.clone(), tickets: own.map(ticket).collect() };
            notice::late_list(&unit.office.texts, &unit.firm().language, &facts)
        })
        .await?;
    }
    jobs::set_counter(unit.tx, "late_told", last).await?;
    Ok(true)
}

/// Automatic mail to one person is paused: somebody's machine may be arguing with ours. Told once an hour and person.
pub(super) async fn storm(
    unit: &mut Unit<'_>,
    who: &str,
    count: i64,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), StoreError> {
    let key = format!("storm/{who}/{}", unit.now.format("%Y-%m-%dT%H"));
    if outbox::has(unit.tx, &format!("{key}/")).await? {
        return Ok(());
    }
    let subjects = outbox::latest_subjects(unit.tx, who, 5).await?;
    to_all(unit, ("storm", Class::MustArrive, &key), Purpose::Digest, |unit, manager, _| {
        let facts = StormFacts {
            now: unit.now,
            who: who.to_owned(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            since: since.with_timezone(&manager.time_zone),
            paused_until: Some(until.with_timezone(&manager.time_zone)),
            subjects: subjects.clone(),
        };
        notice::storm(&unit.office.texts, &unit.firm().language, &facts)
    })
    .await
}

/// A source that cannot be reached.
pub async fn source_down(
    unit: &mut Unit<'_>,
    source: &str,
    since: DateTime<Utc>,
    error: &str,
) -> Result<(), StoreError> {
    let key = format!("source_down/{source}/{}", since.timestamp());
    to_all(unit, ("source_down", Class::Once, &key), Purpose::Digest, |unit, manager, _| {
        let facts = SourceDownFacts {
            now: unit.now,
            source: source.to_owned(),
            since: since.with_timezone(&manager.time_zone),
            error: error.to_owned(),
            way_out: None,
        };
        notice::source_down(&unit.office.texts, &unit.firm().language, &facts)
    })
    .await
}
