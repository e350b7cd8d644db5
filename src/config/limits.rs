//! `[limits]`: how large a mail may be, and how many of anything go each for itself.

use chrono::TimeDelta;

use super::section::Section;
use super::{Limits, value};
use crate::desk::firm::{Alerts, Gather};

pub fn limits(main: &Section<'_>) -> Limits {
    let section = main.table("limits");
    let section = section.as_ref();
    let size =
        |key, default| section.and_then(|section| section.parse(key, value::size)).map_or(default, |found| found.value);
    let number = |key, most, default| section.and_then(|section| section.number(key, 1..=most)).unwrap_or(default);
    let duration = |key, default| {
        section.and_then(|section| section.parse(key, value::duration)).map_or(default, |found| found.value)
    };
    let limits = Limits {
        mail: size("mail", 35_000_000),
        attachments: size("attachments", 20_000_000),
        gather: Gather {
            over: number("gather_over", 100_000, 20),
            within: duration("gather_within", TimeDelta::minutes(10)),
        },
        alerts: Alerts {
            over: number("storm_over", 1_000, 10),
            within: duration("storm_within", TimeDelta::minutes(1)),
            flap: duration("flap_within", TimeDelta::hours(1)),
        },
    };
    if let Some(section) = section {
        section.finish();
    }
    limits
}
