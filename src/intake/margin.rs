//! The monthly mail to the managers: what tickets, projects and retainers brought in, and for how many hours; once for each month that was billed.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::case::Unit;
use super::letter::{self, TechLetter};
use super::tell::managers;
use crate::desk::firm::{Client, Firm, Tech};
use crate::money::billing::month_key;
use crate::money::margin::{Hand, House, Party, Reckoning, Report, first_month};
use crate::money::next_month;
use crate::notice::{self, MarginFacts};
use crate::outbox::Class;
use crate::store::tokens::Purpose;
use crate::store::{StoreError, jobs, margin};
use crate::words::{ClientKey, Currency, Login, Minutes};

/// The job whose periods are the months that were told.
const JOB: &str = "margin";

/// The figures of a month, with the months before it.
pub async fn report(unit: &mut Unit<'_>, period: NaiveDate) -> Result<Report, StoreError> {
    let (from, to) = (first_month(period), next_month(period));
    let mut revenue = margin::revenue(unit.tx, from, period).await?;
    let mut parties: BTreeSet<Option<ClientKey>> = margin::worked_for(unit.tx, from, to).await?.into_iter().collect();
    parties.extend(revenue.keys().cloned().map(Some));
    let firm = unit.firm();
    let techs: Vec<Hand> = firm
        .techs
        .iter()
        .map(|tech| Hand {
            login: tech.login.clone(),
            name: tech.name.clone(),
            contracted: contracted(firm, tech, period),
        })
        .collect();
    let cost = |login: &Login| firm.hourly_cost(login);
    let house = House { period, techs: &techs, cost: &cost, currency: usual_currency(firm) };
    let mut reckoning = Reckoning::new(house);
    for key in parties {
        let work = margin::work(unit.tx, key.as_ref(), from, to).await?;
        let client = key.as_ref().and_then(|key| firm.client(key));
        let billed = key.as_ref().and_then(|key| revenue.remove(key)).unwrap_or_default();
        reckoning.add(&Party {
            key: key.as_ref(),
            name: client.map_or_else(|| key.as_ref().map_or("", |key| key.0.as_str()), |client| client.name.as_str()),
            internal: client.is_some_and(|client| client.internal),
            terms: client.map_or(&[], |client| client.retainers.as_slice()),
            currency: client.and_then(|client| rate_currency(firm, client)),
            work: &work,
            revenue: &billed,
        });
    }
    Ok(reckoning.report())
}

/// Of the first rate that may fit the client's work.
fn rate_currency(firm: &Firm, client: &Client) -> Option<Currency> {
    let fits = firm.rates.iter().find(|rate| rate.client.as_ref().is_none_or(|key| *key == client.key));
    fits.map(|rate| rate.amount.currency)
}

/// Of the first rate, else of what an hour costs, else of the first contract.
fn usual_currency(firm: &Firm) -> Option<Currency> {
    let rate = firm.rates.first().map(|rate| rate.amount);
    let contract = || firm.clients.iter().flat_map(|client| &client.retainers).map(|term| term.fee).next();
    rate.or(firm.billing.hourly_cost).or_else(contract).map(|money| money.currency)
}

/// What a tech's contract wants in a month: the hours of a week for each working day of his calendar, from his first day on.
fn contracted(firm: &Firm, tech: &Tech, period: NaiveDate) -> Minutes {
    let calendar = firm.calendars.get(&tech.calendar);
    let a_week = calendar.map_or(7, |calendar| calendar.days_a_week()).max(1);
    let works = |day: &NaiveDate| {
        calendar.is_none_or(|calendar| calendar.is_working_day(*day)) && tech.started.is_none_or(|first| first <= *day)
    };
    let end = next_month(period);
    let days = period.iter_days().take_while(|day| *day < end).filter(works).count();
    let days = i64::try_from(days).unwrap_or(0);
    Minutes(i64::from(tech.hours_per_week) * 60 * days / i64::from(a_week))
}

/// After a month was billed: the managers hear how it was, once, also where it is billed again.
pub(super) async fn tell(unit: &mut Unit<'_>, period: NaiveDate) -> Result<(), StoreError> {
    if !jobs::claim(unit.tx, JOB, &month_key(period), unit.now).await? {
        return Ok(());
    }
    let facts = MarginFacts { report: report(unit, period).await?, leak: Some(super::hygiene::meter(unit).await?) };
    for tech in managers(unit) {
        let address = letter::tech_token(unit, None, &tech, Purpose::Digest).await?;
        let rendered = notice::margin(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("{JOB}/{}/{}", month_key(period), tech.login);
        let letter = TechLetter { kind: JOB, class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &tech, &address, letter).await?;
    }
    Ok(())
}
