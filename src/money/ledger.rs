//! A retainer's ledger: what each month grants, what work burns, what is carried on, what runs out, what goes over the top.
//!
//! It is worked out anew from the contract's terms and every entry, by the day the work was done (DESIGN.md section 11). For each month
//! `carried_in + granted + over == burned + expired + carried_out`, to the minute.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::{month_of, next_month};
use crate::words::contract::term_on;
use crate::words::{Category, Login, Minutes, Money, RetainerTerm, TicketNumber};

/// An entry as the ledger sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub id: i64,
    pub day: NaiveDate,
    pub ticket: Option<TicketNumber>,
    pub tech: Login,
    /// Negative in a correction.
    pub minutes: Minutes,
    pub category: Category,
    /// What the ticket wants.
    pub skill: Option<String>,
    pub after_hours: bool,
}

/// Where minutes were taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum From {
    /// Carried from that month (its first day).
    Carried(NaiveDate),
    Own,
    /// Over the top.
    Over,
}

/// A part of the work of one month, all of it taken from one place. Work that crosses the top is two of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burn {
    /// The entries; more than one only where the contract rounds.
    pub entries: Vec<i64>,
    pub day: NaiveDate,
    pub ticket: Option<TicketNumber>,
    pub tech: Login,
    pub from: From,
    /// Weighted: what it burns. Negative where a correction gives back.
    pub minutes: Minutes,
    /// Of `Over`: what an hour costs, by the term of that day.
    pub rate: Option<Money>,
}

/// One month of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    pub first: NaiveDate,
    /// Pro rata where terms begin or end in mid-month.
    pub bottom: Minutes,
    pub top: Minutes,
    pub fee: Money,
    pub carried_in: Minutes,
    /// Everything that burned, weighted: out of what was carried in, of this month's own, and over.
    pub burned: Minutes,
    /// The same as it was worked, neither weighted nor rounded.
    pub worked: Minutes,
    pub over: Minutes,
    /// What hours over the top cost; `None` where the contract has no rate for any of them.
    pub over_cost: Option<Money>,
    pub expired: Minutes,
    pub carried_out: Minutes,
    /// Work that burns nothing and is counted.
    pub warranty: Minutes,
    pub burns: Vec<Burn>,
}

impl Month {
    /// Over means over this month's own top: what was carried in delays money, not the conversation.
    pub fn is_over(&self) -> bool {
        self.burned > self.top
    }

    pub fn is_under(&self) -> bool {
        self.burned < self.bottom
    }

    /// Hundredths of this month's own top.
    pub fn percent(&self) -> i64 {
        if self.top.0 == 0 { 0 } else { self.burned.0 * 100 / self.top.0 }
    }
}

/// Minutes carried from one month, and until when they may be used.
#[derive(Debug, Clone, Copy)]
struct Lot {
    of: NaiveDate,
    left: Minutes,
    /// The first month in which they are gone.
    gone: NaiveDate,
}

/// Days of a month that each term has, in the order of the days.
fn shares(terms: &[RetainerTerm], first: NaiveDate) -> Vec<(&RetainerTerm, i64)> {
    let (_, end) = month_of(first);
    let mut shares: Vec<(&RetainerTerm, i64)> = Vec::new();
    for day in first.iter_days().take_while(|day| *day < end) {
        let Some(term) = term_on(terms, day) else { continue };
        match shares.last_mut() {
            Some((last, days)) if std::ptr::eq(*last, term) => *days += 1,
            _ => shares.push((term, 1)),
        }
    }
    shares
}

/// Of a whole month's amount what the days of each share make, halves away from zero, rounded once for the month.
fn pro_rata(shares: &[(&RetainerTerm, i64)], days: i64, of: impl Fn(&RetainerTerm) -> i64) -> i64 {
    let sum: i128 = shares.iter().map(|(term, share)| i128::from(of(term)) * i128::from(*share)).sum();
    let days = i128::from(days.max(1));
    i64::try_from((2 * sum + days) / (2 * days)).unwrap_or(i64::MAX)
}

