//! Conversations about a price, and the weekly report's hours.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeZone, Utc};
use chrono_tz::America::Chicago;
use deskd::store::Db;

use super::books::{Entry, first_of, ledger, next};
use super::firm::Firm;
use super::statements::Statement;
use super::world::Report;
use crate::harness::rows::rows;

type Talk = (String, NaiveDate, DateTime<Utc>);

/// Opened exactly where a month and the one before it were over their own tops, at the moment when that came to be known; gives their number.
pub async fn conversations(db: &Db, firm: &Firm, entries: &[Entry], statements: &[Statement]) -> usize {
    let sql = "SELECT client, month, opened_at, closed_at FROM pricing ORDER BY id";
    let found = rows::<(String, NaiveDate, DateTime<Utc>, Option<DateTime<Utc>>)>(db, sql).await;
    // Drafts come when the clock moves, before the mails of that moment.
    let mut events: Vec<(DateTime<Utc>, i64, String, NaiveDate)> = Vec::new();
    events.extend(statements.iter().map(|one| (one.drafted, 0, one.client.clone(), one.month)));
    events.extend(entries.iter().map(|entry| (entry.entered, entry.id, entry.client.clone(), first_of(entry.day))));
    events.sort();
    let mut wanted: Vec<Talk> = Vec::new();
    for (at, id, client, month) in events {
        let last = wanted.iter().rfind(|talk| talk.0 == client);
        // Not again for the same months, nor while one goes on.
        if let Some((_, talked, opened)) = last {
            let row = found.iter().find(|row| (&row.0, row.2) == (&client, *opened));
            let goes_on = row.and_then(|row| row.3).is_none_or(|closed| closed >= at);
            if goes_on || month < next(next(*talked)) {
                continue;
            }
        }
        let is_known = |entry: &&Entry| if id > 0 { entry.id <= id } else { entry.entered < at };
        let known: Vec<&Entry> = entries.iter().filter(is_known).filter(|entry| entry.stands(at)).collect();
        let lines = ledger(firm.client(&client), &known, month);
        let over: Vec<NaiveDate> =
            lines.iter().filter(|(_, line)| line.burned > line.top).map(|(month, _)| *month).collect();
        if over.contains(&month) && over.iter().any(|before| next(*before) == month) {
            wanted.push((client, month, at));
        }
    }
    let mut found: Vec<Talk> = found.into_iter().map(|(client, month, at, _)| (client, month, at)).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    found.len()
}

/// The hours of each technician in three of the weekly reports.
pub fn hours(firm: &Firm, entries: &[Entry], reports: &[Report]) {
    assert!(reports.len() > 8, "one a week");
    for part in 1..=3 {
        let report = &reports[reports.len() * part / 4];
        let friday = planned(report.at);
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        let week = friday - Days::new(6)..=friday;
        for entry in entries.iter().filter(|entry| entry.id <= report.newest && week.contains(&entry.day)) {
            *sums.entry(&entry.tech).or_default() += entry.minutes;
        }
        let text = report.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for tech in &firm.techs {
            let line = format!("{} {} of 40h", tech.name, spoken(sums.get(tech.login).copied().unwrap_or(0)));
            assert!(text.contains(&line), "{line} on {friday}: {}", report.text);
        }
    }
}

/// The last Friday, four in the afternoon in Chicago.
fn planned(at: DateTime<Utc>) -> NaiveDate {
    let today = at.with_timezone(&Chicago).date_naive();
    let mut days = (0..7).map(|back| today - Days::new(back)).filter(|day| day.weekday() == chrono::Weekday::Fri);
    let friday = days.next().unwrap();
    let moment = Chicago.from_local_datetime(&friday.and_hms_opt(16, 0, 0).unwrap()).unwrap();
    if moment <= at { friday } else { friday - Days::new(7) }
}

fn spoken(minutes: i64) -> String {
    let sign = if minutes < 0 { "-" } else { "" };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, minutes) => format!("{sign}{minutes}m"),
        (hours, 0) => format!("{sign}{hours}h"),
        (hours, minutes) => format!("{sign}{hours}h{minutes:02}"),
    }
}
