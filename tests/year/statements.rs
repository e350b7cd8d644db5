//! Every frozen statement and every line of the ledger, against the raw rows.

use std::collections::BTreeMap;
use std::process::Command;

use chrono::{DateTime, NaiveDate, Utc};
use deskd::store::Db;
use serde_json::{Value, json};

use super::books::{self, Entry, Line, days_of, first_of, ledger, next, term_of};
use super::firm::{Client, Firm};
use crate::harness::rows::rows;
use crate::harness::story::Story;

#[derive(Debug, Clone)]
pub struct Statement {
    pub number: i64,
    pub client: String,
    pub month: NaiveDate,
    pub drafted: DateTime<Utc>,
    content: Option<String>,
    last_entry: Option<i64>,
    sent: Option<DateTime<Utc>>,
}

pub async fn statements(db: &Db) -> Vec<Statement> {
    type Row = (i64, String, NaiveDate, DateTime<Utc>, Option<String>, Option<i64>, Option<DateTime<Utc>>);
    let sql = "SELECT number, client, month, drafted_at, content, last_entry, sent_at FROM statement ORDER BY number";
    let all = rows::<Row>(db, sql).await;
    let one = |(number, client, month, drafted, content, last_entry, sent)| Statement {
        number,
        client,
        month,
        drafted,
        content,
        last_entry,
        sent,
    };
    all.into_iter().map(one).collect()
}

/// Whether a contract has a day of the month.
fn is_covered(client: &Client, month: NaiveDate) -> bool {
    days_of(month).into_iter().any(|day| term_of(client, day).is_some())
}

/// Each month of each contract since the desk began has one statement. `today` is after the drafts of the month before.
pub fn each_month_has_one(firm: &Firm, all: &[Statement], today: NaiveDate) {
    let mut wanted = Vec::new();
    for client in &firm.clients {
        let mut month = books::start();
        while next(month) <= first_of(today) {
            if is_covered(client, month) {
                wanted.push((client.key.clone(), month));
            }
            month = next(month);
        }
    }
    let mut found: Vec<(String, NaiveDate)> = all.iter().map(|one| (one.client.clone(), one.month)).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

/// The figures of those that were sent; gives their number.
pub fn frozen(firm: &Firm, entries: &[Entry], all: &[Statement]) -> usize {
    let mut sent = 0;
    for one in all {
        let (Some(content), Some(last), Some(at)) = (&one.content, one.last_entry, one.sent) else { continue };
        sent += 1;
        for entry in entries {
            let in_time = if entry.id <= last { entry.entered <= at } else { entry.entered >= at };
            assert!(in_time, "e{} and statement {}", entry.id, one.number);
        }
        let client = firm.client(&one.client);
        let known: Vec<&Entry> =
            entries.iter().filter(|entry| entry.client == one.client && entry.id <= last).collect();
        let found: Value = serde_json::from_str(content).unwrap();
        let wanted = figures(client, &known, one, &others(all, one));
        for (name, value) in wanted.as_object().unwrap() {
            let seen = picked(name, &found[name]);
            assert_eq!(&seen, value, "{name} in statement {} of {} for {}", one.number, one.client, one.month);
        }
    }
    sent
}

fn others<'s>(all: &'s [Statement], one: &Statement) -> Vec<&'s Statement> {
    all.iter().filter(|other| other.client == one.client && other.number != one.number).collect()
}

/// Of lists what this reckoning knows.
fn picked(name: &str, value: &Value) -> Value {
    let list = |keys: &[&str]| {
        let rows = value.as_array().unwrap().iter();
        Value::Array(rows.map(|row| keys.iter().map(|key| row[key].clone()).collect()).collect())
    };
    match name {
        "tickets" => list(&["number", "used", "other"]),
        "trend" => list(&["month", "used", "bottom", "top"]),
        "late" => list(&["month", "minutes", "over"]),
        "over_cost" => value["minor"].clone(),
        _ => value.clone(),
    }
}

