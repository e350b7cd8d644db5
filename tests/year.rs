//! A year of a firm with forty clients through the real door: mails with directives, typos, late and corrected time, contracts of all
//! terms, three time zones. Then plain loops over the raw entries, which share nothing with `src/`, must come to the same statements,
//! ledgers, bills, conversations and reports, to the minute and the cent. `DESKD_SEED=N` tells the year of another seed.

mod bills;
mod books;
mod firm;
mod inbox;
mod statements;
mod talks;
mod world;

use std::time::Instant;

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};

use crate::harness::postgres;
use crate::harness::rows::{number, rows};
use crate::harness::say;
use crate::harness::story::Story;
use firm::{Firm, day};
use world::{Want, World};

const SEED: u64 = 20_260_302;

fn seed() -> u64 {
    std::env::var("DESKD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED)
}

#[tokio::test]
async fn a_year_of_a_firm_comes_to_what_plain_loops_make_of_its_entries() {
    told("sqlite:deskd.db".to_owned(), day("2027-02-26")).await;
}

#[tokio::test]
async fn a_quarter_of_the_same_year_comes_to_the_same_on_postgres() {
    if let Some(database) = postgres::bare("year").await {
        told(database.url.clone(), day("2026-05-29")).await;
        database.remove().await;
    }
}

/// From the 2nd of March 2026 to `last`, and until the bills of its month have been written.
async fn told(url: String, last: NaiveDate) {
    let (seed, began) = (seed(), Instant::now());
    let firm = Firm::new();
    let story = Story::begin_with(url, &firm.config()).await;
    let mut world = World::new(&story, firm, seed);
    let begin = day("2026-03-02");
    for date in begin.iter_days().take_while(|date| *date <= last).filter(is_working_day) {
        world.day(date).await;
    }
    let after = last.iter_days().skip(1).take(14).filter(is_working_day);
    for date in after {
        world.advance(date.and_hms_opt(15, 0, 0).unwrap().and_utc()).await;
    }
    let lived = began.elapsed();
    let counts = checked(&world).await;
    let (mails, typos) = (world.sent, world.typos);
    say(&format!(
        "year: seed {seed}, {mails} mails, {typos} typos, {counts}, lived in {} s, {} s in all",
        lived.as_secs(),
        began.elapsed().as_secs()
    ));
    story.end().await;
}

fn is_working_day(date: &NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Everything that was mailed was decided, everything that was written stands in the rows as it was meant.
async fn checked(world: &World<'_>) -> String {
    let db = &world.story.daemon.db;
    assert_eq!(world.unexpected, Vec::<String>::new());
    assert_eq!(world.refused, world.typos, "what was refused are the typos");
    assert_eq!(number(db, "SELECT COUNT(*) FROM inbound WHERE fate IS NULL OR fate = 'quarantined'").await, 0);
    assert_eq!(number(db, "SELECT COUNT(*) FROM ticket").await, i64::from(world.requests));
    let entries = books::entries(db).await;
    let mut found: Vec<Want> = entries
        .iter()
        .map(|entry| Want {
            ticket: entry.ticket,
            tech: entry.tech.clone(),
            minutes: entry.minutes,
            category: entry.category.clone(),
            day: entry.day,
            after_hours: entry.after_hours,
        })
        .collect();
    let mut wanted = world.wants.clone();
    found.sort();
    wanted.sort();
    let missing: Vec<&Want> = wanted.iter().filter(|want| !found.contains(want)).collect();
    let unasked: Vec<&Want> = found.iter().filter(|entry| !wanted.contains(entry)).collect();
    assert!(found == wanted, "missing {missing:#?}\nnobody asked for {unasked:#?}");
    let all = statements::statements(db).await;
    statements::each_month_has_one(&world.firm, &all, world.story.now().date_naive());
    let sent = statements::frozen(&world.firm, &entries, &all);
    let months = statements::ledgers(world.story, &world.firm, &entries);
    let runs = bills::runs(db).await;
    let written_off = rows::<(i64, DateTime<Utc>)>(db, "SELECT entry, at FROM write_off").await;
    let lines = bills::all_runs(&world.firm, &entries, &runs);
    let talks = talks::conversations(db, &world.firm, &entries, &all).await;
    talks::hours(&world.firm, &entries, &world.reports);
    format!(
        "{talks} conversations, {} entries, {} written off, {sent} statements, {months} months of ledgers, {lines} lines in {} runs",
        entries.len(),
        written_off.len(),
        runs.len()
    )
}
