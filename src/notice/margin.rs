//! What managers are told of a month once it was billed: the three businesses side by side.

use chrono::Datelike;
use minijinja::{Value, context};

use super::money::month_year;
use super::{LeakFacts, Notice, Rendered, Texts, Words};
use crate::money::margin::{Block, Business, Figures, Past, Ranked, Report, Used};
use crate::words::{Minutes, Money};

#[derive(Debug, Clone, PartialEq)]
pub struct MarginFacts {
    pub report: Report,
    /// What the weekly reports found this year; `None` on the command line.
    pub leak: Option<LeakFacts>,
}

/// So many retainers are shown; `deskd margin --json` has all.
const RETAINERS: usize = 40;

fn money(money: Option<Money>) -> Option<String> {
    money.map(|money| money.to_string())
}

fn some(minutes: Minutes) -> Option<String> {
    (minutes != Minutes(0)).then(|| minutes.to_string())
}

fn figures(words: &Words, name: &str, figures: &Figures) -> Value {
    context! {
        name => words.get("margin", name),
        time => figures.minutes.to_string(),
        revenue => figures.revenue.to_string(),
        hourly => money(figures.hourly),
        cost => money(figures.cost),
        margin => money(figures.margin),
        percent => figures.percent,
    }
}

/// Cells of a bar in hundredths of the longest month; what brought nothing, or less, has none.
fn past(words: &Words, past: &Past, longest: i64) -> Value {
    let cell = |money: &Money| money.minor.max(0) * 100 / longest;
    let cells: Vec<i64> = past.revenue.iter().map(cell).collect();
    context! {
        month => words.get("month", &past.month.month().to_string()),
        year => past.month.year(),
        rest => (100 - cells.iter().sum::<i64>()).max(0),
        cells => cells,
        time => past.minutes.to_string(),
        total => past.total.to_string(),
        hourly => money(past.hourly),
    }
}

fn ranked(row: &Ranked) -> Value {
    context! {
        name => &row.name,
        time => row.minutes.to_string(),
        revenue => money(row.revenue),
        hourly => money(row.hourly),
        margin => money(row.margin),
    }
}

fn block(words: &Words, block: &Block) -> Value {
    let brought = |past: &Past| past.revenue.iter().map(|money| money.minor.max(0)).sum::<i64>();
    let longest = block.trend.iter().map(brought).max().unwrap_or(0).max(1);
    let names = Business::ALL.iter().map(|business| business.as_str());
    let businesses: Vec<Value> = names.zip(&block.businesses).map(|(name, one)| figures(words, name, one)).collect();
    let trend: Vec<Value> = block.trend.iter().map(|one| past(words, one, longest)).collect();
    let retainers: Vec<Value> = block.retainers.iter().take(RETAINERS).map(ranked).collect();
    context! {
        currency => block.currency.to_string(),
        businesses => businesses,
        total => figures(words, "total", &block.total),
        fees => (block.fees.minor != 0).then(|| block.fees.to_string()),
        trend => trend,
        retainers => retainers,
        more => block.retainers.len().saturating_sub(RETAINERS),
    }
}

fn used(used: &Used) -> Value {
    let percent = used.percent.unwrap_or(0).clamp(0, 100);
    context! {
        name => &used.name,
        clients => used.clients.to_string(),
        own => some(used.own),
        contracted => used.contracted.to_string(),
        percent => used.percent,
        bar => percent,
    }
}

impl Notice for MarginFacts {
    fn name(&self) -> &'static str {
        "margin"
    }

    fn view(&self, words: &Words) -> Value {
        let report = &self.report;
        let blocks: Vec<Value> = report.blocks.iter().map(|one| block(words, one)).collect();
        let techs: Vec<Value> = report.techs.iter().map(used).collect();
        context! {
            month => month_year(words, report.period),
            period => report.period.format("%Y-%m").to_string(),
            blocks => blocks,
            unpriced => some(report.unpriced),
            own => some(report.own.minutes),
            own_cost => money(report.own.cost),
            techs => techs,
            all => used(&report.all),
            leak => self.leak.as_ref().and_then(LeakFacts::view),
        }
    }
}

/// To the managers: tickets, projects and retainers side by side.
pub fn margin(texts: &Texts, language: &str, facts: &MarginFacts) -> Rendered {
    texts.render(language, facts)
}
