//! The command line: what can be asked of deskd, and with which exit code it answers.

mod billing;
mod demo;
mod dossier;
mod events;
mod hooks;
mod inbound;
mod mail;
mod maintenance;
mod margin;
mod open;
mod outbox;
mod owner;
mod paper;
mod queue;
mod retainer;
mod rules;
mod statement;
mod ticket;
mod ticket_new;
mod time;
mod webhooks;
mod why;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::paper::{Colour, Paper, say};
use crate::config;
use crate::store::{Db, Schema, StoreError};
use crate::{daemon, lifecycle};

/// The desk daemon of an IT services firm: mail in, triage, SLA clock, assignment, and the technician's work by reply.
#[derive(Debug, Parser)]
#[command(
    name = "deskd",
    version,
    max_term_width = 100,
    after_help = "Begin with `deskd demo`. Exit codes: 0 done, 1 failed, 2 wrong usage or config, 3 no such thing, \
                  4 refused as things stand, 5 no database or one of another version (docs/cli.md)."
)]
struct Cli {
    /// Config file; else ./deskd.toml, then /etc/deskd/deskd.toml
    #[arg(short, long, global = true, env = "DESKD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    color: Colour,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon until SIGTERM; SIGHUP reads the config again
    #[command(after_help = "Example:\n  deskd -c /etc/deskd/deskd.toml run")]
    Run,
    /// Check the config and print everything that is wrong with it
    #[command(after_help = "Example:\n  deskd -c deskd.toml check && systemctl reload deskd")]
    Check,
    /// See the whole daemon at work on an example firm, in a folder, without any mail server
    Demo(demo::DemoArgs),
    /// Show what there is to do, the most overdue first
    Queue(queue::QueueArgs),
    /// Show one ticket
    #[command(subcommand)]
    Ticket(ticket::TicketCommand),
    /// Explain a ticket's deadlines, priority and assignment
    Why(why::WhyArgs),
    /// Show everything that arrived and what became of it
    Inbound(inbound::InboundArgs),
    /// Show, retry or drop outgoing mail
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// Show whose alerts are kept quiet, now and later
    Maintenance(maintenance::MaintenanceArgs),
    /// Show, add and correct worked time
    #[command(subcommand)]
    Time(time::TimeCommand),
    /// Show what retainers granted and what was used of them
    #[command(subcommand)]
    Retainer(retainer::RetainerCommand),
    /// Show what was drafted and sent to clients each month
    #[command(subcommand)]
    Statement(statement::StatementCommand),
    /// Bill a month, show what it billed, take it back
    #[command(subcommand)]
    Billing(billing::BillingCommand),
    /// Show what tickets, projects and retainers brought in, for how many hours
    Margin(margin::MarginArgs),
    /// Try the rules of triage
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Try what a delivery to a webhook would mean
    #[command(subcommand)]
    Hooks(hooks::HooksCommand),
    /// Show what your programs are told by webhook, and tell it again
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Look into a mail as deskd does
    #[command(subcommand)]
    Mail(mail::MailCommand),
    /// Bring the database up to this program's schema
    #[command(after_help = "Example:\n  deskd -c /etc/deskd/deskd.toml migrate")]
    Migrate,
}

/// What went wrong; one variant an exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
    /// 2
    #[error("{0}")]
    Config(String),
    /// 3
    #[error("{0}")]
    Missing(String),
    /// 4
    #[error("{0}")]
    Refused(String),
    /// 5
    #[error("{0}")]
    Schema(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Missing { what } => Failure::Missing(format!("there is no {what}")),
            StoreError::Refused(why) => Failure::Refused(why),
            other => Failure::Other(other.into()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Other(anyhow::Error::from(error).context("cannot write the answer"))
    }
}

/// Runs the program; docs/cli.md lists the exit codes.
pub fn main() -> ExitCode {
    // Which provider is there was decided at build time; a second call would only repeat it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::Other(error.into())),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(failure) => fail(&failure),
    }
}

