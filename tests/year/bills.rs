//! Every run of billing, line by line: fees, what is over, work by its rate, what is settled without money; each entry once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use deskd::store::Db;
use serde_json::Value;

use super::books::{self, Entry, Line, days_of, divided, first_of, ledger, next, term_of, up};
use super::firm::{Client, Fee, Firm, day};
use crate::harness::rows::rows;

/// As it must stand in a run; minutes, smallest units, the entries in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bill {
    client: String,
    kind: String,
    key: Option<String>,
    month: Option<NaiveDate>,
    ticket: Option<i64>,
    minutes: i64,
    counted: i64,
    rate: Option<i64>,
    quantity: Option<i64>,
    amount: Option<(i64, String)>,
    entries: Vec<i64>,
}

/// What no run could bill: the entry and why.
type Fault = (String, i64, &'static str);

pub struct Run {
    pub period: NaiveDate,
    pub at: DateTime<Utc>,
    pub content: String,
}

pub async fn runs(db: &Db) -> Vec<Run> {
    let sql = "SELECT number, period, state, ran_at, content FROM billing_run ORDER BY number";
    let all = rows::<(i64, NaiveDate, String, DateTime<Utc>, String)>(db, sql).await;
    let one = |(place, row): (usize, (i64, NaiveDate, String, DateTime<Utc>, String))| {
        assert_eq!((row.0, row.2.as_str()), (place as i64 + 1, "done"));
        Run { period: row.1, at: row.3, content: row.4 }
    };
    all.into_iter().enumerate().map(one).collect()
}

/// What is known when a run is reckoned.
struct Books<'a> {
    firm: &'a Firm,
    entries: Vec<&'a Entry>,
    /// In an earlier run.
    settled: HashSet<i64>,
    /// By client, key and currency.
    billed: BTreeMap<(String, String, String), i64>,
    period: NaiveDate,
}

/// Reckons all runs one after another; gives how many lines they have.
pub fn all_runs(firm: &Firm, entries: &[Entry], runs: &[Run]) -> usize {
    let mut marked: HashSet<i64> = HashSet::new();
    let mut billed = BTreeMap::new();
    let mut count = 0;
    let mut period = books::start();
    for run in runs {
        assert_eq!(run.period, period, "each month once, in order");
        assert!(run.at.date_naive() >= next(period).with_day(5).unwrap(), "not before the fifth");
        let settled = marked.clone();
        let is_known = |entry: &&Entry| entry.entered < run.at && entry.day < next(period) && entry.stands(run.at);
        let known = entries.iter().filter(is_known).collect();
        let books = Books { firm, entries: known, settled, billed, period };
        let (lines, faults) = reckoned(&books);
        let content: Value = serde_json::from_str(&run.content).unwrap();
        same(&content, lines.clone(), faults, period);
        billed = books.billed;
        for line in lines {
            for id in &line.entries {
                assert!(marked.insert(*id), "e{id} is billed twice");
            }
            if let (Some(key), Some((minor, currency))) = (line.key, line.amount) {
                *billed.entry((line.client, key, currency)).or_insert(0) += minor;
            }
            count += 1;
        }
        period = next(period);
    }
    count
}

/// All clients' lines and faults of a month.
fn reckoned(books: &Books<'_>) -> (Vec<Bill>, Vec<Fault>) {
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    for client in &books.firm.clients {
        let own: Vec<&Entry> = books.entries.iter().copied().filter(|entry| entry.client == client.key).collect();
        let months = ledger(client, &own, next(books.period));
        let mut bills = fees(books, client, &months);
        let past = |month: &&NaiveDate| **month >= books::start() && **month <= books.period;
        let mut paid = BTreeSet::new();
        let mut burned = BTreeSet::new();
        for month in months.keys().filter(past) {
            let line = &months[month];
            burned.extend(line.burned_ids.iter().copied());
            let bill = overage(books, client, *month, line);
            paid.extend(bill.iter().flat_map(|bill| bill.entries.clone()));
            bills.extend(bill);
        }
        gone(books, client, &mut bills);
        bills.retain(|bill| bill.amount.as_ref().is_none_or(|(minor, _)| *minor != 0) || !bill.entries.is_empty());
        let open: Vec<&Entry> = own
            .iter()
            .copied()
            .filter(|entry| {
                !books.settled.contains(&entry.id) && entry.day >= books::start() && !paid.contains(&entry.id)
            })
            .collect();
        bills.extend(free(client, &open, &burned));
        bills.extend(by_rate(books, client, (&own, &open), &burned));
        let lost = || open.iter().filter(|entry| entry.category == "retainer" && !burned.contains(&entry.id));
        // What was taken back again is no fault.
        let mut left: BTreeMap<i64, i64> = BTreeMap::new();
        for entry in lost() {
            *left.entry(entry.corrects.unwrap_or(entry.id)).or_default() += entry.minutes;
        }
        let lost = lost().filter(|entry| left[&entry.corrects.unwrap_or(entry.id)] != 0);
        faults.extend(lost.map(|entry| (client.key.clone(), entry.id, "no_retainer")));
        lines.extend(bills);
    }
    (lines, faults)
}

