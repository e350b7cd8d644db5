//! `deskd time`: worked time, listed, added, corrected, taken in from a file. What is on a ticket goes through the same door as `#time`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};

use super::Failure;
use super::open::{Opened, office};
use super::paper::{Ink, Paper, plain, say, say_json};
use crate::desk::directive::minutes;
use crate::intake::{self, NewTime, Unit};
use crate::store::jobs;
use crate::store::time::{self, Entry, Wanted};
use crate::words::{Category, ClientKey, Login, Minutes, TicketNumber};

#[derive(Debug, Subcommand)]
pub enum TimeCommand {
    /// List entries, the latest last
    #[command(
        after_help = "Examples:\n  deskd time list --client acme --from 2026-11-01\n  deskd time list --tech sam --json"
    )]
    List(ListArgs),
    /// Log time for a tech
    #[command(after_help = "Examples:\n  deskd time add --tech sam --ticket 1042 --minutes 25m\n  \
                      deskd time add --tech ana --client acme --minutes 1h30 --category tm --day 2026-11-20 --note 'on site'")]
    Add(AddArgs),
    /// Say what an entry should have been: the difference becomes an entry of its own
    #[command(after_help = "Example:\n  deskd time correct e12 20m --why 'the lunch was not theirs'")]
    Correct(CorrectArgs),
    /// Take in a CSV file: all of it, or nothing
    #[command(
        after_help = "The first line names the columns: tech,day,minutes,category and ticket or client, note if there is one.\n\nExample:\n  deskd time import november.csv"
    )]
    Import { file: PathBuf },
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Key of a client
    #[arg(long)]
    client: Option<String>,
    /// Login of a tech
    #[arg(long)]
    tech: Option<String>,
    /// Number of a ticket
    #[arg(long)]
    ticket: Option<i64>,
    /// First day of the work
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// Last day of the work
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// No more than so many, the latest
    #[arg(long, default_value_t = 200)]
    limit: i64,
    /// For scripts (docs/cli.md)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// Login of who worked
    #[arg(long)]
    tech: String,
    /// On this ticket
    #[arg(long, required_unless_present = "client")]
    ticket: Option<i64>,
    /// For this client, without a ticket
    #[arg(long, conflicts_with = "ticket")]
    client: Option<String>,
    /// 90m, 1h30, 1.5h, 1:30 or 45
    #[arg(long, value_parser = duration)]
    minutes: Minutes,
    /// retainer, project, tm or warranty; of a ticket its own unless given
    #[arg(long, value_parser = category)]
    category: Option<Category>,
    /// When the work was done; today unless given
    #[arg(long)]
    day: Option<NaiveDate>,
    #[arg(long)]
    note: Option<String>,
    /// It was done after hours
    #[arg(long)]
    after_hours: bool,
    /// Nobody pays for it, and why
    #[arg(long, value_name = "WHY")]
    unbillable: Option<String>,
}

#[derive(Debug, Args)]
pub struct CorrectArgs {
    /// As `deskd time list` shows it: e12
    #[arg(value_parser = entry)]
    entry: i64,
    /// What it should have been; 0m takes it back
    #[arg(value_parser = duration)]
    minutes: Minutes,
    #[arg(long)]
    why: String,
}

fn duration(text: &str) -> Result<Minutes, String> {
    // The same as in a mail: nobody knows which of the two it is.
    if matches!(text.parse::<i64>(), Ok(1..10)) {
        return Err(format!("{text} minutes or {text} hours? write {text}m or {text}h"));
    }
    let found = if text == "0" || text == "0m" { Some(0) } else { minutes(&text.to_lowercase()) };
    found.map(Minutes).ok_or_else(|| "write 90m, 1h30, 1.5h, 1:30 or 45".to_owned())
}

fn category(text: &str) -> Result<Category, String> {
    text.to_lowercase().parse().map_err(|_| "write retainer, project, tm or warranty".to_owned())
}

fn entry(text: &str) -> Result<i64, String> {
    text.trim_start_matches('e').parse().map_err(|_| "write it like e12".to_owned())
}

pub async fn run(opened: &Opened, paper: Paper, command: &TimeCommand) -> Result<(), Failure> {
    match command {
        TimeCommand::List(args) => list(opened, paper, args).await,
        TimeCommand::Add(args) => add(opened, args).await,
        TimeCommand::Correct(args) => correct(opened, args).await,
        TimeCommand::Import { file } => import(opened, file).await,
    }
}

async fn list(opened: &Opened, paper: Paper, args: &ListArgs) -> Result<(), Failure> {
    let wanted = Wanted {
        client: args.client.clone().map(ClientKey),
        tech: args.tech.clone().map(Login),
        ticket: args.ticket.map(TicketNumber),
        from: args.from,
        to: args.to,
    };
    let mut tx = opened.db.read().await?;
    let entries = time::list(&mut tx, &wanted, args.limit).await?;
    tx.rollback().await?;
    if args.json {
        return Ok(say_json(&entries)?);
    }
    if entries.is_empty() {
        return Ok(say("No time was logged that fits.\n")?);
    }
    let sum: Minutes = entries.iter().map(|entry| entry.minutes).sum();
    let rows: Vec<(Ink, Vec<String>)> = entries.iter().map(cells).collect();
    let mut text = paper.table(&["ENTRY", "DAY", "TECH", "TIME", "CATEGORY", "FOR", "NOTE"], &rows);
    text.push_str(&format!("{sum} in all\n"));
    Ok(say(&text)?)
}

