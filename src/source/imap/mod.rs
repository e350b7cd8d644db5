//! Requests from an IMAP mailbox: one state machine a mailbox, from connecting to waiting for the next mail.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

mod connect;
mod cursor;
mod drain;
mod folder;
mod guard;
mod talk;
mod uids;

pub use connect::Tls;
pub use folder::utf7;
pub use guard::Guard;

use super::{Health, Inside, Source, SourceError};
pub use crate::account::Login;
use crate::store::cursor as stored;
use cursor::{Change, Cursor};
use drain::{Drain, State};
use folder::{Processed, Way};
use talk::{Selected, Talk};

/// One `[[mailbox]]` of the config.
#[derive(Debug, Clone)]
pub struct Settings {
    pub name: String,
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub login: Login,
    /// As people write it: `INBOX`, `Support/Eingang`.
    pub folder: String,
    /// Where done mail goes.
    pub processed: String,
    /// How often the folder is searched although nothing was told.
    pub poll: Duration,
    /// How often the last thousand UIDs are listed again, for servers that leave some out.
    pub relist: Duration,
    /// Of a mail over this size only the header is fetched.
    pub size_cap: u64,
    pub timeouts: Timeouts,
}

/// No await on the network lasts longer; after any of them the session is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first packet to the end of the login.
    pub connect: Duration,
    pub command: Duration,
    /// One batch of bodies, or one part of a big mail.
    pub body: Duration,
    /// One IDLE: servers and routers forget longer ones.
    pub idle: Duration,
    /// What is under way when we are told to stop may take this long.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(30),
            body: Duration::from_secs(240),
            idle: Duration::from_secs(540),
            stop: Duration::from_secs(3),
        }
    }
}

impl Settings {
    /// A mailbox with everything at its default.
    pub fn new(name: &str, host: &str, port: u16, tls: Tls, login: Login) -> Settings {
        Settings {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
            tls,
            login,
            folder: "INBOX".to_owned(),
            processed: "Processed".to_owned(),
            poll: Duration::from_secs(60),
            relist: Duration::from_secs(600),
            size_cap: 35 * 1024 * 1024,
            timeouts: Timeouts::default(),
        }
    }
}

/// UIDs below the lowest unresolved one that every re-list looks at again.
const TRAIL: u32 = 1_000;
/// How often the whole folder is listed.
const WHOLE: TimeDelta = TimeDelta::days(1);
/// How often a changed cursor is saved: it only saves work, and each save costs an fsync.
const SAVE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct ImapSource {
    settings: Settings,
    /// What outlives a session: batches at the intake, mails that broke the last one.
    state: Mutex<State>,
}

impl ImapSource {
    pub fn new(settings: Settings) -> ImapSource {
        ImapSource { settings, state: Mutex::default() }
    }
}

impl Source for ImapSource {
    fn name(&self) -> &str {
        &self.settings.name
    }

    async fn run(self: Arc<Self>, inside: Inside, health: Health, stop: CancellationToken) -> Result<(), SourceError> {
        let mut state = self.state.lock().await;
        let watch = Watch { settings: &self.settings, inside: &inside, health: &health, stop: &stop };
        Box::pin(watch.session(&mut state)).await
    }
}

/// One session from connect to its end.
struct Watch<'a> {
    settings: &'a Settings,
    inside: &'a Inside,
    health: &'a Health,
    stop: &'a CancellationToken,
}

