//! One worker turns kept mails into what they mean, oldest first: read and verify with no transaction open, then one transaction a batch.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::case::{Office, Unit};
use super::process;
use super::read::{self, Ready};
use super::trial::{Trial, Tried};
use crate::clock::Clock;
use crate::lifecycle::{Pulse, chain};
use crate::mail::authentic::{Authentic, Border, Verdict, Verifier};
use crate::store::inbound::{self, Fate, Outcome, Unprocessed};
use crate::store::{Db, StoreError};
use crate::words::InboundId;

/// What the worker is made of.
pub struct Worker {
    pub db: Db,
    pub office: watch::Receiver<Arc<Office>>,
    /// `None`: nothing is looked up in DNS.
    pub verifier: Option<Arc<Verifier>>,
    pub clock: Clock,
    /// Something was kept.
    pub kept: Arc<Notify>,
    /// The outbox and the timers have something new.
    pub changed: Changed,
    pub trial: Trial,
    pub beat: Pulse,
    pub stop: CancellationToken,
    /// How often each mail made us panic in this life; ends of the daemon do not count.
    pub panics: Mutex<HashMap<InboundId, u32>>,
}

/// Wakes the outbox and the schedule; a wake-up that finds one of them busy is kept for it.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    pub outbox: Arc<Notify>,
    pub timers: Arc<Notify>,
}

impl Changed {
    pub fn tell(&self) {
        self.outbox.notify_one();
        self.timers.notify_one();
    }
}

const BATCH: i64 = 64;
const BATCH_BYTES: i64 = 4 << 20;
/// A mail over this size goes alone.
const ALONE: i64 = 1 << 20;
/// A tech's mail that DNS left open is tried again for so long.
const DNS_PATIENCE: TimeDelta = TimeDelta::hours(4);
const DNS_AGAIN: TimeDelta = TimeDelta::minutes(5);
/// A mail that made us panic this often is set aside.
const PANICS: u32 = 2;
/// So many ends of the daemon while one mail was in hand cannot be chance.
const ENDS: i64 = 20;

/// Mails that wait for DNS, and until when.
type Deferred = HashMap<InboundId, DateTime<Utc>>;

/// How long look-ups may take for a whole batch.
const VERIFY: Duration = Duration::from_secs(8);

