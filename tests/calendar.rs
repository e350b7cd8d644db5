//! Working time through daylight saving, holidays and split shifts, against a count minute by minute.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use deskd::desk::calendar::{Calendar, Hours, Span, local_moment, start_of_day};
use proptest::prelude::*;

fn time(text: &str) -> NaiveTime {
    NaiveTime::parse_from_str(text, "%H:%M").unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// `"2026-11-01 09:00"`, as the wall clock shows it in the zone (the first of two).
fn at(zone: Tz, text: &str) -> DateTime<Utc> {
    let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    zone.from_local_datetime(&local).earliest().unwrap().with_timezone(&Utc)
}

fn span(text: &str) -> Span {
    let (opens, closes) = text.split_once('-').unwrap();
    Span { opens: time(opens), closes: (closes != "24:00").then(|| time(closes)) }
}

/// The same hours from Monday to Friday, others on Saturday and Sunday.
fn calendar(zone: Tz, week: &[&str], weekend: &[&str]) -> Calendar {
    let spans = |texts: &[&str]| texts.iter().map(|text| span(text)).collect::<Vec<_>>();
    let hours = std::array::from_fn(|day| if day < 5 { spans(week) } else { spans(weekend) });
    Calendar { name: "test".into(), zone, hours: Hours::Weekly(hours), holidays: vec![], day: TimeDelta::hours(8) }
}

fn office(zone: Tz) -> Calendar {
    calendar(zone, &["08:00-12:00", "13:00-18:00"], &[])
}

const NEW_YORK: Tz = chrono_tz::America::New_York;
const BERLIN: Tz = chrono_tz::Europe::Berlin;

#[test]
fn four_hours_from_friday_afternoon_end_on_monday() {
    let office = office(NEW_YORK);
    let friday = at(NEW_YORK, "2026-11-20 16:30");
    assert_eq!(office.add(friday, TimeDelta::hours(4)), at(NEW_YORK, "2026-11-23 10:30"));
    assert_eq!(office.between(friday, at(NEW_YORK, "2026-11-23 10:30")), TimeDelta::hours(4));
}

#[test]
fn a_lunch_break_is_no_working_time_and_a_deadline_may_be_the_closing_itself() {
    let office = office(BERLIN);
    assert_eq!(office.add(at(BERLIN, "2026-11-23 11:00"), TimeDelta::hours(2)), at(BERLIN, "2026-11-23 14:00"));
    assert_eq!(office.add(at(BERLIN, "2026-11-23 13:00"), TimeDelta::hours(5)), at(BERLIN, "2026-11-23 18:00"));
    assert_eq!(office.add(at(BERLIN, "2026-11-23 12:30"), TimeDelta::zero()), at(BERLIN, "2026-11-23 13:00"));
    assert!(!office.is_open(at(BERLIN, "2026-11-23 12:00")));
    assert!(office.is_open(at(BERLIN, "2026-11-23 13:00")));
}

#[test]
fn holidays_are_skipped_and_count_as_no_working_day() {
    let mut office = office(BERLIN);
    office.holidays = vec![date("2026-12-25")];
    let eve = at(BERLIN, "2026-12-24 17:00");
    assert_eq!(office.add(eve, TimeDelta::hours(2)), at(BERLIN, "2026-12-28 09:00"));
    assert_eq!(office.days_after(eve, 1), at(BERLIN, "2026-12-28 08:00"));
    assert_eq!(office.days_after(eve, 3), at(BERLIN, "2026-12-30 08:00"));
    assert!(!office.is_working_day(date("2026-12-25")));
}

#[test]
fn a_night_shift_goes_on_over_midnight() {
    let night = calendar(BERLIN, &["00:00-06:00", "22:00-24:00"], &["00:00-06:00", "22:00-24:00"]);
    assert_eq!(night.add(at(BERLIN, "2026-11-23 23:00"), TimeDelta::hours(3)), at(BERLIN, "2026-11-24 02:00"));
    assert!(night.is_open(at(BERLIN, "2026-11-23 23:59")));
}

#[test]
fn a_skipped_hour_is_no_working_time_and_a_repeated_one_is_worked_twice() {
    let all_day = calendar(NEW_YORK, &["00:00-24:00"], &["00:00-24:00"]);
    let day = |text: &str| (start_of_day(NEW_YORK, date(text)), start_of_day(NEW_YORK, date(text).succ_opt().unwrap()));
    let (spring, spring_end) = day("2026-03-08");
    let (autumn, autumn_end) = day("2026-11-01");
    assert_eq!(all_day.between(spring, spring_end), TimeDelta::hours(23));
    assert_eq!(all_day.between(autumn, autumn_end), TimeDelta::hours(25));
    let early = calendar(NEW_YORK, &[], &["01:30-02:30"]);
    assert_eq!(early.between(spring, spring_end), TimeDelta::minutes(30));
    assert_eq!(early.between(autumn, autumn_end), TimeDelta::minutes(90));
}

#[test]
fn a_time_that_does_not_exist_is_the_moment_the_clock_jumps() {
    assert_eq!(local_moment(NEW_YORK, date("2026-03-08").and_time(time("02:30"))), at(NEW_YORK, "2026-03-08 03:00"));
    // Cairo skips midnight: its 24 April 2026 begins at 01:00.
    let cairo = chrono_tz::Africa::Cairo;
    assert_eq!(start_of_day(cairo, date("2026-04-24")), at(cairo, "2026-04-24 01:00"));
}

#[test]
fn a_calendar_that_never_opens_answers_all_the_same() {
    let shut = calendar(BERLIN, &[], &[]);
    let now = at(BERLIN, "2026-11-23 12:00");
    assert!(shut.next_open(now) > now + TimeDelta::days(36_000));
    assert!(shut.add(now, TimeDelta::hours(1)) > now + TimeDelta::days(36_000));
    assert_eq!(shut.between(now, now + TimeDelta::days(900)), TimeDelta::zero());
}

#[test]
fn always_is_plain_time() {
    let always = Calendar::always(BERLIN);
    let now = at(BERLIN, "2026-10-24 23:17");
    assert_eq!(always.add(now, TimeDelta::hours(30)), now + TimeDelta::hours(30));
    assert_eq!(always.next_open(now), now);
    assert_eq!(always.between(now, now + TimeDelta::days(3)), TimeDelta::days(3));
    assert_eq!(always.days_after(now, 1), start_of_day(BERLIN, date("2026-10-25")));
}

/// Moments around the clock changes of four very different zones, in minutes, and some calendars.
fn cases() -> impl Strategy<Value = (Calendar, DateTime<Utc>)> {
    let zones = prop_oneof![
        Just((NEW_YORK, "2026-03-06")),
        Just((NEW_YORK, "2026-10-30")),
        Just((BERLIN, "2026-03-27")),
        Just((BERLIN, "2026-10-23")),
        Just((chrono_tz::Australia::Lord_Howe, "2026-04-03")),
        Just((chrono_tz::Australia::Lord_Howe, "2026-10-02")),
        Just((chrono_tz::Asia::Kathmandu, "2026-11-20")),
    ];
    let hours = prop_oneof![
        Just((vec!["08:00-12:00", "13:00-18:00"], vec![])),
        Just((vec!["08:00-18:00"], vec!["01:15-02:10", "09:00-12:00"])),
        Just((vec!["00:00-05:30", "21:45-24:00"], vec!["00:00-05:30", "21:45-24:00"])),
        Just((vec!["00:00-24:00"], vec!["00:00-24:00"])),
    ];
    (zones, hours, 0_i64..4 * 24 * 60, any::<bool>()).prop_map(|((zone, day), (week, weekend), minutes, holiday)| {
        let mut calendar = calendar(zone, &week, &weekend);
        if holiday {
            calendar.holidays = vec![date(day) + TimeDelta::days(3)];
        }
        let start = start_of_day(zone, date(day));
        (calendar, start + TimeDelta::minutes(minutes))
    })
}

/// Is this minute open, by nothing but the clock on the wall?
fn open_by_the_wall(calendar: &Calendar, at: DateTime<Utc>) -> bool {
    let wall = at.with_timezone(&calendar.zone);
    let Hours::Weekly(week) = &calendar.hours else { return true };
    !calendar.holidays.contains(&wall.date_naive())
        && week[wall.weekday().num_days_from_monday() as usize]
            .iter()
            .any(|span| span.opens <= wall.time() && span.closes.is_none_or(|closes| wall.time() < closes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn working_time_is_the_count_of_open_minutes((calendar, from) in cases(), length in 0_i64..4 * 24 * 60) {
        let minutes = (0..length).filter(|minute| open_by_the_wall(&calendar, from + TimeDelta::minutes(*minute))).count();
        let to = from + TimeDelta::minutes(length);
        prop_assert_eq!(calendar.between(from, to), TimeDelta::minutes(minutes as i64));
        prop_assert_eq!(calendar.is_open(from), open_by_the_wall(&calendar, from));
    }

    #[test]
    fn adding_and_counting_are_inverse_to_the_millisecond((calendar, from) in cases(), part in 0_i64..60_000, length in 1_i64..200_000_000) {
        let (from, working) = (from + TimeDelta::milliseconds(part), TimeDelta::milliseconds(length));
        let end = calendar.add(from, working);
        prop_assert_eq!(calendar.between(from, end), working);
        prop_assert_eq!(calendar.between(from, end - TimeDelta::milliseconds(1)), working - TimeDelta::milliseconds(1));
    }

    #[test]
    fn later_starts_and_longer_work_never_end_earlier((calendar, from) in cases(), later in 0_i64..100_000_000, length in 0_i64..200_000_000) {
        let (later, working) = (from + TimeDelta::milliseconds(later), TimeDelta::milliseconds(length));
        prop_assert!(calendar.add(from, working) <= calendar.add(later, working));
        prop_assert!(calendar.add(from, working) <= calendar.add(from, working + TimeDelta::milliseconds(1)));
    }

    #[test]
    fn the_next_open_moment_is_open_and_none_before_it_is((calendar, from) in cases()) {
        let next = calendar.next_open(from);
        prop_assert!(next >= from && calendar.is_open(next));
        prop_assert_eq!(calendar.between(from, next), TimeDelta::zero());
    }
}