/// Work of one tech on one ticket and day, where the contract rounds; else one entry.
struct Unit<'w> {
    entries: Vec<i64>,
    work: &'w Work,
    minutes: Minutes,
}

fn units<'w>(terms: &[RetainerTerm], work: &[&'w Work]) -> Vec<Unit<'w>> {
    let mut units: Vec<Unit<'w>> = Vec::new();
    let mut rounded: BTreeMap<(NaiveDate, Option<TicketNumber>, &Login, bool), usize> = BTreeMap::new();
    for entry in work {
        let key = (entry.day, entry.ticket, &entry.tech, entry.after_hours);
        let rounds = term_on(terms, entry.day).is_some_and(|term| term.rounding.is_some());
        match rounded.get(&key).filter(|_| rounds) {
            Some(place) => {
                units[*place].minutes += entry.minutes;
                units[*place].entries.push(entry.id);
            }
            None => {
                rounded.insert(key, units.len());
                units.push(Unit { entries: vec![entry.id], work: entry, minutes: entry.minutes });
            }
        }
    }
    units
}

/// What so much work burns by the term of its day: rounded up where the contract rounds, then weighted, halves away from zero.
pub fn weighted(term: &RetainerTerm, minutes: Minutes, after_hours: bool) -> Minutes {
    let size = match term.rounding {
        Some(step) if step.0 > 0 => minutes.0.unsigned_abs().div_ceil(step.0.unsigned_abs()) * step.0.unsigned_abs(),
        _ => minutes.0.unsigned_abs(),
    };
    let percent = if after_hours { u64::from(term.after_hours) } else { 100 };
    let weighted = i64::try_from((size * percent + 50) / 100).unwrap_or(i64::MAX);
    Minutes(weighted * minutes.0.signum())
}

/// Every month from the first term's to the one that `until` lies in. Entries outside the terms burn nothing.
pub fn ledger(terms: &[RetainerTerm], work: &[Work], until: NaiveDate) -> Vec<Month> {
    let Some(begin) = terms.iter().map(|term| term.since).min() else { return Vec::new() };
    let (mut first, last) = (month_of(begin).0, month_of(until).0);
    let mut by_month: BTreeMap<NaiveDate, Vec<&Work>> = BTreeMap::new();
    for entry in work {
        by_month.entry(month_of(entry.day).0).or_default().push(entry);
    }
    let mut lots: Vec<Lot> = Vec::new();
    let mut months = Vec::new();
    while first <= last {
        let mut entries = by_month.remove(&first).unwrap_or_default();
        entries.sort_by_key(|entry| (entry.day, entry.id));
        let month = one(terms, &entries, first, &mut lots);
        months.extend(month);
        first = next_month(first);
    }
    months
}

/// Works a month out and leaves in `lots` what it carries on; `None` where no term covers a day of it.
fn one(terms: &[RetainerTerm], entries: &[&Work], first: NaiveDate, lots: &mut Vec<Lot>) -> Option<Month> {
    let shares = shares(terms, first);
    let (_, end) = month_of(first);
    let days = (end - first).num_days();
    let gone: Minutes = lots.iter().filter(|lot| lot.gone <= first).map(|lot| lot.left).sum();
    lots.retain(|lot| lot.gone > first);
    let Some((last_term, _)) = shares.last().copied() else {
        // The contract has ended: what was carried ends with it.
        lots.clear();
        return None;
    };
    let currency = last_term.fee.currency;
    let top = Minutes(pro_rata(&shares, days, |term| term.top.0));
    let mut month = Month {
        first,
        bottom: Minutes(pro_rata(&shares, days, |term| term.bottom.0)),
        top,
        fee: Money { minor: pro_rata(&shares, days, |term| term.fee.minor), currency },
        carried_in: lots.iter().map(|lot| lot.left).sum::<Minutes>() + gone,
        burned: Minutes(0),
        worked: Minutes(0),
        over: Minutes(0),
        over_cost: None,
        expired: gone,
        carried_out: Minutes(0),
        warranty: Minutes(0),
        burns: Vec::new(),
    };
    let warranty = |entry: &&&Work| entry.category == Category::Warranty;
    month.warranty = entries.iter().filter(warranty).map(|entry| entry.minutes).sum();
    let burning = |entry: &&Work| {
        term_on(terms, entry.day).is_some_and(|term| term.burns(entry.category, entry.skill.as_deref()))
    };
    let burning: Vec<&Work> = entries.iter().copied().filter(burning).collect();
    let mut own = top;
    // What takes back comes after what it takes from, in whatever order it arrived.
    let mut units = units(terms, &burning);
    units.sort_by_key(|unit| unit.minutes < Minutes(0));
    for unit in units {
        let Some(term) = term_on(terms, unit.work.day) else { continue };
        month.worked += unit.minutes;
        let burns = weighted(term, unit.minutes, unit.work.after_hours);
        month.burned += burns;
        if burns >= Minutes(0) {
            take(&mut month, &unit, term, burns, lots, &mut own);
        } else {
            give_back(&mut month, &unit, Minutes(-burns.0), lots, (&mut own, top));
        }
    }
    settle(&mut month, own, lots, last_term);
    Some(month)
}

