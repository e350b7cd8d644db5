//! What techs get about a ticket: assignment with its whole context, further messages, reminders and escalations.

use chrono::{DateTime, Utc};
use minijinja::{Value, context};

use super::facts::{
    CleanHtml, MailtoLinks, Moment, PlainReply, RetainerFacts, SensitiveFacts, TicketFacts, shown_subject,
};
use super::format::{safe, strings};
use super::language::Words;
use super::{Notice, Rendered, Texts};
use crate::desk::event::{ClockKind, RuleHit};
use crate::words::{Status, TicketNumber};

/// The person who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactFacts {
    pub name: String,
    pub address: Option<String>,
    pub phone: Option<String>,
    pub manager: bool,
    pub approver: bool,
    /// Tickets of this contact so far, this one left out.
    pub earlier_tickets: u32,
}

/// Another ticket of the same client.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentTicket {
    pub number: TicketNumber,
    pub subject: String,
    pub status: Status,
    pub at: Moment,
}

/// A resolved ticket that looks alike, of the same client or published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimilarTicket {
    pub number: TicketNumber,
    pub subject: String,
    /// Cause and cure.
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentFacts {
    pub ticket: TicketFacts,
    pub now: DateTime<Utc>,
    /// The new text of the request.
    pub request: String,
    /// The same as HTML; `None` makes paragraphs of the text.
    pub html: Option<CleanHtml>,
    /// Names of the files that came with it and travel with this mail, beside the pictures that its HTML shows.
    pub attachments: Vec<String>,
    /// Too big to travel along.
    pub left_out: Vec<String>,
    /// Pictures of a signature, which stay behind.
    pub logos: Vec<String>,
    /// In the tech's zone; `None` when touched already.
    pub first_touch_due: Option<Moment>,
    pub resolve_due: Option<Moment>,
    /// How the choice was made.
    pub why: Option<String>,
    /// Reassignment: who had it, and what he or she said.
    pub from_tech: Option<String>,
    pub pass_reason: Option<String>,
    pub contact: Option<ContactFacts>,
    /// The contact's latest tickets, newest first.
    pub recent: Vec<RecentTicket>,
    pub similar: Vec<SimilarTicket>,
    pub retainer: Option<RetainerFacts>,
    /// What the firm knows of the client's machines, lines and people.
    pub environment: Option<String>,
    /// Name and place of what is written on this kind of trouble.
    pub runbooks: Vec<(String, String)>,
    /// What decided, and on which words.
    pub rules: Vec<RuleHit>,
    /// Tagged `sensitive`.
    pub sensitive: Option<SensitiveFacts>,
    /// Why the sender is not verified; `None` when verified.
    pub unverified: Option<String>,
    /// Addresses in Cc that nothing vouches for: listed, not added.
    pub unvouched_cc: Vec<String>,
    pub reply: PlainReply,
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ClientMessageFacts {
    pub ticket: TicketFacts,
    pub now: DateTime<Utc>,
    pub from: String,
    pub at: Moment,
    pub text: String,
    /// As in an assignment.
    pub html: Option<CleanHtml>,
    pub attachments: Vec<String>,
    pub left_out: Vec<String>,
    pub logos: Vec<String>,
    /// Goes to the managers, as nobody has the ticket.
    pub unassigned: bool,
    /// The message reopened a resolved ticket.
    pub reopened: bool,
    pub answer_due: Option<Moment>,
    pub unverified: Option<String>,
    /// The sender is not on the ticket: the text is stored internally. Why.
    pub outsider: Option<String>,
    /// Who may be let in with `#cc`.
    pub outsider_address: Option<String>,
    pub reply: PlainReply,
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReminderFacts {
    pub ticket: TicketFacts,
    pub now: DateTime<Utc>,
    pub clock: ClockKind,
    pub due: Moment,
    /// The client's latest words.
    pub request: String,
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EscalationFacts {
    pub ticket: TicketFacts,
    pub now: DateTime<Utc>,
    /// What was missed.
    pub clock: ClockKind,
    pub due: Moment,
    /// 0 the first time.
    pub round: u32,
    /// Who is told besides the reader.
    pub told: Vec<String>,
    pub request: String,
    pub links: MailtoLinks,
}

/// The links under every mail about a ticket.
pub(super) const TICKET_LINKS: [(&str, &str); 3] = [("take", "#take\n"), DONE, ("wait", "\n\n#wait client\n")];
const DONE: (&str, &str) = ("done", "\n\n#done 15m\n");

/// What ends the work; while a sensitive request is not cleared, what clears it.
fn finish(ticket: &TicketFacts) -> (&'static str, &'static str) {
    if ticket.locked { ("verified", "#verified by phone\n") } else { DONE }
}

/// The links under a mail about this ticket.
fn ticket_links(ticket: &TicketFacts) -> [(&'static str, &'static str); 3] {
    TICKET_LINKS.map(|link| if link == DONE { finish(ticket) } else { link })
}

impl AssignmentFacts {
    fn whole_context(&self, words: &Words) -> Value {
        let now = self.now;
        let recent = self.recent.iter().map(|one| {
            context! {
                number => one.number.to_string(),
                subject => shown_subject(&one.subject, words),
                status => words.get("status", one.status.as_str()),
                when => words.moment(now, &one.at),
            }
        });
        let similar = self.similar.iter().map(|one| {
            context! {
                number => one.number.to_string(),
                subject => shown_subject(&one.subject, words),
                note => one.note.as_deref().map(str::trim),
            }
        });
        let rules = self.rules.iter().map(|rule| context! { name => &rule.rule, words => strings(&rule.words) });
        context! {
            subject => self.ticket.tech_subject(),
            ticket => self.ticket.view(words, now),
            request => self.request.trim(),
            html => safe(self.html.as_ref()),
            attachments => strings(&self.attachments),
            left_out => strings(&self.left_out),
            logos => strings(&self.logos),
            due => due_view(words, now, self.first_touch_due.as_ref()),
            resolve_due => due_view(words, now, self.resolve_due.as_ref()),
            why => &self.why,
            from_tech => &self.from_tech,
            pass_reason => &self.pass_reason,
            contact => self.contact.as_ref().map(contact_view),
            recent => recent.collect::<Vec<Value>>(),
            similar => similar.collect::<Vec<Value>>(),
            environment => &self.environment,
            runbooks => self.runbooks.iter().map(|(name, at)| context! { name, at }).collect::<Vec<_>>(),
            retainer => self.retainer.as_ref().map(|retainer| retainer.view(words)),
            rules => rules.collect::<Vec<Value>>(),
            sensitive => self.sensitive.as_ref().map(SensitiveFacts::view),
            unverified => &self.unverified,
            unvouched_cc => strings(&self.unvouched_cc),
            reply => self.reply.view(words),
            links => self.links.view(words, &ticket_links(&self.ticket)),
        }
    }
}

fn contact_view(contact: &ContactFacts) -> Value {
    context! {
        name => &contact.name,
        address => &contact.address,
        phone => &contact.phone,
        phone_url => contact.phone.as_deref().map(tel),
        manager => contact.manager,
        approver => contact.approver,
        earlier => contact.earlier_tickets,
    }
}

/// RFC 3966, one tap on a phone.
fn tel(phone: &str) -> String {
    let digits = phone.chars().filter(|c| c.is_ascii_digit() || *c == '+');
    format!("tel:{}", digits.collect::<String>())
}

/// `{at: "today 14:05", left: "in 40 min", late: false}`
pub(super) fn due_view(words: &Words, now: DateTime<Utc>, due: Option<&Moment>) -> Option<Value> {
    due.map(|due| {
        context! { at => words.moment_with_zone(now, due), left => words.left(now, due), late => due.to_utc() <= now }
    })
}

impl Notice for AssignmentFacts {
    fn name(&self) -> &'static str {
        if self.from_tech.is_some() { "reassignment" } else { "assignment" }
    }

    fn view(&self, words: &Words) -> Value {
        self.whole_context(words)
    }
}

impl Notice for ClientMessageFacts {
    fn name(&self) -> &'static str {
        "client_message"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => self.ticket.tech_subject(),
            ticket => self.ticket.view(words, self.now),
            from => &self.from,
            at => words.moment(self.now, &self.at),
            text => self.text.trim(),
            html => safe(self.html.as_ref()),
            attachments => strings(&self.attachments),
            left_out => strings(&self.left_out),
            logos => strings(&self.logos),
            unassigned => self.unassigned,
            reopened => self.reopened,
            due => due_view(words, self.now, self.answer_due.as_ref()),
            unverified => &self.unverified,
            outsider => &self.outsider,
            outsider_address => &self.outsider_address,
            reply => self.reply.view(words),
            links => self.links.view(words, &ticket_links(&self.ticket)),
        }
    }
}

