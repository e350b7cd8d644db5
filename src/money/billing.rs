//! What a client is billed for a month: fees, what is over a retainer, work by the rate card, and what is settled without money.
//!
//! Fees and overage are billed by difference: what the terms and entries make of a month now, less what was billed of it before. So a
//! changed contract or late work corrects itself with the next run, and nothing is billed twice. Money is rounded once a line, halves of
//! the smallest unit away from zero.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDate;

use super::invoice::{Fault, Kind, Line, Waits, Why};
use super::ledger::{self, From, Month, Work};
use super::{month_of, next_month};
use crate::words::contract::{Due, Fee, InvoiceTo, Rate, term_on};
use crate::words::{Category, ClientKey, Login, Minutes, Money, RetainerTerm, TicketNumber};

/// An entry as billing sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub work: Work,
    /// Why nobody pays for it; `None`: it is billable.
    pub unbillable: Option<String>,
    /// In an earlier run that stands.
    pub billed: bool,
    /// The entry that it corrects.
    pub corrects: Option<i64>,
    /// Of the ticket; `None`: confidential, or there is no ticket.
    pub subject: Option<String>,
    pub note: Option<String>,
}

/// From when on deskd bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// First month whose work, overage and fees in arrears are billed.
    pub month: NaiveDate,
    /// The day on which the desk began: a month that had begun then was paid in advance to whoever billed before, unless the contract
    /// began later. `None`: somebody has said from when on, and that counts.
    pub began: Option<NaiveDate>,
}

/// What is known of a client.
pub struct Books<'a> {
    pub client: &'a ClientKey,
    pub terms: &'a [RetainerTerm],
    pub to: &'a InvoiceTo,
    pub rates: &'a [Rate],
    pub start: Start,
    /// Of all days up to the end of the period.
    pub entries: &'a [Entry],
    /// Sums of what earlier runs billed, by the keys of lines.
    pub billed: &'a BTreeMap<String, Money>,
    /// Months whose overage the client heard of at 100 %, or that somebody let pass.
    pub announced: &'a HashSet<NaiveDate>,
    /// What each tech is called by the rates.
    pub roles: &'a dyn Fn(&Login) -> Vec<String>,
}

/// What comes of a client's books.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    pub lines: Vec<Line>,
    pub waits: Vec<Waits>,
    pub faults: Vec<Fault>,
}

/// A line of a month by its difference to what was billed of it.
struct Owed {
    line: Line,
    amount: Money,
}

pub fn month_key(month: NaiveDate) -> String {
    month.format("%Y-%m").to_string()
}

/// What the run of `period` (the first day of its month) bills.
pub fn account(books: &Books<'_>, period: NaiveDate) -> Account {
    let work: Vec<Work> =
        books.entries.iter().filter(|entry| entry.unbillable.is_none()).map(|entry| entry.work.clone()).collect();
    // One month further, whose fee may be due in advance.
    let months = ledger::ledger(books.terms, &work, next_month(period));
    let mut account = Account::default();
    let mut owed: BTreeMap<String, Owed> = BTreeMap::new();
    retainers(books, period, &months, &mut owed);
    fees(books, period, &mut owed);
    let past: Vec<&Month> =
        months.iter().filter(|month| month.first <= period && month.first >= books.start.month).collect();
    for month in &past {
        let Some(cost) = month.over_cost else { continue };
        let key = format!("overage/{}", month_key(month.first));
        let told = books.announced.contains(&month.first);
        let before = books.billed.get(&key).filter(|before| before.currency == cost.currency);
        // What was billed stands until somebody lets the rest pass; less than that is given back at once.
        let amount = match before {
            _ if told => cost,
            Some(before) if before.minor >= cost.minor => cost,
            before => before.copied().unwrap_or(Money { minor: 0, ..cost }),
        };
        if amount != cost {
            account.waits.push(Waits { month: month.first, over: month.over, amount: cost });
        }
        let entries: Vec<i64> = fresh(books, &over_entries(month)).filter(|_| amount == cost).collect();
        let minutes = worked(books, &entries);
        let line = Line { month: Some(month.first), minutes, counted: month.over, entries, ..Line::of(Kind::Overage) };
        owed.insert(key, Owed { line, amount });
    }
    let lines = differences(books, period, owed);
    let paid: HashSet<i64> = lines.iter().flat_map(|line| line.entries.iter().copied()).collect();
    account.lines = lines;
    let waiting: HashSet<i64> = past
        .iter()
        .filter(|month| account.waits.iter().any(|waits| waits.month == month.first))
        .flat_map(|month| over_entries(month))
        .collect();
    let burned = inside(books, period);
    let sorted = Sorted { books, period, burned, waiting, paid };
    sorted.settled(&mut account);
    sorted.by_rate(&mut account);
    account.lines.sort_by_key(|line| (line.kind, line.month, line.ticket));
    account
}

