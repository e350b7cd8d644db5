//! Three businesses side by side: for how many hours of work tickets, projects and retainers brought in what, and what is left of it.
//!
//! Hours count by the day of the work. What a retainer and its hours over the range bring counts to their month, work by the rate card to the
//! month of the run that billed it. Currencies are never mixed: each has a block of its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use super::invoice::Kind;
use super::ledger::cost;
use super::proposal::hourly;
use super::{month_of, next_month};
use crate::words::contract::term_on;
use crate::words::{Category, ClientKey, Currency, Login, Minutes, Money, RetainerTerm};

/// Months that the trend shows, the one that is told among them.
pub const TREND: u32 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Business {
    /// Reactive work by the hour, and warranty.
    Tickets,
    Projects,
    Retainers,
}

impl Business {
    pub const ALL: [Business; 3] = [Business::Tickets, Business::Projects, Business::Retainers];

    pub fn as_str(self) -> &'static str {
        match self {
            Business::Tickets => "tickets",
            Business::Projects => "projects",
            Business::Retainers => "retainers",
        }
    }

    /// Work that burns a retainer is the retainer's, whatever its category.
    fn of_work(terms: &[RetainerTerm], stint: &Stint) -> Business {
        let burns = |term: &RetainerTerm| term.burns(stint.category, stint.skill.as_deref());
        match stint.category {
            Category::Warranty => Business::Tickets,
            _ if term_on(terms, stint.day).is_some_and(burns) => Business::Retainers,
            Category::Retainer => Business::Retainers,
            Category::Project => Business::Projects,
            Category::Tm => Business::Tickets,
        }
    }

    /// `None`: other recurring fees, which no hours stand behind, and what is settled without money.
    fn of_line(kind: Kind) -> Option<Business> {
        match kind {
            Kind::Retainer | Kind::Overage => Some(Business::Retainers),
            Kind::Time => Some(Business::Tickets),
            Kind::Project => Some(Business::Projects),
            Kind::Fee | Kind::Included | Kind::Warranty | Kind::Unbillable => None,
        }
    }
}

/// What a tech worked of one kind on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stint {
    pub day: NaiveDate,
    pub tech: Login,
    pub category: Category,
    pub skill: Option<String>,
    pub minutes: Minutes,
}

/// What lines of one kind, of runs that stand, brought in for a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revenue {
    /// First day.
    pub month: NaiveDate,
    pub kind: Kind,
    pub amount: Money,
    /// That were billed with it.
    pub minutes: Minutes,
}

/// A client with the months that are looked at.
pub struct Party<'a> {
    /// `None`: work on tickets of nobody.
    pub key: Option<&'a ClientKey>,
    pub name: &'a str,
    /// Our own firm.
    pub internal: bool,
    pub terms: &'a [RetainerTerm],
    /// Of an hour by the rate card.
    pub currency: Option<Currency>,
    pub work: &'a [Stint],
    pub revenue: &'a [Revenue],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    pub login: Login,
    pub name: String,
    /// What the contract wants in the month.
    pub contracted: Minutes,
}

/// What the firm knows beside its clients.
pub struct House<'a> {
    /// First day of the month that is told.
    pub period: NaiveDate,
    pub techs: &'a [Hand],
    /// What an hour of a tech costs.
    pub cost: &'a (dyn Fn(&Login) -> Option<Money> + Sync),
    /// Of hours that nothing else gives one.
    pub currency: Option<Currency>,
}

/// The month as managers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub period: NaiveDate,
    pub blocks: Vec<Block>,
    /// Hours in no block: nothing says in which money they are paid.
    pub unpriced: Minutes,
    pub own: Own,
    pub techs: Vec<Used>,
    pub all: Used,
}

