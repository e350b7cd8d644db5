//! Example facts of the weekly reports.

use chrono::NaiveDate;

use super::{Notice, Sampler};
use crate::notice::{
    Flaw, HygieneFacts, LeakFacts, MailtoLinks, ReminderOfTimeFacts, ShortDay, TechWeek, UnbilledFacts, Untimed, Wrong,
};
use crate::words::{Category, Minutes, TicketNumber};

impl Sampler<'_> {
    fn untimed(&self) -> Vec<Untimed> {
        vec![
            Untimed {
                number: TicketNumber(1042),
                subject: self.own("Front desk printer is down"),
                client: Some("Acme Dental".to_owned()),
                tech: Some("sam".to_owned()),
            },
            Untimed { number: TicketNumber(1051), subject: self.own("Wifi"), client: None, tech: None },
        ]
    }

    fn flaws(&self) -> Vec<Flaw> {
        let day = NaiveDate::from_ymd_opt(2026, 11, 18).unwrap_or_default();
        let flaw = |entry, wrong, fix: Option<&str>| Flaw {
            entry,
            ticket: Some(TicketNumber(1042)),
            client: Some("Acme Dental".to_owned()),
            tech: "sam".to_owned(),
            day,
            minutes: Minutes(25),
            category: Category::Tm,
            wrong,
            fix: fix.map(str::to_owned),
        };
        vec![
            flaw(12, Wrong::Included, Some("#recat e12 retainer")),
            flaw(13, Wrong::NoRate, None),
            Flaw { ticket: None, client: None, ..flaw(14, Wrong::NoTicket, None) },
        ]
    }

    pub(super) fn hygiene(&self) -> Vec<Box<dyn Notice>> {
        let day = |day| NaiveDate::from_ymd_opt(2026, 11, day).unwrap_or_default();
        let money = |text: &str| text.parse().into_iter().collect::<Vec<_>>();
        let reminder = ReminderOfTimeFacts {
            tickets: self.untimed(),
            days: vec![ShortDay { day: day(18), logged: Minutes(190), expected: Minutes(480) }],
            links: self.links(),
        };
        let week =
            |name: &str, logged| TechWeek { name: name.to_owned(), logged: Minutes(logged), expected: Minutes(2_400) };
        let report = HygieneFacts {
            from: day(14),
            day: day(20),
            techs: vec![week("Sam Ortiz", 2_130), week("Ana Diaz", 0)],
            untimed: self.untimed(),
            flaws: self.flaws(),
            open: money("8412.50 USD"),
            leak: LeakFacts { year: 2026, count: 31, found: money("2960.00 USD"), recovered: money("2180.00 USD") },
            links: self.links(),
        };
        let bare = HygieneFacts {
            untimed: Vec::new(),
            flaws: Vec::new(),
            open: Vec::new(),
            leak: LeakFacts::default(),
            links: MailtoLinks::default(),
            ..report.clone()
        };
        let review = UnbilledFacts { entries: self.flaws(), worth: money("133.33 USD"), links: self.links() };
        vec![
            Box::new(ReminderOfTimeFacts { tickets: Vec::new(), ..reminder.clone() }),
            Box::new(reminder),
            Box::new(report),
            Box::new(bare),
            Box::new(UnbilledFacts { worth: Vec::new(), ..review.clone() }),
            Box::new(review),
        ]
    }
}
