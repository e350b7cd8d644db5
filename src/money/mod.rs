//! Money and time: pure.

use chrono::{Datelike, Months, NaiveDate};

/// The month of a day: its first day, and the first day of the next.
pub fn month_of(day: NaiveDate) -> (NaiveDate, NaiveDate) {
    let first = day.with_day(1).unwrap_or(day);
    (first, first + Months::new(1))
}
