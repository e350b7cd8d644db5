//! `deskd outbox`: what was decided to be mailed, what has left, and what needs a human.

use std::fmt::Write;

use clap::Subcommand;

use super::Failure;
use super::open::Opened;
use super::paper::{Ink, Paper, cut, moment, plain, plain_lines, say, say_bytes, say_json};
use crate::chat::Upload;
use crate::outbox::chat::FILE;
use crate::outbox::{Class, MAIL, State};
use crate::store::outbox::{self, NEVER, Row};
use crate::store::{StoreError, Tx};
use crate::words::OutboxId;

#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// What has not left yet and what needs a human
    #[command(after_help = "Examples:\n  deskd outbox list\n  deskd outbox list --all --json")]
    List {
        /// Also what was sent, withdrawn or dropped
        #[arg(long)]
        all: bool,
        /// At most so many, the newest first
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
        /// For scripts (docs/cli.md)
        #[arg(long)]
        json: bool,
    },
    /// Show one mail and how it fared
    #[command(after_help = "Examples:\n  deskd outbox show 12\n  deskd outbox show 12 --raw > mail.eml")]
    Show {
        id: i64,
        /// The final bytes, and nothing else
        #[arg(long)]
        raw: bool,
        /// For scripts (docs/cli.md)
        #[arg(long, conflicts_with = "raw")]
        json: bool,
    },
    /// Send a mail that failed, is uncertain or was dropped again, with the same bytes
    #[command(after_help = "Example:\n  deskd outbox retry 12")]
    Retry { id: i64 },
    /// Never send a mail (any more)
    #[command(after_help = "Example:\n  deskd outbox drop 12")]
    Drop { id: i64 },
}

pub async fn run(opened: &Opened, paper: Paper, command: &OutboxCommand) -> Result<(), Failure> {
    match command {
        OutboxCommand::List { all, limit, json } => list(opened, paper, (*all, *limit), *json).await,
        OutboxCommand::Show { id, raw, json } => show(opened, OutboxId(*id), *raw, *json).await,
        OutboxCommand::Retry { id } => {
            let mut tx = opened.db.write().await?;
            outbox::retry(&mut tx, OutboxId(*id), opened.now).await.map_err(no_such)?;
            tx.commit().await?;
            Ok(say(&format!("{id} is queued again; a running daemon takes it within a second\n"))?)
        }
        OutboxCommand::Drop { id } => {
            let mut tx = opened.db.write().await?;
            outbox::drop(&mut tx, OutboxId(*id)).await.map_err(no_such)?;
            tx.commit().await?;
            Ok(say(&format!("{id} is dropped: it is not sent; `deskd outbox retry {id}` would take that back\n"))?)
        }
    }
}

fn no_such(error: StoreError) -> Failure {
    match error {
        StoreError::Missing { what } => {
            Failure::Missing(format!("there is no {what}; `deskd outbox list --all` lists what there is"))
        }
        other => other.into(),
    }
}

async fn row(tx: &mut Tx, id: OutboxId) -> Result<Row, Failure> {
    outbox::show(tx, id).await.map_err(no_such)
}

async fn list(opened: &Opened, paper: Paper, (all, limit): (bool, i64), json: bool) -> Result<(), Failure> {
    let mut tx = opened.db.read().await?;
    let rows = outbox::list(&mut tx, all, limit).await?;
    tx.rollback().await?;
    if json {
        return Ok(say_json(&rows)?);
    }
    if rows.is_empty() {
        return Ok(say(if all { "Nothing was mailed yet.\n" } else { "Everything has left; --all shows it.\n" })?);
    }
    let cells: Vec<(Ink, Vec<String>)> = rows.iter().map(cells).collect();
    let mut text = paper.table(&["ID", "STATE", "KIND", "TICKET", "TO", "SUBJECT"], &cells);
    for row in rows.iter().filter(|row| matches!(row.state, State::Failed | State::Uncertain)) {
        let why = row.last_error.as_deref().unwrap_or("no reason was noted");
        let _ = writeln!(text, "\n{} {}: {}", row.id.0, row.state, plain(why));
    }
    Ok(say(&text)?)
}

fn cells(row: &Row) -> (Ink, Vec<String>) {
    let ink = match row.state {
        State::Failed | State::Uncertain => Ink::Red,
        State::Queued | State::Sending | State::Data if row.attempts > 1 => Ink::Yellow,
        State::Sent | State::Withdrawn | State::Dropped => Ink::Faint,
        _ => Ink::Plain,
    };
    let ticket = row.ticket.map_or_else(|| "-".to_owned(), |ticket| ticket.to_string());
    let cells = vec![
        row.id.0.to_string(),
        if row.is_held() { "held".to_owned() } else { row.state.to_string() },
        row.kind.clone(),
        ticket,
        cut(&row.recipient, 28),
        plain(&row.subject),
    ];
    (ink, cells)
}

async fn show(opened: &Opened, id: OutboxId, raw: bool, json: bool) -> Result<(), Failure> {
    let mut tx = opened.db.read().await?;
    let row = row(&mut tx, id).await?;
    let bytes = outbox::bytes(&mut tx, id).await?;
    tx.rollback().await?;
    if raw {
        return Ok(say_bytes(&bytes)?);
    }
    if json {
        return Ok(say_json(&row)?);
    }
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13} {}", plain(value));
    };
    field("state", &row.state.to_string());
    let class = match row.class {
        Class::MustArrive => "must arrive",
        Class::Once => "once at most",
    };
    field("kind", &format!("{} ({class})", row.kind));
    if let Some(ticket) = row.ticket {
        field("ticket", &ticket.to_string());
    }
    field("to", &row.recipient);
    if row.channel == MAIL {
        field("from", row.envelope_from.as_deref().unwrap_or("(empty sender)"));
    }
    field("subject", &row.subject);
    field(if row.channel == MAIL { "message-id" } else { "id" }, &row.message_id);
    // A reminder is dated for the day that it reminds of.
    let written = if row.created_at > opened.now { "written for" } else { "written" };
    field(written, &moment(row.created_at, opened.zone));
    match row.sent_at {
        Some(at) => field("sent", &moment(at, opened.zone)),
        None if row.is_held() => field("next try", "held, to be told in one list"),
        None if row.state == State::Queued || (row.state == State::Uncertain && row.next_at < NEVER) => {
            field("next try", &moment(row.next_at, opened.zone));
        }
        None => {}
    }
    field("attempts", &row.attempts.to_string());
    if let Some(error) = &row.last_error {
        field("last answer", error);
    }
    let _ = write!(text, "\n{}\n", plain_lines(&words(&row, &bytes)).trim_end());
    Ok(say(&text)?)
}

/// What a row says, as people read it.
fn words(row: &Row, bytes: &[u8]) -> String {
    if row.channel == MAIL {
        return crate::mail::parse::parse(bytes).text;
    }
    match Upload::read(bytes).filter(|_| row.kind == FILE) {
        Some(file) => format!("{} ({}, {} bytes)", file.name, file.content_type, file.bytes.len()),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}
