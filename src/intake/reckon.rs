//! The figures of a client's month, from the same tables that a person can query.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;

use super::case::Unit;
use super::pricing;
use crate::desk::calendar::start_of_day;
use crate::desk::firm::Client;
use crate::desk::ticket::PRIVATE;
use crate::money::ledger::{self, Month, Work};
use crate::money::statement::{Late, Line, Past, Statement};
use crate::money::{margin, month_of, next_month};
use crate::notice::Missing;
use crate::store::statements::{self, Figured};
use crate::store::{StoreError, survey, time};
use crate::words::contract::term_on;
use crate::words::{Category, Login, Minutes, Money, Status, TicketNumber};

/// Months that the trend shows, this one among them.
const TREND: usize = 12;
/// Of our last words, in characters.
const WORDS: usize = 160;

/// Whether a retainer covers a day of the month.
pub(super) fn covers(client: &Client, month: NaiveDate) -> bool {
    let (first, next) = month_of(month);
    first.iter_days().take_while(|day| *day < next).any(|day| client.retainer_on(day).is_some())
}

/// A client's whole ledger up to the month, by every entry there is now.
async fn books(unit: &mut Unit<'_>, client: &Client, month: NaiveDate) -> Result<(Vec<Work>, Vec<Month>), StoreError> {
    let begin = client.retainers.iter().map(|term| term.since).min().unwrap_or(month);
    let work = time::work(unit.tx, &client.key, month_of(begin).0, next_month(month)).await?;
    let months = ledger::ledger(&client.retainers, &work, month);
    Ok((work, months))
}

/// A client's months up to this one.
pub(super) async fn months(unit: &mut Unit<'_>, client: &Client, month: NaiveDate) -> Result<Vec<Month>, StoreError> {
    Ok(books(unit, client, month).await?.1)
}

pub(super) async fn statement(
    unit: &mut Unit<'_>,
    client: &Client,
    month: NaiveDate,
    number: i64,
) -> Result<Statement, StoreError> {
    let (work, months) = books(unit, client, month).await?;
    let own = months.iter().rfind(|found| found.first == month).cloned();
    let own = own.ok_or_else(|| StoreError::Refused(format!("no retainer of {} covers {month}", client.key)))?;
    let late = late(unit, client, month, &work, &months).await?;
    let trend = months.iter().rev().take(TREND).rev().map(|past| Past {
        month: past.first,
        used: past.burned,
        bottom: past.bottom,
        top: past.top,
    });
    let trend = trend.collect();
    let next = next_month(month);
    let from = start_of_day(client.time_zone, month);
    let until = start_of_day(client.time_zone, next);
    let requests = statements::requests(unit.tx, &client.key, (from, until)).await?;
    let in_month: Vec<&Work> = work.iter().filter(|entry| entry.day >= month && entry.day < next).collect();
    let tickets = statements::figured(unit.tx, &client.key, (month, next)).await?;
    Ok(Statement {
        number,
        client: client.key.clone(),
        client_name: client.name.clone(),
        month,
        zone: client.time_zone.name().to_owned(),
        bottom: own.bottom,
        top: own.top,
        carried_in: own.carried_in,
        used: own.burned,
        worked: own.worked,
        over: own.over,
        over_cost: own.over_cost,
        expired: own.expired,
        carried_out: own.carried_out,
        warranty: own.warranty,
        outside: outside(client, &in_month),
        trend,
        tickets: tickets.into_iter().map(|ticket| line(client, ticket, &own, &in_month)).collect(),
        requests: u32::try_from(requests.all).unwrap_or(0),
        touched: u32::try_from(requests.touched).unwrap_or(0),
        in_time: u32::try_from(requests.in_time).unwrap_or(0),
        late,
        answers: survey::answers(unit.tx, &client.key, (from, until)).await?,
        pricing: pricing::is_named(unit, client).await?,
    })
}

/// What the hours that burned in a month cost the firm, as they were worked; `None` where there were none, or the cost of any is not known.
pub(super) async fn cost(unit: &mut Unit<'_>, client: &Client, month: &Month) -> Result<Option<Money>, StoreError> {
    let work = time::work(unit.tx, &client.key, month.first, next_month(month.first)).await?;
    let mut by_tech: BTreeMap<Login, Minutes> = BTreeMap::new();
    for entry in work.iter().filter(|entry| is_inside(client, entry)) {
        *by_tech.entry(entry.tech.clone()).or_default() += entry.minutes;
    }
    let firm = unit.firm();
    let cost = margin::sum_of_costs(&by_tech, &|login| firm.hourly_cost(login), month.fee.currency);
    Ok(cost.filter(|_| !by_tech.is_empty()))
}

