//! Facts that several texts share; the caller fills them from the store and the config, and zones every time for its reader.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{Value, context};

use super::format::mailto;
use super::language::Words;
use crate::words::{Category, Minutes, Priority, Status, TicketNumber};

/// A moment in the zone of the person who reads it.
pub type Moment = DateTime<Tz>;

/// A ticket as techs and managers see it. Nothing of it goes into a client's mail but number and subject.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketFacts {
    pub number: TicketNumber,
    /// The client's own subject; may be empty.
    pub subject: String,
    pub client_name: Option<String>,
    pub priority: Priority,
    pub status: Status,
    pub category: Category,
    pub requester_name: Option<String>,
    pub requester_address: Option<String>,
    pub assignee_name: Option<String>,
    pub received_at: Moment,
    /// Sensitive and not cleared: `#done` would be refused.
    pub locked: bool,
}

/// What a client may know of a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientTicketFacts {
    /// Name of the firm, as the client knows it.
    pub firm: String,
    pub number: TicketNumber,
    pub subject: String,
    /// Whom the mail greets; `None` greets nobody by name.
    pub requester_name: Option<String>,
    /// The moment of writing.
    pub now: DateTime<Utc>,
}

/// HTML that `mail::reply::likeness` made, and so `mail::html::clean`; the only thing that is put into a mail unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanHtml(pub String);

/// `Acme: 6h10 of 10–20h used in November`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainerFacts {
    pub client_name: String,
    pub used: Minutes,
    pub bottom: Minutes,
    pub top: Minutes,
    /// 1 to 12.
    pub month: u32,
}

/// Where a prefilled answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailtoLinks {
    /// The address with the reply token; `None` (no plus addressing) leaves the links out.
    pub address: Option<String>,
    /// Must name the ticket, as a mail opened by a link carries no In-Reply-To: `tech_subject(…)`.
    pub subject: String,
}

/// What happens to a plain reply (DESIGN.md section 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlainReply {
    /// To the client; everybody who gets it, as the mail names them.
    ToClient(Vec<String>),
    Internal,
}

/// Why nobody should simply believe the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensitiveFacts {
    /// The sender's address is authentic.
    pub verified: bool,
    /// The sender is one of the client's approvers.
    pub approver: bool,
    /// Whom one may ask, as `#approve` takes them: `Jane Roe <jane@…>`.
    pub approvers: Vec<String>,
}

impl TicketFacts {
    pub(super) fn view(&self, words: &Words, now: DateTime<Utc>) -> Value {
        let from = match (&self.requester_name, &self.requester_address) {
            (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
            (Some(one), _) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        };
        context! {
            number => self.number.to_string(),
            subject => shown_subject(&self.subject, words),
            client => &self.client_name,
            priority => self.priority.as_str(),
            priority_word => words.get("priority", self.priority.as_str()),
            status => words.get("status", self.status.as_str()),
            category => words.get("category", self.category.as_str()),
            requester => from,
            assignee => &self.assignee_name,
            received => words.moment(now, &self.received_at),
            locked => self.locked,
        }
    }

    pub(super) fn tech_subject(&self) -> String {
        super::tech_subject(self.number, self.client_name.as_deref(), &self.subject)
    }
}

/// A line break in a subject, or nothing at all, would spoil a list.
pub(super) fn shown_subject(subject: &str, words: &Words) -> String {
    let line = super::format::one_line(subject);
    if line.is_empty() { words.get("ticket", "no_subject").to_owned() } else { line }
}

impl ClientTicketFacts {
    pub(super) fn view(&self) -> Value {
        context! {
            firm => &self.firm,
            number => self.number.to_string(),
            greeting_name => &self.requester_name,
        }
    }
}

impl RetainerFacts {
    /// `Acme: 6h10 of 10–20h used in November`
    pub(super) fn view(&self, words: &Words) -> String {
        words.fill(
            "retainer",
            "used",
            &[
                ("client", &self.client_name),
                ("used", &self.used.to_string()),
                ("range", &range(self.bottom, self.top)),
                ("month", words.month_name(self.month)),
            ],
        )
    }
}

/// `10–20h`, `10h`, `7h30–12h`.
pub(super) fn range(bottom: Minutes, top: Minutes) -> String {
    if bottom == top || bottom == Minutes(0) {
        return top.to_string();
    }
    match (bottom.0 % 60, top.0 % 60) {
        (0, 0) => format!("{}–{top}", bottom.0 / 60),
        _ => format!("{bottom}–{top}"),
    }
}

impl MailtoLinks {
    /// One tap each: the label's key in the texts, and the body of the mail it opens.
    pub(super) fn view(&self, words: &Words, bodies: &[(&str, &str)]) -> Value {
        self.labelled(bodies.iter().map(|(label, body)| (words.get("link", label), *body)))
    }

    /// The same with ready labels.
    pub(super) fn labelled<'a>(&self, links: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
        let Some(address) = &self.address else { return Value::from(Vec::<Value>::new()) };
        let link = |(label, body): (&str, &str)| {
            context! { label => label, directive => body.trim(), url => mailto(address, &self.subject, body) }
        };
        links.map(link).collect::<Vec<Value>>().into()
    }
}

impl PlainReply {
    pub(super) fn view(&self, words: &Words) -> String {
        match self {
            PlainReply::ToClient(names) => words.fill("reply", "to_client", &[("name", &names.join(", "))]),
            PlainReply::Internal => words.get("reply", "internal").to_owned(),
        }
    }
}

impl SensitiveFacts {
    pub(super) fn view(&self) -> Value {
        context! {
            verified => self.verified,
            approver => self.approver,
            approvers => self.approvers.iter().map(Value::from).collect::<Vec<Value>>(),
        }
    }
}
