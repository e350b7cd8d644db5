//! What is said about retainers.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use minijinja::{Value, context};

use chrono_tz::Tz;

use super::facts::range;
use super::{MailtoLinks, Moment, Notice, Rendered, Texts, Words};
use crate::money::proposal::Proposal;
use crate::money::statement::{Line, Statement};
use crate::words::{Answers, Category, Minutes, Money, TicketNumber};

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

pub(super) fn month_year(words: &Words, first: NaiveDate) -> String {
    format!("{} {}", words.month_name(first.month()), first.year())
}

pub(super) fn statement_view(words: &Words, statement: &Statement) -> Value {
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
        answers => (statement.answers.all() > 0).then(|| {
            let Answers { good, fair, bad } = statement.answers;
            context! { good, fair, bad, all => statement.answers.all() }
        }),
        pricing => statement.pricing,
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

/// A range was passed two months in a row: to the account manager, with the figures and a draft to the client.
#[derive(Debug, Clone, PartialEq)]
pub struct PricingFacts {
    pub firm: String,
    pub client_name: String,
    /// First day of the second month.
    pub month: NaiveDate,
    /// What an hour of the whole range brings.
    pub agreed_hourly: Option<Money>,
    /// The oldest first.
    pub months: Vec<PricingMonth>,
    /// Who took most of the last two months; an empty name: nobody in particular.
    pub requesters: Vec<(String, Minutes)>,
    /// What comes again and again: rule, tickets.
    pub rules: Vec<(String, usize)>,
    pub proposal: Option<Proposal>,
    /// From when the proposal would count.
    pub from: NaiveDate,
    /// Weeks since it was opened.
    pub weeks: i64,
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricingMonth {
    pub month: NaiveDate,
    pub used: Minutes,
    pub bottom: Minutes,
    pub top: Minutes,
    /// Fee divided by hours.
    pub hourly: Option<Money>,
    /// What the hours cost us; `None` where that is not known.
    pub cost: Option<Money>,
    /// What that leaves of the fee.
    pub left: Option<Money>,
}

impl PricingFacts {
    fn facts(&self, words: &Words) -> Value {
        let money = |money: Option<Money>| money.map(|money| money.to_string());
        let months: Vec<Value> = self
            .months
            .iter()
            .map(|month| {
                context! {
                    month => month_year(words, month.month),
                    used => month.used.to_string(),
                    range => range(month.bottom, month.top),
                    over => month.used > month.top,
                    hourly => money(month.hourly),
                    cost => money(month.cost),
                    left => money(month.left),
                }
            })
            .collect();
        let requesters: Vec<Value> = self
            .requesters
            .iter()
            .map(|(name, minutes)| {
                let name = if name.is_empty() { words.get("statement", "nobody") } else { name };
                context! { name => name, time => minutes.to_string() }
            })
            .collect();
        let rules: Vec<Value> =
            self.rules.iter().map(|(name, count)| context! { name => name, count => *count }).collect();
        let since = self.from.format("%Y-%m").to_string();
        let proposal = self.proposal.map(|proposal| {
            let hours = |minutes: Minutes| minutes.0 / 60;
            context! {
                range => range(proposal.bottom, proposal.top),
                fee => proposal.fee.to_string(),
                line => format!("#pricing agreed {}-{}h from {since}", hours(proposal.bottom), hours(proposal.top)),
            }
        });
        let agreed = self.proposal.map(|proposal| {
            format!("#pricing agreed {}-{}h from {since}\n", proposal.bottom.0 / 60, proposal.top.0 / 60)
        });
        let bodies =
            [("agreed", agreed.as_deref().unwrap_or("#pricing agreed \n")), ("declined", "#pricing declined \n")];
        context! {
            firm => &self.firm,
            client => &self.client_name,
            month => month_year(words, self.month),
            agreed_hourly => money(self.agreed_hourly),
            months => months,
            requesters => requesters,
            rules => rules,
            proposal => proposal,
            from => month_year(words, self.from),
            weeks => self.weeks,
            links => self.links.view(words, &bodies),
        }
    }
}

impl Notice for PricingFacts {
    fn name(&self) -> &'static str {
        "pricing"
    }

    fn view(&self, words: &Words) -> Value {
        self.facts(words)
    }
}

/// The softer one: two months under the range.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderRange(pub PricingFacts);

impl Notice for UnderRange {
    fn name(&self) -> &'static str {
        "under_range"
    }

    fn view(&self, words: &Words) -> Value {
        self.0.facts(words)
    }
}

/// To the account manager: the range no longer fits.
pub fn pricing(texts: &Texts, language: &str, facts: &PricingFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the account manager: two months under the range.
pub fn under_range(texts: &Texts, language: &str, facts: &PricingFacts) -> Rendered {
    texts.render(language, &UnderRange(facts.clone()))
}
