//! `deskd statement`: what was drafted, held and sent; a sent one is shown as it was frozen.

use clap::{Args, Subcommand};

use super::Failure;
use super::open::{Opened, office};
use super::paper::{Ink, Paper, moment, plain, plain_lines, say, say_json};
use crate::intake::{self, ActError, Unit};
use crate::money::statement::{Statement, hash};
use crate::notice::{self, StatementFacts};
use crate::store::statements::{self, Row};
use crate::words::ClientKey;

#[derive(Debug, Subcommand)]
pub enum StatementCommand {
    /// List statements, the newest month first
    #[command(after_help = "Examples:\n  deskd statement list\n  deskd statement list --client acme --json")]
    List(ListArgs),
    /// Show what a sent statement says
    #[command(after_help = "Examples:\n  deskd statement show 12\n  deskd statement show 12 --csv > november.csv")]
    Show(ShowArgs),
    /// Mail a sent statement once more, as it was
    #[command(after_help = "Example:\n  deskd statement resend 12")]
    Resend { number: i64 },
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Key of a client
    #[arg(long)]
    client: Option<String>,
    /// No more than so many
    #[arg(long, default_value_t = 50)]
    limit: i64,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    number: i64,
    /// As the sheet that is attached to the mail
    #[arg(long, conflicts_with_all = ["html", "json"])]
    csv: bool,
    /// As the page that is mailed, to be printed
    #[arg(long, conflicts_with = "json")]
    html: bool,
    /// As it was frozen
    #[arg(long)]
    json: bool,
}

pub async fn run(opened: &Opened, paper: Paper, command: &StatementCommand) -> Result<(), Failure> {
    match command {
        StatementCommand::List(args) => list(opened, paper, args).await,
        StatementCommand::Show(args) => show(opened, args).await,
        StatementCommand::Resend { number } => resend(opened, *number).await,
    }
}

async fn list(opened: &Opened, paper: Paper, args: &ListArgs) -> Result<(), Failure> {
    let client = args.client.clone().map(ClientKey);
    let mut tx = opened.db.read().await?;
    let rows = statements::list(&mut tx, client.as_ref(), args.limit).await?;
    tx.rollback().await?;
    if args.json {
        return Ok(say_json(&rows)?);
    }
    if rows.is_empty() {
        return Ok(say(
            "No statement was drafted yet: that is done on the first working day of a month ([schedule] statement_drafts).\n",
        )?);
    }
    let cells: Vec<(Ink, Vec<String>)> = rows.iter().map(|row| cells(opened, row)).collect();
    Ok(say(&paper.table(&["NUMBER", "CLIENT", "MONTH", "STATE", "USED", "WHEN", "AGREED"], &cells))?)
}

fn cells(opened: &Opened, row: &Row) -> (Ink, Vec<String>) {
    let name =
        opened.config.firm.client(&row.client).map_or_else(|| row.client.to_string(), |client| client.name.clone());
    let used = intake::frozen(row).map_or_else(|| "-".to_owned(), |statement| statement.used.to_string());
    let (ink, when) = match (row.sent_at, row.state.as_str()) {
        (Some(at), _) => (Ink::Plain, moment(at, opened.zone)),
        (None, "held") => (Ink::Yellow, row.reason.clone().unwrap_or_default()),
        (None, _) => (Ink::Faint, format!("goes out {}", moment(row.send_at, opened.zone))),
    };
    let agreed = row.agreed_by.clone().unwrap_or_else(|| "-".to_owned());
    let month = row.month.format("%Y-%m").to_string();
    (ink, vec![row.number.to_string(), plain(&name), month, row.state.clone(), used, plain(&when), plain(&agreed)])
}

async fn show(opened: &Opened, args: &ShowArgs) -> Result<(), Failure> {
    let number = args.number;
    let mut tx = opened.db.read().await?;
    let row = statements::one(&mut tx, number).await?;
    tx.rollback().await?;
    let row = row.ok_or_else(|| {
        Failure::Missing(format!("there is no statement {number}; `deskd statement list` lists them"))
    })?;
    let Some(content) = &row.content else {
        return Err(Failure::Refused(format!("statement {number} is a {}: nothing is frozen yet", row.state)));
    };
    let (Some(statement), Some(kept)) = (intake::frozen(&row), &row.hash) else {
        return Err(Failure::Other(anyhow::anyhow!("statement {number} cannot be read back")));
    };
    if hash(content) != *kept {
        return Err(Failure::Other(anyhow::anyhow!(
            "statement {number} is not what was frozen: its hash is {}, and {kept} was kept",
            hash(content)
        )));
    }
    if args.json {
        return Ok(say(&format!("{content}\n"))?);
    }
    if args.csv {
        return Ok(say(&statement.csv())?);
    }
    let facts = StatementFacts { firm: opened.config.firm.name.clone(), statement };
    let language = language(opened, &facts.statement);
    let rendered = notice::statement(&office(opened)?.texts, &language, &facts);
    let shown = if args.html { rendered.html } else { format!("{}\n{kept}\n", plain_lines(&rendered.text)) };
    Ok(say(&shown)?)
}

fn language(opened: &Opened, statement: &Statement) -> String {
    let firm = &opened.config.firm;
    firm.client(&statement.client).and_then(|client| client.language.clone()).unwrap_or_else(|| firm.language.clone())
}

async fn resend(opened: &Opened, number: i64) -> Result<(), Failure> {
    let office = office(opened)?;
    let mut tx = opened.db.write().await?;
    let mut unit = Unit::new(&mut tx, &office, opened.now);
    let count = intake::resend(&mut unit, number).await.map_err(|error| match error {
        ActError::Refused(why) => Failure::Refused(why),
        ActError::Store(error) => error.into(),
    })?;
    tx.commit().await?;
    Ok(say(&format!("statement {number} goes to {count} managers of the client once more\n"))?)
}