/// Entries that the retainer covers, also where what they come to burns nothing: work that was taken back is no work outside of it.
fn inside(books: &Books<'_>, period: NaiveDate) -> HashSet<i64> {
    let days = books.start.month..next_month(period);
    let covered = |entry: &&Entry| {
        let work = &entry.work;
        let term = term_on(books.terms, work.day).filter(|_| days.contains(&work.day) && entry.unbillable.is_none());
        term.is_some_and(|term| term.burns(work.category, work.skill.as_deref()))
    };
    books.entries.iter().filter(covered).map(|entry| entry.work.id).collect()
}

/// Entries of which something is over.
fn over_entries(month: &Month) -> BTreeSet<i64> {
    let over = month.burns.iter().filter(|burn| burn.from == From::Over);
    over.flat_map(|burn| burn.entries.iter().copied()).collect()
}

fn worked(books: &Books<'_>, ids: &[i64]) -> Minutes {
    let these = books.entries.iter().filter(|entry| ids.contains(&entry.work.id));
    these.map(|entry| entry.work.minutes).sum()
}

/// Those that no run has billed.
fn fresh<'b>(books: &'b Books<'_>, ids: &'b BTreeSet<i64>) -> impl Iterator<Item = i64> + 'b {
    books.entries.iter().filter(|entry| !entry.billed && ids.contains(&entry.work.id)).map(|entry| entry.work.id)
}

/// Whether a month's fee is due with this run. `begins` is the first day of the contract.
fn is_due(start: Start, month: NaiveDate, period: NaiveDate, due: Due, begins: NaiveDate) -> bool {
    let paid_before =
        due == Due::Advance && start.began.is_some_and(|began| month <= month_of(began).0 && begins <= began);
    let last = if due == Due::Advance { next_month(period) } else { period };
    month >= start.month && month <= last && !paid_before
}

fn retainers(books: &Books<'_>, period: NaiveDate, months: &[Month], owed: &mut BTreeMap<String, Owed>) {
    let begins = books.terms.iter().map(|term| term.since).min();
    for month in months {
        let end = next_month(month.first);
        let days = month.first.iter_days().take_while(|day| *day < end);
        let (Some(term), Some(begins)) = (days.filter_map(|day| term_on(books.terms, day)).last(), begins) else {
            continue;
        };
        if is_due(books.start, month.first, period, term.due, begins) {
            let line = Line { month: Some(month.first), ..Line::of(Kind::Retainer) };
            owed.insert(format!("retainer/{}", month_key(month.first)), Owed { line, amount: month.fee });
        }
    }
}

fn fees(books: &Books<'_>, period: NaiveDate, owed: &mut BTreeMap<String, Owed>) {
    let names: BTreeSet<&str> = books.to.fees.iter().map(|fee| fee.name.as_str()).collect();
    for name in names {
        let own: Vec<&Fee> = books.to.fees.iter().filter(|fee| fee.name == name).collect();
        let Some(begins) = own.iter().map(|fee| fee.since).min() else { continue };
        let mut month = month_of(begins).0.max(books.start.month);
        while month <= next_month(period) {
            let due: Vec<&Fee> = own
                .iter()
                .copied()
                .filter(|fee| is_due(books.start, month, period, fee.due, begins) && days_of(fee, month) > 0)
                .collect();
            if let Some(last) = due.last() {
                let line = Line {
                    month: Some(month),
                    what: Some(name.to_owned()),
                    quantity: Some(last.quantity),
                    account_code: last.account_code.clone(),
                    ..Line::of(Kind::Fee)
                };
                let amount = Money { minor: shares(&due, month), currency: last.amount.currency };
                owed.insert(format!("fee/{name}/{}", month_key(month)), Owed { line, amount });
            }
            month = next_month(month);
        }
    }
}

fn days_of(fee: &Fee, month: NaiveDate) -> i64 {
    let end = next_month(month);
    let covered = month.iter_days().take_while(|day| *day < end).filter(|day| fee.covers_day(*day)).count();
    i64::try_from(covered).unwrap_or(0)
}

/// What fees of one name come to in a month, each by its days; rounded once.
fn shares(fees: &[&Fee], month: NaiveDate) -> i64 {
    let days = i128::from((next_month(month) - month).num_days());
    let share = |fee: &&Fee| i128::from(fee.amount.minor) * i128::from(fee.quantity) * i128::from(days_of(fee, month));
    let sum: i128 = fees.iter().map(share).sum();
    i64::try_from((2 * sum + days) / (2 * days)).unwrap_or(i64::MAX)
}

