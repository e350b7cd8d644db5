//! What is looked at again later: a tech's mail that DNS left open (visible at once and without effect, every five minutes, for four hours),
//! and an alert that came in a maintenance (when that ends).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Office, Unit};
use super::process::{Decided, kept_alert, store};
use super::read::{self, Ready};
use super::thread::Thread;
use super::worker::{self, Changed};
use super::{quiet, tech, trust};
use crate::clock::Clock;
use crate::desk::firm::Tech;
use crate::lifecycle::{Pulse, chain};
use crate::mail::authentic::{Authentic, Verdict, Verifier};
use crate::store::checks::{self, Check};
use crate::store::inbound::{self, Fate, Unprocessed};
use crate::store::{Db, StoreError, messages};
use crate::words::Actor;

/// So long a tech's mail may be verified and count from its arrival.
const PATIENCE: TimeDelta = TimeDelta::hours(4);
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// Mails looked at in one pass.
const BATCH: i64 = 64;
/// Nothing that is written in between waits longer than that for its turn.
const LOOK: TimeDelta = TimeDelta::minutes(1);
/// The loop shows that often that it lives, whatever the clock of the business says.
const ALIVE: std::time::Duration = std::time::Duration::from_secs(10);

/// Keeps the mail where people see it; it relays nothing and does nothing until it is verified.
pub(super) async fn wait(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    thread: &Thread,
) -> Result<Decided, ActError> {
    let gives_up_at = unit.now + PATIENCE;
    let until = gives_up_at.with_timezone(&unit.firm().time_zone).format("%H:%M");
    let reason =
        format!("claims to be {}, but DNS gave no answer yet; it counts once verified, until {until}", tech.name);
    let case = match thread.ticket() {
        Some(number) => Case::found(unit, number).await?,
        None => None,
    };
    let (message, decided) = match case {
        Some(mut case) => {
            let message = store(unit, ready, &case, (false, Actor::Stranger), Some(&reason)).await?;
            let deed = Deed { actor: Actor::Stranger, at: ready.row.arrived_at, cause: ready.cause() };
            case.act(unit, &deed, Action::Note { message, reason: Some(reason.clone()) }).await?;
            (Some(message), Decided::on(Fate::Reply, case.save(unit).await?))
        }
        None => (None, Decided::because(Fate::Refused, "")),
    };
    let check = Check { inbound: ready.row.id, message, next_at: unit.now + AGAIN, gives_up_at };
    checks::add(unit.tx, &check).await?;
    Ok(decided.with_reason(format!("waits for DNS: {reason}")))
}

/// Looks again at what waits. One runs beside the worker, so that a DNS that keeps silent holds up no other mail.
pub struct PendingChecks {
    pub db: Db,
    pub office: watch::Receiver<Arc<Office>>,
    pub verifier: Option<Arc<Verifier>>,
    pub clock: Clock,
    /// The outbox and the timers have something new.
    pub changed: Changed,
    pub beat: Pulse,
    pub stop: CancellationToken,
}

