//! `deskd demo`: the whole daemon in a fresh folder, fed a working morning of mails, and then whatever is dropped in.

mod morning;
mod post;

use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use tokio_util::sync::CancellationToken;

use self::morning::{Mail, SCENES, Scene};
use self::post::Post;
use super::Failure;
use super::paper::{Ink, Paper, plain, say};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::daemon::{Daemon, Start};
use crate::lifecycle;
use crate::outbox::State;
use crate::store::inbound::Listed;
use crate::store::{inbound, outbox, queue};
use crate::words::OutboxId;

/// The example firm.
const CONFIG: &str = include_str!("../../../config/demo/deskd.toml");
/// What the reader gets to look at a scene, at speed 1.
const LOOK: Duration = Duration::from_secs(3);
/// How often the rows are looked at while a scene is under way.
const GLANCE: Duration = Duration::from_millis(50);
/// A scene that has not come to its end by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskd demo\n  deskd demo --folder /tmp/trial --speed 3\n  deskd demo --once")]
pub struct DemoArgs {
    /// A new or empty folder for everything; else ./deskd-demo-NUMBER
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// How fast the morning passes; 2 is twice as fast
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = speed)]
    pub speed: f64,
    /// End after the morning instead of waiting for more mail; no pauses
    #[arg(long)]
    pub once: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: Option<f64> = text.parse().ok();
    speed.filter(|speed| (0.01..=1000.0).contains(speed)).ok_or_else(|| "a speed is a number like 1 or 2.5".to_owned())
}

pub async fn run(paper: Paper, args: DemoArgs) -> Result<(), Failure> {
    let folder = set_up(args.folder.as_deref())?;
    let file = folder.join("deskd.toml");
    let config =
        config::load(&file).map_err(|problems| Failure::Config(format!("the demo's config is wrong:\n{problems}")))?;
    lifecycle::start_logs(lifecycle::Format::Text, "error")?;
    let stop = lifecycle::signals()?.stop;
    let start =
        Start { config: config.clone(), clock: Clock::System, verifier: None, program: std::env::current_exe().ok() };
    let daemon = Daemon::start(start).await.map_err(Failure::Other)?;
    let mut demo = Demo { daemon, config, post: Post::new(&folder), paper, seen: Seen::default() };
    let done = demo.play(&args, &stop).await;
    demo.daemon.stop().await;
    done.map_err(Failure::Other)?;
    say(&format!("\nStopped. Everything is still in {}.\n", folder.display()))?;
    Ok(())
}

/// Makes the folder with the config, the rules and the Maildir; returns its absolute path.
fn set_up(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = match wanted {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from(format!("deskd-demo-{}", std::process::id())),
    };
    if std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::Refused(format!(
            "{} is not empty; name a new folder with --folder, or run the daemon on this one with `deskd -c {} run`",
            folder.display(),
            folder.join("deskd.toml").display()
        )));
    }
    let make = || -> std::io::Result<PathBuf> {
        for part in ["inbox/tmp", "inbox/new", "inbox/cur", "sent"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        std::fs::write(folder.join("deskd.toml"), CONFIG)?;
        std::fs::write(folder.join("rules.toml"), config::rules::DEFAULT)?;
        folder.canonicalize()
    };
    Ok(make().with_context(|| format!("cannot make {}; name another folder with --folder", folder.display()))?)
}

/// Up to where the reader was told.
#[derive(Default)]
struct Seen {
    inbound: i64,
    mailed: HashSet<OutboxId>,
    queue: String,
}

struct Demo {
    daemon: Daemon,
    config: Config,
    post: Post,
    paper: Paper,
    seen: Seen,
}

