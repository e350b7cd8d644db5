//! Example facts for every text: `Texts::load` tries overrides on them, docs and tests show them.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::America::{Chicago, New_York};
use chrono_tz::Tz;

use super::*;
use crate::desk::event::{ClockKind, RuleHit};
use crate::words::{Category, InboundId, Minutes, OutboxId, Priority, Status, TicketNumber};

mod billing;
mod hygiene;
mod managers;
mod margin;
mod money;
mod review;

/// Builds the facts; every text that a stranger could have written goes through `text` first.
struct Sampler<'a> {
    text: &'a dyn Fn(&str) -> String,
    now: DateTime<Utc>,
}

/// All texts, each with rich facts and most also with as few as there can be. `text` may change what strangers wrote.
pub fn samples(text: &dyn Fn(&str) -> String) -> Vec<Box<dyn Notice>> {
    // Mon 23 Nov 2026, 14:05 in Chicago.
    let now = DateTime::from_timestamp(1_795_464_300, 0).unwrap_or_default();
    let sampler = Sampler { text, now };
    [sampler.for_clients(), sampler.for_techs(), sampler.about_own_mail(), sampler.for_managers(), sampler.money()]
        .into_iter()
        .flatten()
        .collect()
}

/// What somebody wrote in a mail program.
fn written() -> Option<CleanHtml> {
    let html = "<p>Hi Jane,</p><p>the print server had <b>lost its address</b>. Please</p>\
                <ol><li>switch the printer off and on,</li><li>print this <a href=\"https://print.example/test\">test page</a>.</li></ol>\
                <table><tr><th>Printer</th><th>Address</th></tr><tr><td>Front desk</td><td>10.0.4.21</td></tr>\
                <tr><td>Office</td><td>10.0.4.22</td></tr></table><pre>ping -n 3 10.0.4.21</pre><div>Sam</div>";
    Some(CleanHtml(html.to_owned()))
}

