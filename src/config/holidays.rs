//! Holidays from an iCalendar file (RFC 5545): all-day events, also yearly ones.

use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};
use icalendar::parser::{Component, read_calendar, unfold};

use super::value::Refusal;

/// Yearly holidays are written out until then.
const LAST_YEAR: i32 = 2099;
/// A longer "holiday" is a mistake.
const LONGEST: i64 = 366;

/// All days off, and what could not be understood.
pub fn read(text: &str) -> (Vec<NaiveDate>, Vec<Refusal>) {
    let mut faults = Vec::new();
    let mut dates = Vec::new();
    let unfolded = unfold(text.trim_start_matches('\u{feff}'));
    match read_calendar(&unfolded) {
        Ok(calendar) => {
            for event in calendar.components.iter().filter(|component| component.name == "VEVENT") {
                match days(event) {
                    Ok(days) => dates.extend(days),
                    Err(wrong) => {
                        let name = property(event, "SUMMARY").unwrap_or("without a name");
                        faults.push((
                            format!("the event \"{name}\" is left out: {wrong}"),
                            "list its dates in `holidays`".into(),
                        ));
                    }
                }
            }
        }
        Err(_) => faults.push(("is no iCalendar file".into(), "it begins with BEGIN:VCALENDAR".into())),
    }
    dates.sort_unstable();
    dates.dedup();
    (dates, faults)
}

fn property<'a>(event: &'a Component<'_>, name: &str) -> Option<&'a str> {
    event.find_prop(name).map(|property| property.val.as_str())
}

/// The date part of `20261225` or `20261225T000000Z`.
fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.get(..8)?, "%Y%m%d").ok()
}

fn days(event: &Component<'_>) -> Result<Vec<NaiveDate>, String> {
    if property(event, "STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
        return Ok(Vec::new());
    }
    let start_text = property(event, "DTSTART").unwrap_or_default();
    let start = date(start_text).ok_or("it has no start day")?;
    if start_text.contains('T') && !start_text.contains("T000000") {
        return Err("it is not a whole day".into());
    }
    let length = property(event, "DTEND").and_then(date).map_or(1, |end| (end - start).num_days());
    let length = length.clamp(1, LONGEST);
    let except: Vec<NaiveDate> = event
        .properties
        .iter()
        .filter(|property| property.name == "EXDATE")
        .flat_map(|property| property.val.as_str().split(',').filter_map(date))
        .collect();
    let starts = match property(event, "RRULE") {
        Some(rule) => yearly(start, rule)?,
        None => vec![start],
    };
    let whole = |first: NaiveDate| (0..length).map(move |day| first + TimeDelta::days(day));
    Ok(starts.into_iter().filter(|start| !except.contains(start)).flat_map(whole).collect())
}

/// The parts of a yearly rule that holidays use.
#[derive(Default)]
struct Rule {
    months: Vec<u32>,
    month_days: Vec<i32>,
    /// `4TH` is (4, Thursday), `-1MO` the last Monday, a bare `MO` is (0, Monday).
    weekdays: Vec<(i32, Weekday)>,
}

fn yearly(start: NaiveDate, text: &str) -> Result<Vec<NaiveDate>, String> {
    let unread = || format!("its rule {text} is not understood");
    let mut rule = Rule::default();
    let (mut interval, mut count, mut until, mut is_yearly) = (1, usize::MAX, NaiveDate::MAX, false);
    for part in text.split(';').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(unread)?;
        match name.to_ascii_uppercase().as_str() {
            "FREQ" => is_yearly = value.eq_ignore_ascii_case("YEARLY"),
            "INTERVAL" => interval = value.parse::<usize>().ok().filter(|years| *years > 0).ok_or_else(unread)?,
            "COUNT" => count = value.parse().map_err(|_| unread())?,
            "UNTIL" => until = date(value).ok_or_else(unread)?,
            "BYMONTH" => rule.months = numbers(value).ok_or_else(unread)?,
            "BYMONTHDAY" => rule.month_days = numbers(value).ok_or_else(unread)?,
            "BYDAY" => rule.weekdays = value.split(',').map(weekday).collect::<Option<_>>().ok_or_else(unread)?,
            "WKST" => {}
            _ => return Err(unread()),
        }
    }
    if !is_yearly {
        return Err(unread());
    }
    // Without a month, "the second Monday" would be one of the year; holidays mean the start's month.
    if rule.months.is_empty() {
        rule.months = vec![start.month()];
    }
    let years: RangeInclusive<i32> = start.year()..=LAST_YEAR;
    let days = years.step_by(interval).flat_map(|year| rule.days(start, year));
    Ok(days.filter(|day| *day >= start).take_while(|day| *day <= until).take(count).collect())
}

fn numbers<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').map(|number| number.parse().ok()).collect()
}

fn weekday(text: &str) -> Option<(i32, Weekday)> {
    let (number, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let day = match day.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    };
    Some((if number.is_empty() { 0 } else { number.parse().ok()? }, day))
}

impl Rule {
    /// The days of one year, in order.
    fn days(&self, start: NaiveDate, year: i32) -> Vec<NaiveDate> {
        let Some(first) = NaiveDate::from_ymd_opt(year, 1, 1) else { return Vec::new() };
        first.iter_days().take_while(|day| day.year() == year).filter(|day| self.falls_on(start, *day)).collect()
    }

    fn falls_on(&self, start: NaiveDate, day: NaiveDate) -> bool {
        let length = i32::from(day.num_days_in_month());
        let of_month = i32::try_from(day.day()).unwrap_or(0);
        let nth = (of_month - 1) / 7 + 1;
        let nth_last = -((length - of_month) / 7 + 1);
        let by_month_day = |wanted: &i32| *wanted == of_month || *wanted == of_month - length - 1;
        let by_weekday = |(number, weekday): &(i32, Weekday)| {
            *weekday == day.weekday() && (*number == 0 || *number == nth || *number == nth_last)
        };
        if !self.months.contains(&day.month()) {
            return false;
        }
        match (self.month_days.is_empty(), self.weekdays.is_empty()) {
            (true, true) => day.day() == start.day(),
            (false, true) => self.month_days.iter().any(by_month_day),
            (true, false) => self.weekdays.iter().any(by_weekday),
            (false, false) => self.month_days.iter().any(by_month_day) && self.weekdays.iter().any(by_weekday),
        }
    }
}
