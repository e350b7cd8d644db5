//! `deskd maintenance`: whose alerts are kept quiet, now and later.

use clap::Args;

use super::Failure;
use super::open::Opened;
use super::paper::{Ink, Paper, moment, plain, say, say_json};
use crate::store::maintenance::{self, Window};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskd maintenance\n  deskd maintenance --json | jq -r .[].client")]
pub struct MaintenanceArgs {
    /// For scripts (docs/cli.md)
    #[arg(long)]
    pub json: bool,
}

pub async fn run(opened: &Opened, paper: Paper, args: &MaintenanceArgs) -> Result<(), Failure> {
    let mut tx = opened.db.read().await?;
    let windows = maintenance::planned(&mut tx, opened.now).await?;
    tx.rollback().await?;
    if args.json {
        return Ok(say_json(&windows)?);
    }
    if windows.is_empty() {
        return Ok(say("No client's alerts are kept quiet; a technician mails `#maintenance KEY 22:00-02:00`.\n")?);
    }
    let cells: Vec<(Ink, Vec<String>)> = windows.iter().map(|window| cells(opened, window)).collect();
    Ok(say(&paper.table(&["CLIENT", "FROM", "TO", "BY", "STATE"], &cells))?)
}

fn cells(opened: &Opened, window: &Window) -> (Ink, Vec<String>) {
    let name = opened
        .config
        .firm
        .client(&window.client)
        .map_or_else(|| window.client.to_string(), |client| client.name.clone());
    let runs = window.starts_at <= opened.now;
    let cells = vec![
        plain(&name),
        moment(window.starts_at, opened.zone),
        moment(window.ends_at, opened.zone),
        window.tech.to_string(),
        if runs { "quiet now" } else { "planned" }.to_owned(),
    ];
    (if runs { Ink::Yellow } else { Ink::Plain }, cells)
}
