//! How much of a retainer is used: 75, 90 and 100 % are announced when they happen, once a month each.

use chrono::NaiveDate;

use super::case::Unit;
use super::letter::{self, TechLetter};
use crate::desk::firm::{Client, Tech};
use crate::desk::ticket::PRIVATE;
use crate::mail::Mailbox;
use crate::money::ledger::{self, Month};
use crate::money::month_of;
use crate::notice::{self, UsageFacts, UsageTicket};
use crate::outbox::Class;
use crate::store::tokens::Purpose;
use crate::store::{StoreError, jobs, tickets, time};
use crate::words::contract::term_on;
use crate::words::{ClientKey, Minutes, TicketNumber};

/// Hundredths of the top.
const MARKS: [i64; 3] = [100, 90, 75];
/// Tickets that took most of the month are named.
const NAMED: usize = 5;

/// A client's month as its entries and terms have it now; what was carried in is left out, because over means over the month's own top.
async fn month(unit: &mut Unit<'_>, client: &Client, day: NaiveDate) -> Result<Option<Month>, StoreError> {
    let (first, next) = month_of(day);
    let work = time::work(unit.tx, &client.key, first, next).await?;
    Ok(ledger::ledger(&client.retainers, &work, first).pop().filter(|month| month.first == first))
}

/// After work was logged for that day: tells the highest mark that was passed and not told yet.
pub async fn announce(unit: &mut Unit<'_>, client: &ClientKey, day: NaiveDate) -> Result<(), StoreError> {
    let Some(client) =
        unit.firm().client(client).filter(|client| !client.internal && !client.retainers.is_empty()).cloned()
    else {
        return Ok(());
    };
    let Some(month) = month(unit, &client, day).await?.filter(|month| month.top > Minutes(0)) else { return Ok(()) };
    if month.is_over() {
        super::pricing::check(unit, &client, month.first).await?;
    }
    let mut told = None;
    for mark in MARKS.into_iter().filter(|mark| month.burned.0 * 100 >= month.top.0 * mark) {
        let period = format!("{}/{mark}", month.first.format("%Y-%m"));
        if !jobs::claim(unit.tx, &format!("usage/{}", client.key), &period, unit.now).await? {
            break;
        }
        told = told.max(Some(mark));
    }
    let Some(mark) = told else { return Ok(()) };
    let named = most_of(unit, &client, &month).await?;
    let today = unit.now.with_timezone(&client.time_zone).date_naive();
    let facts = UsageFacts {
        firm: unit.firm().name.clone(),
        client_name: client.name.clone(),
        month: month.first,
        percent: month.percent(),
        mark,
        used: month.burned,
        bottom: month.bottom,
        top: month.top,
        ends: ledger::forecast(&month, today).filter(|_| mark < 100),
        over: (month.burned - month.top).max(Minutes(0)),
        overage_rate: term_on(&client.retainers, day).and_then(|term| term.overage_rate),
        tickets: named,
    };
    let key = format!("usage/{}/{}/{mark}", client.key, month.first.format("%Y-%m"));
    tell_us(unit, &client, &facts, &key).await?;
    if term_on(&client.retainers, day).is_some_and(|term| term.tells_client) {
        tell_client(unit, &client, &facts, &key).await?;
    }
    Ok(())
}

/// The tickets that took most of it.
async fn most_of(unit: &mut Unit<'_>, client: &Client, month: &Month) -> Result<Vec<UsageTicket>, StoreError> {
    let mut sums: Vec<(TicketNumber, Minutes)> = Vec::new();
    for burn in &month.burns {
        let Some(number) = burn.ticket else { continue };
        match sums.iter_mut().find(|(ticket, _)| *ticket == number) {
            Some((_, sum)) => *sum += burn.minutes,
            None => sums.push((number, burn.minutes)),
        }
    }
    sums.sort_by_key(|(number, sum)| (std::cmp::Reverse(*sum), *number));
    let mut named = Vec::new();
    for (number, minutes) in sums.into_iter().take(NAMED) {
        let Some(row) = tickets::row(unit.tx, number).await? else { continue };
        let private = row.client.as_ref() != Some(&client.key) || row.tags.iter().any(|tag| tag == PRIVATE);
        let subject = if private { None } else { Some(row.subject) };
        named.push(UsageTicket { number, subject, minutes });
    }
    Ok(named)
}

/// The account manager; the managers where the client has none.
pub(super) fn account_managers(unit: &Unit<'_>, client: &Client) -> Vec<Tech> {
    let own = client.account_manager.as_ref().and_then(|login| unit.firm().tech(login)).cloned();
    own.map_or_else(|| unit.firm().managers().cloned().collect(), |tech| vec![tech])
}

async fn tell_us(unit: &mut Unit<'_>, client: &Client, facts: &UsageFacts, key: &str) -> Result<(), StoreError> {
    for tech in account_managers(unit, client) {
        let address = letter::tech_token(unit, None, &tech, Purpose::Digest).await?;
        let rendered = notice::usage(&unit.office.texts, &unit.firm().language, facts);
        let key = format!("{key}/{}", tech.login);
        let letter = TechLetter { kind: "usage", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &tech, &address, letter).await?;
    }
    Ok(())
}

async fn tell_client(unit: &mut Unit<'_>, client: &Client, facts: &UsageFacts, key: &str) -> Result<(), StoreError> {
    let language = client.language.clone().unwrap_or_else(|| unit.firm().language.clone());
    for address in &client.managers {
        let rendered = notice::usage_client(&unit.office.texts, &language, facts);
        let letter = TechLetter {
            kind: "usage_client",
            class: Class::MustArrive,
            key: format!("{key}/{address}"),
            rendered,
            files: Vec::new(),
        };
        letter::to_address(
            unit,
            Mailbox { name: manager_name(client, address), address: address.clone() },
            None,
            letter,
        );
    }
    Ok(())
}

pub(super) fn manager_name(client: &Client, address: &str) -> String {
    let is = |email: &Option<String>| email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(address));
    client.contacts.iter().find(|person| is(&person.email)).map(|person| person.name.clone()).unwrap_or_default()
}