fn due(month: NaiveDate, period: NaiveDate, arrears: bool, begins: NaiveDate) -> bool {
    // A month that had begun on the first day was paid in advance to whoever billed before, unless the contract came later.
    let before = !arrears && month <= books::start() && begins <= day("2026-03-02");
    let last = if arrears { period } else { next(period) };
    month >= books::start() && month <= last && !before
}

/// What is owed now less what was billed.
fn difference(books: &Books<'_>, mut bill: Bill, owed: i64) -> Bill {
    let key = (bill.client.clone(), bill.key.clone().unwrap(), "USD".to_owned());
    bill.amount = Some((owed - books.billed.get(&key).copied().unwrap_or(0), key.2));
    bill
}

fn fees(books: &Books<'_>, client: &Client, months: &BTreeMap<NaiveDate, Line>) -> Vec<Bill> {
    let mut bills = Vec::new();
    let line = |kind: &str, key: String, month| Bill {
        client: client.key.clone(),
        kind: kind.to_owned(),
        key: Some(key),
        month: Some(month),
        ..Bill::default()
    };
    for (month, own) in months {
        if due(*month, books.period, own.arrears, client.terms[0].since) {
            let bill = line("retainer", format!("retainer/{}", month.format("%Y-%m")), *month);
            bills.push(difference(books, bill, own.fee));
        }
    }
    let names: BTreeSet<&str> = client.fees.iter().map(|fee| fee.name).collect();
    for name in names {
        let begins = client.fees.iter().filter(|fee| fee.name == name).map(|fee| fee.since).min().unwrap();
        let mut month = books::start();
        while month <= next(books.period) {
            let covers = |fee: &Fee, day: NaiveDate| fee.since <= day && fee.until.is_none_or(|until| day <= until);
            let (mut sum, mut last) = (0, None);
            for day in days_of(month) {
                for fee in client.fees.iter().filter(|fee| fee.name == name && covers(fee, day)) {
                    if due(month, books.period, fee.arrears, begins) {
                        sum += fee.amount * fee.quantity;
                        last = Some(fee.quantity);
                    }
                }
            }
            if last.is_some() {
                let bill = line("fee", format!("fee/{name}/{}", month.format("%Y-%m")), month);
                let owed = divided(sum, days_of(month).len() as i64);
                bills.push(difference(books, Bill { quantity: last, ..bill }, owed));
            }
            month = next(month);
        }
    }
    bills
}

fn overage(books: &Books<'_>, client: &Client, month: NaiveDate, line: &Line) -> Option<Bill> {
    let cost = line.over_cost?;
    let fresh: Vec<i64> = line.over_ids.iter().copied().filter(|id| !books.settled.contains(id)).collect();
    let bill = Bill {
        minutes: books.entries.iter().filter(|entry| fresh.contains(&entry.id)).map(|entry| entry.minutes).sum(),
        client: client.key.clone(),
        kind: "overage".to_owned(),
        key: Some(format!("overage/{}", month.format("%Y-%m"))),
        month: Some(month),
        counted: line.over,
        entries: fresh,
        ..Bill::default()
    };
    Some(difference(books, bill, cost))
}

/// What was billed and is owed no more is given back.
fn gone(books: &Books<'_>, client: &Client, bills: &mut Vec<Bill>) {
    let mut back = Vec::new();
    for ((key, minor), name) in books.billed.iter().map(|((client, key, _), minor)| ((key, *minor), client)) {
        let owed = bills.iter().any(|bill| bill.key.as_ref() == Some(key));
        let month = day(&format!("{}-01", key.rsplit('/').next().unwrap()));
        if *name == client.key && !owed && minor != 0 && month <= books.period {
            back.push(Bill {
                client: client.key.clone(),
                kind: key.split('/').next().unwrap().to_owned(),
                key: Some(key.clone()),
                month: Some(month),
                amount: Some((-minor, "USD".to_owned())),
                ..Bill::default()
            });
        }
    }
    bills.extend(back);
}

/// Within the range, or warranty.
fn free(client: &Client, open: &[&Entry], burned: &BTreeSet<i64>) -> Vec<Bill> {
    let mut bills: BTreeMap<(Option<NaiveDate>, Option<i64>), Bill> = BTreeMap::new();
    for entry in open {
        let (kind, month, ticket) = if burned.contains(&entry.id) {
            ("included", Some(first_of(entry.day)), None)
        } else if entry.category == "warranty" {
            ("warranty", None, Some(entry.ticket))
        } else {
            continue;
        };
        let bill = bills.entry((month, ticket)).or_default();
        (bill.client, bill.kind, bill.month, bill.ticket) = (client.key.clone(), kind.to_owned(), month, ticket);
        bill.minutes += entry.minutes;
        bill.counted += entry.minutes;
        bill.entries.push(entry.id);
    }
    bills.into_values().map(in_order).collect()
}

fn in_order(mut bill: Bill) -> Bill {
    bill.entries.sort_unstable();
    bill
}