impl Notice for ReminderFacts {
    fn name(&self) -> &'static str {
        "reminder"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => self.ticket.tech_subject(),
            ticket => self.ticket.view(words, self.now),
            wanted => words.get("clock", self.clock.as_str()),
            due => due_view(words, self.now, Some(&self.due)),
            request => self.request.trim(),
            reply => PlainReply::Internal.view(words),
            links => self.links.view(words, &ticket_links(&self.ticket)),
        }
    }
}

impl Notice for EscalationFacts {
    fn name(&self) -> &'static str {
        "escalation"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => self.ticket.tech_subject(),
            ticket => self.ticket.view(words, self.now),
            missed => words.get("missed", self.clock.as_str()),
            due => due_view(words, self.now, Some(&self.due)),
            round => self.round,
            told => strings(&self.told),
            request => self.request.trim(),
            reply => PlainReply::Internal.view(words),
            links => self.links.view(words, &[("take", "#take\n"), ("ack", "#ack\n"), finish(&self.ticket)]),
        }
    }
}

/// A ticket is yours, with everything one needs to know. `facts.from_tech` must be `None`; else it is a reassignment.
pub fn assignment(texts: &Texts, language: &str, facts: &AssignmentFacts) -> Rendered {
    texts.render(language, facts)
}

/// A ticket that somebody else had is yours; `facts.from_tech` names who.
pub fn reassignment(texts: &Texts, language: &str, facts: &AssignmentFacts) -> Rendered {
    texts.render(language, facts)
}

/// The client wrote again: to the assignee, or to the managers while nobody has the ticket.
pub fn client_message(texts: &Texts, language: &str, facts: &ClientMessageFacts) -> Rendered {
    texts.render(language, facts)
}

/// A deadline comes near.
pub fn reminder(texts: &Texts, language: &str, facts: &ReminderFacts) -> Rendered {
    texts.render(language, facts)
}

/// A deadline was missed; says which.
pub fn escalation(texts: &Texts, language: &str, facts: &EscalationFacts) -> Rendered {
    texts.render(language, facts)
}
