//! The sending loop, one for each channel: claims due rows, sends them over one connection, records what came of each, backs off.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::chat::FILE;
pub use super::health::{Health, Snapshot, Stopped};
pub use super::pace::Rate;
use super::pace::{LOOK_BACK, Left, Pace};
use super::{SendError, Transport};
use crate::clock::Clock;
use crate::lifecycle::Turn;
use crate::store::outbox::pages::{CALL, PAGE};
use crate::store::outbox::{self as rows, Claimed, MAIL, Outcome};
use crate::store::{Db, StoreError};
use attempt::Line;

mod attempt;
mod outcome;

/// What the loop of mail is called among the others of the desk.
pub const TURN: &str = "outbox";
const BATCH: i64 = 32;
/// A claim lasts longer than any one mail can take.
const CLAIM: TimeDelta = TimeDelta::minutes(30);
/// After this long a batch begins no further mail.
const BATCH_TIME: TimeDelta = TimeDelta::minutes(10);

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
    async fn send(&mut self, mut batch: Vec<Claimed>, begun: DateTime<Utc>) -> bool {
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
            batch.sort_by_key(|row| !is_urgent(row));
        }
        let mut rest = batch.iter();
        let mut trouble = None;
        while let Some(row) = rest.next() {
            if let Some(untried) = self.untried(&line, row, begun).await {
                self.note(row, untried).await;
                continue;
            }
            if row.kind == FILE {
                self.let_go(rest.by_ref()).await;
            }
            let attempt = self.attempt(&mut line, row).await;
            let now = self.clock.now();
            self.keep_pace(row, &attempt, now);
            match attempt {
                Ok(_) => self.went(row, std::mem::take(&mut shows_later)).await,
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

    async fn went(&mut self, row: &Claimed, shows_that_it_is_reached: bool) {
        self.left.went();
        self.note(row, Outcome::Sent).await;
        if shows_that_it_is_reached {
            self.reached().await;
        }
    }

    /// A file may take minutes: what comes behind it is not in hand meanwhile, so that it can be taken back, and a page passes by.
    async fn let_go(&self, behind: impl Iterator<Item = &Claimed>) {
        for row in behind {
            self.note(row, Outcome::Untried { at: None, why: None }).await;
        }
    }

    /// Why a row of the batch is not tried now, if it is not.
    async fn untried(&mut self, line: &Line<'_>, row: &Claimed, begun: DateTime<Utc>) -> Option<Outcome> {
        let now = self.clock.now();
        let broken = matches!(line, Line::Smtp(session) if session.is_broken());
        if self.stop.is_cancelled() || now - begun > BATCH_TIME || broken {
            return Some(Outcome::Untried { at: None, why: None });
        }
        let in_pieces = matches!(line, Line::Chat(_) | Line::Phone(_));
        let earlier = if in_pieces { self.earlier_piece(row).await } else { None };
        let at = match earlier {
            Some(at) => at,
            None => self.pace.as_mut()?.wait((row.id, is_urgent(row)), &row.recipient, now)?,
        };
        Some(Outcome::Untried { at: Some(at), why: None })
    }

    /// When an earlier piece of the same message goes, which this one is not to come before; `None`: all of them are through.
    async fn earlier_piece(&self, row: &Claimed) -> Option<DateTime<Utc>> {
        let looked = async {
            let mut tx = self.db.read().await?;
            let at = rows::earlier_piece(&mut tx, row, &self.channel).await?;
            tx.rollback().await?;
            Ok::<_, StoreError>(at)
        };
        looked.await.unwrap_or_else(|error| {
            tracing::warn!(%error, outbox.id = row.id.0, "message {} may come before its first part: {error}", row.id.0);
            None
        })
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
}

/// What somebody has to see at once, before anything else of the channel.
fn is_urgent(row: &Claimed) -> bool {
    [PAGE, CALL, "escalation"].contains(&row.kind.as_str())
}