/// Tickets with work of the month that the retainer does not cover, the most first. Warranty is none of it.
pub(super) async fn outside_by_ticket(
    unit: &mut Unit<'_>,
    client: &Client,
    month: NaiveDate,
) -> Result<Vec<(TicketNumber, Minutes)>, StoreError> {
    let work = time::work(unit.tx, &client.key, month, next_month(month)).await?;
    let mut sums: BTreeMap<TicketNumber, Minutes> = BTreeMap::new();
    for entry in work.iter().filter(|entry| entry.category != Category::Warranty && !is_inside(client, entry)) {
        if let Some(number) = entry.ticket {
            *sums.entry(number).or_default() += entry.minutes;
        }
    }
    let mut all: Vec<(TicketNumber, Minutes)> = sums.into_iter().filter(|(_, sum)| *sum > Minutes(0)).collect();
    all.sort_by_key(|(number, sum)| (std::cmp::Reverse(*sum), *number));
    Ok(all)
}

fn is_inside(client: &Client, entry: &Work) -> bool {
    term_on(&client.retainers, entry.day).is_some_and(|term| term.burns(entry.category, entry.skill.as_deref()))
}

/// Work beside the retainer, warranty left out.
fn outside(client: &Client, work: &[&Work]) -> Vec<(Category, Minutes)> {
    let mut sums: BTreeMap<&'static str, (Category, Minutes)> = BTreeMap::new();
    for entry in work.iter().filter(|entry| entry.category != Category::Warranty && !is_inside(client, entry)) {
        sums.entry(entry.category.as_str()).or_insert((entry.category, Minutes(0))).1 += entry.minutes;
    }
    sums.into_values().filter(|(_, minutes)| *minutes != Minutes(0)).collect()
}

fn line(client: &Client, ticket: Figured, month: &Month, work: &[&Work]) -> Line {
    let used = month.burns.iter().filter(|burn| burn.ticket == Some(ticket.number)).map(|burn| burn.minutes).sum();
    let other = work.iter().filter(|entry| entry.ticket == Some(ticket.number) && !is_inside(client, entry));
    // What moved to another client is theirs to read.
    let private = ticket.client.as_ref() != Some(&client.key) || ticket.tags.iter().any(|tag| tag == PRIVATE);
    let words = ticket.words.as_deref().and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty()));
    Line {
        number: ticket.number,
        subject: (!private).then_some(ticket.subject),
        requester: ticket.requester.filter(|name| !private && !name.is_empty()),
        priority: ticket.priority,
        received_at: ticket.received_at,
        in_time: ticket.touched_at.map(|_| !ticket.breached),
        resolved: matches!(ticket.status, Status::Resolved | Status::Closed),
        used,
        other: other.map(|entry| entry.minutes).sum(),
        words: words.filter(|_| !private).map(|words| words.chars().take(WORDS).collect()),
    }
}

/// The newest entry of a month that a sent statement knew: its own, or a later one that named what had come late. `None`: what it has
/// still comes with its own, or nothing was sent ever.
fn told(stated: &[(NaiveDate, Option<i64>)], month: NaiveDate) -> Option<i64> {
    if stated.iter().any(|(of, last)| *of == month && last.is_none()) {
        return None;
    }
    let since = stated.iter().filter(|(of, _)| *of >= month).filter_map(|(_, last)| *last).max();
    since.or_else(|| stated.iter().filter_map(|(_, last)| *last).max())
}

/// What was written down after the last statement for months before this one, and what it would have cost them.
async fn late(
    unit: &mut Unit<'_>,
    client: &Client,
    month: NaiveDate,
    work: &[Work],
    months: &[Month],
) -> Result<Vec<Late>, StoreError> {
    let stated = statements::stated(unit.tx, &client.key).await?;
    let is_late =
        |entry: &Work| entry.day < month && told(&stated, month_of(entry.day).0).is_some_and(|last| entry.id > last);
    let known: Vec<Work> = work.iter().filter(|entry| !is_late(entry)).cloned().collect();
    let before = ledger::ledger(&client.retainers, &known, month);
    let mut sums: BTreeMap<NaiveDate, Minutes> = BTreeMap::new();
    for entry in work.iter().filter(|entry| is_late(entry) && is_inside(client, entry)) {
        *sums.entry(month_of(entry.day).0).or_default() += entry.minutes;
    }
    let over = |months: &[Month], of: NaiveDate| {
        months.iter().find(|found| found.first == of).map_or(Minutes(0), |found| found.over)
    };
    let late = |(of, minutes)| Late { month: of, minutes, over: over(months, of) - over(&before, of) };
    Ok(sums.into_iter().map(late).collect())
}

/// Tickets that were worked on in the month and have no time in it.
pub(super) async fn without_time(
    unit: &mut Unit<'_>,
    client: &Client,
    month: NaiveDate,
) -> Result<Vec<Missing>, StoreError> {
    let next = next_month(month);
    let (from, until) = (start_of_day(client.time_zone, month), start_of_day(client.time_zone, next));
    let touched = statements::worked_on(unit.tx, &client.key, (from, until)).await?;
    let with: HashSet<TicketNumber> =
        statements::with_time(unit.tx, &client.key, (month, next)).await?.into_iter().collect();
    let missing = touched.into_iter().filter(|ticket| !with.contains(&ticket.number));
    Ok(missing
        .map(|ticket| Missing {
            number: ticket.number,
            subject: ticket.subject,
            tech: ticket.assignee.map(|login| login.0),
        })
        .collect())
}