impl Watch<'_> {
    async fn session(&self, state: &mut State) -> Result<(), SourceError> {
        // What the last session handed in must be answered first: else the same mail would be fetched again.
        state.begin(self.health, self.stop, self.settings.timeouts.stop).await?;
        self.load(state).await?;
        self.health.state("connecting");
        let Settings { host, port, tls, login, timeouts, .. } = self.settings;
        let session = tokio::select! {
            session = connect::connect(host, *port, tls, login, timeouts.connect) => session?,
            () = self.stop.cancelled() => return Ok(()),
        };
        let mut talk = Talk::new(session, *timeouts, self.stop.clone());
        let outcome = self.watch(&mut talk, state).await;
        self.save(state).await?;
        outcome?;
        talk.leave().await;
        Ok(())
    }

    async fn watch(&self, talk: &mut Talk, state: &mut State) -> Result<(), SourceError> {
        let turn = self.inside.progress.join(format!("source {}", self.settings.name));
        let capabilities = talk.capabilities().await?;
        let mut selected = self.open(talk, state).await?;
        let way = Way::of(&capabilities, selected.keywords);
        let mut to = match way {
            Way::Move | Way::CopyAndExpunge => folder::processed(talk, &self.settings.processed).await?,
            Way::Keyword | Way::Leave => Processed::default(),
        };
        tracing::info!(source.name = %self.settings.name, "source {} is connected", self.settings.name);
        let mut relisted = Instant::now();
        let mut from = self.relist_from(&state.cursor);
        loop {
            self.health.state("fetching");
            let mut drain = Drain { watch: self, talk, state, selected: &selected, way, to: &mut to };
            drain.catch_up(from).await?;
            if self.stop.is_cancelled() {
                return Ok(());
            }
            if state.save_due() {
                self.save(state).await?;
            }
            if relisted.elapsed() >= self.settings.relist {
                // Opened anew: only that tells whether UIDs still mean the same.
                selected = self.open(talk, state).await?;
                from = self.relist_from(&state.cursor);
                relisted = Instant::now();
                continue;
            }
            if !talk.news {
                let left = self.settings.relist.saturating_sub(relisted.elapsed());
                turn.waits();
                self.wait(talk, state, left, capabilities.contains("IDLE")).await?;
                turn.look();
            }
            from = state.cursor.low;
        }
    }

    /// Waits for news, at most until the next poll.
    async fn wait(&self, talk: &mut Talk, state: &mut State, left: Duration, idle: bool) -> Result<(), SourceError> {
        self.health.state("watching");
        let limit = self.settings.poll.min(self.settings.timeouts.idle).min(left);
        if !idle {
            tokio::select! {
                () = self.health.beating(limit) => {}
                () = self.stop.cancelled() => {}
            }
        } else if talk.idle(limit).await? {
            let now = self.inside.clock.now();
            state.exists_at = Some(now);
            let (name, at) = (&self.settings.name, now.to_rfc3339());
            tracing::info!(target: "deskd::trace", { source.name = %name, source.exists_at = %at }, "EXISTS");
        }
        Ok(())
    }

    async fn open(&self, talk: &mut Talk, state: &mut State) -> Result<Selected, SourceError> {
        let selected = talk.select(&utf7(&self.settings.folder)).await?;
        let name = &self.settings.name;
        match state.cursor.meet(&selected) {
            Change::None => return Ok(selected),
            Change::Renumbered => tracing::warn!(
                source.name = %name,
                uid_validity = selected.uid_validity,
                "source {name}: the folder has a new UIDVALIDITY ({}); it is listed again, known mail makes no new tickets",
                selected.uid_validity
            ),
            Change::Rewound => tracing::warn!(
                source.name = %name,
                uid_next = selected.uid_next,
                "source {name}: the server gives out UIDs a second time (UIDNEXT {}); the folder is listed again",
                selected.uid_next
            ),
        }
        state.suspects.clear();
        // Before the first fetch: the keys made from now on depend on it.
        self.save(state).await?;
        Ok(selected)
    }

    fn relist_from(&self, cursor: &Cursor) -> u32 {
        let now = self.inside.clock.now();
        match cursor.listed_whole_at {
            Some(at) if now - at < WHOLE => cursor.low.saturating_sub(TRAIL).max(1),
            _ => 1,
        }
    }

    async fn load(&self, state: &mut State) -> Result<(), SourceError> {
        if state.saved.is_some() {
            return Ok(());
        }
        let mut tx = self.inside.db.read().await?;
        let text = stored::load(&mut tx, &self.settings.name).await?;
        // A cursor that cannot be read is none: everything is listed again.
        state.cursor = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        state.saved = Some((state.cursor.clone(), Instant::now()));
        Ok(())
    }

    async fn save(&self, state: &mut State) -> Result<(), SourceError> {
        if state.saved.as_ref().is_some_and(|(saved, _)| *saved == state.cursor) {
            return Ok(());
        }
        let text = serde_json::to_string(&state.cursor)
            .map_err(|error| SourceError::Lost(format!("the cursor cannot be written: {error}")))?;
        let mut tx = self.inside.db.write().await?;
        stored::save(&mut tx, &self.settings.name, &text, self.inside.clock.now()).await?;
        tx.commit().await?;
        state.saved = Some((state.cursor.clone(), Instant::now()));
        Ok(())
    }
}
