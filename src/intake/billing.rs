//! The billing run: a preview to the managers the day before, then frozen, numbered and handed over; each month once.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::action::ActError;
use super::case::Unit;
use super::letter::{self, TechLetter};
use super::tell::managers;
use crate::desk::calendar::local_moment;
use crate::desk::firm::Client;
use crate::mail::Attachment;
use crate::money::billing::{self as reckoning, Account, Books, Start, month_key};
use crate::money::invoice::{Run, billed};
use crate::money::statement::hash;
use crate::money::{export, month_of, next_month};
use crate::notice::{self, BillingFacts};
use crate::outbox::Class;
use crate::store::billing::{self, Row};
use crate::store::tokens::Purpose;
use crate::store::{StoreError, jobs, statements};
use crate::words::{ClientKey, Login};

/// The jobs whose periods are the months that were billed, and shown before.
pub(super) const RUN: &str = "billing";
const PREVIEW: &str = "billing_preview";
/// The managers have the preview so long before the run, also where it was late.
const BEFORE: TimeDelta = TimeDelta::days(1);

/// What is to be done now.
enum Step {
    Preview(NaiveDate, DateTime<Utc>),
    Run(NaiveDate),
}

/// From when on deskd bills; `None` while nothing ever arrived.
async fn start(unit: &mut Unit<'_>) -> Result<Option<Start>, StoreError> {
    if let Some(since) = unit.firm().billing.since {
        return Ok(Some(Start { month: month_of(since).0, began: None }));
    }
    let began = statements::begun(unit.tx).await?;
    let began = began.map(|at| at.with_timezone(&unit.firm().time_zone).date_naive());
    Ok(began.map(|began| Start { month: month_of(began).0, began: Some(began) }))
}

/// When the run of a month is planned: the first moment that the schedule names after its end.
fn planned(unit: &Unit<'_>, period: NaiveDate) -> Option<DateTime<Utc>> {
    let end = next_month(period).and_time(NaiveTime::MIN).and_utc() - TimeDelta::seconds(1);
    let at = unit.firm().billing.at.as_ref()?.after(&end).next()?;
    Some(local_moment(unit.firm().time_zone, at.naive_utc()))
}

/// The earliest month that was not billed has its preview, then its run; after a long time away each month for itself.
async fn due(unit: &mut Unit<'_>) -> Result<Option<Step>, StoreError> {
    if unit.firm().billing.at.is_none() {
        return Ok(None);
    }
    let last = jobs::newest(unit.tx, RUN).await?;
    let last = last.and_then(|period| NaiveDate::parse_from_str(&format!("{period}-01"), "%Y-%m-%d").ok());
    let month = match last {
        Some(last) => next_month(last),
        None => match start(unit).await? {
            Some(start) => start.month,
            None => return Ok(None),
        },
    };
    let Some(planned) = planned(unit, month) else { return Ok(None) };
    Ok(match jobs::ran_at(unit.tx, PREVIEW, &month_key(month)).await? {
        None if unit.now >= planned - BEFORE => Some(Step::Preview(month, planned.max(unit.now + BEFORE))),
        Some(shown) if unit.now >= planned.max(shown + BEFORE) => Some(Step::Run(month)),
        _ => None,
    })
}

pub async fn waits(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    Ok(due(unit).await?.is_some())
}

/// Shows or bills the month whose time has come. True where something was done.
pub async fn billing(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    match due(unit).await? {
        None => return Ok(false),
        Some(Step::Preview(month, at)) => {
            if jobs::claim(unit.tx, PREVIEW, &month_key(month), unit.now).await?
                && billing::of_period(unit.tx, month).await?.is_none()
            {
                let run = draft(unit, month).await?;
                tell(unit, &run, Some(at)).await?;
            }
        }
        Some(Step::Run(month)) => {
            if jobs::claim(unit.tx, RUN, &month_key(month), unit.now).await? {
                bill(unit, month).await?;
            }
        }
    }
    Ok(true)
}

/// What the run of a month would bill now, without a number.
pub async fn draft(unit: &mut Unit<'_>, period: NaiveDate) -> Result<Run, StoreError> {
    let date = unit.now.with_timezone(&unit.firm().time_zone).date_naive();
    let mut run = Run { number: 0, period, date, clients: Vec::new(), faults: Vec::new() };
    let Some(start) = start(unit).await?.filter(|start| period >= start.month) else { return Ok(run) };
    let firm = unit.firm();
    for client in &firm.clients {
        if client.internal {
            continue;
        }
        let account = account(unit, client, start, period).await?;
        let billed = billed(&client.key, &client.name, &client.invoice_to, date, account);
        if !billed.is_empty() {
            run.clients.push(billed);
        }
    }
    run.faults = billing::of_nobody(unit.tx, start.month, next_month(period)).await?;
    Ok(run)
}

