//! `[schedule]`: cron lines in the firm's time zone, min hour day month weekday.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use super::section::Section;
use super::value::Refusal;
use crate::desk::calendar::Calendar;
use crate::desk::firm::{Drafting, Reports};

/// When the regular jobs run; `None` is `"off"`.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Name of the calendar whose working days count.
    pub calendar: String,
    pub standup: Option<CronLine>,
    pub project_review: Option<CronLine>,
    pub time_reminder: Option<CronLine>,
    pub time_report: Option<CronLine>,
    pub sla_report: Option<CronLine>,
    pub statement_drafts: Option<CronLine>,
    pub billing: Option<CronLine>,
}

impl Schedule {
    pub(super) fn reports(&self) -> Reports {
        let at = |line: &Option<CronLine>| line.as_ref().map(|line| line.schedule.clone());
        Reports { time_reminder: at(&self.time_reminder), time_report: at(&self.time_report) }
    }

    pub(super) fn drafting(&self, calendars: &HashMap<String, Arc<Calendar>>) -> Option<Drafting> {
        let line = self.statement_drafts.as_ref()?;
        let calendar = calendars.get(&self.calendar).or_else(|| calendars.get("office"))?;
        Some(Drafting { at: line.schedule.clone(), calendar: Arc::clone(calendar) })
    }
}

/// Five fields, checked. Its times are wall-clock times of the firm's zone: ask `schedule` as if they were UTC.
#[derive(Debug, Clone)]
pub struct CronLine {
    pub text: String,
    pub schedule: cron::Schedule,
}

impl PartialEq for CronLine {
    fn eq(&self, other: &CronLine) -> bool {
        self.text == other.text
    }
}

impl CronLine {
    pub fn read(text: &str) -> Result<CronLine, Refusal> {
        let right = "write min hour day month weekday: \"45 8 * * MON-FRI\"";
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [.., weekday] = fields.as_slice() else { return Err(("is empty".into(), right.into())) };
        if fields.len() != 5 {
            return Err((format!("has {} fields instead of five", fields.len()), right.into()));
        }
        // Numbers mean another day in every cron. What follows a slash is a step, and no day.
        let days = weekday.split(',').map(|part| part.split('/').next().unwrap_or(part));
        if days.flat_map(str::chars).any(|c| c.is_ascii_digit()) {
            return Err((
                format!("has the weekday as a number: {weekday}"),
                "name the days: SUN MON TUE WED THU FRI SAT".into(),
            ));
        }
        match cron::Schedule::from_str(&format!("0 {text}")) {
            Ok(schedule) => Ok(CronLine { text: text.to_owned(), schedule }),
            Err(_) => Err((format!("\"{text}\" is no cron line"), right.into())),
        }
    }
}

/// `section` is `None` when the config has no `[schedule]`.
pub fn schedule(section: Option<&Section<'_>>) -> Schedule {
    let line = |key: &'static str, default: &str| {
        if let Some(section) = section {
            let read = |text: &str| if text == "off" { Ok(None) } else { CronLine::read(text).map(Some) };
            if let Some(found) = section.parse(key, read) {
                return found.value;
            }
        }
        CronLine::read(default).ok()
    };
    Schedule {
        calendar: section.and_then(|section| section.text("calendar")).map_or("office", |found| found.value).to_owned(),
        standup: line("standup", "45 8 * * MON-FRI"),
        project_review: line("project_review", "0 14 * * THU"),
        time_reminder: line("time_reminder", "0 14 * * FRI"),
        time_report: line("time_report", "0 16 * * FRI"),
        sla_report: line("sla_report", "0 7 * * MON"),
        statement_drafts: line("statement_drafts", "0 7 1 * *"),
        billing: line("billing", "0 6 5 * *"),
    }
}
