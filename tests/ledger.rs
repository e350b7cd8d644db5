//! The ledger of retainers: worked examples, and properties against a second reckoning in plain loops that shares nothing with it.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use deskd::money::ledger::{From, Month, Work, cost, forecast, ledger};
use deskd::words::{Category, Minutes, Money, RetainerTerm, Rollover, TicketNumber};
use proptest::prelude::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// 10 to 20 hours for 2,400 dollars.
fn term(since: &str) -> RetainerTerm {
    RetainerTerm {
        since: day(since),
        until: None,
        bottom: Minutes(600),
        top: Minutes(1200),
        fee: money("2400.00 USD"),
        overage_rate: Some(money("140.00 USD")),
        after_hours: 100,
        rollover: None,
        rounding: None,
        covers: vec![Category::Retainer],
        skills: Vec::new(),
        tells_client: true,
        due: deskd::words::contract::Due::Advance,
    }
}

fn work(id: i64, on: &str, minutes: i64) -> Work {
    Work {
        id,
        day: day(on),
        ticket: Some(TicketNumber(1000 + id)),
        tech: "sam".into(),
        minutes: Minutes(minutes),
        category: Category::Retainer,
        skill: None,
        after_hours: false,
    }
}

fn last(terms: &[RetainerTerm], work: &[Work], until: &str) -> Month {
    ledger(terms, work, day(until)).pop().unwrap()
}

#[test]
fn a_contract_whose_last_term_has_ended_does_not_go_back_to_an_earlier_one() {
    let ended = RetainerTerm { until: Some(day("2026-03-20")), ..term("2026-03-01") };
    let months = ledger(&[term("2026-01-01"), ended], &[work(1, "2026-04-02", 30)], day("2026-05-31"));
    let firsts: Vec<NaiveDate> = months.iter().map(|month| month.first).collect();
    assert_eq!(firsts, [day("2026-01-01"), day("2026-02-01"), day("2026-03-01")]);
    assert_eq!(months[2].top, Minutes(774), "20 of 31 days");
}

#[test]
fn an_entry_that_crosses_the_top_is_split_there() {
    let month = last(&[term("2026-01-01")], &[work(1, "2026-01-05", 1190), work(2, "2026-01-06", 30)], "2026-01-31");
    let parts: Vec<_> = month.burns.iter().map(|burn| (burn.entries.clone(), burn.from, burn.minutes.0)).collect();
    assert_eq!(parts, [(vec![1], From::Own, 1190), (vec![2], From::Own, 10), (vec![2], From::Over, 20)]);
    assert_eq!((month.over, month.over_cost), (Minutes(20), Some(money("46.67 USD"))), "20 minutes at 140 an hour");
    assert!(month.is_over() && !month.is_under());
}

#[test]
fn a_term_that_begins_or_changes_in_mid_month_counts_by_its_days() {
    let begins = last(&[term("2026-06-16")], &[], "2026-06-30");
    assert_eq!(
        (begins.top, begins.bottom, begins.fee),
        (Minutes(600), Minutes(300), money("1200.00 USD")),
        "15 of 30 days"
    );
    let more = RetainerTerm { top: Minutes(2400), fee: money("4000.00 USD"), ..term("2026-06-11") };
    let changes = last(&[term("2026-01-01"), more], &[], "2026-06-30");
    assert_eq!(changes.top, Minutes((1200 * 10 + 2400 * 20) / 30));
    assert_eq!(changes.fee, money("3466.67 USD"), "rounded once: 800 + 2666.67");
    let ended = RetainerTerm { until: Some(day("2026-02-14")), ..term("2026-01-01") };
    assert_eq!(last(std::slice::from_ref(&ended), &[], "2026-02-28").top, Minutes(600));
    assert_eq!(ledger(&[ended], &[], day("2026-04-01")).len(), 2, "no month after its end");
}

#[test]
fn after_hours_weigh_more_warranty_nothing_and_rounding_counts_by_tech_ticket_and_day() {
    let terms = [RetainerTerm { after_hours: 150, rounding: Some(Minutes(15)), ..term("2026-01-01") }];
    let late = Work { after_hours: true, ..work(1, "2026-01-05", 61) };
    let repaired = Work { category: Category::Warranty, ..work(2, "2026-01-05", 40) };
    let same = |id, minutes| Work { ticket: Some(TicketNumber(7)), ..work(id, "2026-01-06", minutes) };
    let month = last(&terms, &[late, repaired, same(3, 5), same(4, 5)], "2026-01-31");
    assert_eq!(month.burned, Minutes(113 + 15), "61 → 75 × 1.5 = 112.5; 5 and 5 on one ticket and day → 15");
    assert_eq!((month.worked, month.warranty), (Minutes(71), Minutes(40)));
}