/// Takes from what was carried first (the oldest), then from the month's own, the rest is over.
fn take(
    month: &mut Month,
    unit: &Unit<'_>,
    term: &RetainerTerm,
    minutes: Minutes,
    lots: &mut [Lot],
    own: &mut Minutes,
) {
    let mut left = minutes;
    let mut burn = |from: From, minutes: Minutes, rate: Option<Money>| {
        if minutes > Minutes(0) {
            month.burns.push(Burn {
                entries: unit.entries.clone(),
                day: unit.work.day,
                ticket: unit.work.ticket,
                tech: unit.work.tech.clone(),
                from,
                minutes,
                rate,
            });
        }
    };
    for lot in lots.iter_mut() {
        let taken = left.min(lot.left);
        lot.left = lot.left - taken;
        left = left - taken;
        burn(From::Carried(lot.of), taken, None);
    }
    let taken = left.min(*own);
    *own = *own - taken;
    left = left - taken;
    burn(From::Own, taken, None);
    burn(From::Over, left, term.overage_rate);
    month.over += left;
}

/// A correction gives back in the opposite order: what is over first, then the month's own, then what was carried. So the sums of a month
/// are those of its net work, in whatever order the entries came.
fn give_back(
    month: &mut Month,
    unit: &Unit<'_>,
    minutes: Minutes,
    lots: &mut [Lot],
    (own, top): (&mut Minutes, Minutes),
) {
    let mut left = minutes;
    let mut back: Vec<(From, Minutes, Option<Money>)> = Vec::new();
    // Of what is over the dearest is not given back before the last: by the order in which it was burned.
    let overs: Vec<(Minutes, Option<Money>)> = open_overs(&month.burns);
    for (open, rate) in overs.into_iter().rev() {
        let given = left.min(open);
        left = left - given;
        month.over = month.over - given;
        back.push((From::Over, given, rate));
    }
    let given = left.min(top - *own);
    *own += given;
    left = left - given;
    back.push((From::Own, given, None));
    let taken: Vec<(NaiveDate, Minutes)> = carried_taken(&month.burns);
    for lot in lots.iter_mut().rev() {
        let open = taken.iter().find(|(of, _)| *of == lot.of).map_or(Minutes(0), |(_, open)| *open);
        let given = left.min(open);
        lot.left += given;
        left = left - given;
        back.push((From::Carried(lot.of), given, None));
    }
    // More was given back than was ever burned in the month: its own grows by it.
    *own += left;
    back.push((From::Own, left, None));
    for (from, minutes, rate) in back.into_iter().filter(|(_, minutes, _)| *minutes > Minutes(0)) {
        month.burns.push(Burn {
            entries: unit.entries.clone(),
            day: unit.work.day,
            ticket: unit.work.ticket,
            tech: unit.work.tech.clone(),
            from,
            minutes: -minutes,
            rate,
        });
    }
}