#[expect(clippy::print_stderr, reason = "a command line speaks on standard error")]
fn fail(failure: &Failure) -> ExitCode {
    eprintln!("deskd: {failure}");
    ExitCode::from(match failure {
        Failure::Other(_) => 1,
        Failure::Config(_) => 2,
        Failure::Missing(_) => 3,
        Failure::Refused(_) => 4,
        Failure::Schema(_) => 5,
    })
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let named = cli.config.as_deref();
    let paper = Paper::of(cli.color);
    match cli.command {
        Command::Run => return Box::pin(run(named)).await,
        Command::Check => return check(named),
        Command::Mail(command) => return mail::run(command),
        Command::Demo(args) => demo::run(paper, args).await?,
        Command::Migrate => migrate(named).await?,
        Command::Rules(rules::RulesCommand::Test { file, json }) => rules::test(named, &file, json)?,
        Command::Hooks(hooks::HooksCommand::Test { name, file, json }) => hooks::test(named, &name, &file, json)?,
        command => {
            let opened = open::open(named).await?;
            let done = on_desk(&opened, paper, &command).await;
            opened.db.close().await;
            done?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands that look into the database of a firm.
async fn on_desk(opened: &open::Opened, paper: Paper, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Queue(args) => queue::run(opened, paper, args).await,
        Command::Ticket(command) => ticket::run(opened, paper, command).await,
        Command::Why(args) => why::run(opened, paper, args).await,
        Command::Inbound(args) => inbound::run(opened, paper, args).await,
        Command::Outbox(command) => outbox::run(opened, paper, command).await,
        Command::Maintenance(args) => maintenance::run(opened, paper, args).await,
        Command::Time(command) => time::run(opened, paper, command).await,
        Command::Retainer(command) => retainer::run(opened, paper, command).await,
        Command::Statement(command) => statement::run(opened, paper, command).await,
        Command::Billing(command) => billing::run(opened, paper, command).await,
        Command::Margin(args) => margin::run(opened, args).await,
        Command::Webhooks(command) => webhooks::run(opened, paper, command).await,
        Command::Rules(rules::RulesCommand::Replay { since, json }) => {
            rules::replay(opened, paper, *since, *json).await
        }
        Command::Rules(rules::RulesCommand::Test { .. })
        | Command::Hooks(_)
        | Command::Run
        | Command::Check
        | Command::Demo(_)
        | Command::Mail(_)
        | Command::Migrate => Ok(()),
    }
}

async fn run(named: Option<&Path>) -> Result<ExitCode, Failure> {
    let (path, config) = open::load(named, config::Secrets::Needed)?;
    let format = match config.log.format {
        config::LogFormat::Text => lifecycle::Format::Text,
        config::LogFormat::Json => lifecycle::Format::Json,
        config::LogFormat::Journald => lifecycle::Format::Journald,
    };
    lifecycle::start_logs(format, &config.log.level)?;
    lifecycle::log_panics();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    daemon::run(path, config).await?;
    Ok(ExitCode::SUCCESS)
}

/// Every problem of the config and of the templates, then a line that sums up.
fn check(named: Option<&Path>) -> Result<ExitCode, Failure> {
    let path = open::config_path(named)?;
    let config = match config::load_for(&path, config::Secrets::Checked) {
        Ok(config) => config,
        Err(problems) => {
            say(&format!("{problems}\n"))?;
            return Ok(ExitCode::from(2));
        }
    };
    for warning in &config.warnings {
        say(&format!("{warning}\n"))?;
    }
    if let Err(error) = daemon::texts(&config) {
        say(&format!("{error:#}\n"))?;
        return Ok(ExitCode::from(2));
    }
    say(&format!(
        "{} is good: {}, {}, {}, {}\n",
        path.display(),
        counted(config.firm.clients.len(), "client"),
        counted(config.firm.techs.len(), "tech"),
        counted(config.mailboxes.len(), "mailbox"),
        counted(config.maildirs.len(), "Maildir")
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// `1 client`, `2 mailboxes`
fn counted(count: usize, what: &str) -> String {
    let ending = match count {
        1 => "",
        _ if what.ends_with('x') => "es",
        _ => "s",
    };
    format!("{count} {what}{ending}")
}

async fn migrate(named: Option<&Path>) -> Result<(), Failure> {
    let (_, config) = open::load(named, config::Secrets::Unread)?;
    if let Some(file) = open::sqlite_file(&config) {
        owner::become_owner(file)?;
    }
    let db = Db::open(&config.store_url).await?;
    let before = db.schema().await?;
    db.migrate().await?;
    db.close().await;
    Ok(say(match before {
        Schema::Absent => "the database is new: its schema was made\n",
        Schema::Older => "the schema was brought up to this program's\n",
        Schema::Current | Schema::Other => "the schema is up to date\n",
    })?)
}