#[test]
fn what_is_left_goes_on_the_oldest_is_used_first_and_it_runs_out() {
    let terms = [RetainerTerm { rollover: Some(Rollover { most: Minutes(300), months: 2 }), ..term("2026-01-01") }];
    let all = ledger(&terms, &[work(1, "2026-01-05", 1000), work(2, "2026-03-05", 1300)], day("2026-05-31"));
    let shown: Vec<_> = all
        .iter()
        .map(|month| (month.carried_in.0, month.burned.0, month.over.0, month.expired.0, month.carried_out.0))
        .collect();
    assert_eq!(
        shown,
        [
            (0, 1000, 0, 0, 200),
            // Its own 1,200 and 200 carried: no more than 300 go on, the oldest are let go.
            (200, 0, 0, 1100, 300),
            // Over its own top of 1,200, and yet nothing to pay: 300 were carried.
            (300, 1300, 0, 0, 200),
            (200, 0, 0, 1100, 300),
            (300, 0, 0, 1200, 300),
        ]
    );
    assert!(all[2].is_over(), "over means over the month's own top");
    assert_eq!(all[2].burns[0].from, From::Carried(day("2026-02-01")));
}

#[test]
fn only_what_the_contract_covers_burns_it() {
    let terms = [RetainerTerm {
        covers: vec![Category::Retainer, Category::Project],
        skills: vec!["network".to_owned()],
        ..term("2026-01-01")
    }];
    let skilled =
        |id, category, skill: &str| Work { category, skill: Some(skill.to_owned()), ..work(id, "2026-01-05", 10) };
    let entries = [
        skilled(1, Category::Retainer, "network"),
        skilled(2, Category::Project, "network"),
        skilled(3, Category::Tm, "network"),
        skilled(4, Category::Retainer, "printing"),
        work(5, "2026-01-05", 10),
    ];
    assert_eq!(last(&terms, &entries, "2026-01-31").burned, Minutes(20));
}

#[test]
fn the_forecast_is_the_day_on_which_the_top_is_reached_at_this_pace() {
    let month = last(&[term("2026-06-01")], &[work(1, "2026-06-03", 600)], "2026-06-30");
    assert_eq!(forecast(&month, day("2026-06-10")), Some(day("2026-06-20")));
    assert_eq!(forecast(&month, day("2026-06-20")), None, "it lasts until July");
    assert_eq!(cost(money("100.00 USD"), Minutes(-1)), money("0.00 USD").map_minor(-167));
}

trait MapMinor {
    fn map_minor(self, minor: i64) -> Money;
}

impl MapMinor for Money {
    fn map_minor(self, minor: i64) -> Money {
        Money { minor, ..self }
    }
}

/// One month by the second reckoning: carried in, burned, over, expired, carried out.
type Line = (i64, i64, i64, i64, i64);

#[expect(clippy::too_many_lines, reason = "one reckoning from start to end, so that nothing of it is shared")]
/// In plain loops over days and totals: what is left of each month's hours is a list of single sums.
fn reckoned(terms: &[RetainerTerm], work: &[Work], months: u32) -> BTreeMap<NaiveDate, Line> {
    let mut lines = BTreeMap::new();
    let mut kept: Vec<(u32, i64)> = Vec::new();
    for number in 0..months {
        let (year, month) = (2026 + (number / 12) as i32, number % 12 + 1);
        let days: Vec<NaiveDate> = (1..=31).filter_map(|day| NaiveDate::from_ymd_opt(year, month, day)).collect();
        let mut numerator = 0;
        let mut in_force = None;
        for day in &days {
            let term = terms
                .iter()
                .filter(|term| term.since <= *day)
                .max_by_key(|term| term.since)
                .filter(|term| term.until.is_none_or(|until| *day <= until));
            if let Some(term) = term {
                numerator += term.top.0;
                in_force = Some(term);
            }
        }
        let Some(term) = in_force else {
            kept.clear();
            continue;
        };
        let length = days.len() as i64;
        let top = (2 * numerator + length) / (2 * length);
        let mut burned = 0;
        for entry in work.iter().filter(|entry| days.contains(&entry.day)) {
            let term = terms
                .iter()
                .filter(|term| term.since <= entry.day)
                .max_by_key(|term| term.since)
                .filter(|term| term.until.is_none_or(|until| entry.day <= until));
            if let Some(term) = term.filter(|_| entry.category == Category::Retainer) {
                let percent = if entry.after_hours { i64::from(term.after_hours) } else { 100 };
                let size = (entry.minutes.0.abs() * percent + 50) / 100;
                burned += size * entry.minutes.0.signum();
            }
        }
        let carried: i64 = kept.iter().map(|(_, left)| left).sum();
        let mut need = burned;
        for (_, left) in &mut kept {
            let used = need.clamp(0, *left);
            *left -= used;
            need -= used;
        }
        let over = (need - top).max(0);
        let own = top - need.min(top);
        let mut expired = 0;
        match term.rollover {
            Some(rollover) => {
                kept.push((number + rollover.months, own));
                let mut too_many = kept.iter().map(|(_, left)| left).sum::<i64>() - rollover.most.0;
                for (_, left) in &mut kept {
                    let cut = too_many.clamp(0, *left);
                    *left -= cut;
                    too_many -= cut;
                    expired += cut;
                }
            }
            None => {
                expired += own + kept.iter().map(|(_, left)| left).sum::<i64>();
                kept.clear();
            }
        }
        expired += kept.iter().filter(|(good, _)| *good <= number).map(|(_, left)| left).sum::<i64>();
        kept.retain(|(good, left)| *good > number && *left > 0);
        let out = kept.iter().map(|(_, left)| left).sum();
        lines.insert(days[0], (carried, burned, over, expired, out));
    }
    lines
}