async fn account(unit: &mut Unit<'_>, client: &Client, start: Start, period: NaiveDate) -> Result<Account, StoreError> {
    let entries = billing::entries(unit.tx, &client.key, next_month(period)).await?;
    let before = billing::billed(unit.tx, &client.key).await?;
    let announced = announced(unit, &client.key).await?;
    let firm = unit.firm();
    let roles = |login: &Login| firm.tech(login).map(|tech| tech.roles.clone()).unwrap_or_default();
    let books = Books {
        client: &client.key,
        terms: &client.retainers,
        to: &client.invoice_to,
        rates: &firm.rates,
        start,
        entries: &entries,
        billed: &before,
        announced: &announced,
        roles: &roles,
    };
    Ok(reckoning::account(&books, period))
}

fn overage_job(client: &ClientKey) -> String {
    format!("overage/{client}")
}

/// Months whose hours over the top may be billed: 100 % was told when it happened, or a human let it pass.
async fn announced(unit: &mut Unit<'_>, client: &ClientKey) -> Result<HashSet<NaiveDate>, StoreError> {
    let told = jobs::periods(unit.tx, &format!("usage/{client}")).await?;
    let told = told.into_iter().filter_map(|period| period.strip_suffix("/100").map(str::to_owned));
    let passed = jobs::periods(unit.tx, &overage_job(client)).await?;
    let month = |period: String| NaiveDate::parse_from_str(&format!("{period}-01"), "%Y-%m-%d").ok();
    Ok(told.chain(passed).filter_map(month).collect())
}

/// Bills a month: frozen, numbered, its entries marked, mailed to the managers. `None` where it was billed before, or there is nothing.
pub async fn bill(unit: &mut Unit<'_>, period: NaiveDate) -> Result<Option<Run>, StoreError> {
    if billing::of_period(unit.tx, period).await?.is_some() {
        return Ok(None);
    }
    let mut run = draft(unit, period).await?;
    if run.clients.is_empty() {
        return Ok(None);
    }
    let number = billing::next_number(unit.tx).await?;
    run.number(number, &unit.firm().billing.prefix);
    let content = run.to_json();
    billing::keep(unit.tx, &run, (&content, &hash(&content)), unit.now).await?;
    tell(unit, &run, None).await?;
    super::margin::tell(unit, period).await?;
    Ok(Some(run))
}

/// What a run says, as it was frozen.
pub fn frozen(row: &Row) -> Option<Run> {
    serde_json::from_str(&row.content).ok()
}

/// The run counts no more: what it billed is open again.
pub async fn void(unit: &mut Unit<'_>, number: i64, why: &str) -> Result<(), ActError> {
    let Some(row) = billing::one(unit.tx, number).await? else {
        return Err(ActError::refused(format!("there is no run {number} of billing")));
    };
    if !billing::void(unit.tx, number, why, unit.now).await? {
        let why = row.void_reason.unwrap_or_default();
        return Err(ActError::refused(format!("run {number} was made void before: {why}")));
    }
    Ok(())
}

/// A human lets hours over a range be billed of which nobody was told at 100 %. False where somebody did before.
pub async fn approve_overage(unit: &mut Unit<'_>, client: &ClientKey, month: NaiveDate) -> Result<bool, ActError> {
    if unit.firm().client(client).is_none() {
        return Err(ActError::refused(format!("there is no client \"{client}\"")));
    }
    Ok(jobs::claim(unit.tx, &overage_job(client), &month_key(month), unit.now).await?)
}

/// `at`: when it runs; `None`: it ran.
async fn tell(unit: &mut Unit<'_>, run: &Run, at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    if run.clients.is_empty() && run.faults.is_empty() {
        return Ok(());
    }
    let period = month_key(run.period);
    for tech in managers(unit) {
        let address = letter::tech_token(unit, None, &tech, Purpose::Digest).await?;
        let facts =
            BillingFacts { run: run.clone(), at: at.map(|at| at.with_timezone(&tech.time_zone)), now: unit.now };
        let texts = &unit.office.texts;
        let (kind, rendered) = match at {
            Some(_) => (PREVIEW, notice::billing_preview(texts, &unit.firm().language, &facts)),
            None => (RUN, notice::billing(texts, &unit.firm().language, &facts)),
        };
        let key = match at {
            Some(_) => format!("{kind}/{period}/{}", tech.login),
            None => format!("{kind}/{}/{}", run.number, tech.login),
        };
        let files = files(run, at.is_none(), &unit.firm().billing.dates);
        letter::to_tech(
            unit,
            None,
            &tech,
            &address,
            TechLetter { kind, class: Class::MustArrive, key, rendered, files },
        )
        .await?;
    }
    Ok(())
}

/// The sheet; of a run also what the accounting programs import.
fn files(run: &Run, done: bool, dates: &str) -> Vec<Attachment> {
    let month = month_key(run.period);
    let file = |name: &str, kind: &str, text: String| Attachment {
        name: format!("billing-{month}{name}"),
        content_type: kind.to_owned(),
        content_id: None,
        inline: false,
        decoration: false,
        bytes: text.into_bytes(),
    };
    let mut files = vec![file(".csv", "text/csv", export::sheet(run))];
    if done {
        files.push(file("-xero.csv", "text/csv", export::xero(run, dates)));
        files.push(file("-quickbooks.csv", "text/csv", export::quickbooks(run, dates)));
        files.push(file(".json", "application/json", run.to_json()));
    }
    files
}
