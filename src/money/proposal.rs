//! What a range should be when it no longer fits: in figures that anybody can work out again.

use chrono::{Datelike, NaiveDate};

use crate::words::{Minutes, Money, RetainerTerm};

/// Ranges are agreed in steps of five hours.
const STEP: i64 = 5 * 60;

/// A range and its fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    pub bottom: Minutes,
    pub top: Minutes,
    pub fee: Money,
}

/// What an hour brings: fee ÷ hours, halves of the smallest unit away from zero; `None` where nothing was used.
pub fn hourly(fee: Money, used: Minutes) -> Option<Money> {
    if used.0 <= 0 {
        return None;
    }
    let (fee_by_hours, minutes) = (i128::from(fee.minor) * 60, i128::from(used.0));
    let half = if fee_by_hours < 0 { -minutes } else { minutes };
    let minor = i64::try_from((2 * fee_by_hours + half) / (2 * minutes)).ok()?;
    Some(Money { minor, currency: fee.currency })
}

/// The mean of the months as the new middle: as wide as the old range, in steps of five hours up, at what an hour of the old top costs.
pub fn proposal(term: &RetainerTerm, months: &[Minutes]) -> Proposal {
    let sum: i64 = months.iter().map(|used| used.0).sum();
    let mean = sum / i64::try_from(months.len().max(1)).unwrap_or(1);
    let half = (term.top.0 - term.bottom.0) / 2;
    let up = |minutes: i64| (minutes.max(0) + STEP - 1) / STEP * STEP;
    let top = up(mean + half).max(up(mean));
    let bottom = (top - (term.top.0 - term.bottom.0)).max(0);
    Proposal { bottom: Minutes(bottom), top: Minutes(top), fee: at_the_same_hour(term, Minutes(top)) }
}

/// The fee for another top, at what an hour of this term's top costs.
fn at_the_same_hour(term: &RetainerTerm, top: Minutes) -> Money {
    let old = i128::from(term.top.0.max(1));
    let product = i128::from(term.fee.minor) * i128::from(top.0);
    Money { minor: i64::try_from((2 * product + old) / (2 * old)).unwrap_or(i64::MAX), currency: term.fee.currency }
}

/// `15-30h from 2027-01 [for 3600.00 USD]` as the next line of the contract, for the config; else what is wrong with it.
pub fn agreed(said: &str, term: &RetainerTerm) -> Result<String, String> {
    let right = || "write it like #pricing agreed 15-30h from 2027-01 for 3600.00 USD".to_owned();
    let (range, rest) = said.split_once(" from ").ok_or_else(right)?;
    let (month, fee) = rest.split_once(" for ").map_or((rest, None), |(month, fee)| (month, Some(fee)));
    let hours = range.trim().trim_end_matches(['h', 'H']);
    let (bottom, top) = hours.split_once(['-', '–']).ok_or_else(right)?;
    let number = |text: &str| {
        text.trim().trim_end_matches(['h', 'H']).parse::<i64>().ok().filter(|hours| (0..=2000).contains(hours))
    };
    let (bottom, top) = (number(bottom).ok_or_else(right)?, number(top).ok_or_else(right)?);
    let since = NaiveDate::parse_from_str(&format!("{}-01", month.trim()), "%Y-%m-%d").map_err(|_| right())?;
    if top < bottom || top == 0 {
        return Err(format!("{bottom} to {top} hours is no range"));
    }
    if since <= term.since {
        return Err(format!("{since} is before the present term's beginning, {}", term.since));
    }
    let fee: Money = match fee {
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("\"{}\" is no amount of money: write 3600.00 {}", text.trim(), term.fee.currency))?,
        None => at_the_same_hour(term, Minutes(top * 60)),
    };
    let mut line = format!(
        "[[client.retainer]]\nhours = \"{bottom}-{top}\"\nfee = \"{fee}\"\nsince = \"{}-{:02}-01\"",
        since.year(),
        since.month()
    );
    if let Some(rate) = term.overage_rate {
        line.push_str(&format!("\noverage_rate = \"{rate}\""));
    }
    Ok(line)
}
