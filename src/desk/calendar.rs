//! Working time: opening hours in a time zone, with holidays and daylight saving.

use chrono::offset::LocalResult;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, SubsecRound, TimeDelta, TimeZone, Utc};
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

/// What a calendar answers that never opens: far enough to never fire, near enough for every database's timestamps.
const NEVER: TimeDelta = TimeDelta::days(36_525);

/// A stretch of real time that is open as a whole: from the first moment up to, not including, the second.
type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// A moment is open when the clock on the wall in `zone` shows an open time then. So hours that daylight saving skips are
/// no working time, hours that it repeats are worked twice, and nothing is ever counted for a moment that did not exist.
impl Calendar {
    /// The built-in calendar: open at every moment, its day is 24 hours.
    pub fn always(zone: Tz) -> Calendar {
        Calendar {
            name: "always".to_owned(),
            zone,
            hours: Hours::Always,
            holidays: Vec::new(),
            day: TimeDelta::days(1),
        }
    }

    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        let local = at.with_timezone(&self.zone).naive_local();
        let within = |span: &Span| span.opens <= local.time() && span.closes.is_none_or(|closes| local.time() < closes);
        self.is_always() || self.spans_on(local.date()).iter().any(within)
    }

    /// The first open moment at or after `at`: `at` itself when open, a hundred years later when it never opens.
    pub fn next_open(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        if self.is_always() {
            return at;
        }
        self.stretches(at).next().map_or(at + NEVER, |(opens, _)| opens)
    }

    /// The earliest moment by which `working` time has passed since `from`: a closing time, not the next opening, when the day
    /// ends just then. With nothing to pass (zero or less) it is the next open moment, so that a deadline never lies in the night.
    pub fn add(&self, from: DateTime<Utc>, working: TimeDelta) -> DateTime<Utc> {
        if working <= TimeDelta::zero() {
            return self.next_open(from);
        }
        if self.is_always() {
            return from + working;
        }
        let mut left = working;
        for (opens, closes) in self.stretches(from) {
            if left <= closes - opens {
                return opens + left;
            }
            left -= closes - opens;
        }
        from + NEVER
    }

    /// Working time from `a` up to, not including, `b`; zero when `b` is not later.
    pub fn between(&self, a: DateTime<Utc>, b: DateTime<Utc>) -> TimeDelta {
        if b <= a {
            return TimeDelta::zero();
        }
        if self.is_always() {
            return b - a;
        }
        self.stretches(a).take_while(|(opens, _)| *opens < b).map(|(opens, closes)| closes.min(b) - opens).sum()
    }

    /// When the `n`-th working day after the (local) day of `from` opens; with 0 the next open moment.
    pub fn days_after(&self, from: DateTime<Utc>, n: u32) -> DateTime<Utc> {
        if n == 0 {
            return self.next_open(from);
        }
        let mut opening = from;
        for _ in 0..n {
            let today = opening.with_timezone(&self.zone).date_naive();
            let tomorrow = today.succ_opt().unwrap_or(today);
            opening = self.next_open(start_of_day(self.zone, tomorrow));
        }
        opening
    }

    /// Open on that day at all; for schedules that skip holidays.
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        self.is_always() || !self.spans_on(date).is_empty()
    }

    /// Days of an ordinary week on which it opens.
    pub fn days_a_week(&self) -> u32 {
        match &self.hours {
            Hours::Always => 7,
            Hours::Weekly(week) => week.iter().map(|spans| u32::from(!spans.is_empty())).sum(),
        }
    }

    fn is_always(&self) -> bool {
        self.hours == Hours::Always
    }

    fn spans_on(&self, date: NaiveDate) -> &[Span] {
        match &self.hours {
            Hours::Weekly(week) if !self.holidays.contains(&date) => {
                &week[date.weekday().num_days_from_monday() as usize]
            }
            _ => &[],
        }
    }

    /// Everything open after `from`, in order; ends a hundred years later. One step looks at 24 hours.
    fn stretches(&self, from: DateTime<Utc>) -> impl Iterator<Item = Stretch> {
        let never_opens = matches!(&self.hours, Hours::Weekly(week) if week.iter().all(Vec::is_empty));
        let days = if never_opens { 0 } else { NEVER.num_days() };
        (0..days).flat_map(move |day| {
            let start = from + TimeDelta::days(day);
            self.open_within(start, start + TimeDelta::days(1))
        })
    }

    /// The open stretches in at most 24 hours, cut at both ends.
    fn open_within(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> Vec<Stretch> {
        let mut open = Vec::new();
        for (from, to, offset) in offsets(self.zone, start, end) {
            let (first, last) = (from.naive_utc() + offset, to.naive_utc() + offset);
            for date in first.date().iter_days().take_while(|date| *date <= last.date()) {
                for span in self.spans_on(date) {
                    let opens = date.and_time(span.opens).max(first);
                    let closes =
                        span.closes.map_or(date.and_time(NaiveTime::MIN) + TimeDelta::days(1), |at| date.and_time(at));
                    let closes = closes.min(last);
                    if opens < closes {
                        open.push(((opens - offset).and_utc(), (closes - offset).and_utc()));
                    }
                }
            }
        }
        open
    }
}

/// The first moment of a local day: after a midnight that daylight saving skipped, the first of two midnights.
pub fn start_of_day(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    local_moment(zone, date.and_time(NaiveTime::MIN))
}

/// When the clock on the wall shows `local`: a skipped time means the moment the clock jumps, a repeated one the first time.
pub fn local_moment(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => moment.with_timezone(&Utc),
        LocalResult::None => {
            // No zone is further than 14 hours from UTC, and a jump is at most a day (Samoa, 2011).
            let (before, after) = (local.and_utc() - TimeDelta::hours(15), local.and_utc() + TimeDelta::hours(15));
            jump(zone, before, after)
        }
    }
}

/// The parts of at most a day or so in which the zone's distance from UTC is one and the same.
fn offsets(zone: Tz, start: DateTime<Utc>, end: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>, TimeDelta)> {
    let (first, last) = (offset(zone, start), offset(zone, end));
    if first == last {
        return vec![(start, end, first)];
    }
    let jump = jump(zone, start, end);
    vec![(start, jump, first), (jump, end, last)]
}

/// The first millisecond at which the zone's distance from UTC is no longer that of `before`.
fn jump(zone: Tz, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
    let old = offset(zone, before);
    let (mut before, mut after) = (before, after);
    while after - before > TimeDelta::milliseconds(1) {
        let middle = before + (after - before) / 2;
        if offset(zone, middle) == old {
            before = middle;
        } else {
            after = middle;
        }
    }
    // Jumps happen at whole seconds; `before` is within a millisecond of one and may carry a fraction of its own.
    after.trunc_subsecs(0)
}

fn offset(zone: Tz, at: DateTime<Utc>) -> TimeDelta {
    TimeDelta::seconds(i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()))
}
