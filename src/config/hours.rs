//! `[calendar.NAME]`: opening hours by weekday, holidays from a list or an iCalendar file.

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use toml::de::DeValue;

use super::holidays;
use super::secret::Surroundings;
use super::section::{Found, Notes, Section, section, texts};
use super::value;
use crate::desk::calendar::{Calendar, Hours, Span};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Where no calendar is given: Monday to Friday, 08:00 to 18:00.
pub fn office(zone: Tz) -> Calendar {
    let day =
        vec![Span { opens: NaiveTime::MIN + TimeDelta::hours(8), closes: Some(NaiveTime::MIN + TimeDelta::hours(18)) }];
    let hours = Hours::Weekly(std::array::from_fn(|weekday| if weekday < 5 { day.clone() } else { Vec::new() }));
    Calendar { name: "office".to_owned(), zone, hours, holidays: Vec::new(), day: TimeDelta::hours(8) }
}

pub fn calendar(
    name: &str,
    table: &Section<'_>,
    firm_zone: Tz,
    around: &Surroundings,
    files: &mut Vec<std::path::PathBuf>,
) -> Calendar {
    let zone = table.parse("time_zone", value::zone).map_or(firm_zone, |found| found.value);
    let day = table.parse("day", value::duration).map_or(TimeDelta::hours(8), |found| found.value);
    table.must("hours", "hours = { mon-fri = [\"08:00-12:00\", \"13:00-18:00\"] }, or \"24h\"");
    let hours = table.raw("hours").map(|found| hours(table.notes, found));
    let mut holidays = Vec::new();
    if let Some(found) = table.raw("holidays") {
        if found.value.is_table() {
            holidays = from_ics(table, around, files);
        } else {
            for text in texts(table.notes, &found) {
                match text.value.parse() {
                    Ok(date) => holidays.push(date),
                    Err(_) => {
                        let wrong = format!("\"{}\" is no date of the calendar", text.value);
                        table.notes.wrong(&text.place, wrong, "write year-month-day: \"2026-12-25\"");
                    }
                }
            }
        }
    }
    table.finish();
    holidays.sort_unstable();
    holidays.dedup();
    let hours = hours.unwrap_or_else(|| office(zone).hours);
    Calendar { name: name.to_owned(), zone, hours, holidays, day }
}

fn from_ics(table: &Section<'_>, around: &Surroundings, files: &mut Vec<std::path::PathBuf>) -> Vec<chrono::NaiveDate> {
    let Some(reference) = table.table("holidays") else { return Vec::new() };
    let file = reference.need("ics", "ics = \"holidays.ics\"");
    reference.finish();
    let Some(file) = file else { return Vec::new() };
    let path = around.path(file.value);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let wrong = format!("{} cannot be read: {error}", path.display());
            table.notes.wrong(&file.place, wrong, "name an iCalendar file, relative to the config's folder");
            return Vec::new();
        }
    };
    files.push(path);
    let (dates, faults) = holidays::read(&text);
    for (wrong, right) in faults {
        table.notes.warn(&file.place, wrong, right);
    }
    if dates.is_empty() {
        table.notes.wrong(&file.place, "has no day that could be read", "give an iCalendar file with all-day events");
    }
    dates
}

fn hours(notes: &Notes, found: Found<'_, &DeValue<'_>>) -> Hours {
    let place = found.place.clone();
    if found.value.as_str() == Some("24h") {
        return Hours::Weekly(std::array::from_fn(|_| vec![WHOLE_DAY]));
    }
    let mut week: [Option<Vec<Span>>; 7] = Default::default();
    let Some(table) = section(notes, found) else { return Hours::Weekly(std::array::from_fn(|_| vec![WHOLE_DAY])) };
    let before = notes.count();
    for (days, found) in table.entries() {
        let spans = spans(notes, &found);
        let Some(days) = weekdays(days) else {
            let right = "name days like mon, mon-fri or \"mon,wed\" (mon tue wed thu fri sat sun)";
            notes.wrong(&found.place, format!("\"{days}\" is no day of the week"), right);
            continue;
        };
        for day in days {
            if week[day].replace(spans.clone()).is_some() {
                notes.wrong(&found.place, format!("gives hours for {} a second time", DAYS[day]), "list each day once");
            }
        }
    }
    let week = week.map(Option::unwrap_or_default);
    if notes.count() == before && week.iter().all(Vec::is_empty) {
        notes.wrong(&place, "is never open", "give at least one day hours: mon-fri = [\"08:00-18:00\"]");
    }
    Hours::Weekly(week)
}

const WHOLE_DAY: Span = Span { opens: NaiveTime::MIN, closes: None };

/// `mon`, `mon-fri`, `fri-mon`, `mon,wed`.
fn weekdays(text: &str) -> Option<Vec<usize>> {
    let day = |word: &str| {
        let word = word.trim().to_lowercase();
        DAYS.iter().position(|day| {
            word.starts_with(day) && "monday tuesday wednesday thursday friday saturday sunday".contains(&word)
        })
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                days.extend((0..=(last + 7 - first) % 7).map(|step| (first + step) % 7));
            }
            None => days.push(day(part)?),
        }
    }
    Some(days)
}

/// The spans of a day, sorted; those that touch become one.
fn spans(notes: &Notes, found: &Found<'_, &DeValue<'_>>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for text in texts(notes, found) {
        match span(&text.value) {
            Ok(span) => spans.push(span),
            Err((wrong, right)) => notes.wrong(&text.place, wrong, right),
        }
    }
    spans.sort_unstable_by_key(|span| span.opens);
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if last.closes == Some(span.opens) => last.closes = span.closes,
            Some(last) if last.closes.is_none_or(|closes| span.opens < closes) => {
                notes.wrong(&found.place, "has hours that overlap", "give each hour of the day once");
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// `"08:00-12:00"`, `"22:00-24:00"`, `"24h"`.
fn span(text: &str) -> Result<Span, value::Refusal> {
    let right = "write opening-closing: \"08:00-12:00\", to 24:00 at most";
    let wrong = || (format!("\"{text}\" is no stretch of hours"), right.to_owned());
    if text.trim() == "24h" {
        return Ok(WHOLE_DAY);
    }
    let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| wrong());
    let (opens, closes) = text.split_once(['-', '–']).ok_or_else(wrong)?;
    let opens = time(opens)?;
    let closes = if closes.trim() == "24:00" { None } else { Some(time(closes)?) };
    if closes == Some(NaiveTime::MIN) {
        return Err((format!("\"{text}\" ends at the day's own beginning"), "write 24:00 for midnight".to_owned()));
    }
    if closes.is_some_and(|closes| closes <= opens) {
        let right =
            format!("over midnight write two: \"{}-24:00\" and, on the next day, \"00:00-…\"", opens.format("%H:%M"));
        return Err((format!("\"{text}\" closes before it opens"), right));
    }
    Ok(Span { opens, closes })
}
