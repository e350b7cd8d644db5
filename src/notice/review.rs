//! What is said about the monthly talk with a client: the pack for the account manager, and the invitation.

use chrono::{DateTime, NaiveDate, Utc};
use minijinja::{Value, context};

use super::money::{month_year, statement_view};
use super::{MailtoLinks, Moment, Notice, Rendered, Texts, UsageTicket, Words};
use crate::money::statement::Statement;
use crate::store::reviews::Open;

/// What to talk about for half an hour: to the account manager, with the statement of the month.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewFacts {
    pub statement: Statement,
    /// What comes again and again: rule, tickets.
    pub rules: Vec<(String, usize)>,
    /// Subjects that came again: subject, tickets.
    pub subjects: Vec<(String, usize)>,
    /// Work that the retainer does not cover.
    pub outside: Vec<UsageTicket>,
    pub open: Vec<Open>,
    /// Addresses of the client's managers.
    pub to: Vec<String>,
    pub links: MailtoLinks,
}

/// To the client's managers and the account manager.
#[derive(Debug, Clone, PartialEq)]
pub struct InvitationFacts {
    pub firm: String,
    /// First day of the month that is talked about.
    pub month: NaiveDate,
    /// In the client's zone.
    pub at: Moment,
    pub now: DateTime<Utc>,
    pub minutes: i64,
    /// The account manager.
    pub with: String,
    /// It was to be at another time.
    pub moved: bool,
}

impl Notice for ReviewFacts {
    fn name(&self) -> &'static str {
        "review"
    }

    fn view(&self, words: &Words) -> Value {
        let counted = |list: &[(String, usize)]| -> Vec<Value> {
            list.iter().map(|(name, count)| context! { name => name, count => *count }).collect()
        };
        let outside: Vec<Value> = self
            .outside
            .iter()
            .map(|ticket| {
                context! {
                    number => ticket.number.to_string(),
                    subject => ticket.subject.as_deref().unwrap_or(words.get("statement", "confidential")),
                    time => ticket.minutes.to_string(),
                }
            })
            .collect();
        let open: Vec<Value> = self
            .open
            .iter()
            .map(|ticket| {
                context! {
                    number => ticket.number.to_string(),
                    subject => &ticket.subject,
                    priority => ticket.priority.as_str(),
                    status => words.get("status", ticket.status.as_str()),
                    day => words.plain_day(ticket.received_at.date_naive()),
                }
            })
            .collect();
        context! {
            s => statement_view(words, &self.statement),
            rules => counted(&self.rules),
            subjects => counted(&self.subjects),
            outside => outside,
            open => open,
            to => self.to.join(", "),
            links => self.links.view(words, &[("invite", "#send \n")]),
        }
    }
}

impl Notice for InvitationFacts {
    fn name(&self) -> &'static str {
        "review_invitation"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            firm => &self.firm,
            month => month_year(words, self.month),
            at => words.moment_with_zone(self.now, &self.at),
            minutes => self.minutes,
            with => &self.with,
            moved => self.moved,
        }
    }
}

/// To the account manager: what to talk about with the client.
pub fn review(texts: &Texts, language: &str, facts: &ReviewFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the client's managers and the account manager, with the invitation itself.
pub fn review_invitation(texts: &Texts, language: &str, facts: &InvitationFacts) -> Rendered {
    texts.render(language, facts)
}
