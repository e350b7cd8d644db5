//! The trap of a retainer that grows without a word: two months over the range in a row open a conversation about its price, and it is
//! brought to mind every week until somebody says what came of it.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

use super::action::ActError;
use super::case::Unit;
use super::letter::{self, TechLetter};
use super::process::Decided;
use super::read::Ready;
use super::reckon;
use super::usage::account_managers;
use crate::desk::event::Event;
use crate::desk::firm::{Client, Tech};
use crate::money::ledger::Month;
use crate::money::{next_month, proposal};
use crate::notice::{self, MailtoLinks, PricingFacts, PricingMonth};
use crate::outbox::Class;
use crate::store::inbound::Fate;
use crate::store::pricing::{self, Row};
use crate::store::tokens::{Purpose, Token};
use crate::store::{StoreError, jobs, statements, tickets};
use crate::words::contract::term_on;
use crate::words::{Minutes, Money};

const CONTEXT: &str = "pricing:";
const REMIND: TimeDelta = TimeDelta::days(7);
/// Months that are shown.
const SHOWN: usize = 6;
/// The account manager has it so long, in working days, before a statement names it to the client.
const HEAD_START: u32 = 2;

pub(super) fn id_of(token: &Token) -> Option<i64> {
    token.context.as_deref()?.strip_prefix(CONTEXT)?.parse().ok()
}

/// After a month's figures changed: opens the conversation where this month and the one before are over.
pub(super) async fn check(unit: &mut Unit<'_>, client: &Client, month: NaiveDate) -> Result<(), StoreError> {
    let months = reckon::months(unit, client, month).await?;
    let Some([before, this]) = months.last_chunk::<2>() else { return Ok(()) };
    let in_a_row = this.first == month && next_month(before.first) == month && before.is_over() && this.is_over();
    // What was talked about is not talked about again for the same months.
    let talked =
        pricing::last(unit.tx, &client.key).await?.is_some_and(|row| month < next_month(next_month(row.month)));
    if !in_a_row || talked {
        return Ok(());
    }
    if let Some(id) = pricing::open(unit.tx, &client.key, month, unit.now).await?
        && let Some(row) = pricing::one(unit.tx, id).await?
    {
        tell(unit, client, &row, 0).await?;
    }
    Ok(())
}

