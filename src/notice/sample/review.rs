//! Example facts of the monthly talk with a client.

use chrono::NaiveDate;
use chrono_tz::America::Chicago;

use super::{Notice, Sampler};
use crate::notice::{InvitationFacts, MailtoLinks, ReviewFacts, UsageTicket};
use crate::store::reviews::Open;
use crate::words::{Minutes, Priority, Status, TicketNumber};

impl Sampler<'_> {
    pub(super) fn review(&self) -> Vec<Box<dyn Notice>> {
        let full = ReviewFacts {
            statement: self.statement(),
            rules: vec![("printing".to_owned(), 14)],
            subjects: vec![(self.own("Scanner sends nothing"), 3)],
            outside: vec![
                UsageTicket {
                    number: TicketNumber(1060),
                    subject: self.some("New office in Oak Park"),
                    minutes: Minutes(240),
                },
                UsageTicket { number: TicketNumber(1061), subject: None, minutes: Minutes(30) },
            ],
            open: vec![Open {
                number: TicketNumber(1070),
                subject: self.own("VPN drops"),
                priority: Priority::P3,
                status: Status::Waiting,
                received_at: self.now,
            }],
            to: vec!["jane@acme-dental.example".to_owned()],
            links: self.links(),
        };
        let bare = ReviewFacts {
            statement: self.quiet_statement(),
            rules: Vec::new(),
            subjects: Vec::new(),
            outside: Vec::new(),
            open: Vec::new(),
            to: Vec::new(),
            links: MailtoLinks::default(),
        };
        let invitation = InvitationFacts {
            firm: "Northwind IT".to_owned(),
            month: NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default(),
            at: self.at(Chicago, 3_000),
            now: self.now,
            minutes: 30,
            with: "Sam Ortiz".to_owned(),
            moved: false,
        };
        let moved = InvitationFacts { moved: true, ..invitation.clone() };
        vec![Box::new(full), Box::new(bare), Box::new(invitation), Box::new(moved)]
    }
}
