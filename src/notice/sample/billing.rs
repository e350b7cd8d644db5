//! Example facts of the billing run.

use chrono::NaiveDate;
use chrono_tz::America::Chicago;

use super::{Notice, Sampler};
use crate::money::billing::Account;
use crate::money::invoice::{self, Fault, Kind, Line, Run, Waits, Why};
use crate::notice::BillingFacts;
use crate::words::contract::InvoiceTo;
use crate::words::{Minutes, Money, TicketNumber};

impl Sampler<'_> {
    fn account(&self, money: &dyn Fn(&str) -> Option<Money>) -> Account {
        let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap_or_default();
        let work = |kind, number, what: &str, minutes, amount: &str| Line {
            ticket: Some(TicketNumber(number)),
            what: self.some(what),
            minutes: Minutes(minutes),
            counted: Minutes(minutes),
            rate: money("160.00 USD").filter(|_| !amount.is_empty()),
            amount: money(amount),
            entries: vec![17],
            ..Line::of(kind)
        };
        let lines = vec![
            Line { month: Some(day(12, 1)), amount: money("2400.00 USD"), ..Line::of(Kind::Retainer) },
            Line {
                what: Some("Microsoft 365 Business Premium".to_owned()),
                month: Some(day(12, 1)),
                quantity: Some(14),
                amount: money("308.00 USD"),
                ..Line::of(Kind::Fee)
            },
            Line {
                month: Some(day(11, 1)),
                counted: Minutes(72),
                amount: money("168.00 USD"),
                ..Line::of(Kind::Overage)
            },
            work(Kind::Project, 1060, "New office in Oak Park", 240, "640.00 USD"),
            Line { month: Some(day(11, 1)), minutes: Minutes(1_200), ..Line::of(Kind::Included) },
            work(Kind::Warranty, 1071, "The new switch again", 35, ""),
            work(Kind::Unbillable, 1072, "our own mistake", 15, ""),
        ];
        let fault = |entry, why| Fault {
            entry,
            ticket: Some(TicketNumber(1080)),
            tech: "sam".into(),
            day: day(11, 20),
            minutes: Minutes(25),
            why,
        };
        let waits = money("90.00 USD").map(|amount| Waits { month: day(10, 1), over: Minutes(45), amount });
        Account {
            lines,
            waits: waits.into_iter().collect(),
            faults: vec![fault(31, Why::NoRate), fault(32, Why::NoRetainer)],
        }
    }

    pub(super) fn billing(&self) -> Vec<Box<dyn Notice>> {
        let money = |text: &str| text.parse().ok();
        let date = NaiveDate::from_ymd_opt(2026, 12, 5).unwrap_or_default();
        let to = InvoiceTo { name: "Acme Dental LLC".to_owned(), ..InvoiceTo::default() };
        let acme = invoice::billed(&"acme".into(), "Acme Dental", &to, date, self.account(&money));
        let period = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default();
        let mut run = Run { number: 0, period, date, clients: vec![acme], faults: Vec::new() };
        let preview = BillingFacts { run: run.clone(), at: Some(self.at(Chicago, 1_440)), now: self.now };
        run.number(12, "DK-");
        let empty = Run { clients: Vec::new(), ..run.clone() };
        vec![
            Box::new(preview.clone()),
            Box::new(BillingFacts { run: empty, ..preview }),
            Box::new(BillingFacts { run, at: None, now: self.now }),
        ]
    }
}
