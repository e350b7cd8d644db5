//! The daemon: wires config, store, sources, worker, schedule, outbox and web together, and stops them in order.

mod desk;
mod doors;
mod watch;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{Notify, watch as channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Config, Dns};
use crate::intake::{self, Intake, Office};
use crate::lifecycle::{Heartbeats, Instance};
use crate::mail::authentic::Verifier;
use crate::notice::Texts;
use crate::store::{Db, StoreError, people};
use crate::{lifecycle, web};

use doors::Doors;

pub use desk::{Desk, shorten_log};

/// What a start may replace: the real thing for `deskd run`, other parts in tests and in `demo`.
pub struct Start {
    pub config: Config,
    pub clock: Clock,
    /// `None`: no sender is verified.
    pub verifier: Option<Arc<Verifier>>,
    /// The deskd binary, for reading suspicious mail in a child process; `None` reads it here.
    pub program: Option<PathBuf>,
}

/// A running daemon.
pub struct Daemon {
    pub db: Db,
    office: channel::Sender<Arc<Office>>,
    config: channel::Sender<Arc<Config>>,
    doors: Doors,
    heartbeats: Heartbeats,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _instance: Instance,
}

impl Daemon {
    /// Opens and migrates the store, mirrors the config, and starts everything.
    pub async fn start(start: Start) -> anyhow::Result<Daemon> {
        let Start { config, clock, verifier, program } = start;
        let instance = Instance::lock(&config.state_dir)?;
        let db = Db::open(&config.store_url).await.context("cannot open the store")?;
        db.migrate().await.context("cannot bring the store up to date")?;
        mirror(&db, &config).await?;
        let texts = texts(&config)?;
        let office = channel::Sender::new(Arc::new(Office { firm: Arc::clone(&config.firm), texts: Arc::new(texts) }));
        if config.firm.tech_mail_token_only {
            tracing::warn!(
                "[security] tech_mail = \"token\": a tech's mail is believed without DKIM; anybody who learns a reply address can write as that tech"
            );
        }
        let doors = Doors::new(&config, &office.borrow().texts, &clock);
        let config = channel::Sender::new(Arc::new(config));
        let heartbeats = Heartbeats::default();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let kept = Arc::new(Notify::new());
        let desk = Desk {
            db: db.clone(),
            config: config.subscribe(),
            office: office.subscribe(),
            clock: clock.clone(),
            verifier,
            program,
            owner: instance.id().to_owned(),
            heartbeats: heartbeats.clone(),
            state: watch::DeskState::among(heartbeats.progress().clone()),
            kept: Arc::clone(&kept),
        };
        let state = desk.state.clone();
        if let Some(listen) = config.borrow().web_listen {
            let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| {
                format!("cannot listen on {listen}: is another program there? [web] listen names the address")
            })?;
            // What is posted is kept whoever has the desk: its worker finds it.
            let (intake, keeps) = Intake::new(512);
            tasks.spawn(intake::commit(db.clone(), keeps, clock.clone(), kept, stop.clone()));
            let served = doors.served(&intake, &db, &clock, office.subscribe());
            let routes = web::routes(watch::parts(&db, &heartbeats, &state, &clock, served));
            let stop = stop.clone();
            tasks.spawn(async move {
                if let Err(error) = web::serve(listener, routes, web::PATIENCE, stop).await {
                    tracing::error!(%error, "the web listener ended");
                }
            });
        }
        tasks.spawn(desk.run(stop.clone()));
        tasks.spawn(lifecycle::watchdog(heartbeats.clone(), stop.clone()));
        tasks.spawn(watch::tell_of_rest(heartbeats.progress().clone(), stop.clone()));
        Ok(Daemon { db, office, config, doors, heartbeats, stop, tasks, _instance: instance })
    }

    /// Takes over a new config, or says why not; the old one stays then.
    pub async fn reload(&self, new: Config) -> anyhow::Result<()> {
        if let Some(why) = config::refuses_reload(&self.config.borrow(), &new) {
            anyhow::bail!(why);
        }
        let texts = texts(&new)?;
        mirror(&self.db, &new).await?;
        let office = Office { firm: Arc::clone(&new.firm), texts: Arc::new(texts) };
        self.doors.change(&new, &office.texts);
        self.office.send_replace(Arc::new(office));
        self.config.send_replace(Arc::new(new));
        Ok(())
    }

    pub fn heartbeats(&self) -> &Heartbeats {
        &self.heartbeats
    }

    /// Asks every loop to look at once, the Maildirs too, and returns when there is nothing left to do at this moment of the clock.
    pub async fn settled(&self) {
        self.heartbeats.progress().settled().await;
    }

    /// Stops fetching, finishes what is in hand, and returns when all has ended.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the daemon ended badly");
            }
        }
        self.db.close().await;
    }
}

async fn mirror(db: &Db, config: &Config) -> anyhow::Result<()> {
    loop {
        let mirrored = async {
            let mut tx = db.write().await?;
            people::mirror(&mut tx, &config.firm).await?;
            tx.commit().await
        };
        match mirrored.await {
            Err(StoreError::Again { .. }) => {}
            done => return Ok(done?),
        }
    }
}

/// The texts of a config, or everything that is wrong with its templates.
pub fn texts(config: &Config) -> anyhow::Result<Texts> {
    Texts::load(config.templates.as_deref(), crate::mail::reply::MARKER).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the templates cannot be used:\n{}", lines.join("\n"))
    })
}

/// `deskd run`: until SIGTERM; SIGHUP reloads.
pub async fn run(path: PathBuf, config: Config) -> anyhow::Result<()> {
    let mut signals = lifecycle::signals()?;
    let verifier = Some(Arc::new(verifier(config.dns)));
    let program = std::env::current_exe().ok();
    let daemon = Daemon::start(Start { config, clock: Clock::System, verifier, program }).await?;
    lifecycle::ready("running");
    tracing::info!("deskd {} is running with {}", env!("CARGO_PKG_VERSION"), path.display());
    loop {
        tokio::select! {
            () = signals.stop.cancelled() => break,
            asked = signals.reload.recv() => {
                if asked.is_none() {
                    break;
                }
                lifecycle::reloading();
                reload(&daemon, &path).await;
                lifecycle::ready("running");
            }
        }
    }
    lifecycle::stopping();
    tracing::info!("stopping: finishing what is in hand");
    daemon.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// A resolver that cannot be set up stops nobody's mail: its senders stay unverified but for what the mailbox's own border says.
fn verifier(dns: Dns) -> Verifier {
    let verifier = match dns {
        Dns::System => Verifier::system(),
        Dns::None => return Verifier::border_only(),
        Dns::Server(server) => Verifier::with_dns(server),
    };
    verifier.unwrap_or_else(|error| {
        tracing::warn!(%error, "no DNS: senders stay unverified but for what the mailbox's own border says");
        Verifier::border_only()
    })
}

async fn reload(daemon: &Daemon, path: &std::path::Path) {
    match config::load(path) {
        Ok(new) => match daemon.reload(new).await {
            Ok(()) => tracing::info!("the config was read again"),
            Err(error) => tracing::error!("the new config is not used: {error:#}"),
        },
        Err(problems) => {
            for problem in &problems.0 {
                tracing::error!("{problem}");
            }
            tracing::error!("the new config is not used, the old one stays");
        }
    }
}
