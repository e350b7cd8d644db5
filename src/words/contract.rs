//! What contracts say: retainers, fees, rates, and where the invoice goes.

use chrono::{NaiveDate, TimeDelta};

use super::{Category, ClientKey, Minutes, Money};

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
    pub due: Due,
}

/// Whether a month's fee is billed before it or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// With the run of the month before.
    Advance,
    Arrears,
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

/// The term of `day`: the last to begin, unless it has ended. An earlier one does not come back when a later one ends.
pub fn term_on(terms: &[RetainerTerm], day: NaiveDate) -> Option<&RetainerTerm> {
    let begun = terms.iter().filter(|term| term.since <= day).max_by_key(|term| term.since);
    begun.filter(|term| term.covers_day(day))
}

/// What a client pays every month beside the retainer; by its days where it begins or ends in mid-month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    pub name: String,
    /// Of one, for a whole month.
    pub amount: Money,
    pub quantity: u32,
    pub since: NaiveDate,
    /// The last day.
    pub until: Option<NaiveDate>,
    pub due: Due,
    pub account_code: Option<String>,
}

impl Fee {
    pub fn covers_day(&self, day: NaiveDate) -> bool {
        self.since <= day && self.until.is_none_or(|until| day <= until)
    }
}

/// `[client.billing]`: what an invoice needs of a client beyond what the desk does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InvoiceTo {
    /// As the books know the client.
    pub name: String,
    pub email: Option<String>,
    /// Until it is to be paid.
    pub terms: Option<TimeDelta>,
    pub tax_code: Option<String>,
    pub account_code: Option<String>,
    pub po_number: Option<String>,
    /// Work outside a retainer counts up to the next multiple of this, for each tech, ticket and day.
    pub rounding: Option<Minutes>,
    pub fees: Vec<Fee>,
}

/// `[[rate]]`: what an hour costs. The first whose conditions all hold wins.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    pub amount: Money,
    pub client: Option<ClientKey>,
    /// Of the tech who did it.
    pub role: Option<String>,
    /// Of the ticket that it was for.
    pub skill: Option<String>,
    pub after_hours: Option<bool>,
}
