//! What time brings about: fires due timers within a second, and runs the periodic jobs once a period. It writes rows; it never sends.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Timelike, Utc};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::intake::{self, Changed, Office, Unit};
use crate::lifecycle::{Pulse, chain};
use crate::store::tickets::{self, Timer};
use crate::store::{Db, StoreError, jobs};

pub struct Schedule {
    pub db: Db,
    pub office: watch::Receiver<Arc<Office>>,
    pub clock: Clock,
    /// Timers or outbox may have changed.
    pub changed: Changed,
    pub beat: Pulse,
    pub stop: CancellationToken,
    /// Until when what failed rests.
    pub troubled: Troubled,
}

/// What failed, and until when it rests.
#[derive(Debug, Default)]
pub struct Troubled(Mutex<HashMap<Paper, DateTime<Utc>>>);

/// Timers handled in one transaction.
const BATCH: i64 = 64;
/// Other processes' changes are found by a look each.
const LOOK: Duration = Duration::from_secs(1);

impl Schedule {
    pub async fn run(self) {
        while !self.stop.is_cancelled() {
            self.beat.beat();
            let look = self.beat.turn.look();
            let worked = match self.pass().await {
                Ok(worked) => worked,
                Err(StoreError::Again { .. }) => true,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the schedule cannot work; it tries again");
                    false
                }
            };
            if worked {
                self.beat.turn.worked();
                self.changed.outbox.notify_one();
                continue;
            }
            self.beat.turn.rests(look);
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.beat.turn.stirred(look) => {}
                () = self.changed.timers.notified() => {}
                () = self.sleep() => {}
            }
        }
    }

    /// Until the next timer or list, or a second, whichever comes first.
    async fn sleep(&self) {
        let office = self.office.borrow().clone();
        let next = async {
            let mut tx = self.db.read().await?;
            let timer = tickets::next_timer(&mut tx).await?;
            let list = intake::next_list(&mut Unit::new(&mut tx, &office, self.clock.now())).await?;
            Ok::<_, StoreError>(timer.into_iter().chain(list).min())
        };
        let look = tokio::time::sleep(LOOK);
        match next.await {
            Ok(Some(moment)) => tokio::select! {
                () = self.clock.sleep_until(moment) => {}
                () = look => {}
            },
            _ => look.await,
        }
    }

    /// One look: true when something was done and another look is worth while.
    pub async fn pass(&self) -> Result<bool, StoreError> {
        let office = self.office.borrow().clone();
        let now = self.clock.now();
        let fired = fire_due(&self.db, &office, now).await?;
        let told = periodic(&self.db, &office, now).await?;
        let written = self.apart(&office, now, Paper::Billing).await | self.apart(&office, now, Paper::Hygiene).await;
        Ok(fired > 0 || told || written)
    }
}

/// Work on many rows at once, each in a transaction of its own: what is wrong with one stops nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Paper {
    Billing,
    Hygiene,
}

impl Paper {
    async fn waits(self, unit: &mut Unit<'_>) -> Result<bool, StoreError> {
        match self {
            Paper::Billing => intake::billing_waits(unit).await,
            Paper::Hygiene => intake::hygiene_waits(unit).await,
        }
    }

    async fn write(self, unit: &mut Unit<'_>) -> Result<bool, StoreError> {
        match self {
            Paper::Billing => Box::pin(intake::billing(unit)).await,
            Paper::Hygiene => Box::pin(intake::hygiene(unit)).await,
        }
    }
}

impl Schedule {
    /// True when something was written. After a failure it rests for a minute.
    async fn apart(&self, office: &Office, now: DateTime<Utc>, paper: Paper) -> bool {
        let rests = self.troubled.0.lock().ok().and_then(|troubled| troubled.get(&paper).copied());
        if rests.is_some_and(|until| now < until) {
            return false;
        }
        let written = async {
            let mut tx = self.db.read().await?;
            let waits = paper.waits(&mut Unit::new(&mut tx, office, now)).await?;
            tx.rollback().await?;
            if !waits {
                return Ok(false);
            }
            let mut tx = self.db.write().await?;
            let written = paper.write(&mut Unit::new(&mut tx, office, now)).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(written)
        };
        match written.await {
            Ok(written) => written,
            Err(StoreError::Again { .. }) => true,
            Err(error) => {
                tracing::error!(error = %chain(&error), "{paper:?} cannot be written; it is tried again in a minute");
                if let Ok(mut troubled) = self.troubled.0.lock() {
                    troubled.insert(paper, now + chrono::TimeDelta::minutes(1));
                }
                false
            }
        }
    }
}