impl Demo {
    async fn play(&mut self, args: &DemoArgs, stop: &CancellationToken) -> anyhow::Result<()> {
        say(&format!("{}\n", self.introduction()))?;
        let pause = if args.once { Duration::ZERO } else { LOOK.div_f64(args.speed) };
        let mut mails: Vec<String> = Vec::new();
        for (index, scene) in SCENES.iter().enumerate() {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                played = self.scene(index, scene, &mut mails) => played?,
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
        say(&self.epilogue(args.once))?;
        while !args.once && !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(GLANCE * 10) => self.tell_news().await?,
            }
        }
        Ok(())
    }

    fn introduction(&self) -> String {
        let firm = &self.config.firm;
        let techs: Vec<&str> = firm.techs.iter().map(|tech| tech.login.0.as_str()).collect();
        let clients: Vec<&str> = firm.clients.iter().map(|client| client.name.as_str()).collect();
        format!(
            "This is {} on a working morning: techs {}; clients {}.\n{}\nMail comes in from {} and goes out to {}.",
            self.paper.ink(Ink::Bold, &firm.name),
            techs.join(", "),
            clients.join(", "),
            self.hour(Clock::System.now()),
            self.post.inbox().display(),
            self.post.sent().display()
        )
    }

    /// Whose clock it is: the morning is played on the real one, and the office may be closed.
    fn hour(&self, now: DateTime<Utc>) -> String {
        let firm = &self.config.firm;
        let clock = now.with_timezone(&firm.time_zone).format("%a %H:%M");
        let open = firm.calendars.get("office").is_none_or(|office| office.is_open(now));
        let office = match open {
            true => "the office is open",
            false => "the office is closed now: deadlines count from its next opening, an outage's at once",
        };
        format!("Its clock ({}) says {clock}; {office}.", firm.time_zone)
    }

    fn epilogue(&self, once: bool) -> String {
        let config = self.config.files.first().map(|file| file.display().to_string()).unwrap_or_default();
        let ends = match once {
            true => "That was the morning.",
            false => "That was the morning; the desk stays open until Ctrl-C.",
        };
        let mut text = format!("\n{}\n", self.paper.ink(Ink::Bold, ends));
        if !once {
            let inbox = self.post.inbox();
            let _ = writeln!(text, "Your own mail: write it into a file (From: jane@acme-dental.example) and drop it,");
            let _ = writeln!(text, "  cp my.eml {}/", inbox.display());
            let _ = writeln!(
                text,
                "A tech's answer goes the same way: to the Reply-To of a mail in the outbox, with its subject, as that tech."
            );
            let _ = writeln!(
                text,
                "An approver's yes counts here only by phone (#verified by phone): nothing signs mail in a trial."
            );
        }
        let _ = writeln!(text, "What was mailed to whom lies in\n  {}", self.post.sent().display());
        let _ = writeln!(text, "Look around, also while it runs:");
        for look in ["queue", "ticket show 1001", "why 1001", "inbound", "outbox list --all"] {
            let _ = writeln!(text, "  deskd -c {config} {look}");
        }
        text
    }

    /// Delivers one mail, waits until deskd is done with it, and tells what came of it.
    async fn scene(&mut self, index: usize, scene: &Scene, mails: &mut Vec<String>) -> anyhow::Result<()> {
        let title = format!("{} of {}: {}", index + 1, SCENES.len(), scene.what);
        say(&format!("\n{}\n", self.paper.ink(Ink::Bold, &title)))?;
        let now = Clock::System.now();
        let mail = match &scene.mail {
            Mail::New(letter) => self.post.write(letter, now),
            Mail::Again(earlier) => mails.get(*earlier).cloned().unwrap_or_default(),
            Mail::Answer { to, text, automatic } => {
                let Some((file, sent)) = self.post.find(to)? else {
                    bail!("deskd sent no {} about \"{}\"; please report it", to.kind, to.about);
                };
                let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                say(&format!("  answers sent/{name}\n"))?;
                self.post.answer(&sent, text, *automatic, now)?
            }
        };
        let key = self.post.drop(&mail).context("cannot drop a mail into the Maildir")?;
        mails.push(mail);
        let done = async {
            loop {
                self.daemon.settled().await;
                if self.is_done(&key).await? {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(GLANCE).await;
            }
        };
        match tokio::time::timeout(PATIENCE, done).await {
            Ok(done) => done?,
            Err(_) => {
                bail!("{key} was not processed within {} s; `deskd inbound` shows where it is", PATIENCE.as_secs())
            }
        }
        self.tell_news().await
    }

    /// The mail has its fate, and what it made deskd write has left.
    async fn is_done(&self, key: &str) -> anyhow::Result<bool> {
        let mut tx = self.daemon.db.read().await?;
        let arrived = inbound::list(&mut tx, None, 100).await?;
        let decided = arrived.iter().any(|row| row.source_key == key && row.fate.is_some());
        let waiting = outbox::list(&mut tx, false, 1).await?;
        tx.rollback().await?;
        Ok(decided && waiting.is_empty())
    }

    /// Every arrival and every mail since the last look, and the queue where it has changed.
    async fn tell_news(&mut self) -> anyhow::Result<()> {
        let now = Clock::System.now();
        let mut tx = self.daemon.db.read().await?;
        let mut arrived = inbound::list(&mut tx, None, 100).await?;
        let mut mailed = outbox::list(&mut tx, true, 100).await?;
        let lines = queue::by_urgency(&mut tx, false, 50).await?;
        let figures = queue::figures(&mut tx, now).await?;
        tx.rollback().await?;
        arrived.retain(|row| row.id.0 > self.seen.inbound && row.fate.is_some());
        // What waits for its day or for a list is told when it has left.
        mailed.retain(|row| row.state == State::Sent && !self.seen.mailed.contains(&row.id));
        let mut text = String::new();
        for row in arrived.iter().rev() {
            self.seen.inbound = self.seen.inbound.max(row.id.0);
            let _ = writeln!(text, "{}", self.paper.ink(Ink::Yellow, &fate(row)));
        }
        for row in mailed.iter().rev() {
            self.seen.mailed.insert(row.id);
            let line = format!("  > {} to {}: {}", row.kind.replace('_', " "), row.recipient, plain(&row.subject));
            let _ = writeln!(text, "{}", self.paper.ink(Ink::Green, &line));
        }
        let table = super::queue::text(&lines, &figures, self.paper, self.config.firm.time_zone, now);
        if !text.is_empty() && table != self.seen.queue {
            let _ = write!(text, "\n{table}");
            self.seen.queue = table;
        }
        say(&text)?;
        Ok(())
    }
}

/// `  < "Server down" from jane@…: ticket #1001`
fn fate(row: &Listed) -> String {
    let subject = plain(row.subject.as_deref().unwrap_or_default());
    let from = plain(row.sender.as_deref().unwrap_or("nobody"));
    let fate = row.fate.as_deref().unwrap_or_default();
    let ticket = row.ticket.map_or_else(String::new, |ticket| format!(" {ticket}"));
    let reason = row.reason.as_deref().map_or_else(String::new, |reason| format!(" ({})", plain(reason)));
    format!("  < \"{subject}\" from {from}: {fate}{ticket}{reason}")
}