fn cells(entry: &Entry) -> (Ink, Vec<String>) {
    let whose = match (entry.ticket, &entry.client) {
        (Some(ticket), Some(client)) => format!("{ticket} {client}"),
        (Some(ticket), None) => ticket.to_string(),
        (None, client) => client.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
    };
    let mut notes = Vec::new();
    notes.extend(entry.corrects.map(|id| format!("corrects e{id}")));
    notes.extend(entry.after_hours.then(|| "after hours".to_owned()));
    notes.extend(entry.reason.as_ref().map(|why| format!("not billable: {}", plain(why))));
    notes.extend(entry.note.as_ref().map(|note| plain(note)));
    let ink = if entry.minutes < Minutes(0) { Ink::Yellow } else { Ink::Plain };
    let cells = vec![
        format!("e{}", entry.id),
        entry.work_date.to_string(),
        entry.tech.to_string(),
        entry.minutes.to_string(),
        entry.category.to_string(),
        whose,
        notes.join(" · "),
    ];
    (ink, cells)
}

async fn add(opened: &Opened, args: &AddArgs) -> Result<(), Failure> {
    let new = NewTime {
        tech: Login(args.tech.clone()),
        ticket: args.ticket.map(TicketNumber),
        client: args.client.clone().map(ClientKey),
        minutes: args.minutes,
        category: args.category,
        day: args.day.unwrap_or_else(|| opened.now.with_timezone(&opened.zone).date_naive()),
        note: args.note.clone(),
        after_hours: args.after_hours,
        unbillable: args.unbillable.clone(),
    };
    let office = office(opened)?;
    let mut tx = opened.db.write().await?;
    let mut unit = Unit::new(&mut tx, &office, opened.now);
    let id = intake::add_time(&mut unit, &new).await.map_err(refused)?;
    tx.commit().await?;
    Ok(say(&format!("e{id}: {} of {} on {}\n", new.minutes, new.tech, new.day))?)
}

async fn correct(opened: &Opened, args: &CorrectArgs) -> Result<(), Failure> {
    let office = office(opened)?;
    let mut tx = opened.db.write().await?;
    let mut unit = Unit::new(&mut tx, &office, opened.now);
    let by = intake::correct_time(&mut unit, args.entry, args.minutes, &args.why).await.map_err(refused)?;
    tx.commit().await?;
    Ok(say(&match by {
        Some((id, by)) => format!("e{id}: {by}, so that e{} comes to {}\n", args.entry, args.minutes),
        None => format!("e{} comes to {} already\n", args.entry, args.minutes),
    })?)
}

fn refused(error: intake::ActError) -> Failure {
    match error {
        intake::ActError::Refused(why) => Failure::Refused(why),
        intake::ActError::Store(error) => error.into(),
    }
}

/// One line of the file.
#[derive(Debug, serde::Deserialize)]
struct Line {
    tech: String,
    day: NaiveDate,
    minutes: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    note: String,
}

impl Line {
    fn new_time(self) -> Result<NewTime, String> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let ticket = match some(&self.ticket) {
            Some(text) => {
                let number = text.trim_start_matches('#').parse().map_err(|_| format!("\"{text}\" is no ticket"))?;
                Some(TicketNumber(number))
            }
            None => None,
        };
        Ok(NewTime {
            tech: Login(self.tech.trim().to_owned()),
            ticket,
            client: some(&self.client).filter(|_| ticket.is_none()).map(ClientKey),
            minutes: duration(self.minutes.trim())?,
            category: some(&self.category).map(|word| category(&word)).transpose()?,
            day: self.day,
            note: some(&self.note),
            after_hours: false,
            unbillable: None,
        })
    }
}

async fn import(opened: &Opened, file: &Path) -> Result<(), Failure> {
    let bytes = super::mail::bytes_of(file)?;
    let mut all = Vec::new();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes.as_slice());
    for (place, line) in reader.deserialize::<Line>().enumerate() {
        // The header is line 1.
        let at =
            |why: String| Failure::Refused(format!("{}:{}: {why}; nothing was taken in", file.display(), place + 2));
        all.push((place + 2, line.map_err(|error| at(error.to_string()))?.new_time().map_err(at)?));
    }
    let office = office(opened)?;
    let mut tx = opened.db.write().await?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if !jobs::claim(&mut tx, "time_import", &digest, opened.now).await? {
        return Err(Failure::Refused(format!("{} was taken in before", file.display())));
    }
    let mut sum = Minutes(0);
    let count = all.len();
    for (line, new) in all {
        let mut unit = Unit::new(&mut tx, &office, opened.now);
        sum += new.minutes;
        intake::add_time(&mut unit, &new).await.map_err(|error| match refused(error) {
            Failure::Refused(why) => {
                Failure::Refused(format!("{}:{line}: {why}; nothing was taken in", file.display()))
            }
            other => other,
        })?;
    }
    tx.commit().await.context("nothing was taken in").map_err(Failure::Other)?;
    Ok(say(&format!("{count} entries, {sum} in all\n"))?)
}
