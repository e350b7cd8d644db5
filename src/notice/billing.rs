//! What managers are told of the billing run: what it will bill, and what it billed.

use chrono::{DateTime, Datelike, Utc};
use minijinja::{Value, context};

use super::facts::Moment;
use super::language::Words;
use super::{Notice, Rendered, Texts};
use crate::money::export;
use crate::money::invoice::{Billed, Fault, Kind, Line, Run, Why};
use crate::words::Minutes;

#[derive(Debug, Clone, PartialEq)]
pub struct BillingFacts {
    pub run: Run,
    /// When it runs; `None`: it ran.
    pub at: Option<Moment>,
    pub now: DateTime<Utc>,
}

/// So many lines are shown, and so many faults; all stand in the sheet.
const LINES: usize = 300;
const FAULTS: usize = 40;

fn shown(lines: &[Line], left: &mut usize) -> Vec<Value> {
    let priced = lines.iter().filter(|line| line.amount.is_some_and(|amount| amount.minor != 0));
    let lines: Vec<Value> = priced
        .take(*left)
        .map(|line| context! { text => export::description(line), amount => line.amount.map(|amount| amount.to_string()) })
        .collect();
    *left -= lines.len();
    lines
}

fn sum(client: &Billed, kind: Kind) -> Option<String> {
    let lines = client.settled.iter().filter(|line| line.kind == kind);
    let minutes: Minutes = lines.map(|line| line.minutes).sum();
    (minutes != Minutes(0)).then(|| minutes.to_string())
}

fn client(words: &Words, client: &Billed, left: &mut usize) -> Value {
    let invoices: Vec<Value> = client
        .invoices
        .iter()
        .map(|invoice| {
            context! {
                number => Some(&invoice.number).filter(|number| !number.is_empty()),
                total => invoice.total.to_string(),
                credit => invoice.total.minor < 0,
                lines => shown(&invoice.lines, left),
            }
        })
        .collect();
    let waits: Vec<Value> = client
        .waits
        .iter()
        .map(|waits| {
            context! {
                month => format!("{} {}", words.month_name(waits.month.month()), waits.month.year()),
                period => waits.month.format("%Y-%m").to_string(),
                over => waits.over.to_string(),
                amount => waits.amount.to_string(),
            }
        })
        .collect();
    context! {
        name => &client.name,
        key => client.client.to_string(),
        invoices => invoices,
        included => sum(client, Kind::Included),
        warranty => sum(client, Kind::Warranty),
        unbillable => sum(client, Kind::Unbillable),
        waits => waits,
    }
}

fn fault(words: &Words, client: Option<&Billed>, fault: &Fault) -> Value {
    let why = match fault.why {
        Why::NoRate => "no_rate",
        Why::NoRetainer => "no_retainer",
        Why::NoClient => "no_client",
        Why::Gone => "gone",
    };
    context! {
        entry => format!("e{}", fault.entry),
        client => client.map(|client| &client.name),
        ticket => fault.ticket.map(|ticket| ticket.to_string()),
        tech => fault.tech.to_string(),
        day => words.plain_day(fault.day),
        time => fault.minutes.to_string(),
        why => words.get("billing", why),
    }
}

impl Notice for BillingFacts {
    fn name(&self) -> &'static str {
        if self.at.is_some() { "billing_preview" } else { "billing" }
    }

    fn view(&self, words: &Words) -> Value {
        let run = &self.run;
        let mut left = LINES;
        let clients: Vec<Value> = run.clients.iter().map(|one| client(words, one, &mut left)).collect();
        let of_clients = run.clients.iter().flat_map(|one| one.faults.iter().map(move |fault| (Some(one), fault)));
        let all: Vec<(Option<&Billed>, &Fault)> =
            of_clients.chain(run.faults.iter().map(|fault| (None, fault))).collect();
        let faults: Vec<Value> = all.iter().take(FAULTS).map(|(client, one)| fault(words, *client, one)).collect();
        context! {
            number => run.number,
            month => format!("{} {}", words.month_name(run.period.month()), run.period.year()),
            period => run.period.format("%Y-%m").to_string(),
            totals => run.totals().iter().map(ToString::to_string).collect::<Vec<_>>().join(" + "),
            clients => clients,
            cut => left == 0,
            faults => faults,
            more_faults => all.len().saturating_sub(FAULTS),
            at => self.at.as_ref().map(|at| words.moment(self.now, at)),
        }
    }
}

/// To the managers, the day before.
pub fn billing_preview(texts: &Texts, language: &str, facts: &BillingFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the managers: it is billed, with the files for the books.
pub fn billing(texts: &Texts, language: &str, facts: &BillingFacts) -> Rendered {
    texts.render(language, facts)
}
