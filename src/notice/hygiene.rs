//! Hours and money that may get lost: the weekly reminder, the weekly report, the review of what lies open.

use chrono::NaiveDate;
use minijinja::{Value, context};

use super::language::Words;
use super::{MailtoLinks, Notice, Rendered, Texts};
use crate::words::{Category, Minutes, Money, TicketNumber};

/// A ticket that was worked on and has no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untimed {
    pub number: TicketNumber,
    pub subject: String,
    pub client: Option<String>,
    pub tech: Option<String>,
}

/// A working day with less than was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortDay {
    pub day: NaiveDate,
    pub logged: Minutes,
    pub expected: Minutes,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReminderOfTimeFacts {
    pub tickets: Vec<Untimed>,
    pub days: Vec<ShortDay>,
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TechWeek {
    pub name: String,
    pub logged: Minutes,
    pub expected: Minutes,
}

/// Why an entry is in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    NoClient,
    NoRetainer,
    Included,
    WarrantyOfNothing,
    AgainstRule,
    NoRate,
    NoTicket,
    /// Nothing but that no run has billed it.
    NotBilled,
}

impl Wrong {
    pub fn as_str(self) -> &'static str {
        match self {
            Wrong::NoClient => "no_client",
            Wrong::NoRetainer => "no_retainer",
            Wrong::Included => "included",
            Wrong::WarrantyOfNothing => "warranty_of_nothing",
            Wrong::AgainstRule => "against_rule",
            Wrong::NoRate => "no_rate",
            Wrong::NoTicket => "no_ticket",
            Wrong::NotBilled => "not_billed",
        }
    }

    /// Nobody would have been billed for it.
    pub fn costs(self) -> bool {
        matches!(self, Wrong::NoClient | Wrong::NoRetainer | Wrong::NoRate | Wrong::WarrantyOfNothing)
    }
}

/// An entry to be put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub entry: i64,
    pub ticket: Option<TicketNumber>,
    pub client: Option<String>,
    pub tech: String,
    pub day: NaiveDate,
    pub minutes: Minutes,
    pub category: Category,
    pub wrong: Wrong,
    /// The line to reply with.
    pub fix: Option<String>,
}

/// What the reports found this year, and what of it was billed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeakFacts {
    pub year: i32,
    pub count: i64,
    pub found: Vec<Money>,
    pub recovered: Vec<Money>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HygieneFacts {
    pub from: NaiveDate,
    pub day: NaiveDate,
    pub techs: Vec<TechWeek>,
    /// Resolved in the week.
    pub untimed: Vec<Untimed>,
    pub flaws: Vec<Flaw>,
    /// What the next run would bill.
    pub open: Vec<Money>,
    pub leak: LeakFacts,
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, PartialEq)]
pub struct UnbilledFacts {
    /// The oldest first.
    pub entries: Vec<Flaw>,
    pub worth: Vec<Money>,
    pub links: MailtoLinks,
}

/// So many are shown; the rest comes when these are done.
const SHOWN: usize = 60;

fn sums(money: &[Money]) -> Option<String> {
    let all: Vec<String> = money.iter().map(ToString::to_string).collect();
    (!all.is_empty()).then(|| all.join(" + "))
}

impl LeakFacts {
    /// `None`: nothing was found yet.
    pub fn view(&self) -> Option<Value> {
        (self.count > 0).then(|| {
            context! { year => self.year, count => self.count, found => sums(&self.found), recovered => sums(&self.recovered) }
        })
    }
}

fn untimed(tickets: &[Untimed]) -> Vec<Value> {
    let view = |ticket: &Untimed| {
        context! {
            number => ticket.number.to_string(),
            subject => &ticket.subject,
            client => &ticket.client,
            tech => &ticket.tech,
            fix => format!("{} time 15m", ticket.number),
        }
    };
    tickets.iter().take(SHOWN).map(view).collect()
}

fn flaws(words: &Words, flaws: &[Flaw]) -> Vec<Value> {
    let view = |flaw: &Flaw| {
        context! {
            entry => format!("e{}", flaw.entry),
            ticket => flaw.ticket.map(|ticket| ticket.to_string()),
            client => &flaw.client,
            tech => &flaw.tech,
            day => words.plain_day(flaw.day),
            time => flaw.minutes.to_string(),
            category => words.get("category", flaw.category.as_str()),
            why => words.get("wrong", flaw.wrong.as_str()),
            fix => &flaw.fix,
        }
    };
    flaws.iter().take(SHOWN).map(view).collect()
}

impl Notice for ReminderOfTimeFacts {
    fn name(&self) -> &'static str {
        "time_reminder"
    }

    fn view(&self, words: &Words) -> Value {
        let days: Vec<Value> = self
            .days
            .iter()
            .map(|day| {
                context! {
                    day => words.plain_day(day.day),
                    logged => day.logged.to_string(),
                    expected => day.expected.to_string(),
                }
            })
            .collect();
        let body: String =
            self.tickets.iter().take(SHOWN).map(|ticket| format!("{} time 15m\n", ticket.number)).collect();
        let links = if body.is_empty() { Vec::new() } else { vec![("log_time", body.as_str())] };
        context! {
            tickets => untimed(&self.tickets),
            days => days,
            links => self.links.view(words, &links),
        }
    }
}

impl Notice for HygieneFacts {
    fn name(&self) -> &'static str {
        "time_report"
    }

    fn view(&self, words: &Words) -> Value {
        let techs: Vec<Value> = self
            .techs
            .iter()
            .map(|tech| {
                let percent = if tech.expected.0 > 0 { tech.logged.0 * 100 / tech.expected.0 } else { 0 };
                context! {
                    name => &tech.name,
                    logged => tech.logged.to_string(),
                    expected => tech.expected.to_string(),
                    percent,
                    bar => percent.clamp(0, 100),
                }
            })
            .collect();
        let lines: Vec<String> = self.flaws.iter().take(SHOWN).filter_map(|flaw| flaw.fix.clone()).collect();
        // Only those that can be sent as they stand: the others name a client or a ticket that somebody has to think of.
        let lines: Vec<String> = lines.into_iter().filter(|line| line.starts_with("#recat")).collect();
        let body = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let links = if body.is_empty() { Vec::new() } else { vec![("fixes", body.as_str())] };
        context! {
            from => words.plain_day(self.from),
            day => words.plain_day(self.day),
            techs => techs,
            untimed => untimed(&self.untimed),
            flaws => flaws(words, &self.flaws),
            more => (self.flaws.len().max(self.untimed.len())).saturating_sub(SHOWN),
            open => sums(&self.open),
            leak => self.leak.view(),
            links => self.links.view(words, &links),
        }
    }
}

impl Notice for UnbilledFacts {
    fn name(&self) -> &'static str {
        "unbilled"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            count => self.entries.len(),
            worth => sums(&self.worth),
            flaws => flaws(words, &self.entries),
            more => self.entries.len().saturating_sub(SHOWN),
            links => self.links.view(words, &[]),
        }
    }
}

/// To a tech, once a week.
pub fn reminder_of_time(texts: &Texts, language: &str, facts: &ReminderOfTimeFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the managers, once a week.
pub fn time_report(texts: &Texts, language: &str, facts: &HygieneFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the managers, every week until nothing is left.
pub fn unbilled(texts: &Texts, language: &str, facts: &UnbilledFacts) -> Rendered {
    texts.render(language, facts)
}
