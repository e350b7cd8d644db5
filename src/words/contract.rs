//! What a retainer contract says.

use chrono::NaiveDate;

use super::{Category, Minutes, Money};

/// One term of a retainer contract, until the next term's `since`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainerTerm {
    pub since: NaiveDate,
    /// The last day.
    pub until: Option<NaiveDate>,
    /// Of a whole month.
    pub bottom: Minutes,
    pub top: Minutes,
    /// Of a whole month.
    pub fee: Money,
    /// For an hour over the top; without it such hours are shown and never billed.
    pub overage_rate: Option<Money>,
    /// What an hour after hours burns, in hundredths of an hour: 150 is one and a half.
    pub after_hours: u32,
    pub rollover: Option<Rollover>,
    /// Work of one tech on one ticket and day counts up to the next multiple of this.
    pub rounding: Option<Minutes>,
    /// Work of these categories burns it.
    pub covers: Vec<Category>,
    /// Only work on tickets that want one of these skills burns it; empty: any.
    pub skills: Vec<String>,
    /// The client's managers hear of 75, 90 and 100 % too.
    pub tells_client: bool,
}

/// Hours that were not used go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollover {
    /// No more than this is carried from one month into the next, in all.
    pub most: Minutes,
    /// Hours of a month may be used in so many months after it.
    pub months: u32,
}

impl RetainerTerm {
    pub fn covers_day(&self, day: NaiveDate) -> bool {
        self.since <= day && self.until.is_none_or(|until| day <= until)
    }

    /// Whether such work burns it.
    pub fn burns(&self, category: Category, skill: Option<&str>) -> bool {
        self.covers.contains(&category)
            && (self.skills.is_empty() || skill.is_some_and(|skill| self.skills.iter().any(|own| own == skill)))
    }
}

/// The term that covers `day`: of several the last to begin.
pub fn term_on(terms: &[RetainerTerm], day: NaiveDate) -> Option<&RetainerTerm> {
    terms.iter().filter(|term| term.covers_day(day)).max_by_key(|term| term.since)
}
