//! Money and time: pure.

pub mod billing;
pub mod export;
pub mod invoice;
pub mod ledger;
pub mod margin;
pub mod proposal;
pub mod statement;

use chrono::{Datelike, Months, NaiveDate};

/// The month of a day: its first day, and the first day of the next.
pub fn month_of(day: NaiveDate) -> (NaiveDate, NaiveDate) {
    let first = day.with_day(1).unwrap_or(day);
    (first, next_month(first))
}

/// The first day of the month after the one that begins on `first`.
pub fn next_month(first: NaiveDate) -> NaiveDate {
    first + Months::new(1)
}
