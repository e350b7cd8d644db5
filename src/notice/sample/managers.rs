//! Example facts for what managers are told.

use super::*;

impl Sampler<'_> {
    pub(super) fn for_managers(&self) -> Vec<Box<dyn Notice>> {
        let unsorted = UnsortedTicket {
            number: TicketNumber(1043),
            subject: self.own("Server down at our new office!"),
            from: self.own("Rob New <rob@unknown.example>"),
            received_at: self.at(Chicago, -30),
            priority: Priority::P1,
            why: "rob@unknown.example is not known, and no client has the domain".to_owned(),
            client_key: Some("acme".to_owned()),
            excerpt: self.own("Hello, nobody can work here since 8.\nWe are the new Acme branch."),
        };
        let other = UnsortedTicket {
            number: TicketNumber(1044),
            subject: self.own("Quote"),
            priority: Priority::P4,
            client_key: None,
            ..unsorted.clone()
        };
        let late = LateTicket {
            number: TicketNumber(1001),
            subject: self.own("Old request"),
            client_name: Some("Acme Dental".to_owned()),
            from: self.own("Jane Roe"),
            received_at: self.at(Chicago, -9 * 1440),
            priority: Priority::P3,
            assignee_name: Some("Sam Ortiz".to_owned()),
        };
        let bare_late = LateTicket { client_name: None, assignee_name: None, ..late.clone() };
        let mut all: Vec<Box<dyn Notice>> = vec![
            Box::new(UnsortedDigestFacts {
                now: self.now,
                tickets: vec![unsorted, other.clone()],
                links: self.links(),
            }),
            Box::new(UnsortedDigestFacts { now: self.now, tickets: vec![other], links: MailtoLinks::default() }),
            Box::new(LateListFacts { now: self.now, source: "support".to_owned(), tickets: vec![late, bare_late] }),
            Box::new(StormFacts {
                now: self.now,
                who: self.own("robot@shop.example"),
                count: 31,
                since: self.at(Chicago, -50),
                paused_until: Some(self.at(Chicago, 23 * 60)),
                subjects: self.list(["Your order", "Your order"]),
            }),
            Box::new(StormFacts {
                now: self.now,
                who: self.own("robot@shop.example"),
                count: 31,
                since: self.at(Chicago, -50),
                paused_until: None,
                subjects: Vec::new(),
            }),
        ];
        all.extend(self.unhappy());
        all.extend(self.undeliverables());
        all.extend(self.faults());
        all.extend(self.given_up());
        all.extend(self.gathered());
        all
    }

    fn gathered(&self) -> Vec<Box<dyn Notice>> {
        let assigned = GatheredEntry {
            kind: "assignment".to_owned(),
            number: Some(TicketNumber(1042)),
            subject: self.own("Front desk printer is down"),
            client_name: Some("Acme Dental".to_owned()),
            priority: Some(Priority::P2),
            status: Some(Status::New),
            assignee_name: None,
            due: Some(self.at(Chicago, 40)),
            words: self.request(),
            files: self.list(["photo.jpg"]),
            links: self.links(),
        };
        let wrote = GatheredEntry {
            kind: "client_message".to_owned(),
            number: Some(TicketNumber(1043)),
            client_name: None,
            status: Some(Status::Open),
            assignee_name: Some("Ana Lima".to_owned()),
            due: None,
            words: self.own("It is number 12."),
            files: Vec::new(),
            links: MailtoLinks::default(),
            ..assigned.clone()
        };
        let reminder =
            GatheredEntry { kind: "reminder".to_owned(), words: String::new(), files: Vec::new(), ..assigned.clone() };
        let own = GatheredEntry {
            kind: "quarantined".to_owned(),
            subject: self.own("A mail could not be read"),
            words: self.own("Inbound 771 is set aside."),
            ..GatheredEntry::default()
        };
        let facts = |entries| GatheredFacts {
            now: self.now,
            over: 20,
            within: TimeDelta::minutes(10),
            entries,
            links: self.links(),
        };
        vec![Box::new(facts(vec![assigned, wrote, reminder, own.clone()])), Box::new(facts(vec![own]))]
    }

    fn given_up(&self) -> Vec<Box<dyn Notice>> {
        let undelivered = UndeliveredFacts {
            now: self.now,
            webhook: "crm".to_owned(),
            count: 14,
            since: self.at(Chicago, -40),
            error: self.own("https://crm.northwind.example/deskd cannot take it now: 503 Service Unavailable"),
        };
        vec![Box::new(undelivered.clone()), Box::new(UndeliveredFacts { count: 1, ..undelivered })]
    }

    fn undeliverables(&self) -> Vec<Box<dyn Notice>> {
        let undeliverable = UndeliverableFacts {
            now: self.now,
            outbox: OutboxId(5120),
            ticket: Some(TicketNumber(1042)),
            recipient: self.own("jane@acme-dental.example"),
            mail_subject: self.own("Re: Front desk printer is down"),
            reply: self.own("550 5.1.1 no such user"),
            attempts: 1,
            first_tried_at: self.at(Chicago, -1),
            to_client: true,
            channel: None,
            by_mail: false,
        };
        vec![
            Box::new(undeliverable.clone()),
            Box::new(UndeliverableFacts {
                recipient: "C0ACME/1772463600.000002".to_owned(),
                channel: Some("slack".to_owned()),
                by_mail: true,
                ..undeliverable.clone()
            }),
            Box::new(UndeliverableFacts { ticket: None, to_client: false, attempts: 12, ..undeliverable }),
        ]
    }

    fn faults(&self) -> Vec<Box<dyn Notice>> {
        let quarantined = QuarantinedFacts {
            now: self.now,
            inbound: InboundId(771),
            source: "support".to_owned(),
            arrived_at: self.at(Chicago, -6),
            from: self.some("jane@acme-dental.example"),
            mail_subject: self.some("Fwd: Fwd: Fwd:"),
            bytes: 1_400_000,
            reason: "reading it took over 30 s".to_owned(),
        };
        let no_candidate = NoCandidateFacts {
            ticket: TicketFacts { assignee_name: None, ..self.ticket() },
            now: self.now,
            due: Some(self.at(Chicago, 40)),
            skill: Some("network".to_owned()),
            why: vec!["Sam Ortiz is away until Mon 30 Nov".to_owned(), "Ana Lima lacks the skill network".to_owned()],
            request: self.request(),
            links: self.links(),
        };
        let source_down = SourceDownFacts {
            now: self.now,
            source: "support".to_owned(),
            since: self.at(Chicago, -11),
            error: self.own("imap.northwind.example refuses the password of support@northwind.example"),
            way_out: Some("Put the new password into the credential support-imap and reload deskd.".to_owned()),
        };
        vec![
            Box::new(quarantined.clone()),
            Box::new(QuarantinedFacts { from: None, mail_subject: None, ..quarantined }),
            Box::new(no_candidate.clone()),
            Box::new(NoCandidateFacts {
                ticket: self.bare_ticket(),
                due: None,
                skill: None,
                why: Vec::new(),
                request: String::new(),
                links: MailtoLinks::default(),
                ..no_candidate
            }),
            Box::new(source_down.clone()),
            Box::new(SourceDownFacts { way_out: None, ..source_down }),
        ]
    }

    fn unhappy(&self) -> Vec<Box<dyn Notice>> {
        let unhappy = UnhappyFacts {
            ticket: TicketFacts { status: Status::Resolved, ..self.ticket() },
            now: self.now,
            words: self.some("Third time this month.\nNobody told us when you would come."),
            request: self.own("The printer at the front desk prints nothing."),
            answer: self.some("New drum, prints again."),
            resolved_at: Some(self.at(Chicago, -90)),
            links: self.links(),
        };
        let bare = UnhappyFacts {
            words: None,
            answer: None,
            resolved_at: None,
            links: MailtoLinks::default(),
            ..unhappy.clone()
        };
        vec![Box::new(unhappy), Box::new(bare)]
    }
}