/// Fires at most a batch of due timers; each ticket for itself, so that one that fails stops no other.
pub async fn fire_due(db: &Db, office: &Office, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let mut tx = db.read().await?;
    let due = tickets::due_timers(&mut tx, now, BATCH).await?;
    tx.rollback().await?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut tx = db.write().await?;
    let mut unit = Unit::new(&mut tx, office, now);
    let mut fired = 0;
    for timer in due {
        unit.tx.savepoint().await?;
        let outcome = AssertUnwindSafe(fire(&mut unit, timer)).catch_unwind().await;
        let why = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error @ StoreError::Again { .. })) => return Err(error),
            Ok(Err(error)) => Some(chain(&error)),
            Err(_) => Some("it made deskd panic".to_owned()),
        };
        match why {
            None => {
                unit.tx.release().await?;
                fired += 1;
            }
            Some(why) => {
                unit.tx.back_to_savepoint().await?;
                unit.forget_all();
                tracing::error!(
                    ticket.number = timer.ticket.0,
                    error = %why,
                    "the timer of {} cannot be handled; it is tried again in a minute",
                    timer.ticket
                );
                tickets::put_off(unit.tx, timer, now + chrono::TimeDelta::minutes(1)).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(fired)
}

async fn fire(unit: &mut Unit<'_>, timer: Timer) -> Result<(), StoreError> {
    // What was due when we looked may have been changed since by a mail that was being worked on.
    tickets::lock(unit.tx, timer.ticket).await?;
    if !tickets::still_due(unit.tx, timer, unit.now).await? {
        return Ok(());
    }
    intake::fire_timer(unit, timer.ticket, timer.kind).await?;
    // What it writes is written here: what is wrong with it is this timer's fault and no other's.
    unit.tx.settle().await
}

/// The hourly list of strangers' mail (at once for what looks like an outage), old mail, mail that failed, mail that was held back.
async fn periodic(db: &Db, office: &Office, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let mut tx = db.read().await?;
    let waiting = waiting(&mut Unit::new(&mut tx, office, now)).await?;
    tx.rollback().await?;
    if !waiting {
        return Ok(false);
    }
    let mut tx = db.write().await?;
    let mut unit = Unit::new(&mut tx, office, now);
    let mut told = intake::undeliverable(&mut unit).await? > 0;
    told |= intake::undelivered(&mut unit).await?;
    told |= intake::remind_of_pricing(&mut unit).await?;
    told |= intake::statements(&mut unit).await?;
    told |= intake::lists(&mut unit).await?;
    told |= intake::late_list(&mut unit).await?;
    let hour = now.with_timezone(&office.firm.time_zone).format("%Y-%m-%dT%H").to_string();
    if intake::unsorted_is_urgent(&mut unit).await? {
        let moment = format!("{hour}:{:02}", now.minute());
        told |= intake::unsorted_digest(&mut unit, &moment).await?;
    } else if intake::unsorted_waits(&mut unit).await? && jobs::claim(unit.tx, "unsorted_digest", &hour, now).await? {
        told |= intake::unsorted_digest(&mut unit, &hour).await?;
    }
    tx.commit().await?;
    Ok(told)
}

/// Whether any list has something new to tell; eight indexed looks.
async fn waiting(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    Ok(intake::unsorted_waits(unit).await?
        || intake::next_list(unit).await?.is_some_and(|due| due <= unit.now)
        || !crate::store::outbox::to_be_told(unit.tx, 1).await?.is_empty()
        || intake::undelivered_waits(unit).await?
        || intake::statements_wait(unit).await?
        || intake::pricing_waits(unit).await?
        || intake::late_waits(unit).await?)
}
