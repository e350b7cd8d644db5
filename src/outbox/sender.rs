//! The sending loop, one for each channel: claims due rows, sends them over one connection, records what came of each, backs off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use super::health::{Health, Snapshot, Stopped};
pub use super::pace::Rate;
use super::pace::{LOOK_BACK, Left, Pace};
use super::retry::next_try;
use super::smtp::Session;
use super::webhook::Endpoint;
use super::{Class, SendError, Transport, UNCERTAIN_RETRIES, chat, phone};
use crate::chat::Posted;
use crate::clock::Clock;
use crate::lifecycle::Turn;
use crate::store::outbox::pages::CALL;
use crate::store::outbox::{self as rows, Claimed, MAIL, NEVER, Outcome};
use crate::store::{Db, StoreError, conversations, people};
use crate::words::is_mail;

/// What the loop of mail is called among the others of the desk.
pub const TURN: &str = "outbox";
const BATCH: i64 = 32;
/// A claim lasts longer than any one mail can take.
const CLAIM: TimeDelta = TimeDelta::minutes(30);
/// After this long a batch begins no further mail.
const BATCH_TIME: TimeDelta = TimeDelta::minutes(10);
/// How long the mail in hand may take once the daemon stops.
const STOP_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Settings {
    pub uncertain_retry: TimeDelta,
    pub rate: Option<Rate>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { uncertain_retry: TimeDelta::minutes(30), rate: None }
    }
}

