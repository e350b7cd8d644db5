//! `deskd billing`: what a month will bill, what it billed, and how to take it back.

use std::fmt::Write;

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::Failure;
use super::open::{Opened, office};
use super::paper::{Ink, Paper, moment, plain, plain_lines, say, say_json};
use crate::intake::{self, ActError, Unit};
use crate::money::export;
use crate::money::invoice::Run;
use crate::money::statement::hash;
use crate::money::{month_of, next_month};
use crate::notice::{self, BillingFacts};
use crate::store::billing::{self, Row};
use crate::words::ClientKey;

#[derive(Debug, Subcommand)]
pub enum BillingCommand {
    /// Show what a month would bill now; changes nothing
    #[command(
        after_help = "Examples:\n  deskd billing preview\n  deskd billing preview --period 2026-11 --csv > november.csv"
    )]
    Preview(PreviewArgs),
    /// Bill a month now: frozen, numbered, its entries marked; a month that was billed stays as it is
    #[command(after_help = "Example:\n  deskd billing run --period 2026-11")]
    Run {
        /// The month; the last one unless given
        #[arg(long, value_name = "YYYY-MM", value_parser = month)]
        period: Option<NaiveDate>,
    },
    /// List runs, the newest first
    List {
        #[arg(long, default_value_t = 50)]
        limit: i64,
        /// For scripts (docs/cli.md)
        #[arg(long)]
        json: bool,
    },
    /// Show a run as it was frozen
    #[command(after_help = "Examples:\n  deskd billing show 12\n  deskd billing show 12 --xero > xero.csv")]
    Show {
        number: i64,
        #[command(flatten)]
        shape: Shape,
    },
    /// Open again what a run billed
    #[command(after_help = "Example:\n  deskd billing void 12 --why 'the rate of Globex was wrong'")]
    Void {
        number: i64,
        #[arg(long)]
        why: String,
    },
    /// Let hours over a range be billed of which nobody was told at 100 %
    #[command(after_help = "Example:\n  deskd billing approve acme 2026-10")]
    Approve {
        /// Key of a client
        client: String,
        #[arg(value_name = "YYYY-MM", value_parser = month)]
        month: NaiveDate,
    },
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The month; the last one unless given
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    period: Option<NaiveDate>,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Shape {
    /// As a sheet, a row a line
    #[arg(long)]
    csv: bool,
    /// For Xero's import of invoices
    #[arg(long)]
    xero: bool,
    /// For QuickBooks Online's import of invoices
    #[arg(long)]
    quickbooks: bool,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    json: bool,
}

/// `2026-11`
pub(super) fn month(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").map_err(|_| "a month looks like 2026-11".to_owned())
}

pub async fn run(opened: &Opened, paper: Paper, command: &BillingCommand) -> Result<(), Failure> {
    match command {
        BillingCommand::Preview(args) => preview(opened, args).await,
        BillingCommand::Run { period } => bill(opened, *period).await,
        BillingCommand::List { limit, json } => list(opened, paper, *limit, *json).await,
        BillingCommand::Show { number, shape } => show(opened, *number, shape).await,
        BillingCommand::Void { number, why } => void(opened, *number, why).await,
        BillingCommand::Approve { client, month } => approve(opened, client, *month).await,
    }
}

/// The month, unless it is not over yet.
fn period(opened: &Opened, asked: Option<NaiveDate>) -> Result<NaiveDate, Failure> {
    let this = month_of(opened.now.with_timezone(&opened.zone).date_naive()).0;
    let period = asked.unwrap_or_else(|| month_of(this.pred_opt().unwrap_or(this)).0);
    if period < this {
        return Ok(period);
    }
    let (month, over) = (period.format("%Y-%m"), next_month(period));
    Err(Failure::Refused(format!("{month} is not over: it can be billed from {over} on")))
}

fn refused(error: ActError) -> Failure {
    match error {
        ActError::Refused(why) => Failure::Refused(why),
        ActError::Store(error) => error.into(),
    }
}

async fn preview(opened: &Opened, args: &PreviewArgs) -> Result<(), Failure> {
    let this = month_of(opened.now.with_timezone(&opened.zone).date_naive()).0;
    let period = args.period.unwrap_or_else(|| month_of(this.pred_opt().unwrap_or(this)).0);
    let office = office(opened)?;
    let mut tx = opened.db.read().await?;
    let run = intake::draft_billing(&mut Unit::new(&mut tx, &office, opened.now), period).await?;
    let before = billing::of_period(&mut tx, period).await?;
    tx.rollback().await?;
    if let Some(before) = before.filter(|_| !args.shape.is_for_programs()) {
        let month = period.format("%Y-%m");
        say(&format!("{month} was billed by run {}: what follows has come since.\n", before.number))?;
    }
    print(opened, &run, &args.shape, run.to_json())
}

impl Shape {
    fn is_for_programs(&self) -> bool {
        self.csv || self.xero || self.quickbooks || self.json
    }
}

fn print(opened: &Opened, run: &Run, shape: &Shape, json: String) -> Result<(), Failure> {
    let dates = &opened.config.firm.billing.dates;
    let shown = if shape.csv {
        export::sheet(run)
    } else if shape.xero {
        export::xero(run, dates)
    } else if shape.quickbooks {
        export::quickbooks(run, dates)
    } else if shape.json {
        json + "\n"
    } else {
        text(opened, run)?
    };
    Ok(say(&shown)?)
}

