//! `deskd inbound`: everything that arrived and what became of it; nothing is silently dropped.

use std::fmt::Write;

use clap::{Args, Subcommand, ValueEnum};

use super::open::Opened;
use super::paper::{Ink, Paper, cut, moment, plain, say, say_bytes, say_json};
use super::{Failure, mail};
use crate::channel::Form;
use crate::store::inbound::{self, Listed};
use crate::words::InboundId;
use anyhow::Context;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  deskd inbound --fate quarantined\n  deskd inbound show 17 --raw > mail.eml\n  deskd inbound retry 17"
)]
pub struct InboundArgs {
    #[command(subcommand)]
    pub command: Option<InboundCommand>,
    /// Only what became this; `not-yet` is what is still to be looked at, `waiting` what waits for DNS or for a confirmation
    #[arg(long, value_enum)]
    pub fate: Option<FateWord>,
    /// At most so many, the newest first
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub limit: i64,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum InboundCommand {
    /// Show one arrival as deskd reads it
    #[command(after_help = "Examples:\n  deskd inbound show 17\n  deskd inbound show 17 --raw > mail.eml")]
    Show {
        id: i64,
        /// The bytes as they came, and nothing else
        #[arg(long)]
        raw: bool,
    },
    /// Try a quarantined arrival again; the daemon takes it within a second
    #[command(after_help = "Example:\n  deskd inbound retry 17")]
    Retry { id: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FateWord {
    Ticket,
    Reply,
    Duplicate,
    Automatic,
    Bounce,
    Refused,
    Quarantined,
    #[value(alias = "none", alias = "not yet")]
    NotYet,
    Waiting,
}

pub async fn run(opened: &Opened, paper: Paper, args: &InboundArgs) -> Result<(), Failure> {
    match &args.command {
        None => list(opened, paper, args).await,
        Some(InboundCommand::Show { id, raw }) => show(opened, *id, *raw).await,
        Some(InboundCommand::Retry { id }) => retry(opened, *id).await,
    }
}

async fn list(opened: &Opened, paper: Paper, args: &InboundArgs) -> Result<(), Failure> {
    let fate = args.fate.and_then(|fate| fate.to_possible_value());
    let mut tx = opened.db.read().await?;
    let rows = inbound::list(&mut tx, fate.as_ref().map(|fate| fate.get_name()), args.limit).await?;
    tx.rollback().await?;
    if args.json {
        return Ok(say_json(&rows)?);
    }
    if rows.is_empty() {
        return Ok(say("Nothing arrived yet.\n")?);
    }
    let cells: Vec<(Ink, Vec<String>)> = rows.iter().map(|row| cells(row, opened)).collect();
    let mut text = paper.table(&["ID", "ARRIVED", "FATE", "TICKET", "FROM", "SUBJECT"], &cells);
    if rows.iter().any(|row| row.fate.as_deref() == Some("quarantined")) {
        text.push_str("\nQuarantined: `deskd inbound show ID` tells why, `retry ID` tries it again.\n");
    }
    Ok(say(&text)?)
}

/// One word for what became of it. What waits for DNS or for its tech's word has a fate that may still change.
fn fate_word(row: &Listed) -> &str {
    match (&row.fate, &row.reason) {
        (Some(_), Some(reason)) if reason.starts_with("waits for ") => "waiting",
        (Some(fate), _) => fate,
        (None, _) => "not yet",
    }
}

fn cells(row: &Listed, opened: &Opened) -> (Ink, Vec<String>) {
    let fate = fate_word(row);
    let ink = match fate {
        "quarantined" => Ink::Red,
        "refused" | "bounce" | "not yet" | "waiting" => Ink::Yellow,
        "duplicate" | "automatic" => Ink::Faint,
        _ => Ink::Plain,
    };
    let ticket = row.ticket.map_or_else(|| "-".to_owned(), |ticket| ticket.to_string());
    let arrived = row.arrived_at.with_timezone(&opened.zone).format("%m-%d %H:%M").to_string();
    let from = cut(row.sender.as_deref().unwrap_or("?"), 24);
    let subject = plain(row.subject.as_deref().unwrap_or_default());
    (ink, vec![row.id.0.to_string(), arrived, fate.to_owned(), ticket, from, subject])
}

async fn show(opened: &Opened, id: i64, raw: bool) -> Result<(), Failure> {
    let mut tx = opened.db.read().await?;
    let id = InboundId(id);
    let missing = || Failure::Missing(format!("nothing arrived under {}; `deskd inbound` lists what did", id.0));
    let row = inbound::listed(&mut tx, id).await?.ok_or_else(missing)?;
    let kept = inbound::one(&mut tx, id).await?.ok_or_else(missing)?;
    tx.rollback().await?;
    let bytes = zstd::decode_all(kept.compressed.as_slice()).context("the stored mail cannot be read back")?;
    if raw {
        return Ok(say_bytes(&bytes)?);
    }
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13} {}", plain(value));
    };
    field("arrived", &format!("{} by {} ({})", moment(row.arrived_at, opened.zone), row.source, row.source_key));
    let ticket = row.ticket.map_or_else(String::new, |ticket| format!(" {ticket}"));
    field("fate", &format!("{}{ticket}", fate_word(&row)));
    if let Some(reason) = &row.reason {
        field("reason", reason);
    }
    field("attempts", &row.attempts.to_string());
    let mapping = || opened.config.firm.hook(&row.source).map(|hook| hook.mapping.clone()).unwrap_or_default();
    let form = Form::named(&kept.form).unwrap_or_default();
    if form == Form::Hook {
        text.push('\n');
    }
    text.push_str(&mail::read_as(form, (&mapping(), &row.source), bytes, Some(opened.zone))?);
    Ok(say(&text)?)
}

async fn retry(opened: &Opened, id: i64) -> Result<(), Failure> {
    let mut tx = opened.db.write().await?;
    let id = InboundId(id);
    let Some(row) = inbound::listed(&mut tx, id).await? else {
        return Err(Failure::Missing(format!("nothing arrived under {}; `deskd inbound` lists what did", id.0)));
    };
    if !inbound::retry(&mut tx, id).await? {
        let became = match row.fate.as_deref() {
            None => "is not processed yet".to_owned(),
            Some("ticket") => "became a ticket".to_owned(),
            Some("reply") => "became a reply".to_owned(),
            Some("duplicate") => "was a duplicate".to_owned(),
            Some("bounce") => "was a bounce".to_owned(),
            Some("automatic") => "was an automatic mail".to_owned(),
            Some(fate) => format!("was {fate}"),
        };
        let what = format!("inbound {} {became}; only a quarantined arrival can be tried again", id.0);
        return Err(Failure::Refused(what));
    }
    tx.commit().await?;
    Ok(say(&format!("inbound {} goes through the door again; a running daemon takes it within a second\n", id.0))?)
}
