//! The single words of one language, and times, spans and counts put into them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use toml::Spanned;

use super::facts::Moment;

/// `section` → `key` → text, as in `config/texts/en.toml`. Complete: a language's own words over the English ones.
#[derive(Debug, Clone)]
pub struct Words(HashMap<String, HashMap<String, String>>);

/// A key that does not fit, with the byte where it stands.
pub(super) struct WordProblem {
    pub offset: Option<usize>,
    pub message: String,
}

type Sections = BTreeMap<String, BTreeMap<String, Spanned<String>>>;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NUMBERS: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];

impl Words {
    pub(super) fn parse(source: &str) -> Result<Words, WordProblem> {
        let mut words = Words(HashMap::new());
        for (section, keys) in read(source)? {
            let keys = keys.into_iter().map(|(key, text)| (key, text.into_inner())).collect();
            words.0.insert(section, keys);
        }
        Ok(words)
    }

    /// Lays a language file over these words; keys that these words do not have, and lost placeholders, are problems.
    pub(super) fn overlay(&mut self, source: &str) -> Vec<WordProblem> {
        let sections = match read(source) {
            Ok(sections) => sections,
            Err(problem) => return vec![problem],
        };
        let mut problems = Vec::new();
        for (section, key, text) in flat(sections) {
            let offset = Some(text.span().start);
            let Some(known) = self.0.get_mut(&section).and_then(|keys| keys.get_mut(&key)) else {
                let message =
                    format!("{section}.{key}: no text uses this word; remove it, or see en.toml for its right name");
                problems.push(WordProblem { offset, message });
                continue;
            };
            let message = match (placeholders(known), placeholders(text.get_ref())) {
                _ if section == "time" && key == "clock" => bad_clock(text.get_ref()),
                (wanted, given) if wanted != given => Some(format!("must hold exactly {}", listed(&wanted))),
                _ => None,
            };
            match message {
                Some(message) => problems.push(WordProblem { offset, message: format!("{section}.{key}: {message}") }),
                None => *known = text.into_inner(),
            }
        }
        problems
    }

    /// The word; a key that is missing (a test sees to it that none is) stands for itself.
    pub fn get<'a>(&'a self, section: &str, key: &'a str) -> &'a str {
        self.0.get(section).and_then(|keys| keys.get(key)).map_or(key, String::as_str)
    }