fn figures(client: &Client, known: &[&Entry], one: &Statement, others: &[&Statement]) -> Value {
    let present: Vec<&Entry> =
        known.iter().copied().filter(|entry| one.sent.is_none_or(|at| entry.stands(at))).collect();
    let lines = ledger(client, &present, one.month);
    let own = &lines[&one.month];
    let in_month: Vec<&&Entry> = known.iter().filter(|entry| first_of(entry.day) == one.month).collect();
    let beside = |entry: &Entry| !books::burns(client, entry);
    let mut outside: BTreeMap<&str, i64> = BTreeMap::new();
    let mut tickets: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for entry in in_month {
        let ticket = tickets.entry(entry.ticket).or_default();
        ticket.0 = own.tickets.get(&entry.ticket).copied().unwrap_or(0);
        if beside(entry) && present.iter().any(|other| other.id == entry.id) {
            ticket.1 += entry.minutes;
            if entry.category != "warranty" {
                *outside.entry(&entry.category).or_default() += entry.minutes;
            }
        }
    }
    outside.retain(|_, minutes| *minutes != 0);
    let tickets: Vec<Value> = tickets.iter().map(|(number, (used, other))| json!([number, used, other])).collect();
    let skip = lines.len().saturating_sub(12);
    let trend: Vec<Value> =
        lines.iter().skip(skip).map(|(month, line)| json!([month, line.burned, line.bottom, line.top])).collect();
    json!({
        "bottom": own.bottom, "top": own.top, "carried_in": own.carried_in, "used": own.burned, "worked": own.worked,
        "over": own.over, "over_cost": own.over_cost, "expired": own.expired, "carried_out": own.carried_out,
        "warranty": own.warranty, "outside": outside.into_iter().collect::<Vec<_>>(), "tickets": tickets, "trend": trend,
        "late": late(client, &present, one, (others, &lines)),
    })
}

/// What no statement before this one knew, by month, with what it put over there.
fn late(
    client: &Client,
    known: &[&Entry],
    one: &Statement,
    (others, lines): (&[&Statement], &BTreeMap<NaiveDate, Line>),
) -> Vec<Value> {
    let before = |other: &Statement| (other.sent, other.number) < (one.sent, one.number);
    let is_late = |entry: &Entry| {
        let month = first_of(entry.day);
        // What has a statement that is still to come stands on that one.
        let comes = others.iter().any(|other| other.month == month && other.sent.is_none_or(|_| !before(other)));
        let told = others.iter().filter(|other| other.sent.is_some() && before(other) && other.month >= month);
        let told = told.filter_map(|other| other.last_entry).max();
        month < one.month && !comes && told.is_some_and(|last| entry.id > last)
    };
    let early: Vec<&Entry> = known.iter().copied().filter(|entry| !is_late(entry)).collect();
    let without = ledger(client, &early, one.month);
    let mut sums: BTreeMap<NaiveDate, i64> = BTreeMap::new();
    for entry in known.iter().filter(|entry| is_late(entry) && books::burns(client, entry)) {
        *sums.entry(first_of(entry.day)).or_default() += entry.minutes;
    }
    let over = |lines: &BTreeMap<NaiveDate, Line>, month| lines.get(month).map_or(0, |line: &Line| line.over);
    sums.iter().map(|(month, minutes)| json!([month, minutes, over(lines, month) - over(&without, month)])).collect()
}

/// What the command line prints.
pub fn deskd(story: &Story, args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_deskd")).arg("--config").arg(story.config()).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every line of every ledger as `deskd retainer show` has it today; gives their number.
pub fn ledgers(story: &Story, firm: &Firm, entries: &[Entry]) -> usize {
    let mut seen = 0;
    let all: Vec<&Entry> = entries.iter().filter(|entry| entry.gone.is_none()).collect();
    for client in firm.clients.iter().filter(|client| !client.terms.is_empty()) {
        let text = deskd(story, &["retainer", "show", &client.key, "--months", "24", "--json"]);
        let found: Vec<Value> = serde_json::from_str(&text).unwrap();
        // The command line goes by the time of the machine, not by the story's.
        let Some(last) = found.last() else { continue };
        let lines = ledger(client, &all, last["month"].as_str().unwrap().parse().unwrap());
        assert_eq!(found.len(), lines.len(), "months of {}", client.key);
        for (found, (month, line)) in found.iter().zip(&lines) {
            let wanted = json!({
                "client": client.key, "month": month, "bottom": line.bottom, "top": line.top, "carried_in": line.carried_in,
                "worked": line.worked, "burned": line.burned, "over": line.over, "over_cost": line.over_cost,
                "expired": line.expired, "carried_out": line.carried_out, "warranty": line.warranty, "fee": line.fee,
                "currency": "USD",
            });
            assert_eq!(found, &wanted, "{} in {month}", client.key);
            assert_eq!(line.carried_in + line.top + line.over, line.burned + line.expired + line.carried_out);
            seen += 1;
        }
    }
    seen
}
