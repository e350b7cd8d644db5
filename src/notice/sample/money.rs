//! Example facts of what is said about retainers.

use chrono::NaiveDate;

use super::{Notice, Sampler};
use crate::notice::{UsageFacts, UsageForClient, UsageTicket};
use crate::words::{Minutes, TicketNumber};

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
        vec![
            Box::new(self.usage()),
            Box::new(UsageFacts { overage_rate: None, ..over.clone() }),
            Box::new(UsageForClient(self.usage())),
            Box::new(UsageForClient(over)),
        ]
    }
}