/// As the mail has it, without what stands around it.
fn text(opened: &Opened, run: &Run) -> Result<String, Failure> {
    let office = office(opened)?;
    let facts = BillingFacts { run: run.clone(), at: None, now: opened.now };
    let rendered = notice::billing(&office.texts, &opened.config.firm.language, &facts);
    let body = rendered.short.unwrap_or_default();
    let mut text = format!("{}\n", if run.number == 0 { "PREVIEW" } else { rendered.subject.as_str() });
    let _ = writeln!(text, "{}", plain_lines(&body));
    let totals: Vec<String> = run.totals().iter().map(ToString::to_string).collect();
    let totals = if totals.is_empty() { "nothing".to_owned() } else { totals.join(" + ") };
    let _ = writeln!(text, "In all: {totals}");
    Ok(text)
}

async fn bill(opened: &Opened, asked: Option<NaiveDate>) -> Result<(), Failure> {
    let period = period(opened, asked)?;
    let office = office(opened)?;
    let mut tx = opened.db.write().await?;
    let run = intake::bill(&mut Unit::new(&mut tx, &office, opened.now), period).await?;
    let before = billing::of_period(&mut tx, period).await?;
    tx.commit().await?;
    let month = period.format("%Y-%m");
    let text = match (run, before) {
        (Some(run), _) => {
            let totals: Vec<String> = run.totals().iter().map(ToString::to_string).collect();
            format!("{month} is billed: run {}, {}\n", run.number, totals.join(" + "))
        }
        (None, Some(before)) => format!("{month} was billed by run {}; nothing was changed\n", before.number),
        (None, None) => format!("there is nothing to bill for {month}\n"),
    };
    Ok(say(&text)?)
}

async fn list(opened: &Opened, paper: Paper, limit: i64, json: bool) -> Result<(), Failure> {
    let mut tx = opened.db.read().await?;
    let rows = billing::list(&mut tx, limit).await?;
    tx.rollback().await?;
    if json {
        return Ok(say_json(&rows)?);
    }
    if rows.is_empty() {
        return Ok(say("Nothing was billed yet: that is done on the day of [schedule] billing.\n")?);
    }
    let cells: Vec<(Ink, Vec<String>)> = rows.iter().map(|row| cells(opened, row)).collect();
    Ok(say(&paper.table(&["RUN", "MONTH", "STATE", "WHEN", "INVOICES", "TOTAL", "WHY"], &cells))?)
}

fn cells(opened: &Opened, row: &Row) -> (Ink, Vec<String>) {
    let run = intake::frozen_run(row);
    let invoices = run.as_ref().map_or(0, |run| run.clients.iter().map(|client| client.invoices.len()).sum::<usize>());
    let totals: Vec<String> = run.map(|run| run.totals()).unwrap_or_default().iter().map(ToString::to_string).collect();
    let ink = if row.state == "void" { Ink::Faint } else { Ink::Plain };
    let why = row.void_reason.as_deref().map(plain).unwrap_or_default();
    let month = row.period.format("%Y-%m").to_string();
    let when = moment(row.ran_at, opened.zone);
    (ink, vec![row.number.to_string(), month, row.state.clone(), when, invoices.to_string(), totals.join(" + "), why])
}

async fn show(opened: &Opened, number: i64, shape: &Shape) -> Result<(), Failure> {
    let mut tx = opened.db.read().await?;
    let row = billing::one(&mut tx, number).await?;
    tx.rollback().await?;
    let row = row.ok_or_else(|| {
        Failure::Missing(format!("there is no run {number} of billing; `deskd billing list` lists them"))
    })?;
    let found = hash(&row.content);
    if found != row.hash {
        let kept = &row.hash;
        return Err(Failure::Other(anyhow::anyhow!(
            "run {number} is not what was frozen: its hash is {found}, and {kept} was kept"
        )));
    }
    let run =
        intake::frozen_run(&row).ok_or_else(|| Failure::Other(anyhow::anyhow!("run {number} cannot be read back")))?;
    if row.state == "void" && !shape.is_for_programs() {
        say(&format!("VOID: {}\n", plain(row.void_reason.as_deref().unwrap_or_default())))?;
    }
    print(opened, &run, shape, row.content.clone())
}

async fn void(opened: &Opened, number: i64, why: &str) -> Result<(), Failure> {
    let office = office(opened)?;
    let mut tx = opened.db.write().await?;
    intake::void_billing(&mut Unit::new(&mut tx, &office, opened.now), number, why).await.map_err(refused)?;
    let row = billing::one(&mut tx, number).await?;
    tx.commit().await?;
    let month = row.map(|row| row.period.format("%Y-%m").to_string()).unwrap_or_default();
    Ok(say(&format!("run {number} is void; what it billed is open again. Then: deskd billing run --period {month}\n"))?)
}

async fn approve(opened: &Opened, client: &str, month: NaiveDate) -> Result<(), Failure> {
    let office = office(opened)?;
    let key = ClientKey(client.to_owned());
    let mut tx = opened.db.write().await?;
    let mut unit = Unit::new(&mut tx, &office, opened.now);
    let fresh = intake::approve_overage(&mut unit, &key, month).await.map_err(refused)?;
    tx.commit().await?;
    let month = month.format("%Y-%m");
    Ok(say(&if fresh {
        format!("hours of {client} over the range in {month} go with the next run\n")
    } else {
        format!("hours of {client} over the range in {month} were let pass before\n")
    })?)
}