impl Sampler<'_> {
    fn own(&self, text: &str) -> String {
        (self.text)(text)
    }

    fn some(&self, text: &str) -> Option<String> {
        Some(self.own(text))
    }

    fn list<const N: usize>(&self, texts: [&str; N]) -> Vec<String> {
        texts.iter().map(|text| self.own(text)).collect()
    }

    fn at(&self, zone: Tz, minutes: i64) -> Moment {
        (self.now + TimeDelta::minutes(minutes)).with_timezone(&zone)
    }

    fn client_ticket(&self) -> ClientTicketFacts {
        ClientTicketFacts {
            firm: "Northwind IT".to_owned(),
            number: TicketNumber(1042),
            subject: self.own("RE: Front desk printer is down"),
            requester_name: self.some("Jane Roe"),
            now: self.now,
        }
    }

    fn ticket(&self) -> TicketFacts {
        TicketFacts {
            number: TicketNumber(1042),
            subject: self.own("Front desk printer is down"),
            client_name: Some("Acme Dental".to_owned()),
            priority: Priority::P2,
            status: Status::New,
            category: Category::Retainer,
            requester_name: self.some("Jane Roe"),
            requester_address: self.some("jane@acme-dental.example"),
            assignee_name: Some("Sam Ortiz".to_owned()),
            received_at: self.at(Chicago, -20),
            locked: false,
        }
    }

    fn bare_ticket(&self) -> TicketFacts {
        TicketFacts {
            subject: String::new(),
            client_name: None,
            requester_name: None,
            requester_address: None,
            assignee_name: None,
            ..self.ticket()
        }
    }

    fn ticket_name(&self) -> TicketName {
        TicketName {
            number: TicketNumber(1042),
            client_name: Some("Acme Dental".to_owned()),
            subject: self.own("Front desk printer is down"),
        }
    }

    fn links(&self) -> MailtoLinks {
        MailtoLinks {
            address: Some("support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example".to_owned()),
            subject: format!("Re: {}", self.ticket_name_subject()),
        }
    }

    fn ticket_name_subject(&self) -> String {
        tech_subject(TicketNumber(1042), Some("Acme Dental"), &self.own("Front desk printer is down"))
    }

    fn retainer(&self) -> RetainerFacts {
        RetainerFacts {
            client_name: "Acme".to_owned(),
            used: Minutes(370),
            bottom: Minutes(600),
            top: Minutes(1200),
            month: 11,
        }
    }

    fn request(&self) -> String {
        self.own(
            "Hi,\n\nthe printer at the front desk shows \"offline\" since this morning. \
             Patients are waiting for their papers, we write them by hand now.\n\nCould somebody look at it today?\n\nThanks\nJane",
        )
    }

    fn answer(&self) -> String {
        self.own(
            "Hi Jane,\n\nthe print server had lost its network address. I gave it a fixed one, \
             and the printer works again.\n\nSam",
        )
    }

    fn for_clients(&self) -> Vec<Box<dyn Notice>> {
        let ticket = self.client_ticket();
        let anonymous = ClientTicketFacts { requester_name: None, subject: String::new(), ..ticket.clone() };
        let acknowledgement =
            |ticket: &ClientTicketFacts, answer, phone: Option<&str>, too_large| AcknowledgementFacts {
                ticket: ticket.clone(),
                answer,
                emergency_phone: phone.map(str::to_owned),
                too_large,
            };
        let relay = RelayFacts {
            ticket: ticket.clone(),
            tech_name: "Sam Ortiz".to_owned(),
            text: self.answer(),
            html: None,
            left_out: self.list(["driver-pack.zip"]),
        };
        let reminder = WaitingReminderFacts {
            ticket: ticket.clone(),
            round: ReminderRound::Second,
            question: self.some("Does the printer show a message on its own display?\nWhich one?"),
            tech_name: Some("Sam Ortiz".to_owned()),
            closes_at: Some(self.at(New_York, 2 * 1440)),
        };
        let opening = AnswerTime::FromOpening(self.at(New_York, 7 * 1440));
        vec![
            Box::new(acknowledgement(&ticket, opening, Some("+1 312 555 0199"), true)),
            Box::new(acknowledgement(&ticket, AnswerTime::By(self.at(New_York, 40)), None, false)),
            Box::new(acknowledgement(&anonymous, AnswerTime::Soon, None, false)),
            Box::new(relay.clone()),
            Box::new(RelayFacts { ticket: anonymous.clone(), html: written(), left_out: Vec::new(), ..relay }),
            Box::new(self.resolution(Some("https://desk.northwind.example/survey/mfzwizlkpqxexdrrtjwb2zkcni"))),
            Box::new(ResolutionFacts {
                ticket: anonymous.clone(),
                text: String::new(),
                question: None,
                ..self.resolution(None)
            }),
            Box::new(self.resolution(None)),
            Box::new(reminder.clone()),
            Box::new(WaitingReminderFacts {
                ticket: anonymous.clone(),
                round: ReminderRound::First,
                question: None,
                tech_name: None,
                closes_at: None,
            }),
            Box::new(ApprovalFacts {
                ticket: ticket.clone(),
                approver_name: self.own("Jane Roe"),
                requester: self.some("Tom Lee <tom@acme-dental.example>"),
                request: self.own("Please reset the MFA of my account, I have a new phone."),
            }),
            Box::new(self.link_code()),
            Box::new(self.link_question()),
            Box::new(LinkedFacts { question: self.link_question(), joined: true }),
            Box::new(LinkedFacts { question: self.link_question(), joined: false }),
            Box::new(ClosedNoticeFacts { ticket }),
            Box::new(ClosedNoticeFacts { ticket: anonymous }),
        ]
    }

    fn resolution(&self, page: Option<&str>) -> ResolutionFacts {
        ResolutionFacts {
            ticket: self.client_ticket(),
            tech_name: "Sam Ortiz".to_owned(),
            text: self.answer(),
            html: None,
            left_out: Vec::new(),
            question: Some(QuestionFacts { page: page.map(str::to_owned) }),
        }
    }

    fn link_question(&self) -> LinkQuestionFacts {
        LinkQuestionFacts {
            firm: "Northwind IT".to_owned(),
            who: self.own("Jane Roe <jane@acme-dental.example>"),
            address: self.own("jane@home.example"),
        }
    }

    fn link_code(&self) -> LinkCodeFacts {
        LinkCodeFacts {
            firm: "Northwind IT".to_owned(),
            code: "K7M2QX4A".to_owned(),
            chat: "discord".to_owned(),
            who: self.own("Jane Roe"),
        }
    }

    fn assignment(&self) -> AssignmentFacts {
        AssignmentFacts {
            ticket: TicketFacts { locked: true, ..self.ticket() },
            now: self.now,
            request: self.request(),
            html: None,
            attachments: self.list(["photo.jpg"]),
            left_out: self.list(["video.mov"]),
            logos: self.list(["image001.png"]),
            first_touch_due: Some(self.at(Chicago, 40)),
            resolve_due: Some(self.at(Chicago, 1440 + 240)),
            why: Some("has the skill network and the lightest load".to_owned()),
            from_tech: None,
            pass_reason: None,
            contact: Some(ContactFacts {
                name: self.own("Jane Roe"),
                address: self.some("jane@acme-dental.example"),
                phone: self.some("+1 312 555 0100"),
                manager: true,
                approver: true,
                earlier_tickets: 4,
            }),
            recent: vec![RecentTicket {
                number: TicketNumber(1017),
                subject: self.own("Scanner does not mail"),
                status: Status::Resolved,
                at: self.at(Chicago, -4 * 1440),
            }],
            similar: vec![SimilarTicket {
                number: TicketNumber(871),
                subject: self.own("Label printer offline"),
                note: self.some("DHCP lease ran out; fixed address set on the print server."),
            }],
            retainer: Some(self.retainer()),
            environment: self.some("Two sites, one line each (ISP 0800 555 0111, contract 4711).\nPrint server: ps1, reachable by VPN only."),
            runbooks: vec![("Printers".to_owned(), "https://wiki.northwind.example/printers".to_owned())],
            rules: vec![RuleHit {
                rule: "device down".to_owned(),
                words: self.list(["printer", "offline"]),
                gave: vec!["P3".to_owned()],
            }],
            sensitive: Some(SensitiveFacts {
                verified: false,
                approver: false,
                approvers: self.list(["Jane Roe <jane@acme-dental.example>"]),
            }),
            unverified: Some("the domain acme-dental.example signs its mail, but this mail is not signed".to_owned()),
            unvouched_cc: self.list(["bob@printers.example"]),
            reply: PlainReply::ToClient(vec![self.own("Jane Roe")]),
            links: self.links(),
        }
    }

    /// A ticket from monitoring: nobody to answer, nothing known.
    fn bare_assignment(&self) -> AssignmentFacts {
        AssignmentFacts {
            ticket: self.bare_ticket(),
            attachments: Vec::new(),
            left_out: Vec::new(),
            logos: Vec::new(),
            first_touch_due: None,
            resolve_due: None,
            why: None,
            contact: None,
            recent: Vec::new(),
            similar: Vec::new(),
            retainer: None,
            rules: Vec::new(),
            sensitive: None,
            unverified: None,
            unvouched_cc: Vec::new(),
            reply: PlainReply::Internal,
            links: MailtoLinks::default(),
            ..self.assignment()
        }
    }

    fn for_techs(&self) -> Vec<Box<dyn Notice>> {
        let message = ClientMessageFacts {
            ticket: self.ticket(),
            now: self.now,
            from: self.own("Jane Roe"),
            at: self.at(Chicago, -3),
            text: self.own("It prints again, but every page comes out twice now."),
            html: None,
            attachments: self.list(["page.pdf"]),
            left_out: self.list(["video.mov"]),
            logos: Vec::new(),
            unassigned: true,
            reopened: true,
            answer_due: Some(self.at(Chicago, 57)),
            unverified: Some("the mail is not signed".to_owned()),
            outsider: Some("mallory@elsewhere.example is not on this ticket".to_owned()),
            outsider_address: Some("mallory@elsewhere.example".to_owned()),
            reply: PlainReply::Internal,
            links: self.links(),
        };
        let bare_message = ClientMessageFacts {
            ticket: self.bare_ticket(),
            html: written(),
            attachments: Vec::new(),
            left_out: Vec::new(),
            unassigned: false,
            reopened: false,
            answer_due: None,
            unverified: None,
            outsider: None,
            outsider_address: None,
            reply: PlainReply::ToClient(vec![self.own("Jane Roe")]),
            ..message.clone()
        };
        let reassignment = AssignmentFacts {
            ticket: self.ticket(),
            from_tech: Some("Ana Lima".to_owned()),
            pass_reason: self.some("needs somebody on site"),
            sensitive: None,
            unverified: None,
            ..self.assignment()
        };
        let bare_reassignment = AssignmentFacts { from_tech: Some("Ana Lima".to_owned()), ..self.bare_assignment() };
        let mut all: Vec<Box<dyn Notice>> = vec![
            Box::new(self.assignment()),
            Box::new(self.bare_assignment()),
            Box::new(reassignment),
            Box::new(bare_reassignment),
            Box::new(message),
            Box::new(bare_message),
        ];
        all.extend(self.clocks());
        all
    }

    fn clocks(&self) -> Vec<Box<dyn Notice>> {
        let reminder = ReminderFacts {
            ticket: self.ticket(),
            now: self.now,
            clock: ClockKind::FirstTouch,
            due: self.at(Chicago, 30),
            request: self.request(),
            links: self.links(),
        };
        let escalation = EscalationFacts {
            ticket: self.ticket(),
            now: self.now,
            clock: ClockKind::FirstTouch,
            due: self.at(Chicago, -15),
            round: 1,
            told: vec!["Sam Ortiz".to_owned(), "Mo Reed".to_owned()],
            request: self.request(),
            links: self.links(),
        };
        vec![
            Box::new(reminder.clone()),
            Box::new(ReminderFacts {
                ticket: self.bare_ticket(),
                clock: ClockKind::Resolve,
                request: String::new(),
                ..reminder
            }),
            Box::new(escalation.clone()),
            Box::new(EscalationFacts {
                ticket: self.bare_ticket(),
                clock: ClockKind::Answer,
                round: 0,
                told: Vec::new(),
                request: String::new(),
                links: MailtoLinks::default(),
                ..escalation
            }),
        ]
    }

    fn about_own_mail(&self) -> Vec<Box<dyn Notice>> {
        let time = Effect::Time { minutes: Minutes(25), category: Category::Retainer, day: None };
        let line = ReceiptLine {
            number: Some(TicketNumber(1042)),
            effects: vec![Effect::Answered { to: self.list(["Jane Roe"]) }, Effect::Resolved, time],
            retainer: Some(self.retainer()),
        };
        let receipt = ReceiptFacts {
            ticket: Some(self.ticket_name()),
            now: self.now,
            lines: vec![line],
            remarks: vec![
                Remark::BesideQuestion,
                Remark::Unplaced(self.list(["image001.png"])),
                Remark::KeptOut {
                    chat: "teams".to_owned(),
                    files: self.list(["manual.pdf"]),
                    address: self.some("jane@acme-dental.example"),
                },
            ],
            left_out: self.list(["driver-pack.zip"]),
            ask_time: true,
            ask_note: Some(Minutes(45)),
            links: self.links(),
        };
        let bare_receipt = ReceiptFacts {
            ticket: None,
            remarks: Vec::new(),
            left_out: Vec::new(),
            ask_time: false,
            ask_note: None,
            links: MailtoLinks::default(),
            ..receipt.clone()
        };
        let refused = NotSentFacts {
            ticket: Some(self.ticket_name()),
            mail_subject: self.own("Re: Front desk printer is down"),
            line: self.own("#time 2"),
            reason: "2 can mean 2 minutes or 2 hours; write #time 2m or #time 2h".to_owned(),
            heard: false,
            corrected: vec![Corrected { line: "#time 2h".to_owned(), mail: format!("{}\n\n#time 2h", self.answer()) }],
            links: self.links(),
        };
        let bare_refused =
            NotSentFacts { ticket: None, corrected: Vec::new(), links: MailtoLinks::default(), ..refused.clone() };
        let late = NotSentReminderFacts { refused: refused.clone(), now: self.now, written_at: self.at(Chicago, -15) };
        let mut all: Vec<Box<dyn Notice>> = vec![
            Box::new(receipt),
            Box::new(bare_receipt),
            Box::new(refused),
            Box::new(NotSentFacts { heard: true, ..bare_refused.clone() }),
            Box::new(NotSentReminderFacts { refused: bare_refused, ..late.clone() }),
            Box::new(late),
        ];
        all.extend(self.doubts());
        all
    }

    fn doubts(&self) -> Vec<Box<dyn Notice>> {
        let confirmation = ConfirmationFacts {
            now: self.now,
            mail_subject: self.own("Acme: switch replaced"),
            arrived_at: self.at(Chicago, -2),
            would_do: vec!["open a ticket for Acme Dental".to_owned(), "log 1h15 retainer".to_owned()],
            excerpt: self.own("Replaced the switch in the server room."),
            links: self.links(),
        };
        let unverified = UnverifiedFacts {
            ticket: Some(self.ticket_name()),
            now: self.now,
            mail_subject: self.own("Re: #1042 Acme Dental: Front desk printer is down"),
            arrived_at: self.at(Chicago, -2),
            reason: "your mail carries no DKIM signature of northwind.example".to_owned(),
            way_out: "Send it again through smtp.northwind.example; mail from there is signed.".to_owned(),
            excerpt: self.answer(),
        };
        let verbs = [
            ("#done [25m] [category]", "resolve, and log time; your text goes to the client"),
            ("#time 1h15 [category] [day] [note]", "log time"),
            ("#take", "it is yours"),
        ];
        let verbs = verbs.map(|(usage, meaning)| VerbHelp { usage: usage.to_owned(), meaning: meaning.to_owned() });
        vec![
            Box::new(confirmation.clone()),
            Box::new(ConfirmationFacts {
                mail_subject: String::new(),
                would_do: Vec::new(),
                excerpt: String::new(),
                links: MailtoLinks::default(),
                ..confirmation
            }),
            Box::new(unverified.clone()),
            Box::new(UnverifiedFacts { ticket: None, excerpt: String::new(), ..unverified }),
            Box::new(HelpFacts { ticket: Some(self.ticket_name()), verbs: verbs.to_vec() }),
            Box::new(HelpFacts { ticket: None, verbs: Vec::new() }),
        ]
    }
}