fn any_term() -> impl Strategy<Value = RetainerTerm> {
    let rollover = proptest::option::of((0i64..900, 1u32..4));
    (0u64..200, 0i64..2000, proptest::option::of(0u64..250), rollover, 100u32..=200).prop_map(
        |(since, top, lasts, rollover, after_hours)| {
            let since = day("2026-01-01") + Days::new(since);
            RetainerTerm {
                since,
                until: lasts.map(|days| since + Days::new(days)),
                top: Minutes(top),
                bottom: Minutes(top / 2),
                after_hours,
                rollover: rollover.map(|(most, months)| Rollover { most: Minutes(most), months }),
                ..term("2026-01-01")
            }
        },
    )
}

/// Entries over a year, some of them corrected in part.
fn any_work() -> impl Strategy<Value = Vec<Work>> {
    let entry = (0u64..365, 1i64..400, any::<bool>(), proptest::option::of(1i64..=100));
    proptest::collection::vec(entry, 0..80).prop_map(|entries| {
        let mut all = Vec::new();
        for (number, (on, minutes, after_hours, corrected)) in entries.into_iter().enumerate() {
            let id = 2 * number as i64 + 1;
            let on = (day("2026-01-01") + Days::new(on)).to_string();
            let first = Work { after_hours, ..work(id, &on, minutes) };
            all.extend(corrected.map(|percent| Work {
                id: id + 1,
                minutes: Minutes(-(minutes * percent / 100)),
                ..first.clone()
            }));
            all.push(first);
        }
        all
    })
}

proptest! {
    #[test]
    fn every_month_is_what_plain_loops_make_of_it(terms in proptest::collection::vec(any_term(), 1..4), work in any_work()) {
        let months = ledger(&terms, &work, day("2027-03-31"));
        let reckoned = reckoned(&terms, &work, 15);
        let found: BTreeMap<NaiveDate, Line> = months
            .iter()
            .map(|month| (month.first, (month.carried_in.0, month.burned.0, month.over.0, month.expired.0, month.carried_out.0)))
            .collect();
        prop_assert_eq!(found, reckoned);
    }

    #[test]
    fn every_line_balances_and_what_is_carried_out_is_carried_in(terms in proptest::collection::vec(any_term(), 1..4), work in any_work()) {
        let months = ledger(&terms, &work, day("2027-03-31"));
        for month in &months {
            prop_assert_eq!(month.carried_in + month.top + month.over, month.burned + month.expired + month.carried_out);
            let parts: Minutes = month.burns.iter().map(|burn| burn.minutes).sum();
            prop_assert_eq!(parts, month.burned, "splitting is exact");
            let over: Minutes = month.burns.iter().filter(|burn| burn.from == From::Over).map(|burn| burn.minutes).sum();
            prop_assert_eq!(over, month.over);
        }
        for pair in months.windows(2) {
            let follows = pair[0].first.year() * 12 + pair[0].first.month() as i32 + 1 == pair[1].first.year() * 12 + pair[1].first.month() as i32;
            if follows {
                prop_assert_eq!(pair[0].carried_out, pair[1].carried_in);
            }
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(terms in proptest::collection::vec(any_term(), 1..3), work in any_work(), seed in any::<u64>()) {
        let sums = |months: Vec<Month>| months.into_iter().map(|month| (month.first, month.burned, month.over, month.over_cost, month.expired, month.carried_out)).collect::<Vec<_>>();
        let first = sums(ledger(&terms, &work, day("2027-03-31")));
        // Other ids are another order of arrival.
        let mut ids: Vec<i64> = work.iter().map(|entry| entry.id).collect();
        let mut state = seed;
        for place in (1..ids.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ids.swap(place, (state >> 33) as usize % (place + 1));
        }
        let other: Vec<Work> = work.into_iter().zip(ids).map(|(entry, id)| Work { id, ..entry }).collect();
        prop_assert_eq!(first, sums(ledger(&terms, &other, day("2027-03-31"))));
    }
}
