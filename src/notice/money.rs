//! What is said about retainers.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use minijinja::{Value, context};

use chrono_tz::Tz;

use super::facts::range;
use super::{MailtoLinks, Moment, Notice, Rendered, Texts, Words};
use crate::money::statement::{Line, Statement};
use crate::words::{Category, Minutes, Money, TicketNumber};

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

/// A month's statement, as the client's managers and the account manager get it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementFacts {
    pub firm: String,
    pub statement: Statement,
}

/// The draft of one, for the account manager.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftFacts {
    pub statement: Statement,
    /// What may lack in it.
    pub missing: Vec<Missing>,
    pub goes_out: Moment,
    pub now: DateTime<Utc>,
    /// Addresses of the client's managers.
    pub to: Vec<String>,
    pub links: MailtoLinks,
}

/// A ticket that was worked on in the month and has no time in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub number: TicketNumber,
    pub subject: String,
    pub tech: Option<String>,
}

fn category(words: &Words, category: Category) -> String {
    words.get("category", category.as_str()).to_owned()
}

fn line(words: &Words, zone: Tz, line: &Line) -> Value {
    let some = |minutes: Minutes| (minutes != Minutes(0)).then(|| minutes.to_string());
    context! {
        number => line.number.to_string(),
        subject => line.subject.as_deref().unwrap_or(words.get("statement", "confidential")),
        requester => &line.requester,
        priority => line.priority.as_str(),
        day => words.plain_day(line.received_at.with_timezone(&zone).date_naive()),
        in_time => line.in_time,
        resolved => line.resolved,
        used => some(line.used),
        other => some(line.other),
        words => &line.words,
    }
}

fn month_year(words: &Words, first: NaiveDate) -> String {
    format!("{} {}", words.month_name(first.month()), first.year())
}

fn statement_view(words: &Words, statement: &Statement) -> Value {
    let zone: Tz = statement.zone.parse().unwrap_or(Tz::UTC);
    let some = |minutes: Minutes| (minutes != Minutes(0)).then(|| minutes.to_string());
    let highest = statement.trend.iter().map(|past| past.used.max(past.top).0).max().unwrap_or(1).max(1);
    let trend: Vec<Value> = statement
        .trend
        .iter()
        .map(|past| {
            context! {
                month => words.get("month", &past.month.month().to_string()),
                used => past.used.to_string(),
                over => past.used > past.top,
                // Hundredths of the longest bar.
                bar => (past.used.0.max(0) * 100 / highest).clamp(0, 100),
                top => past.top.to_string(),
            }
        })
        .collect();
    let lines: Vec<Value> = statement.tickets.iter().map(|one| line(words, zone, one)).collect();
    let outside: Vec<Value> = statement
        .outside
        .iter()
        .map(|(kind, minutes)| context! { category => category(words, *kind), time => minutes.to_string() })
        .collect();
    let late: Vec<Value> = statement
        .late
        .iter()
        .map(|late| context! { month => month_year(words, late.month), time => late.minutes.to_string(), over => some(late.over) })
        .collect();
    context! {
        number => statement.number,
        client => &statement.client_name,
        month => month_year(words, statement.month),
        range => range(statement.bottom, statement.top),
        top => statement.top.to_string(),
        used => statement.used.to_string(),
        worked => (statement.worked != statement.used).then(|| statement.worked.to_string()),
        percent => statement.percent(),
        bar => statement.percent().clamp(0, 100),
        carried_in => some(statement.carried_in),
        carried_out => some(statement.carried_out),
        expired => some(statement.expired),
        over => some(statement.over),
        over_cost => statement.over_cost.map(|cost| cost.to_string()),
        warranty => some(statement.warranty),
        outside => outside,
        trend => trend,
        tickets => lines,
        requests => statement.requests,
        touched => statement.touched,
        in_time => statement.in_time,
        late => late,
    }
}

impl Notice for StatementFacts {
    fn name(&self) -> &'static str {
        "statement"
    }

    fn view(&self, words: &Words) -> Value {
        context! { firm => &self.firm, s => statement_view(words, &self.statement) }
    }
}

impl Notice for DraftFacts {
    fn name(&self) -> &'static str {
        "statement_draft"
    }

    fn view(&self, words: &Words) -> Value {
        let missing: Vec<Value> = self
            .missing
            .iter()
            .map(|ticket| context! { number => ticket.number.to_string(), subject => &ticket.subject, tech => &ticket.tech })
            .collect();
        context! {
            s => statement_view(words, &self.statement),
            missing => missing,
            goes_out => words.moment(self.now, &self.goes_out),
            to => self.to.join(", "),
            links => self.links.view(words, &[("send", "#send\n"), ("hold", "#hold \n")]),
        }
    }
}

/// A month's statement.
pub fn statement(texts: &Texts, language: &str, facts: &StatementFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the account manager: what goes out, and what may lack in it.
pub fn statement_draft(texts: &Texts, language: &str, facts: &DraftFacts) -> Rendered {
    texts.render(language, facts)
}
