//! Example facts of what is said about retainers.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::America::Chicago;

use super::{Notice, Sampler};
use crate::money::proposal::Proposal;
use crate::money::statement::{Late, Line, Past, Statement};
use crate::notice::{
    DraftFacts, MailtoLinks, Missing, PricingFacts, PricingMonth, StatementFacts, UnderRange, UsageFacts,
    UsageForClient, UsageTicket,
};
use crate::words::{Answers, Category, Minutes, Priority, TicketNumber};

impl Sampler<'_> {
    fn usage(&self) -> UsageFacts {
        UsageFacts {
            firm: "Northwind IT".to_owned(),
            client_name: "Acme Dental".to_owned(),
            month: NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default(),
            percent: 92,
            mark: 90,
            used: Minutes(1_104),
            bottom: Minutes(600),
            top: Minutes(1_200),
            ends: NaiveDate::from_ymd_opt(2026, 11, 19),
            over: Minutes(0),
            overage_rate: "140.00 USD".parse().ok(),
            tickets: vec![
                UsageTicket {
                    number: TicketNumber(1042),
                    subject: Some(self.own("Front desk printer is down")),
                    minutes: Minutes(410),
                },
                UsageTicket { number: TicketNumber(1051), subject: None, minutes: Minutes(185) },
            ],
        }
    }

    pub(super) fn statement(&self) -> Statement {
        let month = |year, month| NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default();
        let used = [610, 655, 700, 820, 900, 760, 1_010, 1_180, 1_240, 1_320, 1_190, 1_332];
        let months = std::iter::once(month(2025, 12)).chain((1..=11).map(|number| month(2026, number)));
        let trend = months.zip(used).map(|(month, used)| Past {
            month,
            used: Minutes(used),
            bottom: Minutes(600),
            top: Minutes(1_200),
        });
        let line = |number, subject: Option<&str>, used, other| Line {
            number: TicketNumber(number),
            subject: subject.map(|text| self.own(text)),
            requester: subject.and_then(|_| self.some("Jane Roe")),
            priority: Priority::P2,
            received_at: self.now - TimeDelta::days(9),
            in_time: Some(number != 1051),
            resolved: true,
            used: Minutes(used),
            other: Minutes(other),
            words: subject.and_then(|_| self.some("The print server had lost its address; it has a fixed one now.")),
        };
        Statement {
            number: 12,
            client: "acme".into(),
            client_name: "Acme Dental".to_owned(),
            month: month(2026, 11),
            zone: "America/New_York".to_owned(),
            bottom: Minutes(600),
            top: Minutes(1_200),
            carried_in: Minutes(60),
            used: Minutes(1_332),
            worked: Minutes(1_275),
            over: Minutes(72),
            over_cost: "168.00 USD".parse().ok(),
            expired: Minutes(0),
            carried_out: Minutes(0),
            warranty: Minutes(35),
            outside: vec![(Category::Project, Minutes(240))],
            trend: trend.collect(),
            tickets: vec![
                line(1042, Some("Front desk printer is down"), 410, 0),
                line(1051, None, 182, 0),
                line(1060, Some("New office in Oak Park"), 740, 240),
            ],
            requests: 23,
            touched: 22,
            in_time: 21,
            answers: Answers { good: 9, fair: 2, bad: 1 },
            pricing: true,
            late: vec![Late { month: month(2026, 10), minutes: Minutes(45), over: Minutes(45) }],
        }
    }

    pub(super) fn quiet_statement(&self) -> Statement {
        let full = self.statement();
        Statement {
            used: Minutes(0),
            worked: Minutes(0),
            over: Minutes(0),
            over_cost: None,
            carried_in: Minutes(0),
            expired: Minutes(1_200),
            warranty: Minutes(0),
            outside: Vec::new(),
            trend: Vec::new(),
            tickets: Vec::new(),
            requests: 0,
            touched: 0,
            in_time: 0,
            answers: Answers::default(),
            late: Vec::new(),
            pricing: false,
            ..full
        }
    }

    fn statements(&self) -> Vec<Box<dyn Notice>> {
        let draft = DraftFacts {
            statement: self.statement(),
            missing: vec![
                Missing {
                    number: TicketNumber(1044),
                    subject: self.own("Scanner sends nothing"),
                    tech: Some("sam".to_owned()),
                },
                Missing { number: TicketNumber(1047), subject: self.own("VPN drops"), tech: None },
            ],
            goes_out: self.at(Chicago, 3_000),
            now: self.now,
            to: vec!["jane@acme-dental.example".to_owned()],
            links: self.links(),
        };
        let bare = DraftFacts {
            statement: self.quiet_statement(),
            missing: Vec::new(),
            to: Vec::new(),
            links: MailtoLinks::default(),
            ..draft.clone()
        };
        vec![
            Box::new(StatementFacts { firm: "Northwind IT".to_owned(), statement: self.statement() }),
            Box::new(StatementFacts { firm: "Northwind IT".to_owned(), statement: self.quiet_statement() }),
            Box::new(draft),
            Box::new(bare),
        ]
    }

    fn pricing(&self) -> Vec<Box<dyn Notice>> {
        let month = |month, used, hourly: &str| PricingMonth {
            month: NaiveDate::from_ymd_opt(2026, month, 1).unwrap_or_default(),
            used: Minutes(used),
            bottom: Minutes(600),
            top: Minutes(1_200),
            hourly: hourly.parse().ok(),
            cost: "1320.00 USD".parse().ok(),
            left: "1080.00 USD".parse().ok(),
        };
        let fee = "3600.00 USD".parse().ok();
        let full = PricingFacts {
            firm: "Northwind IT".to_owned(),
            client_name: "Acme Dental".to_owned(),
            month: NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default(),
            agreed_hourly: "120.00 USD".parse().ok(),
            months: vec![
                month(8, 1_010, "142.57 USD"),
                month(9, 1_180, "122.03 USD"),
                month(10, 1_320, "109.09 USD"),
                month(11, 1_500, "96.00 USD"),
            ],
            requesters: vec![(self.own("Jane Roe"), Minutes(1_300)), (String::new(), Minutes(240))],
            rules: vec![("printing".to_owned(), 14), ("one thing is broken".to_owned(), 1)],
            proposal: fee.map(|fee| Proposal { bottom: Minutes(900), top: Minutes(1_800), fee }),
            from: NaiveDate::from_ymd_opt(2027, 1, 1).unwrap_or_default(),
            weeks: 0,
            links: self.links(),
        };
        let bare = PricingFacts {
            agreed_hourly: None,
            requesters: Vec::new(),
            rules: Vec::new(),
            proposal: None,
            weeks: 2,
            links: MailtoLinks::default(),
            ..full.clone()
        };
        vec![Box::new(full), Box::new(bare.clone()), Box::new(UnderRange(bare))]
    }

    pub(super) fn money(&self) -> Vec<Box<dyn Notice>> {
        let over = UsageFacts {
            percent: 131,
            mark: 100,
            used: Minutes(1_572),
            over: Minutes(372),
            ends: None,
            tickets: Vec::new(),
            ..self.usage()
        };
        let mut all = self.statements();
        all.extend(self.pricing());
        all.extend(self.billing());
        all.extend(self.hygiene());
        all.extend(self.margin());
        all.extend(self.review());
        let usage: Vec<Box<dyn Notice>> = vec![
            Box::new(self.usage()),
            Box::new(UsageFacts { overage_rate: None, ..over.clone() }),
            Box::new(UsageForClient(self.usage())),
            Box::new(UsageForClient(over)),
        ];
        all.extend(usage);
        all
    }
}