/// What is over at the moment, by rate, in the order in which it was burned.
fn open_overs(burns: &[Burn]) -> Vec<(Minutes, Option<Money>)> {
    let mut open: Vec<(Minutes, Option<Money>)> = Vec::new();
    for burn in burns.iter().filter(|burn| burn.from == From::Over) {
        match open.iter_mut().rev().find(|(_, rate)| *rate == burn.rate) {
            Some((minutes, _)) => *minutes += burn.minutes,
            None => open.push((burn.minutes, burn.rate)),
        }
    }
    open
}

fn carried_taken(burns: &[Burn]) -> Vec<(NaiveDate, Minutes)> {
    let mut taken: BTreeMap<NaiveDate, Minutes> = BTreeMap::new();
    for burn in burns {
        if let From::Carried(of) = burn.from {
            *taken.entry(of).or_default() += burn.minutes;
        }
    }
    taken.into_iter().collect()
}

/// The end of a month: what its last term carries on, what it lets go, what is over in money.
fn settle(month: &mut Month, own: Minutes, lots: &mut Vec<Lot>, term: &RetainerTerm) {
    match term.rollover {
        Some(rollover) => {
            let mut gone = month.first;
            for _ in 0..=rollover.months {
                gone = next_month(gone);
            }
            lots.push(Lot { of: month.first, left: own, gone });
        }
        None => {
            month.expired += own + lots.iter().map(|lot| lot.left).sum();
            lots.clear();
        }
    }
    // Over the most that may be carried the oldest go first: they would run out first.
    let most = term.rollover.map_or(Minutes(0), |rollover| rollover.most);
    let mut all: Minutes = lots.iter().map(|lot| lot.left).sum();
    for lot in lots.iter_mut() {
        let cut = lot.left.min((all - most).max(Minutes(0)));
        lot.left = lot.left - cut;
        all = all - cut;
        month.expired += cut;
    }
    lots.retain(|lot| lot.left > Minutes(0));
    // What runs out with the month's end is gone now: nobody can use it in the next.
    let next = next_month(month.first);
    let gone: Minutes = lots.iter().filter(|lot| lot.gone <= next).map(|lot| lot.left).sum();
    lots.retain(|lot| lot.gone > next);
    month.expired += gone;
    month.carried_out = lots.iter().map(|lot| lot.left).sum();
    month.over_cost = over_cost(&month.burns).filter(|_| month.over > Minutes(0));
}

/// Money for what is over, by rate: minutes times rate, halves of the smallest unit away from zero, rounded once a rate.
fn over_cost(burns: &[Burn]) -> Option<Money> {
    let mut by_rate: BTreeMap<(String, i64), (Money, i64)> = BTreeMap::new();
    for burn in burns.iter().filter(|burn| burn.from == From::Over) {
        if let Some(rate) = burn.rate {
            by_rate.entry((rate.currency.to_string(), rate.minor)).or_insert((rate, 0)).1 += burn.minutes.0;
        }
    }
    let currency = by_rate.values().next()?.0.currency;
    let minor = by_rate.values().map(|(rate, minutes)| cost(*rate, Minutes(*minutes)).minor).sum();
    Some(Money { minor, currency })
}

/// What so many minutes cost at an hourly rate; halves of the smallest unit away from zero.
pub fn cost(rate: Money, minutes: Minutes) -> Money {
    let product = i128::from(rate.minor) * i128::from(minutes.0);
    let half = if product < 0 { -30 } else { 30 };
    Money { minor: i64::try_from((product + half) / 60).unwrap_or(i64::MAX), currency: rate.currency }
}

/// The day on which the month's top is reached if the work goes on as until `today`; `None`: not in this month.
pub fn forecast(month: &Month, today: NaiveDate) -> Option<NaiveDate> {
    let (_, end) = month_of(month.first);
    let elapsed = i64::from(today.day());
    if month.burned.0 <= 0 || today < month.first || today >= end {
        return None;
    }
    // The first day at whose end burned × day ÷ elapsed reaches the top.
    let day = (month.top.0 * elapsed + month.burned.0 - 1) / month.burned.0;
    let at = month.first.with_day(u32::try_from(day.max(1)).ok()?)?;
    (at < end).then_some(at)
}
