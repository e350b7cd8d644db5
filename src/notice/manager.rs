//! What managers get: lists to decide on, and what needs a human because deskd cannot go on alone.

use chrono::{DateTime, Utc};
use minijinja::{Value, context};

use super::facts::{MailtoLinks, Moment, PlainReply, TicketFacts, shown_subject};
use super::format::{one_line, strings};
use super::language::Words;
use super::tech::{TICKET_LINKS, due_view};
use super::{Notice, Rendered, Texts};
use crate::words::{InboundId, OutboxId, Priority, TicketNumber};

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsortedTicket {
    pub number: TicketNumber,
    pub subject: String,
    pub from: String,
    pub received_at: Moment,
    pub priority: Priority,
    /// Why it is unsorted.
    pub why: String,
    /// Key of the client it most likely belongs to; the hint names it.
    pub client_key: Option<String>,
    /// The first words.
    pub excerpt: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct UnsortedDigestFacts {
    pub now: DateTime<Utc>,
    /// P1 first, then the oldest.
    pub tickets: Vec<UnsortedTicket>,
    /// `subject` is replaced by the digest's own for each link.
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LateTicket {
    pub number: TicketNumber,
    pub subject: String,
    pub client_name: Option<String>,
    pub from: String,
    pub received_at: Moment,
    pub priority: Priority,
    pub assignee_name: Option<String>,
}

/// Mail that was over three days old when deskd first saw it: tickets without acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub struct LateListFacts {
    pub now: DateTime<Utc>,
    pub source: String,
    pub tickets: Vec<LateTicket>,
}

/// A mail of ours that failed for good.
#[derive(Debug, Clone, PartialEq)]
pub struct UndeliverableFacts {
    pub now: DateTime<Utc>,
    pub outbox: OutboxId,
    pub ticket: Option<TicketNumber>,
    pub recipient: String,
    pub mail_subject: String,
    /// The server's last words, or why we gave up.
    pub reply: String,
    pub attempts: u32,
    pub first_tried_at: Moment,
    /// The mail was for a client (not for one of us).
    pub to_client: bool,
    /// The line or chat that it was to leave by; `None` for mail.
    pub channel: Option<String>,
    /// The client gets its words by mail instead.
    pub by_mail: bool,
}

/// Deliveries to one of the firm's programs were given up.
#[derive(Debug, Clone, PartialEq)]
pub struct UndeliveredFacts {
    pub now: DateTime<Utc>,
    pub webhook: String,
    pub count: u32,
    /// When the first of them was written.
    pub since: Moment,
    /// The last answer, or why there was none.
    pub error: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct QuarantinedFacts {
    pub now: DateTime<Utc>,
    pub inbound: InboundId,
    pub source: String,
    pub arrived_at: Moment,
    pub from: Option<String>,
    pub mail_subject: Option<String>,
    pub bytes: u64,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NoCandidateFacts {
    pub ticket: TicketFacts,
    pub now: DateTime<Utc>,
    pub due: Option<Moment>,
    pub skill: Option<String>,
    /// Why each tech was left out, one a line.
    pub why: Vec<String>,
    pub request: String,
    pub links: MailtoLinks,
}

/// The breaker paused automatic mail.
#[derive(Debug, Clone, PartialEq)]
pub struct StormFacts {
    pub now: DateTime<Utc>,
    /// Whom the mail would have gone to, or came from.
    pub who: String,
    pub count: u32,
    pub since: Moment,
    /// Until when it stays paused; `None` until a human acts.
    pub paused_until: Option<Moment>,
    /// The latest subjects, as a hint at the cause.
    pub subjects: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SourceDownFacts {
    pub now: DateTime<Utc>,
    pub source: String,
    pub since: Moment,
    pub error: String,
    /// What a human can do; `None` where waiting is all.
    pub way_out: Option<String>,
}

impl UnsortedTicket {
    fn view(&self, words: &Words, now: DateTime<Utc>, links: &MailtoLinks) -> Value {
        let accept = match &self.client_key {
            Some(key) => format!("{} accept {key}", self.number),
            None => format!("{} accept", self.number),
        };
        let spam = format!("{} spam", self.number);
        let bodies = [("accept", format!("{accept}\n")), ("spam", format!("{spam}\n"))];
        let bodies = bodies.each_ref().map(|(label, body)| (*label, body.as_str()));
        context! {
            number => self.number.to_string(),
            subject => shown_subject(&self.subject, words),
            from => &self.from,
            received => words.moment(now, &self.received_at),
            priority => self.priority.as_str(),
            priority_word => words.get("priority", self.priority.as_str()),
            urgent => self.priority == Priority::P1,
            why => &self.why,
            excerpt => one_line(&self.excerpt),
            accept, spam,
            links => links.view(words, &bodies),
        }
    }
}

impl Notice for UnsortedDigestFacts {
    fn name(&self) -> &'static str {
        "unsorted_digest"
    }

    fn view(&self, words: &Words) -> Value {
        let subject = words.count("digest", "unsorted", self.tickets.len());
        let links = MailtoLinks { subject: format!("Re: {subject}"), ..self.links.clone() };
        let tickets = self.tickets.iter().map(|ticket| ticket.view(words, self.now, &links));
        context! {
            subject,
            tickets => tickets.collect::<Vec<Value>>(),
            urgent => self.tickets.iter().any(|ticket| ticket.priority == Priority::P1),
        }
    }
}

impl Notice for LateListFacts {
    fn name(&self) -> &'static str {
        "late_list"
    }

    fn view(&self, words: &Words) -> Value {
        let tickets = self.tickets.iter().map(|ticket| {
            context! {
                number => ticket.number.to_string(),
                subject => shown_subject(&ticket.subject, words),
                client => &ticket.client_name,
                from => &ticket.from,
                received => words.moment(self.now, &ticket.received_at),
                priority => ticket.priority.as_str(),
                assignee => &ticket.assignee_name,
            }
        });
        context! {
            subject => words.count("digest", "late", self.tickets.len()),
            source => &self.source,
            tickets => tickets.collect::<Vec<Value>>(),
        }
    }
}

impl Notice for UndeliverableFacts {
    fn name(&self) -> &'static str {
        "undeliverable"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            outbox => self.outbox.0,
            ticket => self.ticket.map(|number| number.to_string()),
            recipient => one_line(&self.recipient),
            mail_subject => shown_subject(&self.mail_subject, words),
            server_reply => self.reply.trim(),
            attempts => self.attempts,
            first_tried => words.moment(self.now, &self.first_tried_at),
            to_client => self.to_client,
            channel => &self.channel,
            by_mail => self.by_mail,
        }
    }
}

