//! `deskd retainer show`: a client's ledger, month by month.

use chrono::{Datelike, NaiveDate};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::Failure;
use super::open::Opened;
use super::paper::{Ink, Paper, plain, say, say_json};
use crate::desk::firm::Client;
use crate::money::ledger::{self, Month};
use crate::money::month_of;
use crate::store::time;
use crate::words::{ClientKey, Minutes};

#[derive(Debug, Subcommand)]
pub enum RetainerCommand {
    /// Show what each month granted, what was used of it and what went over
    #[command(
        after_help = "Examples:\n  deskd retainer show\n  deskd retainer show acme --months 24\n  deskd retainer show acme --json"
    )]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Key of a client; all clients' present month unless given
    client: Option<String>,
    /// So many months back
    #[arg(long, default_value_t = 12)]
    months: usize,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    json: bool,
}

/// A month for scripts: minutes, and the fee in the smallest unit of its currency.
#[derive(Debug, Serialize)]
struct MonthJson<'m> {
    client: &'m ClientKey,
    month: NaiveDate,
    bottom: i64,
    top: i64,
    carried_in: i64,
    worked: i64,
    burned: i64,
    over: i64,
    over_cost: Option<i64>,
    expired: i64,
    carried_out: i64,
    warranty: i64,
    fee: i64,
    currency: String,
}

pub async fn run(opened: &Opened, paper: Paper, command: &RetainerCommand) -> Result<(), Failure> {
    let RetainerCommand::Show(args) = command;
    let firm = &opened.config.firm;
    let clients: Vec<&Client> = match &args.client {
        Some(key) => {
            vec![firm.client_called(key).ok_or_else(|| Failure::Missing(format!("there is no client \"{key}\"")))?]
        }
        None => firm.clients.iter().filter(|client| !client.retainers.is_empty()).collect(),
    };
    let keep = if args.client.is_some() { args.months.max(1) } else { 1 };
    let mut all: Vec<(&Client, Vec<Month>)> = Vec::new();
    for client in clients {
        let mut months = ledger_of(opened, client).await?;
        months.drain(..months.len().saturating_sub(keep));
        all.push((client, months));
    }
    if args.json {
        let json: Vec<MonthJson<'_>> =
            all.iter().flat_map(|(client, months)| months.iter().map(|month| as_json(&client.key, month))).collect();
        return Ok(say_json(&json)?);
    }
    if all.iter().all(|(_, months)| months.is_empty()) {
        return Ok(say("No retainer covers this month; [[client.retainer]] in the config makes one.\n")?);
    }
    let named = args.client.is_none();
    let rows: Vec<(Ink, Vec<String>)> = all
        .iter()
        .flat_map(|(client, months)| months.iter().map(|month| cells(named.then_some(&client.name), month)))
        .collect();
    let first = if named { "CLIENT" } else { "MONTH" };
    let header = [first, "RANGE", "CARRIED IN", "USED", "OF TOP", "OVER", "EXPIRED", "CARRIED ON"];
    Ok(say(&paper.table(&header, &rows))?)
}

/// Every month up to the present one, in the client's zone.
async fn ledger_of(opened: &Opened, client: &Client) -> Result<Vec<Month>, Failure> {
    let Some(begin) = client.retainers.iter().map(|term| term.since).min() else { return Ok(Vec::new()) };
    let today = opened.now.with_timezone(&client.time_zone).date_naive();
    let mut tx = opened.db.read().await?;
    let work = time::work(&mut tx, &client.key, month_of(begin).0, month_of(today).1).await?;
    tx.rollback().await?;
    Ok(ledger::ledger(&client.retainers, &work, today))
}

fn cells(client: Option<&String>, month: &Month) -> (Ink, Vec<String>) {
    let ink = match month.percent() {
        percent if percent > 100 => Ink::Red,
        percent if percent >= 90 => Ink::Yellow,
        _ => Ink::Plain,
    };
    let some = |minutes: Minutes| if minutes == Minutes(0) { "-".to_owned() } else { minutes.to_string() };
    let name = client.map_or_else(|| format!("{}-{:02}", month.first.year(), month.first.month()), |name| plain(name));
    let over = match month.over_cost {
        Some(cost) if month.over > Minutes(0) => format!("{} {cost}", month.over),
        _ => some(month.over),
    };
    let cells = vec![
        name,
        format!("{}-{}", month.bottom, month.top),
        some(month.carried_in),
        month.burned.to_string(),
        format!("{} %", month.percent()),
        over,
        some(month.expired),
        some(month.carried_out),
    ];
    (ink, cells)
}

fn as_json<'m>(client: &'m ClientKey, month: &Month) -> MonthJson<'m> {
    MonthJson {
        client,
        month: month.first,
        bottom: month.bottom.0,
        top: month.top.0,
        carried_in: month.carried_in.0,
        worked: month.worked.0,
        burned: month.burned.0,
        over: month.over.0,
        over_cost: month.over_cost.map(|cost| cost.minor),
        expired: month.expired.0,
        carried_out: month.carried_out.0,
        warranty: month.warranty.0,
        fee: month.fee.minor,
        currency: month.fee.currency.to_string(),
    }
}