/// The businesses in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    pub currency: Currency,
    /// Tickets, projects, retainers.
    pub businesses: Vec<Figures>,
    pub total: Figures,
    /// `[[client.fee]]`: licences, seats.
    pub fees: Money,
    /// The oldest first.
    pub trend: Vec<Past>,
    /// The lowest hour first.
    pub retainers: Vec<Ranked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figures {
    pub minutes: Minutes,
    pub revenue: Money,
    /// What an hour of work brought.
    pub hourly: Option<Money>,
    /// What the hours cost; `None` where the cost of any of them is not known.
    pub cost: Option<Money>,
    pub margin: Option<Money>,
    /// Hundredths of the revenue.
    pub percent: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Past {
    pub month: NaiveDate,
    pub minutes: Minutes,
    /// Of tickets, projects, retainers.
    pub revenue: Vec<Money>,
    pub total: Money,
    pub hourly: Option<Money>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranked {
    pub client: ClientKey,
    pub name: String,
    /// Fee and overage; `None`: nothing was billed for the month.
    pub revenue: Option<Money>,
    pub minutes: Minutes,
    pub hourly: Option<Money>,
    pub cost: Option<Money>,
    pub margin: Option<Money>,
}

/// Time of our own firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Own {
    pub minutes: Minutes,
    pub cost: Option<Money>,
}

/// Hours against what the contract wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Empty: everybody.
    pub name: String,
    pub clients: Minutes,
    pub own: Minutes,
    pub contracted: Minutes,
    /// Hundredths that went to clients; `None` where nothing is contracted.
    pub percent: Option<i64>,
}

type ByTech = BTreeMap<Login, Minutes>;

#[derive(Debug, Default)]
struct Sum {
    revenue: i64,
    by_tech: ByTech,
}

/// One currency's months, fees of the one that is told, and its retainers.
#[derive(Debug, Default)]
struct Sums {
    months: BTreeMap<(NaiveDate, Business), Sum>,
    fees: i64,
    retainers: Vec<(ClientKey, String, Option<i64>, ByTech)>,
}

/// Takes one client after the other, so that nobody has to hold all their work at once.
pub struct Reckoning<'a> {
    house: House<'a>,
    sums: BTreeMap<Currency, Sums>,
    unpriced: Minutes,
    own: ByTech,
    clients: ByTech,
}

/// The first month of the trend.
pub fn first_month(period: NaiveDate) -> NaiveDate {
    month_of(period).0 - chrono::Months::new(TREND - 1)
}

/// Hundredths, halves away from zero.
fn hundredths(part: i64, whole: i64) -> Option<i64> {
    if whole <= 0 {
        return None;
    }
    let (part, whole) = (i128::from(part) * 100, i128::from(whole));
    let half = if part < 0 { -whole } else { whole };
    i64::try_from((2 * part + half) / (2 * whole)).ok()
}

impl Party<'_> {
    /// In which money the hours of a business are paid: by the contract, else by what was billed in the month (the most minutes win), else by
    /// the rate card.
    fn currency(&self, business: Business, month: NaiveDate) -> Option<Currency> {
        let terms = self.terms.iter().filter(|term| term.since < next_month(month));
        let contract = terms.max_by_key(|term| term.since).filter(|_| business == Business::Retainers);
        let billed = |line: &&Revenue| line.month == month && Business::of_line(line.kind) == Some(business);
        let billed = || self.revenue.iter().filter(billed).max_by_key(|line| line.minutes);
        let contract = contract.map(|term| term.fee.currency);
        contract.or_else(|| billed().map(|line| line.amount.currency)).or(self.currency)
    }
}