/// Whether what was billed under this key may be given back: of a month that this run reaches, and of a contract or fee that the config
/// still has then. What was taken out of the config gives nothing back: it ends with `until`.
fn may_give_back(books: &Books<'_>, period: NaiveDate, key: &str) -> bool {
    let Some(month) = month_in(key) else { return false };
    let begins = match kind_of(key) {
        (Kind::Fee, Some(name)) => books.to.fees.iter().filter(|fee| fee.name == name).map(|fee| fee.since).min(),
        _ => books.terms.iter().map(|term| term.since).min(),
    };
    month <= period && month >= books.start.month && begins.is_some_and(|begins| month_of(begins).0 <= month)
}

/// Lines for what is owed beside what was billed; what was billed and is owed no more is given back.
fn differences(books: &Books<'_>, period: NaiveDate, owed: BTreeMap<String, Owed>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (key, before) in books.billed {
        let same = owed.get(key).is_some_and(|owed| owed.amount.currency == before.currency);
        if !same && before.minor != 0 && may_give_back(books, period, key) {
            let amount = Money { minor: -before.minor, ..*before };
            let (kind, what) = kind_of(key);
            let line = Line { what, correction: true, amount: Some(amount), key: Some(key.clone()), ..Line::of(kind) };
            lines.push(Line { month: month_in(key), ..line });
        }
    }
    for (key, Owed { line, amount }) in owed {
        let before = books.billed.get(&key).filter(|before| before.currency == amount.currency);
        let before = before.map_or(0, |before| before.minor);
        let difference = Money { minor: amount.minor - before, ..amount };
        if difference.minor != 0 || !line.entries.is_empty() {
            lines.push(Line { key: Some(key), correction: before != 0, amount: Some(difference), ..line });
        }
    }
    lines
}

fn kind_of(key: &str) -> (Kind, Option<String>) {
    match key.split_once('/') {
        Some(("fee", rest)) => (Kind::Fee, rest.rsplit_once('/').map(|(name, _)| name.to_owned())),
        Some(("overage", _)) => (Kind::Overage, None),
        _ => (Kind::Retainer, None),
    }
}

fn month_in(key: &str) -> Option<NaiveDate> {
    let (_, month) = key.rsplit_once('/')?;
    NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok()
}

/// A client's entries, told apart.
struct Sorted<'b, 'a> {
    books: &'b Books<'a>,
    period: NaiveDate,
    /// By the retainer.
    burned: HashSet<i64>,
    /// Over a range, and not let pass yet.
    waiting: HashSet<i64>,
    /// On a line for what is over already.
    paid: HashSet<i64>,
}

impl Sorted<'_, '_> {
    fn unbilled(&self) -> impl Iterator<Item = &Entry> {
        let (first, end) = (self.books.start.month, next_month(self.period));
        self.books.entries.iter().filter(move |entry| !entry.billed && entry.work.day >= first && entry.work.day < end)
    }

    /// What is settled without money.
    fn settled(&self, account: &mut Account) {
        type Key = (Kind, Option<NaiveDate>, Option<TicketNumber>, Option<String>);
        let mut lines: BTreeMap<Key, Line> = BTreeMap::new();
        for entry in self.unbilled() {
            let work = &entry.work;
            let (kind, month, what) = if let Some(why) = &entry.unbillable {
                (Kind::Unbillable, None, Some(why.clone()))
            } else if self.burned.contains(&work.id) {
                if self.waiting.contains(&work.id) || self.paid.contains(&work.id) {
                    continue;
                }
                (Kind::Included, Some(month_of(work.day).0), None)
            } else if work.category == Category::Warranty {
                (Kind::Warranty, None, entry.subject.clone())
            } else {
                continue;
            };
            let ticket = work.ticket.filter(|_| kind != Kind::Included);
            let line = lines.entry((kind, month, ticket, what.clone())).or_insert_with(|| Line {
                month,
                ticket,
                what,
                ..Line::of(kind)
            });
            line.minutes += work.minutes;
            line.counted += work.minutes;
            line.entries.push(work.id);
        }
        account.lines.extend(lines.into_values());
    }

