//! `deskd webhooks`: what the firm's own programs were told, what they missed, and telling it again.

use std::fmt::Write;

use clap::Subcommand;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Failure;
use super::open::Opened;
use super::paper::{Ink, Paper, cut, moment, plain, say, say_json};
use crate::desk::webhook::News;
use crate::store::StoreError;
use crate::store::outbox::{self, Row, State, deliveries};
use crate::words::OutboxId;

#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// What your programs have not taken yet, and what was given up
    #[command(
        after_help = "Examples:\n  deskd webhooks list\n  deskd webhooks list --all --webhook crm\n  deskd webhooks list --json | jq '.[].body.data.ticket.number'"
    )]
    List {
        /// Also what they have taken
        #[arg(long)]
        all: bool,
        /// Of this one only
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
        /// At most so many, the newest first
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
        /// For scripts, with the bodies (docs/cli.md)
        #[arg(long)]
        json: bool,
    },
    /// Tell it again: the same bytes under the same id
    #[command(
        after_help = "Examples:\n  deskd webhooks replay 12 13\n  deskd webhooks replay --failed\n  deskd webhooks replay --failed --webhook crm"
    )]
    Replay {
        /// The ids that `list` shows, also of what was taken
        #[arg(value_name = "ID", required_unless_present = "failed")]
        ids: Vec<i64>,
        /// All that was given up
        #[arg(long, conflicts_with = "ids")]
        failed: bool,
        /// Of this one only
        #[arg(long, value_name = "NAME", requires = "failed")]
        webhook: Option<String>,
    },
}

#[derive(Serialize)]
struct DeliveryJson<'a> {
    #[serde(flatten)]
    row: &'a Row,
    body: Option<&'a RawValue>,
}

pub async fn run(opened: &Opened, paper: Paper, command: &WebhooksCommand) -> Result<(), Failure> {
    match command {
        WebhooksCommand::List { all, webhook, limit, json } => {
            known(opened, webhook.as_deref())?;
            let mut tx = opened.db.read().await?;
            let rows = deliveries::list(&mut tx, *all, webhook.as_deref(), *limit).await?;
            if *json {
                let mut bodies = Vec::new();
                for row in &rows {
                    bodies.push(serde_json::from_slice::<Box<RawValue>>(&outbox::bytes(&mut tx, row.id).await?).ok());
                }
                let whole = rows.iter().zip(&bodies).map(|(row, body)| DeliveryJson { row, body: body.as_deref() });
                return Ok(say_json(&whole.collect::<Vec<_>>())?);
            }
            tx.rollback().await?;
            Ok(say(&table(opened, paper, &rows, *all))?)
        }
        WebhooksCommand::Replay { ids, failed: false, .. } => {
            let mut tx = opened.db.write().await?;
            for id in ids {
                deliveries::replay(&mut tx, OutboxId(*id), opened.now).await.map_err(no_such)?;
            }
            tx.commit().await?;
            Ok(say(&told(ids.len()))?)
        }
        WebhooksCommand::Replay { webhook, .. } => {
            known(opened, webhook.as_deref())?;
            let mut tx = opened.db.write().await?;
            let count = deliveries::replay_failed(&mut tx, webhook.as_deref(), opened.now).await?;
            tx.commit().await?;
            Ok(say(&told(usize::try_from(count).unwrap_or(usize::MAX)))?)
        }
    }
}

fn no_such(error: StoreError) -> Failure {
    const LISTED: &str = "`deskd webhooks list --all` lists what there is";
    match error {
        StoreError::Missing { what } => Failure::Missing(format!("there is no {what}; {LISTED}")),
        StoreError::Refused(why) => Failure::Refused(format!("{why}; {LISTED}")),
        other => other.into(),
    }
}

fn told(count: usize) -> String {
    match count {
        0 => "Nothing was given up.\n".to_owned(),
        1 => "1 is queued again; a running daemon sends it within a second\n".to_owned(),
        count => format!("{count} are queued again; a running daemon sends them within seconds\n"),
    }
}

/// A name that was mistyped would look like "nothing is wrong". What left the config may still have rows.
fn known(opened: &Opened, name: Option<&str>) -> Result<(), Failure> {
    let webhooks = &opened.config.firm.webhooks;
    let Some(name) = name else { return Ok(()) };
    if webhooks.is_empty() || webhooks.iter().any(|webhook| webhook.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    Err(Failure::Missing(format!("there is no webhook \"{name}\"; there are {}", names.join(", "))))
}

fn table(opened: &Opened, paper: Paper, rows: &[Row], all: bool) -> String {
    if rows.is_empty() {
        let hint = if all { "No program was told anything yet.\n" } else { "Everything was taken; --all shows it.\n" };
        return hint.to_owned();
    }
    let cells: Vec<(Ink, Vec<String>)> = rows.iter().map(|row| cells(opened, row)).collect();
    let mut text = paper.table(&["ID", "STATE", "WEBHOOK", "EVENT", "TICKET", "TRIES", "WHEN"], &cells);
    let why = |row: &&Row| row.last_error.is_some() && row.state != State::Sent;
    for row in rows.iter().filter(why) {
        let error = row.last_error.as_deref().unwrap_or_default();
        let _ = writeln!(text, "\n{}: {}", row.id.0, cut(&plain(error), 300));
    }
    let gone = |row: &&Row| !opened.config.firm.webhooks.iter().any(|webhook| webhook.name == row.recipient);
    if let Some(row) = rows.iter().filter(|row| row.state == State::Queued).find(gone) {
        let _ = writeln!(
            text,
            "\n{} is not in the config any more: what waits for it stays; `deskd outbox drop ID` ends that",
            plain(&row.recipient)
        );
    }
    text
}

fn cells(opened: &Opened, row: &Row) -> (Ink, Vec<String>) {
    let ink = match row.state {
        State::Failed => Ink::Red,
        State::Queued | State::Sending if row.attempts > 0 => Ink::Yellow,
        State::Sent | State::Withdrawn | State::Dropped => Ink::Faint,
        _ => Ink::Plain,
    };
    let when = match (row.sent_at, row.state) {
        (Some(at), _) => format!("taken {}", moment(at, opened.zone)),
        (None, State::Queued) => format!("next {}", moment(row.next_at, opened.zone)),
        (None, _) => format!("written {}", moment(row.created_at, opened.zone)),
    };
    let ticket = row.ticket.map_or_else(|| "-".to_owned(), |ticket| ticket.to_string());
    let known = News::ALL.iter().find(|news| news.type_name() == row.kind);
    let event = known.map_or(row.kind.as_str(), |news| news.as_str()).to_owned();
    let cells = vec![
        row.id.0.to_string(),
        row.state.to_string(),
        row.recipient.clone(),
        event,
        ticket,
        row.attempts.to_string(),
        when,
    ];
    (ink, cells)
}
