//! The raw rows of the year, and a ledger in plain loops over them. Nothing of it is deskd's.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use deskd::store::Db;

use super::firm::{Client, Term, day};
use crate::harness::rows::rows;

#[derive(Debug, Clone)]
pub struct Entry {
    pub id: i64,
    pub ticket: i64,
    pub client: String,
    pub tech: String,
    pub minutes: i64,
    pub category: String,
    pub day: NaiveDate,
    pub entered: DateTime<Utc>,
    pub after_hours: bool,
    pub skill: Option<String>,
    pub corrects: Option<i64>,
    /// It, or what it corrects, was written off.
    pub gone: Option<DateTime<Utc>>,
}

impl Entry {
    /// It counts for what is reckoned at that moment.
    pub fn stands(&self, at: DateTime<Utc>) -> bool {
        self.gone.is_none_or(|gone| gone >= at)
    }
}

pub async fn entries(db: &Db) -> Vec<Entry> {
    type Row = (
        i64,
        i64,
        String,
        String,
        i64,
        String,
        NaiveDate,
        DateTime<Utc>,
        bool,
        bool,
        Option<String>,
        Option<i64>,
        Option<DateTime<Utc>>,
    );
    let sql =
        "SELECT e.id, e.ticket, e.client, e.tech, e.minutes, e.category, e.work_date, e.entered_at, e.after_hours,
            e.billable, t.skill, e.corrects,
            (SELECT MIN(w.at) FROM write_off w WHERE w.entry = e.id OR w.entry = e.corrects)
         FROM time_entry e JOIN ticket t ON t.number = e.ticket ORDER BY e.id";
    let all = rows::<Row>(db, sql).await;
    all.into_iter()
        .map(
            |(
                id,
                ticket,
                client,
                tech,
                minutes,
                category,
                day,
                entered,
                after_hours,
                billable,
                skill,
                corrects,
                gone,
            )| {
                assert!(billable, "no mail makes time that nobody pays for");
                Entry { id, ticket, client, tech, minutes, category, day, entered, after_hours, skill, corrects, gone }
            },
        )
        .collect()
}

pub fn first_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap()
}

pub fn next(first: NaiveDate) -> NaiveDate {
    let (year, month) = (first.year(), first.month());
    NaiveDate::from_ymd_opt(year + i32::from(month == 12), month % 12 + 1, 1).unwrap()
}

pub fn days_of(first: NaiveDate) -> Vec<NaiveDate> {
    first.iter_days().take_while(|day| day.month() == first.month()).collect()
}

/// The term of a day: the last to begin, if it has not ended.
pub fn term_of(client: &Client, day: NaiveDate) -> Option<&Term> {
    let begun = client.terms.iter().rfind(|term| term.since <= day)?;
    begun.until.is_none_or(|until| day <= until).then_some(begun)
}

/// Halves away from zero.
pub fn divided(value: i64, by: i64) -> i64 {
    let size = (2 * value.abs() + by) / (2 * by);
    if value < 0 { -size } else { size }
}

/// Up to the next multiple, also of what is taken back.
pub fn up(minutes: i64, step: Option<i64>) -> i64 {
    let Some(step) = step else { return minutes };
    let size = (minutes.abs() + step - 1) / step * step;
    if minutes < 0 { -size } else { size }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pub bottom: i64,
    pub top: i64,
    pub fee: i64,
    pub carried_in: i64,
    pub worked: i64,
    pub burned: i64,
    pub over: i64,
    pub over_cost: Option<i64>,
    pub expired: i64,
    pub carried_out: i64,
    pub warranty: i64,
    /// By ticket: what burned.
    pub tickets: BTreeMap<i64, i64>,
    pub burned_ids: BTreeSet<i64>,
    /// Entries of which a part is over, or gave such a part back.
    pub over_ids: BTreeSet<i64>,
    /// The last term of the month is billed after it.
    pub arrears: bool,
}

pub fn burns(client: &Client, entry: &Entry) -> bool {
    term_of(client, entry.day).is_some_and(|term| {
        let category = entry.category == "retainer" || (entry.category == "project" && term.covers_projects);
        let skill = entry.skill.as_deref().unwrap_or_default();
        category && (term.skills.is_empty() || term.skills.contains(&skill))
    })
}