    /// Every `section.key`.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(section, keys)| keys.keys().map(move |key| (section.as_str(), key.as_str())))
    }

    /// The text with its `{placeholders}` filled in; what is filled in is not looked at again.
    pub fn fill(&self, section: &str, key: &str, values: &[(&str, &str)]) -> String {
        let mut rest = self.get(section, key);
        let mut out = String::with_capacity(rest.len() + 32);
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else { break };
            out.push_str(before);
            out.push_str(values.iter().find(|(given, _)| *given == name).map_or("", |(_, value)| value));
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    /// `KEY_one` or `KEY_many` with `{count}`.
    pub fn count(&self, section: &str, key: &str, count: usize) -> String {
        let form = if count == 1 { "one" } else { "many" };
        self.fill(section, &format!("{key}_{form}"), &[("count", &count.to_string())])
    }

    /// `November`
    pub fn month_name(&self, month: u32) -> &str {
        number(month).map_or("", |key| self.get("month_name", key))
    }

    /// `today 14:05`, `Mon 23 Nov, 09:00`: days are counted in the moment's own zone.
    pub fn moment(&self, now: DateTime<Utc>, at: &Moment) -> String {
        let time = self.clock(at);
        match self.near(now, at) {
            Some(key) => self.fill("time", key, &[("time", &time)]),
            None => self.fill("time", "date_time", &[("date", &self.date(now, at)), ("time", &time)]),
        }
    }

    /// `today 14:05 CST`; a zone that has no letters shows as `UTC-03`.
    pub fn moment_with_zone(&self, now: DateTime<Utc>, at: &Moment) -> String {
        let zone = at.format("%Z").to_string();
        let zone = if zone.starts_with(['+', '-']) { format!("UTC{zone}") } else { zone };
        self.fill("time", "zone", &[("moment", &self.moment(now, at)), ("zone", &zone)])
    }

    /// `today`, `Mon 23 Nov`.
    pub fn day(&self, now: DateTime<Utc>, at: &Moment) -> String {
        match self.near(now, at) {
            Some("today") => self.get("time", "day_today").to_owned(),
            Some("tomorrow") => self.get("time", "day_tomorrow").to_owned(),
            Some(_) => self.get("time", "day_yesterday").to_owned(),
            None => self.date(now, at),
        }
    }

    /// `Thu 19 Nov`, of a day without a moment.
    pub fn plain_day(&self, day: NaiveDate) -> String {
        let weekday = WEEKDAYS.get(day.weekday().num_days_from_monday() as usize).copied().unwrap_or_default();
        let values = [
            ("weekday", self.get("weekday", weekday)),
            ("day", &day.day().to_string()),
            ("month", number(day.month()).map_or("", |key| self.get("month", key))),
        ];
        self.fill("time", "date", &values)
    }

    /// `in 40 min`, `2 h 10 min ago`.
    pub fn left(&self, now: DateTime<Utc>, due: &Moment) -> String {
        let left = due.to_utc() - now;
        let key = match left.num_minutes() {
            0 => return self.get("time", "now").to_owned(),
            minutes if minutes > 0 => "in",
            _ => "ago",
        };
        self.fill("time", key, &[("span", &self.span(left.abs()))])
    }

    /// `40 min`, `2 h 10 min`, `3 days`.
    pub fn span(&self, span: TimeDelta) -> String {
        let minutes = span.num_minutes();
        let (hours, rest) = ((minutes / 60).to_string(), (minutes % 60).to_string());
        match minutes {
            ..60 => self.fill("time", "minutes", &[("minutes", &rest)]),
            60..1440 if minutes % 60 == 0 => self.fill("time", "hours", &[("hours", &hours)]),
            60..600 => self.fill("time", "hours_minutes", &[("hours", &hours), ("minutes", &rest)]),
            600..2880 => self.fill("time", "hours", &[("hours", &hours)]),
            _ => self.fill("time", "days", &[("days", &(minutes / 1440).to_string())]),
        }
    }

    fn clock(&self, at: &Moment) -> String {
        at.format(self.get("time", "clock")).to_string()
    }

    fn near(&self, now: DateTime<Utc>, at: &Moment) -> Option<&'static str> {
        let today = now.with_timezone(&at.timezone()).date_naive();
        match (at.date_naive() - today).num_days() {
            0 => Some("today"),
            1 => Some("tomorrow"),
            -1 => Some("yesterday"),
            _ => None,
        }
    }

    /// With the year as soon as one could take it for another.
    fn date(&self, now: DateTime<Utc>, at: &DateTime<Tz>) -> String {
        let far = (at.to_utc() - now).abs() > TimeDelta::days(180);
        let weekday = WEEKDAYS.get(at.weekday().num_days_from_monday() as usize).copied().unwrap_or_default();
        let values = [
            ("weekday", self.get("weekday", weekday)),
            ("day", &at.day().to_string()),
            ("month", number(at.month()).map_or("", |key| self.get("month", key))),
            ("year", &at.year().to_string()),
        ];
        self.fill("time", if far { "date_year" } else { "date" }, &values)
    }
}

fn number(month: u32) -> Option<&'static str> {
    NUMBERS.get((month as usize).checked_sub(1)?).copied()
}

fn read(source: &str) -> Result<Sections, WordProblem> {
    toml::from_str(source).map_err(|error| WordProblem {
        offset: error.span().map(|span| span.start),
        message: format!("{}; every word is written as key = \"text\" under a [section]", error.message()),
    })
}

fn flat(sections: Sections) -> impl Iterator<Item = (String, String, Spanned<String>)> {
    sections
        .into_iter()
        .flat_map(|(section, keys)| keys.into_iter().map(move |(key, text)| (section.clone(), key, text)))
}

/// `["{span}"]`, sorted.
fn placeholders(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> =
        text.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect();
    found.sort_unstable();
    found
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "no {placeholder}".to_owned(),
        names => names.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" and "),
    }
}

/// chrono panics while it prints a pattern that it does not know.
fn bad_clock(pattern: &str) -> Option<String> {
    use chrono::format::{Item, StrftimeItems};
    StrftimeItems::new(pattern)
        .any(|item| matches!(item, Item::Error))
        .then(|| format!("\"{pattern}\" is no strftime pattern; \"%H:%M\" or \"%-I:%M %p\" would be"))
}
