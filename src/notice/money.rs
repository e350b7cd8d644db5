//! What is said about retainers.

use chrono::{Datelike, NaiveDate};
use minijinja::{Value, context};

use super::{Notice, Rendered, Texts, Words};
use crate::words::{Minutes, Money, TicketNumber};

/// A mark of a retainer's month was passed: to the account manager, and to the client's managers.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageFacts {
    pub firm: String,
    pub client_name: String,
    /// Its first day.
    pub month: NaiveDate,
    pub percent: i64,
    /// 75, 90 or 100.
    pub mark: i64,
    pub used: Minutes,
    pub bottom: Minutes,
    pub top: Minutes,
    /// At this pace the range ends on that day.
    pub ends: Option<NaiveDate>,
    pub over: Minutes,
    /// For an hour over the top.
    pub overage_rate: Option<Money>,
    /// What took most of it.
    pub tickets: Vec<UsageTicket>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageTicket {
    pub number: TicketNumber,
    /// `None`: confidential.
    pub subject: Option<String>,
    pub minutes: Minutes,
}

/// `10–20h`, `7h30–15h`.
pub(super) fn range(bottom: Minutes, top: Minutes) -> String {
    if bottom == top { top.to_string() } else { format!("{}–{top}", bottom.to_string().trim_end_matches('h')) }
}

impl UsageFacts {
    fn facts(&self, words: &Words) -> Value {
        let tickets: Vec<Value> = self
            .tickets
            .iter()
            .map(|ticket| {
                context! {
                    number => ticket.number.to_string(),
                    subject => ticket.subject.as_deref().unwrap_or(words.get("statement", "confidential")),
                    time => ticket.minutes.to_string(),
                }
            })
            .collect();
        context! {
            firm => &self.firm,
            client => &self.client_name,
            month => words.month_name(self.month.month()),
            percent => self.percent,
            // Cells of a bar, in hundredths of its width.
            bar => self.percent.clamp(0, 100),
            mark => self.mark,
            used => self.used.to_string(),
            range => range(self.bottom, self.top),
            top => self.top.to_string(),
            ends => self.ends.map(|day| words.plain_day(day)),
            over => (self.over > Minutes(0)).then(|| self.over.to_string()),
            rate => self.overage_rate.map(|rate| rate.to_string()),
            tickets => tickets,
        }
    }
}

impl Notice for UsageFacts {
    fn name(&self) -> &'static str {
        "usage"
    }

    fn view(&self, words: &Words) -> Value {
        self.facts(words)
    }
}

/// The same for the client.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageForClient(pub UsageFacts);

impl Notice for UsageForClient {
    fn name(&self) -> &'static str {
        "usage_client"
    }

    fn view(&self, words: &Words) -> Value {
        self.0.facts(words)
    }
}

/// To the account manager: so much of the month's hours is used, and when they end at this pace.
pub fn usage(texts: &Texts, language: &str, facts: &UsageFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the client's managers: the same, without what is ours.
pub fn usage_client(texts: &Texts, language: &str, facts: &UsageFacts) -> Rendered {
    texts.render(language, &UsageForClient(facts.clone()))
}