/// Every month from the first term's up to `last`.
pub fn ledger(client: &Client, entries: &[&Entry], last: NaiveDate) -> BTreeMap<NaiveDate, Line> {
    let mut lines = BTreeMap::new();
    let Some(begin) = client.terms.first().map(|term| first_of(term.since)) else { return lines };
    // What is kept: of which month's hours, the last month in which they are good, how many are left.
    let mut kept: Vec<(NaiveDate, i64)> = Vec::new();
    let mut month = begin;
    while month <= last {
        let days = days_of(month);
        let in_force: Vec<&Term> = days.iter().filter_map(|day| term_of(client, *day)).collect();
        let Some(closing) = in_force.last() else {
            kept.clear();
            month = next(month);
            continue;
        };
        let of_month: Vec<&Entry> = entries
            .iter()
            .copied()
            .filter(|entry| entry.client == client.key && first_of(entry.day) == month)
            .collect();
        let length = days.len() as i64;
        let mut line = Line {
            bottom: divided(in_force.iter().map(|term| term.bottom).sum(), length),
            top: divided(in_force.iter().map(|term| term.top).sum(), length),
            fee: divided(in_force.iter().map(|term| term.fee).sum(), length),
            carried_in: kept.iter().map(|(_, left)| left).sum(),
            warranty: of_month.iter().filter(|entry| entry.category == "warranty").map(|entry| entry.minutes).sum(),
            arrears: closing.arrears,
            ..Line::default()
        };
        burn(client, &of_month, &mut line);
        close(closing, month, &mut line, &mut kept);
        lines.insert(month, line);
        month = next(month);
    }
    lines
}

/// What burned, what of it is over and at which price.
fn burn(client: &Client, entries: &[&Entry], line: &mut Line) {
    // One piece of work: where the contract rounds, all of a technician on a ticket and day, after hours apart.
    let mut units: Vec<(&Entry, i64, Vec<i64>)> = Vec::new();
    let mut sorted: Vec<&&Entry> = entries.iter().filter(|entry| burns(client, entry)).collect();
    sorted.sort_by_key(|entry| (entry.day, entry.id));
    for entry in sorted {
        line.worked += entry.minutes;
        line.burned_ids.insert(entry.id);
        let rounds = term_of(client, entry.day).is_some_and(|term| term.rounding.is_some());
        let same = units.iter_mut().find(|(first, ..)| {
            rounds
                && (first.day, first.ticket, &first.tech, first.after_hours)
                    == (entry.day, entry.ticket, &entry.tech, entry.after_hours)
        });
        match same {
            Some((_, minutes, ids)) => {
                *minutes += entry.minutes;
                ids.push(entry.id);
            }
            None => units.push((entry, entry.minutes, vec![entry.id])),
        }
    }
    let room = line.carried_in + line.top;
    let mut overs: Vec<(Option<i64>, i64)> = Vec::new();
    let (positive, negative): (Vec<_>, Vec<_>) = units.into_iter().partition(|(_, minutes, _)| *minutes >= 0);
    for (entry, minutes, ids) in positive.into_iter().chain(negative) {
        let term = term_of(client, entry.day).unwrap();
        let percent = if entry.after_hours { term.after_hours } else { 100 };
        let weighted = divided(up(minutes, term.rounding) * percent, 100);
        let before = (line.burned - room).max(0);
        line.burned += weighted;
        *line.tickets.entry(entry.ticket).or_default() += weighted;
        let mut more = (line.burned - room).max(0) - before;
        if more != 0 {
            line.over_ids.extend(ids);
        }
        if more > 0 {
            match overs.iter_mut().find(|(rate, _)| *rate == term.overage) {
                Some((_, minutes)) => *minutes += more,
                None => overs.push((term.overage, more)),
            }
        }
        // What is given back is given back of the last.
        for (_, minutes) in overs.iter_mut().rev() {
            let back = (-more).clamp(0, *minutes);
            *minutes -= back;
            more += back;
        }
    }
    line.over = (line.burned - room).max(0);
    let priced: Vec<i64> =
        overs.iter().filter_map(|(rate, minutes)| rate.map(|rate| divided(rate * minutes, 60))).collect();
    line.over_cost = (line.over > 0 && !priced.is_empty()).then(|| priced.iter().sum());
}

/// The end of a month: the oldest hours are used first, run out first, and are cut first.
fn close(term: &Term, month: NaiveDate, line: &mut Line, kept: &mut Vec<(NaiveDate, i64)>) {
    let mut need = line.burned;
    for (_, left) in kept.iter_mut() {
        let used = need.clamp(0, *left);
        *left -= used;
        need -= used;
    }
    let own = line.top - need.min(line.top);
    let (most, months) = term.rollover.unwrap_or((0, 0));
    let mut good = month;
    for _ in 0..months {
        good = next(good);
    }
    kept.push((good, own));
    let mut too_many = kept.iter().map(|(_, left)| left).sum::<i64>() - most;
    for (good, left) in kept.iter_mut() {
        let cut = if *good <= month { *left } else { too_many.clamp(0, *left) };
        // In the order of their age: what is cut first is what runs out first.
        too_many -= cut;
        *left -= cut;
        line.expired += cut;
    }
    kept.retain(|(good, left)| *good > month && *left > 0);
    line.carried_out = kept.iter().map(|(_, left)| left).sum();
}

/// The first day whose work deskd bills: the month of the first mail.
pub fn start() -> NaiveDate {
    day("2026-03-01")
}