impl Notice for UndeliveredFacts {
    fn name(&self) -> &'static str {
        "undelivered"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            webhook => &self.webhook,
            count => self.count,
            since => words.moment(self.now, &self.since),
            error => one_line(&self.error),
        }
    }
}

impl Notice for QuarantinedFacts {
    fn name(&self) -> &'static str {
        "quarantined"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            inbound => self.inbound.0,
            source => &self.source,
            arrived => words.moment(self.now, &self.arrived_at),
            from => self.from.as_deref().map(one_line),
            mail_subject => self.mail_subject.as_deref().map(|subject| shown_subject(subject, words)),
            kilobytes => self.bytes.div_ceil(1024),
            reason => self.reason.trim(),
        }
    }
}

impl Notice for NoCandidateFacts {
    fn name(&self) -> &'static str {
        "no_candidate"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => self.ticket.tech_subject(),
            ticket => self.ticket.view(words, self.now),
            due => due_view(words, self.now, self.due.as_ref()),
            skill => &self.skill,
            why => strings(&self.why),
            request => self.request.trim(),
            reply => PlainReply::Internal.view(words),
            links => self.links.view(words, &TICKET_LINKS[..1]),
        }
    }
}

impl Notice for StormFacts {
    fn name(&self) -> &'static str {
        "storm"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            who => one_line(&self.who),
            count => self.count,
            since => words.moment(self.now, &self.since),
            until => self.paused_until.as_ref().map(|until| words.moment(self.now, until)),
            subjects => strings(&self.subjects),
        }
    }
}

impl Notice for SourceDownFacts {
    fn name(&self) -> &'static str {
        "source_down"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            source => &self.source,
            since => words.moment(self.now, &self.since),
            error => self.error.trim(),
            way_out => &self.way_out,
        }
    }
}

/// Mail from strangers, to accept or to throw out.
pub fn unsorted_digest(texts: &Texts, language: &str, facts: &UnsortedDigestFacts) -> Rendered {
    texts.render(language, facts)
}

/// Old mail that became tickets at a first start.
pub fn late_list(texts: &Texts, language: &str, facts: &LateListFacts) -> Rendered {
    texts.render(language, facts)
}

/// A mail of ours will not arrive.
pub fn undeliverable(texts: &Texts, language: &str, facts: &UndeliverableFacts) -> Rendered {
    texts.render(language, facts)
}

/// Deliveries to one of the firm's programs were given up.
pub fn undelivered(texts: &Texts, language: &str, facts: &UndeliveredFacts) -> Rendered {
    texts.render(language, facts)
}

/// A mail that deskd could not read.
pub fn quarantined(texts: &Texts, language: &str, facts: &QuarantinedFacts) -> Rendered {
    texts.render(language, facts)
}

/// Nobody can take this ticket.
pub fn no_candidate(texts: &Texts, language: &str, facts: &NoCandidateFacts) -> Rendered {
    texts.render(language, facts)
}

/// Automatic mail to somebody was paused.
pub fn storm(texts: &Texts, language: &str, facts: &StormFacts) -> Rendered {
    texts.render(language, facts)
}

/// A source cannot be reached.
pub fn source_down(texts: &Texts, language: &str, facts: &SourceDownFacts) -> Rendered {
    texts.render(language, facts)
}
