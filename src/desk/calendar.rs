//! Working time: opening hours in a time zone, with holidays and daylight saving.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;

/// `always` is a calendar without closing time.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    pub name: String,
    pub zone: Tz,
    pub hours: Hours,
    pub holidays: Vec<NaiveDate>,
    /// What `"1d"` means in targets.
    pub day: TimeDelta,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Hours {
    Always,
    /// Indexed by `Weekday::num_days_from_monday`; spans are sorted and do not touch. `24:00` is written as `None` in the end.
    Weekly([Vec<Span>; 7]),
}

/// From `opens` up to, not including, `closes` (`None`: midnight at the end of the day), local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub opens: NaiveTime,
    pub closes: Option<NaiveTime>,
}