impl<'a> Reckoning<'a> {
    pub fn new(house: House<'a>) -> Reckoning<'a> {
        Reckoning { house, sums: BTreeMap::new(), unpriced: Minutes(0), own: ByTech::new(), clients: ByTech::new() }
    }

    pub fn add(&mut self, party: &Party<'_>) {
        let period = self.house.period;
        let worked: BTreeMap<(NaiveDate, Business), ByTech> = by_business(party);
        let everybody = if party.internal { &mut self.own } else { &mut self.clients };
        worked.iter().filter(|((month, _), _)| *month == period).for_each(|(_, by_tech)| merge(everybody, by_tech));
        if party.internal {
            return;
        }
        self.rank(party, worked.get(&(period, Business::Retainers)));
        for line in party.revenue {
            let sums = self.sums.entry(line.amount.currency).or_default();
            match Business::of_line(line.kind) {
                Some(business) => sums.months.entry((line.month, business)).or_default().revenue += line.amount.minor,
                None if line.month == period => sums.fees += line.amount.minor,
                None => {}
            }
        }
        for ((month, business), by_tech) in worked {
            match party.currency(business, month).or(self.house.currency) {
                Some(currency) => {
                    let sums = self.sums.entry(currency).or_default();
                    merge(&mut sums.months.entry((month, business)).or_default().by_tech, &by_tech);
                }
                None if month == period => self.unpriced += by_tech.values().copied().sum(),
                None => {}
            }
        }
    }

    /// A retainer among the others, where the month has hours of it or money for it.
    fn rank(&mut self, party: &Party<'_>, worked: Option<&ByTech>) {
        let period = self.house.period;
        let Some(key) = party.key else { return };
        let lines = |line: &&Revenue| line.month == period && Business::of_line(line.kind) == Some(Business::Retainers);
        let billed: BTreeSet<Currency> = party.revenue.iter().filter(lines).map(|line| line.amount.currency).collect();
        let home = party.currency(Business::Retainers, period).or(self.house.currency);
        for currency in billed.into_iter().chain(home).collect::<BTreeSet<_>>() {
            let own = party.revenue.iter().filter(lines).filter(|line| line.amount.currency == currency);
            let amounts: Vec<i64> = own.map(|line| line.amount.minor).collect();
            let worked = worked.filter(|_| home == Some(currency)).cloned().unwrap_or_default();
            if amounts.is_empty() && worked.is_empty() {
                continue;
            }
            let revenue = (!amounts.is_empty()).then(|| amounts.iter().sum());
            let row = (key.clone(), party.name.to_owned(), revenue, worked);
            self.sums.entry(currency).or_default().retainers.push(row);
        }
    }

    pub fn report(self) -> Report {
        let blocks = self.sums.iter().map(|(currency, sums)| self.block(*currency, sums)).collect();
        let minutes = |sums: &ByTech, login: &Login| sums.get(login).copied().unwrap_or_default();
        let techs: Vec<Used> = self
            .house
            .techs
            .iter()
            .map(|tech| {
                let (clients, own) = (minutes(&self.clients, &tech.login), minutes(&self.own, &tech.login));
                used(&tech.name, clients, own, tech.contracted)
            })
            .collect();
        let all = |of: fn(&Used) -> Minutes| techs.iter().map(of).sum();
        let all = used("", all(|tech| tech.clients), all(|tech| tech.own), all(|tech| tech.contracted));
        Report {
            period: self.house.period,
            blocks,
            unpriced: self.unpriced,
            own: Own { minutes: self.own.values().copied().sum(), cost: self.own_cost() },
            techs,
            all,
        }
    }

    fn block(&self, currency: Currency, sums: &Sums) -> Block {
        let period = self.house.period;
        let nothing = Sum::default();
        let of = |month, business| sums.months.get(&(month, business)).unwrap_or(&nothing);
        let businesses: Vec<Figures> = Business::ALL
            .iter()
            .map(|business| {
                let sum = of(period, *business);
                Self::figures(&sum.by_tech, Money { minor: sum.revenue, currency }, self.cost(&sum.by_tech, currency))
            })
            .collect();
        let costs: Option<Vec<i64>> = businesses.iter().map(|one| one.cost.map(|cost| cost.minor)).collect();
        let mut everybody = ByTech::new();
        Business::ALL.iter().for_each(|business| merge(&mut everybody, &of(period, *business).by_tech));
        let revenue = Money { minor: businesses.iter().map(|one| one.revenue.minor).sum(), currency };
        let costs = costs.map(|costs| Money { minor: costs.iter().sum(), currency });
        let total = Self::figures(&everybody, revenue, costs);
        let begin = sums.months.keys().map(|(month, _)| *month).min().unwrap_or(period).min(period);
        let months = std::iter::successors(Some(begin), |month| Some(next_month(*month)));
        let trend = months.take_while(|month| *month <= period).map(|month| {
            let all = Business::ALL.map(|business| of(month, business));
            let minutes = all.iter().flat_map(|sum| sum.by_tech.values().copied()).sum();
            let total = Money { minor: all.iter().map(|sum| sum.revenue).sum(), currency };
            let revenue = all.iter().map(|sum| Money { minor: sum.revenue, currency }).collect();
            Past { month, minutes, revenue, total, hourly: hourly(total, minutes) }
        });
        let trend = trend.collect();
        let fees = Money { minor: sums.fees, currency };
        Block { currency, businesses, total, fees, trend, retainers: self.ranked(currency, sums) }
    }

    fn ranked(&self, currency: Currency, sums: &Sums) -> Vec<Ranked> {
        let row = |(client, name, revenue, worked): &(ClientKey, String, Option<i64>, ByTech)| {
            let revenue = revenue.map(|minor| Money { minor, currency });
            let cost = self.cost(worked, currency);
            let minutes = worked.values().copied().sum();
            let left = |revenue: Money| cost.map(|cost| Money { minor: revenue.minor - cost.minor, currency });
            Ranked {
                client: client.clone(),
                name: name.clone(),
                revenue,
                minutes,
                hourly: revenue.and_then(|revenue| hourly(revenue, minutes)),
                cost,
                margin: revenue.and_then(left),
            }
        };
        let mut rows: Vec<Ranked> = sums.retainers.iter().map(row).collect();
        // What has no rate comes last.
        rows.sort_by_key(|row| (row.hourly.map_or(i64::MAX, |hourly| hourly.minor), row.name.clone()));
        rows
    }

    fn figures(by_tech: &ByTech, revenue: Money, cost: Option<Money>) -> Figures {
        let minutes = by_tech.values().copied().sum();
        let margin = cost.map(|cost| Money { minor: revenue.minor - cost.minor, ..revenue });
        Figures {
            minutes,
            revenue,
            hourly: hourly(revenue, minutes),
            cost,
            margin,
            percent: margin.and_then(|margin| hundredths(margin.minor, revenue.minor)),
        }
    }

    /// What these hours cost in this currency; `None` where nobody's cost is configured in it, or where that of somebody is not known.
    fn cost(&self, by_tech: &ByTech, currency: Currency) -> Option<Money> {
        let configured = |hand: &Hand| (self.house.cost)(&hand.login).is_some_and(|rate| rate.currency == currency);
        let any = self.house.techs.iter().any(configured);
        any.then(|| sum_of_costs(by_tech, self.house.cost, currency)).flatten()
    }

    /// Of our own time, where all of it costs one currency.
    fn own_cost(&self) -> Option<Money> {
        let currency = self.own.keys().find_map(|login| (self.house.cost)(login))?.currency;
        self.cost(&self.own, currency)
    }
}

/// What the hours of these techs cost, rounded once a tech; `None` where one of them has no cost in this currency.
pub fn sum_of_costs(
    by_tech: &BTreeMap<Login, Minutes>,
    of: &(dyn Fn(&Login) -> Option<Money> + Sync),
    currency: Currency,
) -> Option<Money> {
    let mut minor = 0;
    for (login, minutes) in by_tech.iter().filter(|(_, minutes)| **minutes != Minutes(0)) {
        let rate = of(login).filter(|rate| rate.currency == currency)?;
        minor += cost(rate, *minutes).minor;
    }
    Some(Money { minor, currency })
}

fn by_business(party: &Party<'_>) -> BTreeMap<(NaiveDate, Business), ByTech> {
    let mut worked: BTreeMap<(NaiveDate, Business), ByTech> = BTreeMap::new();
    for stint in party.work {
        let place = (month_of(stint.day).0, Business::of_work(party.terms, stint));
        *worked.entry(place).or_default().entry(stint.tech.clone()).or_default() += stint.minutes;
    }
    worked
}

fn merge(into: &mut ByTech, from: &ByTech) {
    for (login, minutes) in from {
        *into.entry(login.clone()).or_default() += *minutes;
    }
}

fn used(name: &str, clients: Minutes, own: Minutes, contracted: Minutes) -> Used {
    Used { name: name.to_owned(), clients, own, contracted, percent: hundredths(clients.0, contracted.0) }
}