/// Two months under the range's bottom, told once at their end.
pub(super) async fn check_under(unit: &mut Unit<'_>, client: &Client, month: NaiveDate) -> Result<(), StoreError> {
    let months = reckon::months(unit, client, month).await?;
    let Some([before, this]) = months.last_chunk::<2>() else { return Ok(()) };
    let in_a_row = this.first == month && next_month(before.first) == month && before.is_under() && this.is_under();
    let period = month.format("%Y-%m").to_string();
    let earlier = before.first.format("%Y-%m").to_string();
    let job = format!("under/{}", client.key);
    // Of a month before the desk began nothing is known.
    let begun = statements::begun(unit.tx).await?.map(|at| at.with_timezone(&client.time_zone).date_naive());
    if begun.is_none_or(|day| day >= next_month(before.first)) {
        return Ok(());
    }
    if !in_a_row || !jobs::claim(unit.tx, &job, &period, unit.now).await? {
        return Ok(());
    }
    // Told for the month before: not again with every further one.
    if jobs::ran(unit.tx, &job, &earlier).await? {
        return Ok(());
    }
    for tech in account_managers(unit, client) {
        let address = letter::tech_token(unit, None, &tech, Purpose::Digest).await?;
        let facts = facts(unit, client, &months, month, MailtoLinks::default()).await?;
        let rendered = notice::under_range(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("under_range/{}/{period}/{}", client.key, tech.login);
        let letter = TechLetter { kind: "under_range", class: Class::Once, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &tech, &address, letter).await?;
    }
    Ok(())
}

/// Whether one has to be brought to mind.
pub async fn waits(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    Ok(!pricing::to_be_reminded(unit.tx, unit.now - REMIND).await?.is_empty())
}

pub async fn remind(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let rows = pricing::to_be_reminded(unit.tx, unit.now - REMIND).await?;
    for row in &rows {
        pricing::reminded(unit.tx, row.id, unit.now).await?;
        if let Some(client) = unit.firm().client(&row.client).cloned() {
            let weeks = (unit.now - row.opened_at).num_days() / 7;
            tell(unit, &client, row, weeks).await?;
        }
    }
    Ok(!rows.is_empty())
}

async fn tell(unit: &mut Unit<'_>, client: &Client, row: &Row, weeks: i64) -> Result<(), StoreError> {
    let months = reckon::months(unit, client, row.month).await?;
    for tech in account_managers(unit, client) {
        let token =
            letter::issue(unit, None, Some(&tech), Purpose::Digest, Some(format!("{CONTEXT}{}", row.id))).await?;
        let address = letter::tech_address(unit, token);
        let links = MailtoLinks { address: address.reply_to.clone(), subject: format!("Pricing of {}", client.name) };
        let facts = PricingFacts { weeks, ..facts(unit, client, &months, row.month, links).await? };
        let rendered = notice::pricing(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("pricing/{}/{weeks}/{}", row.id, tech.login);
        let letter = TechLetter { kind: "pricing", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &tech, &address, letter).await?;
    }
    Ok(())
}

async fn facts(
    unit: &mut Unit<'_>,
    client: &Client,
    months: &[Month],
    month: NaiveDate,
    links: MailtoLinks,
) -> Result<PricingFacts, StoreError> {
    let skip = months.len().saturating_sub(SHOWN);
    let mut shown: Vec<PricingMonth> = Vec::new();
    for month in &months[skip..] {
        let cost = reckon::cost(unit, client, month).await?;
        shown.push(PricingMonth {
            month: month.first,
            used: month.burned,
            bottom: month.bottom,
            top: month.top,
            hourly: proposal::hourly(month.fee, month.burned),
            cost,
            left: cost.map(|cost| Money { minor: month.fee.minor - cost.minor, ..month.fee }),
        });
    }
    let last: Vec<Minutes> = months.iter().rev().take(2).map(|month| month.burned).collect();
    let from = months.iter().rev().nth(1).map_or(month, |before| before.first);
    let days = (from, next_month(month));
    let who = pricing::requesters(unit.tx, &client.key, days).await?;
    let rules = rules(unit, client, days).await?;
    let term = term_on(&client.retainers, next_month(month)).or(client.retainers.last());
    let proposed = term.map(|term| proposal::proposal(term, &last));
    Ok(PricingFacts {
        firm: unit.firm().name.clone(),
        client_name: client.name.clone(),
        month,
        agreed_hourly: term.and_then(|term| proposal::hourly(term.fee, term.top)),
        months: shown,
        requesters: who.into_iter().map(|(name, minutes)| (name, Minutes(minutes))).collect(),
        rules,
        proposal: proposed,
        from: next_month(next_month(month)),
        weeks: 0,
        links,
    })
}

/// The rules that gave the tickets with most time their priority or skill, the most frequent first: what comes again and again.
pub(super) async fn rules(
    unit: &mut Unit<'_>,
    client: &Client,
    days: (NaiveDate, NaiveDate),
) -> Result<Vec<(String, usize)>, StoreError> {
    const LOOKED_AT: usize = 100;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for number in statements::with_time(unit.tx, &client.key, days).await?.into_iter().take(LOOKED_AT) {
        let history = tickets::history(unit.tx, number).await?;
        if let Some(Event::Opened { rules, .. }) = history.first().map(|recorded| &recorded.event) {
            for hit in rules {
                *counts.entry(hit.rule.clone()).or_default() += 1;
            }
        }
    }
    let mut all: Vec<(String, usize)> = counts.into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(5);
    Ok(all)
}

/// Whether a statement names it: the account manager has had it two working days.
pub(super) async fn is_named(unit: &mut Unit<'_>, client: &Client) -> Result<bool, StoreError> {
    let Some(row) = pricing::going_on(unit.tx, &client.key).await? else { return Ok(false) };
    let calendar = unit.firm().drafting.as_ref().map(|drafting| std::sync::Arc::clone(&drafting.calendar));
    Ok(calendar.is_some_and(|calendar| calendar.days_after(row.opened_at, HEAD_START) <= unit.now))
}

/// `#pricing agreed 15-30h from 2027-01`, or `#pricing declined why`: kept with the contract.
pub(super) async fn answered(unit: &mut Unit<'_>, ready: &Ready, tech: &Tech, id: i64) -> Result<Decided, ActError> {
    let line = ready.new.text.lines().map(str::trim).find(|line| line.starts_with('#')).unwrap_or_default().to_owned();
    let mut words = line.split_whitespace();
    let is_ours = words.next().is_some_and(|verb| verb.eq_ignore_ascii_case("#pricing"));
    let outcome = words.next().unwrap_or_default().to_lowercase();
    let said = words.collect::<Vec<_>>().join(" ");
    let row = pricing::one(unit.tx, id).await?;
    let client = row.as_ref().and_then(|row| unit.firm().client(&row.client)).cloned();
    let term = client.as_ref().and_then(|client| client.retainers.last());
    let kept = match (outcome.as_str(), term) {
        _ if !is_ours => {
            Err("answer with #pricing agreed 15-30h from 2027-01, or with #pricing declined and why".to_owned())
        }
        ("agreed", Some(term)) => proposal::agreed(&said, term).map(|line| ("agreed", line)),
        ("declined", _) if said.is_empty() => {
            Err("say why: #pricing declined they move to another office in May".to_owned())
        }
        ("declined", _) => Ok(("declined", String::new())),
        _ => Err("say what came of it: #pricing agreed 15-30h from 2027-01, or #pricing declined and why".to_owned()),
    };
    let refused = match kept {
        Ok((outcome, contract)) => {
            if pricing::close(unit.tx, id, (outcome, &said), &tech.login, unit.now).await? {
                let name = client.map(|client| client.name).unwrap_or_default();
                let next = if contract.is_empty() {
                    String::new()
                } else {
                    format!("\n\nThe next contract line, for the config:\n\n{contract}")
                };
                let effect = format!("{name}: {outcome}, {said}{next}");
                super::receipt::alone(unit, ready, tech, vec![notice::Effect::Other(effect)]).await?;
                return Ok(Decided::because(Fate::Reply, format!("pricing {outcome}")));
            }
            "what came of it was said before".to_owned()
        }
        Err(why) => why,
    };
    let not_done = super::orders::Refused { line, why: refused.clone(), suggestions: Vec::new() };
    super::receipt::not_sent(unit, None, ready, tech, (Purpose::Digest, &not_done)).await?;
    Ok(Decided::because(Fate::Refused, format!("not done: {refused}")))
}
