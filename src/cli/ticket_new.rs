//! `deskd ticket new`: a request that somebody heard on the telephone, typed in. It goes through the one door, like a mail.

use std::time::Duration;

use clap::Args;

use super::Failure;
use super::open::Opened;
use super::paper::{plain, say, say_json};
use crate::channel::Form;
use crate::channel::told::Told;
use crate::mail::build;
use crate::notice::TicketJson;
use crate::store::inbound::{self, Listed, NewInbound};
use crate::store::{StoreError, tickets};
use crate::words::{InboundId, Priority, e164};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskd ticket new --phone '+1 312 555 0100' --text 'The front desk printer is on fire'\n  \
                  deskd ticket new --from jane@acme-dental.example --subject 'New laptop' --text 'For the new colleague' --priority P4"
)]
pub struct NewArgs {
    /// The caller's number, with + and the country code; a contact's finds the contact and the client
    #[arg(long, value_name = "NUMBER", value_parser = telephone, required_unless_present = "from")]
    phone: Option<String>,
    /// The caller's mail address, where answers go
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with = "phone")]
    from: Option<String>,
    /// The caller's name, for one whom nobody knows yet
    #[arg(long, default_value = "")]
    name: String,
    /// The client's key or name, where the caller does not tell
    #[arg(long, value_name = "KEY")]
    client: Option<String>,
    /// What it is about; the first words of the text unless given
    #[arg(long)]
    subject: Option<String>,
    /// What was said
    #[arg(long)]
    text: String,
    /// Instead of what the rules find
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    json: bool,
}

/// The source of what is typed in.
const SOURCE: &str = "cli";
/// A running daemon takes it within a second; this long it is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

fn telephone(text: &str) -> Result<String, String> {
    e164(text).ok_or_else(|| "write the number with + and the country code, like +13125550100".to_owned())
}

fn address(text: &str) -> Result<String, String> {
    let address = text.trim().to_lowercase();
    if build::can_be_written(&address) { Ok(address) } else { Err("this is no mail address".to_owned()) }
}

fn priority(text: &str) -> Result<Priority, String> {
    text.to_uppercase().parse().map_err(|_| "write P1, P2, P3 or P4".to_owned())
}

pub async fn run(opened: &Opened, args: &NewArgs) -> Result<(), Failure> {
    let text = args.text.trim();
    if text.is_empty() {
        return Err(Failure::Refused("--text is empty: write down what was said".to_owned()));
    }
    if let Some(client) = args.client.as_deref().filter(|client| opened.config.firm.client_called(client).is_none()) {
        return Err(Failure::Missing(format!("there is no client \"{client}\"")));
    }
    let first: String = text.lines().next().unwrap_or_default().chars().take(80).collect();
    let told = Told {
        from: args.phone.clone().or_else(|| args.from.clone()).unwrap_or_default(),
        name: args.name.trim().to_owned(),
        client: args.client.clone(),
        subject: args.subject.clone().unwrap_or(first),
        text: text.to_owned(),
        priority: args.priority,
    };
    let id = keep(opened, &told).await?;
    match decided(opened, id).await? {
        Some(row) => opened_as(opened, &row, args.json).await,
        None => Ok(say(&format!(
            "kept as inbound {}; no daemon has taken it yet: it becomes a ticket when one runs, with the clock from now\n",
            id.0
        ))?),
    }
}

async fn keep(opened: &Opened, told: &Told) -> Result<InboundId, Failure> {
    let raw = serde_json::to_vec(told).map_err(|error| Failure::Other(error.into()))?;
    let compressed = zstd::bulk::compress(&raw, 1).map_err(|source| StoreError::Compress { source })?;
    let new = NewInbound {
        source: SOURCE,
        form: Form::Told,
        source_key: &format!("{:032x}", rand::random::<u128>()),
        arrived_at: opened.now,
        size: raw.len() as u64,
        junk: false,
        compressed: &compressed,
    };
    let mut tx = opened.db.write().await?;
    let kept = inbound::keep(&mut tx, &[new], opened.now).await?;
    tx.commit().await?;
    let id = kept.first().map(|(id, ..)| *id);
    id.ok_or_else(|| Failure::Other(anyhow::anyhow!("the request could not be kept")))
}

async fn decided(opened: &Opened, id: InboundId) -> Result<Option<Listed>, Failure> {
    let begun = tokio::time::Instant::now();
    loop {
        let mut tx = opened.db.read().await?;
        let row = inbound::listed(&mut tx, id).await?.filter(|row| row.fate.is_some());
        tx.rollback().await?;
        if row.is_some() || begun.elapsed() > PATIENCE {
            return Ok(row);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn opened_as(opened: &Opened, row: &Listed, json: bool) -> Result<(), Failure> {
    let Some(number) = row.ticket else {
        let why = row.reason.as_deref().unwrap_or("no reason was noted");
        return Err(Failure::Refused(format!("it became no ticket: {}", plain(why))));
    };
    let mut tx = opened.db.read().await?;
    let ticket = tickets::row(&mut tx, number).await?;
    tx.rollback().await?;
    let Some(ticket) = ticket else { return Ok(()) };
    if json {
        return Ok(say_json(&TicketJson::of(&ticket))?);
    }
    let who =
        ticket.assignee.as_ref().map_or_else(|| "nobody has it yet".to_owned(), |login| format!("{login} has it"));
    let state = match &row.reason {
        // It says the status where that is another than usual.
        Some(why) => plain(why),
        None => format!("{}, {who}", ticket.priority),
    };
    Ok(say(&format!("{number} {}: {state}\n", plain(&ticket.subject)))?)
}