impl PendingChecks {
    pub async fn run(self) {
        while !self.stop.is_cancelled() {
            self.beat.beat();
            let look = self.beat.turn.look();
            let pause = match Box::pin(self.pass()).await {
                Ok(true) => {
                    self.beat.turn.worked();
                    self.changed.tell();
                    continue;
                }
                Ok(false) => self.next().await,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "mails that wait for DNS cannot be looked at; tried again");
                    self.clock.now() + LOOK
                }
            };
            self.beat.turn.rests(look);
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.beat.turn.stirred(look) => {}
                () = self.clock.sleep_until(pause) => {}
                () = tokio::time::sleep(ALIVE) => {}
            }
        }
    }

    /// When the next one is due, or soon, so that nothing that is written in between waits long.
    async fn next(&self) -> DateTime<Utc> {
        let next = async {
            let mut tx = self.db.read().await?;
            checks::next(&mut tx).await
        };
        let soon = self.clock.now() + LOOK;
        next.await.ok().flatten().map_or(soon, |next| next.min(soon))
    }

    /// Looks at what is due; true when something was.
    async fn pass(&self) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        let due = checks::due(&mut tx, self.clock.now(), BATCH).await?;
        tx.rollback().await?;
        let any = !due.is_empty();
        let office = self.office.borrow().clone();
        for (check, ready) in self.read_and_verify(&office, due).await? {
            if self.stop.is_cancelled() {
                break;
            }
            self.beat.beat();
            match ready {
                Some(ready) => Box::pin(self.settle(&office, check, ready)).await?,
                None => self.set_aside(&office, check, "its bytes cannot be read back").await?,
            }
        }
        Ok(any)
    }

    /// With no transaction open, as the worker does.
    async fn read_and_verify(
        &self,
        office: &Office,
        due: Vec<Check>,
    ) -> Result<Vec<(Check, Option<Ready>)>, StoreError> {
        let mut rows = Vec::new();
        let mut tx = self.db.read().await?;
        for check in &due {
            rows.push(inbound::one(&mut tx, check.inbound).await?);
        }
        tx.rollback().await?;
        // Each was read once before without harm; should one make us panic all the same, it stops no other.
        let firm = Arc::clone(&office.firm);
        let one = move |row: Option<Unprocessed>| {
            let row = row?;
            std::panic::catch_unwind(AssertUnwindSafe(|| read::read(row, &firm))).ok()?.ok()
        };
        let read = tokio::task::spawn_blocking(move || rows.into_iter().map(one).collect::<Vec<_>>());
        let mut ready = read.await.unwrap_or_else(|_| due.iter().map(|_| None).collect());
        if let Some(verifier) = &self.verifier {
            worker::verify(verifier, office, ready.iter_mut().flatten().collect()).await;
        }
        Ok(due.into_iter().zip(ready).collect())
    }

    /// One mail, one transaction; one that fails stops no other.
    async fn settle(&self, office: &Office, check: Check, ready: Ready) -> Result<(), StoreError> {
        let mut panics = 0;
        loop {
            let work = AssertUnwindSafe(self.try_settle(office, check, &ready)).catch_unwind().await;
            match work {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(StoreError::Again { .. })) if !self.stop.is_cancelled() => self.beat.beat(),
                Ok(Err(error @ (StoreError::Refused(_) | StoreError::Missing { .. } | StoreError::Broken { .. }))) => {
                    return self.set_aside(office, check, &chain(&error).to_string()).await;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    panics += 1;
                    if panics >= worker::PANICS {
                        return self.set_aside(office, check, "working on it made deskd panic").await;
                    }
                }
            }
        }
    }

    async fn try_settle(&self, office: &Office, check: Check, ready: &Ready) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        settle(&mut Unit::new(&mut tx, office, self.clock.now()), check, ready).await?;
        tx.commit().await
    }

    /// It stays the comment that it is, and says why nothing came of it; the managers hear of it.
    async fn set_aside(&self, office: &Office, check: Check, why: &str) -> Result<(), StoreError> {
        tracing::error!(
            inbound.id = check.inbound.0,
            "inbound {} waited and cannot be worked on: {why}",
            check.inbound.0
        );
        let reason = format!("its time to wait is over, but it cannot be worked on: {why}");
        let mut tx = self.db.write().await?;
        checks::take(&mut tx, check.inbound).await?;
        inbound::explain(&mut tx, check.inbound, &reason).await?;
        if let Some(message) = check.message {
            messages::explain(&mut tx, message, &reason).await?;
        }
        if let Some(row) = inbound::listed(&mut tx, check.inbound).await? {
            let mut unit = Unit::new(&mut tx, office, self.clock.now());
            super::managers::quarantined(&mut unit, &row, &reason).await?;
        }
        tx.commit().await
    }
}

/// What waited is looked at again.
async fn settle(unit: &mut Unit<'_>, check: Check, ready: &Ready) -> Result<(), StoreError> {
    if let Some(post) = &ready.post {
        return quiet::settle(unit, check, ready, post).await;
    }
    match kept_alert(unit.firm(), ready) {
        Some((ready, post)) => quiet::settle(unit, check, &ready, &post).await,
        None => settle_mail(unit, check, ready).await,
    }
}

/// Verified: it takes effect as of its arrival. Found false, or out of time: its tech is told, as of any mail that fails.
async fn settle_mail(unit: &mut Unit<'_>, check: Check, ready: &Ready) -> Result<(), StoreError> {
    let in_time = unit.now < check.gives_up_at;
    let open = ready.verdict.as_ref().is_none_or(|verdict| matches!(verdict.authentic, Authentic::Unknown { .. }));
    if open && in_time {
        let next_at = (unit.now + AGAIN).min(check.gives_up_at);
        return checks::put_off(unit.tx, check.inbound, next_at).await;
    }
    if !checks::take(unit.tx, check.inbound).await? {
        return Ok(());
    }
    let judged = if in_time { ready.clone() } else { out_of_time(ready) };
    let thread = Thread::of(unit, &judged).await?;
    let decided = match trust::claimed(unit, &judged, &thread) {
        // The config has changed since: the comment stays what it is.
        None if check.message.is_some() => {
            Decided::because(Fate::Reply, format!("{} is no tech's address any more", judged.sender()))
        }
        _ => match tech::judged(unit, &judged, &thread, check.message).await {
            Ok(decided) => decided,
            Err(ActError::Store(error)) => return Err(error),
            Err(ActError::Refused(why)) => Decided::because(Fate::Refused, why),
        },
    };
    let zone = unit.firm().time_zone;
    let hour = |moment: DateTime<Utc>| moment.with_timezone(&zone).format("%H:%M").to_string();
    let reason = decided.reason.unwrap_or_else(|| {
        format!("verified at {}; it counts from its arrival at {}", hour(unit.now), hour(ready.row.arrived_at))
    });
    if let Some(message) = check.message {
        messages::explain(unit.tx, message, &reason).await?;
    }
    let ticket = decided.ticket.or(match check.message {
        Some(message) => messages::one(unit.tx, message).await?.map(|message| message.ticket),
        None => None,
    });
    inbound::became(unit.tx, check.inbound, (decided.fate, ticket), &reason).await
}

fn out_of_time(ready: &Ready) -> Ready {
    let why = format!("DNS gave no answer for {} hours, so its signature could not be checked", PATIENCE.num_hours());
    let verdict = ready.verdict.clone().unwrap_or_else(|| Verdict::unknown(&why));
    Ready { verdict: Some(Verdict { authentic: Authentic::No { why }, ..verdict }), ..ready.clone() }
}