/// Time and materials, and projects.
fn by_rate(
    books: &Books<'_>,
    client: &Client,
    (own, open): (&[&Entry], &[&Entry]),
    burned: &BTreeSet<i64>,
) -> Vec<Bill> {
    let by_hour = |entry: &&&Entry| ["tm", "project"].contains(&entry.category.as_str()) && !burned.contains(&entry.id);
    let mut days: BTreeMap<_, (Vec<&Entry>, i64, i64)> = BTreeMap::new();
    for entry in own.iter().filter(by_hour) {
        let key = (entry.category.clone(), entry.ticket, entry.tech.clone(), entry.day, entry.after_hours);
        let (fresh, all, before) = days.entry(key).or_default();
        *all += entry.minutes;
        if books.settled.contains(&entry.id) {
            *before += entry.minutes;
        }
        if open.iter().any(|other| other.id == entry.id) {
            fresh.push(entry);
        }
    }
    let mut bills: BTreeMap<_, Bill> = BTreeMap::new();
    for ((category, ticket, _, day, after_hours), (fresh, all, before)) in days {
        let Some(first) = fresh.first() else { continue };
        let (rate, currency) = rate(books.firm, first);
        let step = term_of(client, day).and_then(|term| term.rounding).or(client.rounding);
        let bill = bills.entry((category.clone(), ticket, rate, after_hours)).or_insert_with(|| Bill {
            client: client.key.clone(),
            kind: if category == "project" { "project" } else { "time" }.to_owned(),
            ticket: Some(ticket),
            rate: Some(rate),
            amount: Some((0, currency.to_owned())),
            ..Bill::default()
        });
        bill.minutes += fresh.iter().map(|entry| entry.minutes).sum::<i64>();
        bill.counted += up(all, step) - up(before, step);
        bill.entries.extend(fresh.iter().map(|entry| entry.id));
    }
    let priced = |mut bill: Bill| {
        let (Some((minor, _)), Some(rate)) = (&mut bill.amount, bill.rate) else { return bill };
        *minor = divided(rate * bill.counted, 60);
        in_order(bill)
    };
    bills.into_values().map(priced).collect()
}

/// The first that fits.
fn rate(firm: &Firm, entry: &Entry) -> (i64, &'static str) {
    for rate in &firm.rates {
        if rate.client.is_some_and(|client| client != entry.client)
            || rate.role.is_some_and(|role| !firm.tech(&entry.tech).roles.contains(&role))
            || rate.skill.is_some_and(|skill| entry.skill.as_deref() != Some(skill))
            || rate.after_hours.is_some_and(|after| after != entry.after_hours)
        {
            continue;
        }
        return (rate.amount, rate.currency);
    }
    panic!("no rate for {entry:?}")
}

/// What a run says against what was reckoned.
fn same(content: &Value, mut wanted: Vec<Bill>, mut faults: Vec<Fault>, period: NaiveDate) {
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    for client in content["clients"].as_array().unwrap() {
        let key = client["client"].as_str().unwrap();
        for invoice in client["invoices"].as_array().unwrap() {
            let lines: Vec<Bill> = invoice["lines"].as_array().unwrap().iter().map(|line| read(key, line)).collect();
            let total: i64 = lines.iter().map(|line| line.amount.as_ref().unwrap().0).sum();
            assert_eq!(invoice["total"]["minor"], total);
            assert!(lines.iter().all(|line| invoice["currency"] == *line.amount.as_ref().unwrap().1));
            found.extend(lines);
        }
        found.extend(client["settled"].as_array().unwrap().iter().map(|line| read(key, line)));
        assert_eq!(client["waits"].as_array().unwrap().len(), 0, "every 100 % was told: {}", client["waits"]);
        for fault in client["faults"].as_array().unwrap() {
            assert_eq!(fault["why"], "no_retainer");
            lost.push((key.to_owned(), fault["entry"].as_i64().unwrap(), "no_retainer"));
        }
    }
    found.sort();
    wanted.sort();
    let missing: Vec<&Bill> = wanted.iter().filter(|bill| !found.contains(bill)).collect();
    let unasked: Vec<&Bill> = found.iter().filter(|bill| !wanted.contains(bill)).collect();
    assert!(found == wanted, "{period}: missing {missing:#?}\nnobody asked for {unasked:#?}");
    lost.sort();
    faults.sort();
    assert_eq!(lost, faults, "{period}");
    assert_eq!(content["faults"].as_array().unwrap().len(), 0);
}

fn read(client: &str, line: &Value) -> Bill {
    let money = |name: &str| {
        let minor = line[name]["minor"].as_i64();
        minor.map(|minor| (minor, line[name]["currency"].as_str().unwrap().to_owned()))
    };
    let entries = line["entries"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
    in_order(Bill {
        client: client.to_owned(),
        kind: line["kind"].as_str().unwrap().to_owned(),
        key: line["key"].as_str().map(str::to_owned),
        month: line["month"].as_str().map(day),
        ticket: line["ticket"].as_i64(),
        minutes: line["minutes"].as_i64().unwrap(),
        counted: line["counted"].as_i64().unwrap(),
        rate: money("rate").map(|(minor, _)| minor),
        quantity: line["quantity"].as_i64(),
        amount: money("amount"),
        entries,
    })
}
