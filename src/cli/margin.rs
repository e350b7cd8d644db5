//! `deskd margin`: what tickets, projects and retainers brought in a month, and for how many hours.

use chrono::NaiveDate;
use clap::Args;

use super::Failure;
use super::billing::month;
use super::open::{Opened, office};
use super::paper::{plain_lines, say, say_json};
use crate::intake::{self, Unit};
use crate::money::month_of;
use crate::notice::{self, MarginFacts};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskd margin\n  deskd margin --period 2026-11 --json")]
pub struct MarginArgs {
    /// The month; the last one unless given
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    period: Option<NaiveDate>,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    json: bool,
}

pub async fn run(opened: &Opened, args: &MarginArgs) -> Result<(), Failure> {
    let this = month_of(opened.now.with_timezone(&opened.zone).date_naive()).0;
    let period = args.period.unwrap_or_else(|| month_of(this.pred_opt().unwrap_or(this)).0);
    let office = office(opened)?;
    let mut tx = opened.db.read().await?;
    let report = intake::margin_report(&mut Unit::new(&mut tx, &office, opened.now), period).await?;
    tx.rollback().await?;
    if args.json {
        return Ok(say_json(&report)?);
    }
    let rendered = notice::margin(&office.texts, &opened.config.firm.language, &MarginFacts { report, leak: None });
    let body = rendered.short.unwrap_or_default();
    Ok(say(&format!("{}\n\n{}\n", rendered.subject, plain_lines(&body)))?)
}
