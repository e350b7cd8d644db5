//! The command line: what can be asked of deskd, and with which exit code it answers.

mod mail;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::store::Db;
use crate::{daemon, lifecycle};

/// The desk daemon of an IT services firm: mail in, triage, SLA clock, assignment, and the technician's work by reply.
#[derive(Debug, Parser)]
#[command(name = "deskd", version, max_term_width = 100)]
struct Cli {
    /// Config file; else ./deskd.toml, then /etc/deskd/deskd.toml
    #[arg(short, long, global = true, env = "DESKD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon until SIGTERM; SIGHUP reads the config again
    Run,
    /// Check the config and print everything that is wrong with it
    Check,
    /// Bring the database up to this program's schema
    Migrate,
    /// Look into a mail as deskd does
    #[command(subcommand)]
    Mail(mail::MailCommand),
}

/// What went wrong, by exit code: 1 for anything, 2 for a config or command that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Config(String),
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// Runs the program. Exit codes: 0 done, 1 failed, 2 wrong usage or wrong config.
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
    match failure {
        Failure::Config(_) => ExitCode::from(2),
        Failure::Other(_) => ExitCode::FAILURE,
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let named = cli.config.as_deref();
    match cli.command {
        Command::Run => run(named).await,
        Command::Check => check(named),
        Command::Migrate => migrate(named).await,
        Command::Mail(command) => mail::run(command),
    }
}

/// Where the config is: as named, else the first that exists.
fn config_path(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let usual = ["deskd.toml", "/etc/deskd/deskd.toml"];
    usual.iter().map(PathBuf::from).find(|path| path.exists()).ok_or_else(|| {
        Failure::Config(
            "there is no config: neither ./deskd.toml nor /etc/deskd/deskd.toml exists; name one with --config FILE or \
             DESKD_CONFIG, or try `deskd demo`"
                .to_owned(),
        )
    })
}

fn load(named: Option<&Path>) -> Result<(PathBuf, Config), Failure> {
    let path = config_path(named)?;
    let config =
        config::load(&path).map_err(|problems| Failure::Config(format!("the config is wrong:\n{problems}")))?;
    Ok((path, config))
}

async fn run(named: Option<&Path>) -> Result<ExitCode, Failure> {
    let (path, config) = load(named)?;
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
#[expect(clippy::print_stdout, reason = "a command line speaks on standard output")]
fn check(named: Option<&Path>) -> Result<ExitCode, Failure> {
    let path = config_path(named)?;
    match config::load(&path) {
        Ok(config) => {
            for warning in &config.warnings {
                println!("{warning}");
            }
            if let Err(error) = daemon::texts(&config) {
                println!("{error:#}");
                return Ok(ExitCode::from(2));
            }
            println!(
                "{} is good: {} clients, {} techs, {} mailboxes, {} maildirs",
                path.display(),
                config.firm.clients.len(),
                config.firm.techs.len(),
                config.mailboxes.len(),
                config.maildirs.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            println!("{problems}");
            Ok(ExitCode::from(2))
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command line speaks on standard output")]
async fn migrate(named: Option<&Path>) -> Result<ExitCode, Failure> {
    let (_, config) = load(named)?;
    let db = Db::open(&config.store_url).await.map_err(anyhow::Error::from)?;
    db.migrate().await.map_err(anyhow::Error::from)?;
    db.close().await;
    println!("the schema is up to date");
    Ok(ExitCode::SUCCESS)
}
