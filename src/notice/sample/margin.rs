//! Example facts of the monthly mail to the managers.

use chrono::NaiveDate;

use super::{Notice, Sampler};
use crate::money::margin::{Block, Figures, Own, Past, Ranked, Report, Used};
use crate::notice::{LeakFacts, MarginFacts};
use crate::words::{Currency, Minutes, Money};

fn used(name: &str, clients: i64, own: i64) -> Used {
    let percent = Some(clients * 100 / 9_600);
    Used { name: name.to_owned(), clients: Minutes(clients), own: Minutes(own), contracted: Minutes(9_600), percent }
}

fn figures(currency: Currency, minutes: i64, (revenue, cost): (i64, Option<i64>)) -> Figures {
    let money = |minor| Money { minor, currency };
    let margin = cost.map(|cost| revenue - cost);
    Figures {
        minutes: Minutes(minutes),
        revenue: money(revenue),
        hourly: (minutes > 0).then(|| money(revenue * 60 / minutes.max(1))),
        cost: cost.map(money),
        margin: margin.map(money),
        percent: margin.filter(|_| revenue > 0).map(|margin| margin * 100 / revenue),
    }
}

impl Sampler<'_> {
    fn block(&self, currency: Currency) -> Block {
        let money = |minor| Money { minor, currency };
        let month = |number| NaiveDate::from_ymd_opt(2026, number, 1).unwrap_or_default();
        let past = |number, minutes: i64, revenue: [i64; 3]| {
            let total = revenue.iter().sum::<i64>();
            Past {
                month: month(number),
                minutes: Minutes(minutes),
                revenue: revenue.map(money).to_vec(),
                total: money(total),
                hourly: Some(money(total * 60 / minutes)),
            }
        };
        let retainer = |key: &str, name: &str, revenue: Option<i64>, minutes: i64| Ranked {
            client: key.into(),
            name: self.own(name),
            revenue: revenue.map(money),
            minutes: Minutes(minutes),
            hourly: revenue.filter(|_| minutes > 0).map(|revenue| money(revenue * 60 / minutes)),
            cost: Some(money(minutes * 100)),
            margin: revenue.map(|revenue| money(revenue - minutes * 100)),
        };
        Block {
            currency,
            businesses: vec![
                figures(currency, 1_260, (320_000, Some(126_000))),
                figures(currency, 0, (0, Some(0))),
                figures(currency, 2_790, (408_000, Some(279_000))),
            ],
            total: figures(currency, 4_050, (728_000, Some(405_000))),
            fees: money(30_800),
            trend: vec![
                past(8, 3_600, [400_000, 120_000, 240_000]),
                past(9, 3_900, [280_000, 0, 408_000]),
                past(10, 4_200, [-16_000, 60_000, 408_000]),
                past(11, 4_050, [320_000, 0, 408_000]),
            ],
            retainers: vec![
                retainer("acme", "Acme Dental", Some(240_000), 1_980),
                retainer("hooli", "Hooli", Some(168_000), 810),
                retainer("initech", "Initech", None, 45),
            ],
        }
    }

    pub(super) fn margin(&self) -> Vec<Box<dyn Notice>> {
        let Ok(currency) = "USD".parse::<Currency>() else { return Vec::new() };
        let full = self.block(currency);
        let bare = Block {
            businesses: vec![figures(currency, 0, (0, None)); 3],
            total: figures(currency, 0, (0, None)),
            fees: Money { minor: 0, currency },
            trend: Vec::new(),
            retainers: Vec::new(),
            ..full.clone()
        };
        let report = Report {
            period: NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default(),
            blocks: vec![full],
            unpriced: Minutes(30),
            own: Own { minutes: Minutes(540), cost: Some(Money { minor: 54_000, currency }) },
            techs: vec![used("Sam Ortiz", 7_200, 420), used("Ana Diaz", 6_010, 120)],
            all: Used { contracted: Minutes(19_200), percent: Some(69), ..used("", 13_210, 540) },
        };
        let nothing = Used { percent: None, ..used("", 0, 0) };
        let quiet = Report {
            blocks: vec![bare],
            unpriced: Minutes(0),
            own: Own { minutes: Minutes(0), cost: None },
            techs: Vec::new(),
            all: nothing,
            ..report.clone()
        };
        let leak = LeakFacts {
            year: 2026,
            count: 31,
            found: "2960.00 USD".parse().into_iter().collect(),
            recovered: "2180.00 USD".parse().into_iter().collect(),
        };
        vec![Box::new(MarginFacts { report, leak: Some(leak) }), Box::new(MarginFacts { report: quiet, leak: None })]
    }
}