/// Runs until `stop`: then the mail in hand is finished within seconds and the rest of the batch is queued again.
#[expect(clippy::too_many_arguments, reason = "each is another part of the daemon, handed over once")]
pub async fn run(
    db: Db,
    transport: Transport,
    owner: String,
    clock: Clock,
    wake: Arc<Notify>,
    stop: CancellationToken,
    settings: Settings,
    health: Arc<Health>,
) {
    let transport = Arc::new(transport);
    let channel = transport.channel();
    let turn = health.progress.join(if channel == MAIL { TURN } else { channel.as_str() });
    let mut sender = Sender {
        db,
        channel,
        transport,
        owner,
        clock,
        stop,
        settings,
        health,
        turn,
        left: Left::default(),
        pace: None,
        was_away: true,
    };
    let mut begun = false;
    let mut rounds = 0u32;
    while !sender.stop.is_cancelled() {
        let look = sender.turn.look();
        let now = sender.clock.now();
        sender.health.change(|health| health.beat = Some(now));
        let own = if begun { None } else { Some(sender.owner.clone()) };
        let mut more = false;
        let turn = async {
            if rounds.is_multiple_of(60) {
                sender.take_back(own.as_deref(), now).await?;
                if !begun {
                    sender.look_back(now).await?;
                }
                begun = true;
            }
            more = sender.turn(now).await?;
            Ok::<_, StoreError>(())
        };
        if let Err(error) = turn.await {
            tracing::warn!(%error, "the outbox waits for its database: {error}");
        }
        rounds = if begun && !more { rounds.wrapping_add(1) } else { rounds };
        if !more {
            sender.turn.rests(look);
            tokio::select! {
                () = sender.stop.cancelled() => {}
                () = wake.notified() => {}
                () = sender.turn.stirred(look) => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }
}

struct Sender {
    db: Db,
    /// Whose rows these are.
    channel: String,
    transport: Arc<Transport>,
    owner: String,
    clock: Clock,
    stop: CancellationToken,
    settings: Settings,
    health: Arc<Health>,
    turn: Turn,
    /// When the last mails left, for the rate.
    left: Left,
    /// Of a chat, from the first turn on.
    pace: Option<Pace>,
    /// The server was not reached since the start or since it went away.
    was_away: bool,
}

enum Line<'a> {
    Smtp(Box<Session<'a>>),
    Folder(&'a super::folder::Folder),
    Webhook(&'a Endpoint),
    Phone(&'a phone::Line),
    Chat(&'a chat::Room),
}

impl<'a> Line<'a> {
    async fn open(transport: &'a Transport) -> Result<Line<'a>, SendError> {
        Ok(match transport {
            Transport::Smtp(smtp) => Line::Smtp(Box::new(smtp.open().await?)),
            Transport::Folder(folder) => Line::Folder(folder),
            Transport::Webhook(endpoint) => Line::Webhook(endpoint),
            Transport::Phone(line) => Line::Phone(line),
            Transport::Chat(room) => Line::Chat(room),
        })
    }
}

impl Sender {
    async fn take_back(&self, owner: Option<&str>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        if owner.is_some() {
            rows::take_back(&mut tx, (owner, Some(&self.channel)), now, self.settings.uncertain_retry).await?;
        }
        rows::take_back(&mut tx, (None, Some(&self.channel)), now, self.settings.uncertain_retry).await?;
        tx.commit().await
    }

    /// What the last life of ours said counts for the platform.
    async fn look_back(&mut self, now: DateTime<Utc>) -> Result<(), StoreError> {
        if let Transport::Chat(room) = &*self.transport {
            let mut tx = self.db.read().await?;
            let lately = rows::lately(&mut tx, &self.channel, now - LOOK_BACK, now).await?;
            tx.rollback().await?;
            self.pace = Some(Pace::new(room.account.platform, lately));
        }
        Ok(())
    }

    /// One batch; `true` when there may be more to do at once.
    async fn turn(&mut self, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let health = self.health.snapshot();
        let waits = |stopped: &Option<Stopped>| stopped.as_ref().is_some_and(|stopped| now < stopped.until);
        let room = self.left.room(self.settings.rate, BATCH);
        if waits(&health.paused) || waits(&health.unreachable) || room == 0 {
            return Ok(false);
        }
        let mut tx = self.db.read().await?;
        // A killed life's last commit may come through after our start: Postgres finishes what it was sent.
        let left_over = rows::has_claims(&mut tx, (&self.owner, &self.channel)).await?;
        let due = rows::next_due(&mut tx, &self.channel).await?;
        tx.rollback().await?;
        if left_over {
            self.take_back(Some(&self.owner), now).await?;
            return Ok(true);
        }
        if due.is_none_or(|due| due > now) {
            return Ok(false);
        }
        let mut tx = self.db.write().await?;
        let batch = rows::claim(&mut tx, (&self.owner, &self.channel), now, now + CLAIM, room).await?;
        tx.commit().await?;
        if batch.is_empty() {
            return Ok(false);
        }
        let all_went = self.send(batch, now).await;
        // A manager may have to be told of a failure; and another look finds what came meanwhile.
        self.turn.worked();
        Ok(all_went)
    }

    /// `false` when the server is not to be asked again at once.
    async fn send(&mut self, batch: Vec<Claimed>, begun: DateTime<Utc>) -> bool {
        let transport = Arc::clone(&self.transport);
        let mut line = match Line::open(&transport).await {
            Ok(line) => line,
            Err(error) => {
                self.give_back(&batch, &error).await;
                return false;
            }
        };
        // Whether a program can be reached shows with the first delivery.
        let mut shows_later = matches!(line, Line::Webhook(_) | Line::Phone(_) | Line::Chat(_));
        if !shows_later {
            self.reached().await;
        }
        if let Some(pace) = &mut self.pace {
            pace.begin(begun);
        }
        let mut rest = batch.iter();
        let mut trouble = None;
        for row in rest.by_ref() {
            if let Some(untried) = self.untried(&line, row, begun) {
                self.note(row, untried).await;
                continue;
            }
            let attempt = self.attempt(&mut line, row).await;
            let now = self.clock.now();
            self.keep_pace(row, &attempt, now);
            match attempt {
                Ok(_) => {
                    self.left.went();
                    self.note(row, Outcome::Sent).await;
                    if std::mem::take(&mut shows_later) {
                        self.reached().await;
                    }
                }
                Err(error) => {
                    let outcome = self.decide(row, &error, now);
                    self.note(row, outcome).await;
                    // So it would be with the others.
                    if matches!(error, SendError::Paused { .. } | SendError::Unreachable { .. }) {
                        trouble = Some(error);
                        break;
                    }
                }
            }
        }
        if let Line::Smtp(session) = line {
            session.close().await;
        }
        match trouble {
            Some(error) => {
                let rest: Vec<Claimed> = rest.cloned().collect();
                self.give_back(&rest, &error).await;
                false
            }
            None => true,
        }
    }

    /// Why a row of the batch is not tried now, if it is not.
    fn untried(&mut self, line: &Line<'_>, row: &Claimed, begun: DateTime<Utc>) -> Option<Outcome> {
        let now = self.clock.now();
        let broken = matches!(line, Line::Smtp(session) if session.is_broken());
        if self.stop.is_cancelled() || now - begun > BATCH_TIME || broken {
            return Some(Outcome::Untried { at: None, why: None });
        }
        let at = self.pace.as_mut()?.wait(&row.recipient, now)?;
        Some(Outcome::Untried { at: Some(at), why: None })
    }

    /// What an attempt means for those after it.
    fn keep_pace(&mut self, row: &Claimed, attempt: &Result<Option<Duration>, SendError>, now: DateTime<Utc>) {
        let Some(pace) = &mut self.pace else { return };
        pace.tried(&row.recipient, now);
        match attempt {
            Ok(Some(rest)) => pace.rest(Some(&row.recipient), now + *rest),
            Err(SendError::TooFast { after, everywhere, .. }) => {
                pace.rest(Some(row.recipient.as_str()).filter(|_| !everywhere), now + *after);
            }
            _ => {}
        }
    }

    /// One mail; of a chat with how long the room takes nothing more. When the daemon stops meanwhile it has `STOP_GRACE` left.
    async fn attempt(&self, line: &mut Line<'_>, row: &Claimed) -> Result<Option<Duration>, SendError> {
        let in_data = AtomicBool::new(false);
        let work = self.try_one(line, row, &in_data);
        let give_up = async {
            self.stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            outcome = work => outcome,
            () = give_up => {
                let server = "the server".to_owned();
                Err(if in_data.load(Ordering::Relaxed) {
                    SendError::Uncertain { server }
                } else {
                    SendError::Later { server, source: std::io::Error::other("deskd stopped") }
                })
            }
        }
    }

    async fn try_one(
        &self,
        line: &mut Line<'_>,
        row: &Claimed,
        in_data: &AtomicBool,
    ) -> Result<Option<Duration>, SendError> {
        if self.channel == MAIL && !is_mail(&row.recipient) {
            let reply =
                "this person has no mail address, and no [[phone]] or [[chat]] of the config reaches them".to_owned();
            return Err(SendError::Never { recipient: row.recipient.clone(), reply });
        }
        let bytes = self.bytes(row).await.map_err(at_home)?;
        match line {
            // A file is there or it is not: no state in between, and a second attempt finds the first.
            Line::Folder(folder) => folder.put(&row.kind, &row.recipient, &row.message_id, bytes).await,
            // Its id lets the program leave out a second copy: what nobody answered is simply posted again.
            Line::Webhook(endpoint) => endpoint.post(&row.message_id, bytes, self.clock.now()).await,
            Line::Phone(line) => {
                let calls = row.kind == CALL;
                if !calls && self.has_stopped(&row.recipient).await.map_err(at_home)? {
                    let reply = "no more text messages are wanted there (STOP)".to_owned();
                    return Err(SendError::Never { recipient: row.recipient.clone(), reply });
                }
                self.mark_data(row).await.map_err(at_home)?;
                in_data.store(true, Ordering::Relaxed);
                match calls {
                    true => line.call(&row.recipient, &bytes).await,
                    false => line.text(&row.recipient, &bytes).await,
                }
            }
            Line::Chat(room) => {
                // A file that is there and that nobody sees is no message yet.
                let ready = room.prepare(row, bytes).await?;
                self.mark_data(row).await.map_err(at_home)?;
                in_data.store(true, Ordering::Relaxed);
                let posted = room.say(row, &ready).await?;
                self.remember(row, &posted).await;
                return Ok(posted.rest);
            }
            Line::Smtp(session) => {
                session.offer(row.envelope_from.as_deref(), &row.recipient, &bytes).await?;
                if let Err(error) = self.mark_data(row).await {
                    session.give_up();
                    return Err(at_home(error));
                }
                in_data.store(true, Ordering::Relaxed);
                session.deliver(&row.recipient, &bytes).await
            }
        }
        .map(|()| None)
    }

    async fn bytes(&self, row: &Claimed) -> Result<Vec<u8>, StoreError> {
        let mut tx = self.db.read().await?;
        let bytes = rows::bytes(&mut tx, row.id).await?;
        tx.rollback().await?;
        Ok(bytes)
    }

    /// What is answered to our message belongs to its ticket. A message that is there is sent, whether or not this can be noted.
    async fn remember(&self, row: &Claimed, posted: &Posted) {
        if posted.message.is_empty() {
            return;
        }
        let noted = async {
            let mut tx = self.db.write().await?;
            if let Some(ticket) = rows::show(&mut tx, row.id).await?.ticket {
                let name = self.channel.strip_prefix("chat/").unwrap_or(&self.channel);
                conversations::said(&mut tx, name, (&posted.message, &posted.place), ticket, self.clock.now()).await?;
            }
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, outbox.id = row.id.0, "answers to message {} may open another ticket: {error}", row.id.0);
        }
    }

    async fn has_stopped(&self, number: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        people::has_stopped(&mut tx, number).await
    }

    async fn mark_data(&self, row: &Claimed) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let ours = rows::mark_data(&mut tx, row, &self.owner, self.clock.now() + CLAIM).await?;
        tx.commit().await?;
        if ours { Ok(()) } else { Err(StoreError::Refused("the claim on this mail was lost".to_owned())) }
    }

    fn decide(&self, row: &Claimed, error: &SendError, now: DateTime<Utc>) -> Outcome {
        let why = error.to_string();
        match error {
            SendError::Later { .. } | SendError::Unreachable { .. } => match next_try(row, now) {
                Some(at) => Outcome::Later { at, why },
                None => Outcome::Failed { why: format!("given up after 48 hours: {why}") },
            },
            SendError::TooFast { after, .. } => Outcome::Later { at: now + *after, why },
            SendError::Never { .. } => Outcome::Failed { why },
            SendError::Uncertain { .. } => {
                let again = row.class == Class::MustArrive && row.uncertain_attempts < UNCERTAIN_RETRIES;
                Outcome::Uncertain { at: if again { now + self.settings.uncertain_retry } else { NEVER }, why }
            }
            SendError::Paused { .. } => Outcome::Untried { at: None, why: Some(why) },
        }
    }

    async fn note(&self, row: &Claimed, outcome: Outcome) {
        self.write_down(row, &outcome).await;
        self.health.change(|health| match &outcome {
            Outcome::Sent => health.sent += 1,
            Outcome::Later { .. } => health.later += 1,
            Outcome::Failed { .. } => health.failed += 1,
            Outcome::Uncertain { .. } => health.uncertain += 1,
            Outcome::Untried { .. } => {}
        });
        if let Outcome::Failed { why } | Outcome::Later { why, .. } | Outcome::Uncertain { why, .. } = &outcome {
            tracing::warn!(outbox.id = row.id.0, "mail {} of the outbox ({}): {why}", row.id.0, row.kind);
        }
    }

    /// A database that is away for a moment is waited for, since the server's answer comes only once.
    async fn write_down(&self, row: &Claimed, outcome: &Outcome) {
        for wait in [100, 400, 1500, 4000, 0] {
            let Err(error) = self.record(row, outcome).await else { return };
            if wait == 0 {
                tracing::error!(%error, outbox.id = row.id.0, "what came of mail {} cannot be recorded: {error}", row.id.0);
            }
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }

    async fn record(&self, row: &Claimed, outcome: &Outcome) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        rows::record(&mut tx, row, &self.owner, outcome, self.clock.now()).await?;
        tx.commit().await
    }

    /// The whole server is the trouble: every mail in hand goes back and the server is left alone for a while.
    async fn give_back(&mut self, batch: &[Claimed], error: &SendError) {
        let now = self.clock.now();
        let why = error.to_string();
        let paused = matches!(error, SendError::Paused { .. });
        tracing::warn!("the outbox stands still: {why}");
        self.was_away = true;
        self.health.change(|health| {
            let slot = if paused { &mut health.paused } else { &mut health.unreachable };
            let (since, times) = slot.as_ref().map_or((now, 0), |stopped| (stopped.since, stopped.times + 1));
            let (first, most) = if paused { (60, 1800) } else { (5, 60) };
            let seconds = (first << times.min(10)).min(most);
            *slot = Some(Stopped { since, until: now + TimeDelta::seconds(seconds), times, why });
        });
        for row in batch {
            let outcome = self.decide(row, error, now);
            self.note(row, outcome).await;
        }
    }

    async fn reached(&mut self) {
        self.health.change(|health| {
            health.paused = None;
            health.unreachable = None;
        });
        if !self.was_away {
            return;
        }
        let hurried = async {
            let mut tx = self.db.write().await?;
            rows::hurry(&mut tx, &self.channel, self.clock.now()).await?;
            tx.commit().await
        };
        match hurried.await {
            Ok(()) => self.was_away = false,
            Err(error) => tracing::warn!(%error, "mails that waited for the server wait on: {error}"),
        }
    }
}

/// Our own database is the trouble, not the server.
fn at_home(error: StoreError) -> SendError {
    SendError::Later { server: "the outbox".to_owned(), source: std::io::Error::other(error.to_string()) }
}