impl Worker {
    /// Runs until stopped. What a start finds unprocessed is tried alone in a child process first.
    pub async fn run(self) {
        let mut deferred = Deferred::new();
        let mut found = self.found_at_start().await;
        while !self.stop.is_cancelled() {
            self.beat.beat();
            let step = match found.last().copied() {
                Some(id) => self.alone(id, &mut deferred).await.map(|()| found.pop().is_some()),
                None => self.batch(&mut deferred).await,
            };
            match step {
                Ok(true) => {}
                Ok(false) => {
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = self.kept.notified() => {}
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    }
                }
                Err(StoreError::Again { .. }) => {}
                Err(error) => {
                    tracing::error!(error = %chain(&error), "kept mail cannot be worked on; it is tried again");
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = tokio::time::sleep(Duration::from_secs(2)) => {}
                    }
                }
            }
        }
    }

    /// The newest first, so that `pop` gives the oldest.
    async fn found_at_start(&self) -> Vec<InboundId> {
        loop {
            let ids = async {
                let mut tx = self.db.read().await?;
                inbound::unprocessed_ids(&mut tx).await
            };
            match ids.await {
                Ok(mut ids) => {
                    ids.reverse();
                    return ids;
                }
                Err(error) => {
                    tracing::error!(error = %chain(&error), "cannot look for unprocessed mail");
                    tokio::select! {
                        () = self.stop.cancelled() => return Vec::new(),
                        () = tokio::time::sleep(Duration::from_secs(2)) => {}
                    }
                }
            }
        }
    }

    /// One mail that an earlier run left behind: read in a child process before it may be read here.
    async fn alone(&self, id: InboundId, deferred: &mut Deferred) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let row = match inbound::is_undecided(&mut tx, id).await? {
            true => inbound::one(&mut tx, id).await?,
            // The last commit went through although nobody told us.
            false => None,
        };
        inbound::count_attempt(&mut tx, id).await?;
        tx.commit().await?;
        let Some(row) = row else { return Ok(()) };
        if row.attempts >= ENDS {
            return self
                .quarantine(&row, &format!("the daemon ended {} times while it was in hand", row.attempts))
                .await;
        }
        self.tried(row, deferred).await
    }

    /// Read in a child first; only what the child survives is read here.
    async fn tried(&self, row: Unprocessed, deferred: &mut Deferred) -> Result<(), StoreError> {
        match self.trial.read(&row, &self.stop).await {
            Tried::Fine => self.process(vec![row], deferred).await,
            Tried::Stopped => Ok(()),
            Tried::Died { how } => self.quarantine(&row, &format!("reading it {how}")).await,
        }
    }

    /// The next batch; false when there is nothing to do.
    async fn batch(&self, deferred: &mut Deferred) -> Result<bool, StoreError> {
        let now = self.clock.now();
        deferred.retain(|_, until| *until > now);
        let limit = BATCH + i64::try_from(deferred.len()).unwrap_or(0);
        let mut tx = self.db.read().await?;
        let waiting = inbound::unprocessed(&mut tx, limit).await?;
        let ids = fitting(waiting.into_iter().filter(|(id, _)| !deferred.contains_key(id)));
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.extend(inbound::one(&mut tx, id).await?);
        }
        tx.rollback().await?;
        if rows.is_empty() {
            return Ok(false);
        }
        // What was tried before (retried by a human, or left over) never joins a batch.
        if let Some(first) = rows.iter().position(|row| row.attempts > 1) {
            if first == 0 {
                return self.tried(rows.swap_remove(0), deferred).await.map(|()| true);
            }
            rows.truncate(first);
        }
        self.process(rows, deferred).await?;
        Ok(true)
    }

    async fn process(&self, rows: Vec<Unprocessed>, deferred: &mut Deferred) -> Result<(), StoreError> {
        let office = self.office.borrow().clone();
        let mut ready = Vec::with_capacity(rows.len());
        for row in self.read_all(rows).await? {
            ready.push(row);
        }
        self.verify(&office, &mut ready).await;
        // What is left of a big mail is its parts: their copies on the way to the outbox are large enough.
        ready.iter_mut().for_each(|mail| mail.raw = Arc::default());
        let now = self.clock.now();
        ready.retain(|mail| {
            let wait = waits_for_dns(&office, mail, now);
            if wait {
                deferred.insert(mail.row.id, now + DNS_AGAIN);
            }
            !wait
        });
        if ready.is_empty() {
            return Ok(());
        }
        match AssertUnwindSafe(self.commit(&office, &ready)).catch_unwind().await {
            Ok(done) => done?,
            Err(_) if ready.len() > 1 => {
                // One of them made us panic: each for itself then.
                for mail in ready {
                    self.one(&office, mail).await?;
                }
            }
            Err(_) => self.panicked(&ready[0]).await?,
        }
        self.changed.tell();
        Ok(())
    }

    async fn one(&self, office: &Office, mail: Ready) -> Result<(), StoreError> {
        match AssertUnwindSafe(self.commit(office, std::slice::from_ref(&mail))).catch_unwind().await {
            Ok(done) => done,
            Err(_) => self.panicked(&mail).await,
        }
    }

    async fn panicked(&self, mail: &Ready) -> Result<(), StoreError> {
        let times = {
            let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
            let times = panics.entry(mail.row.id).or_default();
            *times += 1;
            *times
        };
        if times < PANICS { Ok(()) } else { self.quarantine(&mail.row, "working on it made deskd panic").await }
    }

    /// Reads off the async threads; a mail whose reading panics is counted and in the end set aside.
    async fn read_all(&self, rows: Vec<Unprocessed>) -> Result<Vec<Ready>, StoreError> {
        let read = tokio::task::spawn_blocking(move || {
            rows.into_iter()
                .map(|mut row| {
                    // A big mail is in memory often enough without a second copy of its bytes.
                    let compressed = std::mem::take(&mut row.compressed);
                    let kept = row.clone();
                    row.compressed = compressed;
                    let read = std::panic::catch_unwind(AssertUnwindSafe(|| read::read(row)));
                    (kept, read)
                })
                .collect::<Vec<_>>()
        });
        let mut ready = Vec::new();
        for (row, read) in read.await.unwrap_or_default() {
            match read {
                Ok(Ok(mail)) => ready.push(mail),
                Ok(Err(error)) => self.quarantine(&row, &error.to_string()).await?,
                Err(_) => self.quarantine(&row, "reading it made deskd panic").await?,
            }
        }
        Ok(ready)
    }

    /// Checks the senders of a batch, all at once, in a few seconds for the whole batch.
    async fn verify(&self, office: &Office, ready: &mut [Ready]) {
        let Some(verifier) = &self.verifier else { return };
        let checks = ready.iter().map(|mail| {
            let desk = office.firm.desk_of_source(&mail.row.source);
            let border = Border {
                trusted_authserv: desk.and_then(|desk| desk.trusted_authserv.clone()),
                exchange_online: desk.is_some_and(|desk| desk.exchange_online),
            };
            let (raw, parsed) = (Arc::clone(&mail.raw), Arc::clone(&mail.mail));
            async move {
                let checked = AssertUnwindSafe(verifier.verify(&raw, &parsed, &border)).catch_unwind().await;
                checked.unwrap_or_else(|_| Verdict::unknown("checking it made deskd panic"))
            }
        });
        match tokio::time::timeout(VERIFY, join_all(checks)).await {
            Ok(verdicts) => {
                for (mail, verdict) in ready.iter_mut().zip(verdicts) {
                    mail.verdict = Some(verdict);
                }
            }
            Err(_) => {
                tracing::warn!("DNS did not answer in {} s; senders stay unverified", VERIFY.as_secs());
                for mail in ready.iter_mut() {
                    mail.verdict = Some(Verdict::unknown("DNS did not answer in time"));
                }
            }
        }
    }

    /// One transaction for the batch, a savepoint a mail.
    async fn commit(&self, office: &Office, ready: &[Ready]) -> Result<(), StoreError> {
        loop {
            match self.try_commit(office, ready).await {
                Err(error @ StoreError::Again { .. }) => {
                    self.beat.beat();
                    if self.stop.is_cancelled() {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    async fn try_commit(&self, office: &Office, ready: &[Ready]) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let mut unit = Unit::new(&mut tx, office, self.clock.now());
        for mail in ready {
            unit.tx.savepoint().await?;
            match process::process(&mut unit, mail).await {
                Ok(decided) => {
                    unit.tx.release().await?;
                    tracing::info!(
                        inbound.id = mail.row.id.0,
                        source.name = %mail.row.source,
                        fate = decided.fate.as_str(),
                        ticket.number = decided.ticket.map(|number| number.0),
                        "inbound {} became {}",
                        mail.row.id.0,
                        decided.fate.as_str()
                    );
                }
                Err(error @ (StoreError::Refused(_) | StoreError::Missing { .. } | StoreError::Broken { .. })) => {
                    // The mail's own fault as far as we can tell: it is set aside alone.
                    unit.tx.back_to_savepoint().await?;
                    unit.loads = None;
                    set_aside(&mut unit, &mail.row, &chain(&error)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        tracing::info!(target: "deskd::trace", mails = ready.len(), "committed");
        Ok(())
    }

    async fn quarantine(&self, row: &Unprocessed, reason: &str) -> Result<(), StoreError> {
        let office = self.office.borrow().clone();
        let mut tx = self.db.write().await?;
        let mut unit = Unit::new(&mut tx, &office, self.clock.now());
        set_aside(&mut unit, row, reason).await?;
        tx.commit().await
    }
}

/// Quarantined, and a manager told, in one transaction.
async fn set_aside(unit: &mut Unit<'_>, row: &Unprocessed, reason: &str) -> Result<(), StoreError> {
    tracing::error!(inbound.id = row.id.0, source.name = %row.source, "inbound {} is quarantined: {reason}", row.id.0);
    let outcome = Outcome {
        fate: Fate::Quarantined,
        reason: Some(reason),
        ticket: None,
        message_id: None,
        content_hash: None,
        sender: "",
        subject: "",
    };
    inbound::decide(unit.tx, row.id, &outcome, unit.now).await?;
    super::managers::quarantined(unit, row, reason).await
}

/// A batch of at most 4 MiB; large mails go alone.
fn fitting(waiting: impl Iterator<Item = (InboundId, i64)>) -> Vec<InboundId> {
    let mut bytes = 0;
    let mut taken = Vec::new();
    for (id, size) in waiting {
        let large = size > ALONE;
        if !taken.is_empty() && (large || bytes + size > BATCH_BYTES) {
            break;
        }
        bytes += size;
        taken.push(id);
        if large {
            break;
        }
    }
    taken
}

/// A mail that claims to be a tech's and that DNS could not judge yet.
fn waits_for_dns(office: &Office, mail: &Ready, now: DateTime<Utc>) -> bool {
    let unknown = mail.verdict.as_ref().is_some_and(|verdict| matches!(verdict.authentic, Authentic::Unknown { .. }));
    unknown && now - mail.row.kept_at < DNS_PATIENCE && office.firm.tech_by_address(&mail.sender()).is_some()
}