    /// Work outside the retainer. It counts up for each tech, ticket and day, all of it less what was billed of it.
    fn by_rate(&self, account: &mut Account) {
        type Part<'e> = (Category, Option<TicketNumber>, &'e Login, NaiveDate, bool);
        let mut parts: BTreeMap<Part<'_>, Vec<&Entry>> = BTreeMap::new();
        let outside = |entry: &&Entry| {
            let by_rate = matches!(entry.work.category, Category::Tm | Category::Project);
            by_rate && entry.unbillable.is_none() && !self.burned.contains(&entry.work.id)
        };
        for entry in self.books.entries.iter().filter(outside) {
            let work = &entry.work;
            parts.entry((work.category, work.ticket, &work.tech, work.day, work.after_hours)).or_default().push(entry);
        }
        let open: HashSet<i64> = self.unbilled().map(|entry| entry.work.id).collect();
        type Key = (Category, Option<TicketNumber>, Option<String>, String, bool);
        let mut lines: BTreeMap<Key, Line> = BTreeMap::new();
        for ((category, ticket, tech, day, after_hours), entries) in parts {
            let fresh: Vec<&&Entry> = entries.iter().filter(|entry| open.contains(&entry.work.id)).collect();
            let Some(first) = fresh.first() else { continue };
            let nothing = || fresh.iter().map(|entry| entry.work.minutes).sum::<Minutes>() == Minutes(0);
            let Some(rate) = self.rate(first, tech) else {
                if nothing() {
                    continue;
                }
                account.faults.extend(fresh.iter().map(|entry| fault(entry, Why::NoRate)));
                continue;
            };
            let sum =
                |entries: &mut dyn Iterator<Item = &&Entry>| entries.map(|entry| entry.work.minutes).sum::<Minutes>();
            let (all, before) = (sum(&mut entries.iter()), sum(&mut entries.iter().filter(|entry| entry.billed)));
            let counted = self.rounded(all, day) - self.rounded(before, day);
            let what = first.subject.clone().or_else(|| first.note.clone().filter(|_| ticket.is_none()));
            let kind = if category == Category::Project { Kind::Project } else { Kind::Time };
            let line = lines
                .entry((category, ticket, what.clone(), rate.to_string(), after_hours))
                .or_insert_with(|| Line { ticket, what, after_hours, rate: Some(rate), ..Line::of(kind) });
            line.minutes += sum(&mut fresh.iter().copied());
            line.counted += counted;
            line.entries.extend(fresh.iter().map(|entry| entry.work.id));
        }
        for mut line in lines.into_values() {
            line.amount = line.rate.map(|rate| ledger::cost(rate, line.counted));
            account.lines.push(line);
        }
        let lost = |entry: &&Entry| {
            entry.work.category == Category::Retainer
                && entry.unbillable.is_none()
                && !self.burned.contains(&entry.work.id)
        };
        // What was taken back again is no fault.
        let mut left: BTreeMap<i64, Minutes> = BTreeMap::new();
        for entry in self.unbilled().filter(lost) {
            *left.entry(entry.corrects.unwrap_or(entry.work.id)).or_default() += entry.work.minutes;
        }
        let stands = |entry: &&Entry| left.get(&entry.corrects.unwrap_or(entry.work.id)) != Some(&Minutes(0));
        account.faults.extend(self.unbilled().filter(lost).filter(stands).map(|entry| fault(entry, Why::NoRetainer)));
    }

    fn rate(&self, entry: &Entry, tech: &Login) -> Option<Money> {
        let roles = (self.books.roles)(tech);
        let work = &entry.work;
        let fits = |rate: &&Rate| {
            rate.client.as_ref().is_none_or(|client| client == self.books.client)
                && rate.role.as_ref().is_none_or(|role| roles.contains(role))
                && rate.skill.as_ref().is_none_or(|skill| work.skill.as_ref() == Some(skill))
                && rate.after_hours.is_none_or(|after| after == work.after_hours)
        };
        self.books.rates.iter().find(fits).map(|rate| rate.amount)
    }

    fn rounded(&self, minutes: Minutes, day: NaiveDate) -> Minutes {
        let term = term_on(self.books.terms, day).and_then(|term| term.rounding);
        match term.or(self.books.to.rounding).filter(|step| step.0 > 0) {
            Some(step) => {
                let size = minutes.0.unsigned_abs().div_ceil(step.0.unsigned_abs()) * step.0.unsigned_abs();
                Minutes(i64::try_from(size).unwrap_or(i64::MAX) * minutes.0.signum())
            }
            None => minutes,
        }
    }
}

fn fault(entry: &Entry, why: Why) -> Fault {
    let work = &entry.work;
    Fault { entry: work.id, ticket: work.ticket, tech: work.tech.clone(), day: work.day, minutes: work.minutes, why }
}
