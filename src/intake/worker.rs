//! One worker turns kept mails into what they mean, oldest first: read and verify with no transaction open, then one transaction a batch.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::case::{Office, Unit};
use super::read::{self, Ready};
use super::trial::{Trial, Tried};
use super::{memo, process};
use crate::channel::Form;
use crate::clock::Clock;
use crate::lifecycle::{Pulse, chain};
use crate::mail::authentic::{Border, Verdict, Verifier};
use crate::store::inbound::{self, Fate, Outcome, Unprocessed};
use crate::store::{Db, StoreError};
use crate::words::InboundId;

/// What the worker is made of.
pub struct Worker {
    pub db: Db,
    pub office: watch::Receiver<Arc<Office>>,
    /// `None`: no sender is verified.
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

/// Mails of one transaction: of a backlog a large one, because what comes before the first row and after the last one is done by one core.
const BATCH: i64 = 256;
/// The same where posts come in: each of their senders waits for the writer, which a large batch would keep for long.
const POSTS: usize = 32;
/// So many outgoing mails of a batch are written while the next inbound ones are worked on.
const WRITTEN_BEHIND: usize = 64;
const BATCH_BYTES: i64 = 4 << 20;
/// A mail over this size goes alone.
const ALONE: i64 = 1 << 20;
/// A mail that made us panic this often is set aside.
pub(super) const PANICS: u32 = 2;
/// So many ends of the daemon while one mail was in hand cannot be chance.
const ENDS: i64 = 20;

/// What is next, read and verified.
enum Next {
    Nothing,
    /// Tried before (retried by a human, or left over): read in a child first, and never in a batch.
    Alone(Box<Unprocessed>),
    Batch(Arc<Office>, Vec<Ready>),
}

/// How long look-ups may take for a whole batch.
const VERIFY: Duration = Duration::from_secs(8);

impl Worker {
    /// Runs until stopped. What a start finds unprocessed is tried alone in a child process first.
    pub async fn run(self) {
        let mut found = self.found_at_start().await;
        let mut ahead = None;
        while !self.stop.is_cancelled() {
            self.beat.beat();
            let look = self.beat.turn.look();
            let step = match found.last().copied() {
                Some(id) => Box::pin(self.alone(id)).await.map(|()| found.pop().is_some()),
                None => Box::pin(self.batch(&mut ahead)).await,
            };
            match step {
                Ok(true) => self.beat.turn.worked(),
                Ok(false) => {
                    self.beat.turn.rests(look);
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = self.kept.notified() => {}
                        () = self.beat.turn.stirred(look) => {}
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
    async fn alone(&self, id: InboundId) -> Result<(), StoreError> {
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
        self.tried(row).await
    }

    /// Read in a child first; only what the child survives is read here.
    async fn tried(&self, row: Unprocessed) -> Result<(), StoreError> {
        match self.trial.read(&row, &self.stop).await {
            Tried::Fine => {
                let (office, ready) = self.prepared(vec![row]).await?;
                self.process(&office, &ready, &Notify::new()).await.map(drop)
            }
            Tried::Stopped => Ok(()),
            Tried::Died { how } => self.quarantine(&row, &format!("reading it {how}")).await,
        }
    }

    /// Works on what is next, and reads meanwhile what comes after it; false when there is nothing to do.
    async fn batch(&self, ahead: &mut Option<Next>) -> Result<bool, StoreError> {
        let next = match ahead.take() {
            Some(next) => next,
            None => self.next(InboundId(0)).await?,
        };
        match next {
            Next::Nothing => return Ok(false),
            Next::Alone(row) => self.tried(*row).await?,
            Next::Batch(office, ready) => {
                let last = ready.iter().map(|mail| mail.row.id).max().unwrap_or(InboundId(0));
                if ready.iter().any(|mail| mail.row.size > ALONE) {
                    // Not two of that size in memory.
                    return self.process(&office, &ready, &Notify::new()).await.map(|_| true);
                }
                // What was kept while we waited for the database's writer belongs to the next batch.
                let begun = Notify::new();
                let work = async {
                    let done = self.process(&office, &ready, &begun).await;
                    begun.notify_one();
                    done
                };
                let look = async {
                    begun.notified().await;
                    self.next(last).await
                };
                let (done, after) = tokio::join!(work, look);
                let all_decided = done?;
                *ahead = match after? {
                    // Something may have been kept since.
                    Next::Nothing => None,
                    // One is tried again, and comes before what arrived later.
                    _ if !all_decided => None,
                    next => Some(next),
                };
            }
        }
        Ok(true)
    }

    /// The oldest mails without a fate that came after this one.
    async fn next(&self, after: InboundId) -> Result<Next, StoreError> {
        let mut tx = self.db.read().await?;
        let waiting = inbound::unprocessed(&mut tx, after, BATCH).await?;
        let ids = fitting(waiting.into_iter());
        let mut rows = match (ids.first(), ids.last()) {
            (Some(first), Some(last)) => inbound::between(&mut tx, *first, *last).await?,
            _ => Vec::new(),
        };
        rows.retain(|row| ids.contains(&row.id));
        tx.rollback().await?;
        if rows.is_empty() {
            return Ok(Next::Nothing);
        }
        if rows.iter().any(|row| row.form != Form::Mail.as_str()) {
            rows.truncate(POSTS);
        }
        match rows.iter().position(|row| row.attempts > 1) {
            Some(0) => return Ok(Next::Alone(Box::new(rows.swap_remove(0)))),
            Some(first) => rows.truncate(first),
            None => {}
        }
        let (office, ready) = self.prepared(rows).await?;
        Ok(Next::Batch(office, ready))
    }

    /// Reads mails and verifies their senders, with no transaction open.
    async fn prepared(&self, rows: Vec<Unprocessed>) -> Result<(Arc<Office>, Vec<Ready>), StoreError> {
        let office = self.office.borrow().clone();
        let mut ready = self.read_all(&office, rows).await?;
        if let Some(verifier) = &self.verifier {
            verify(verifier, &office, ready.iter_mut().collect()).await;
        }
        // What is left of a big mail is its parts: their copies on the way to the outbox are large enough.
        ready.iter_mut().for_each(|mail| mail.raw = Arc::default());
        let ready = if ready.len() > 1 { triaged(&office, ready).await } else { ready };
        Ok((office, ready))
    }

    /// False when a mail was left to be tried again. Tells when its transaction has begun.
    async fn process(&self, office: &Office, ready: &[Ready], begun: &Notify) -> Result<bool, StoreError> {
        if ready.is_empty() {
            return Ok(true);
        }
        let panics = self.panics_so_far();
        match AssertUnwindSafe(self.commit(office, ready, begun)).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if !is_of_a_mail(&error) => return Err(error),
            // One of them made us panic, or the database refuses what it brings: each for itself then.
            _ => {
                for mail in ready {
                    self.one(office, mail).await?;
                }
            }
        }
        self.changed.tell();
        Ok(panics == self.panics_so_far())
    }

    fn panics_so_far(&self) -> u32 {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// One mail in a transaction of its own; where that cannot be, the mail is set aside and nothing of it is left.
    async fn one(&self, office: &Office, mail: &Ready) -> Result<(), StoreError> {
        match AssertUnwindSafe(self.commit(office, std::slice::from_ref(mail), &Notify::new())).catch_unwind().await {
            Ok(Err(error)) if is_of_a_mail(&error) => self.quarantine(&mail.row, &chain(&error)).await,
            Ok(done) => done,
            Err(_) => self.panicked(mail).await,
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
    async fn read_all(&self, office: &Office, rows: Vec<Unprocessed>) -> Result<Vec<Ready>, StoreError> {
        let firm = Arc::clone(&office.firm);
        let read = tokio::task::spawn_blocking(move || {
            rows.into_iter()
                .map(|mut row| {
                    // A big mail is in memory often enough without a second copy of its bytes.
                    let compressed = std::mem::take(&mut row.compressed);
                    let kept = row.clone();
                    row.compressed = compressed;
                    let read = std::panic::catch_unwind(AssertUnwindSafe(|| read::read(row, &firm)));
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

    /// One transaction for the batch.
    async fn commit(&self, office: &Office, ready: &[Ready], begun: &Notify) -> Result<(), StoreError> {
        loop {
            match self.try_commit(office, ready, begun).await {
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

    async fn try_commit(&self, office: &Office, ready: &[Ready], begun: &Notify) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        begun.notify_one();
        let mut unit = Unit::new(&mut tx, office, self.clock.now());
        memo::prepare(&mut unit, &self.db, ready).await?;
        let mut decided = Vec::with_capacity(ready.len());
        for mail in ready {
            decided.push(process::process(&mut unit, mail).await?);
            unit.tx.write_behind(WRITTEN_BEHIND).await?;
        }
        tx.commit().await?;
        for (mail, decided) in ready.iter().zip(decided) {
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

/// Triages a backlog off the async threads, while the batch before is written. A mail whose triage panics is left to its transaction,
/// where panics count.
async fn triaged(office: &Arc<Office>, mut ready: Vec<Ready>) -> Vec<Ready> {
    let firm = Arc::clone(&office.firm);
    let work = move || {
        for mail in &mut ready {
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| super::client::triage_ahead(&firm, mail)));
        }
        ready
    };
    // Nothing in it can panic, so that only the end of the runtime takes the mails away; the next start finds them.
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

/// The fault of a mail as far as we can tell, not of the database.
fn is_of_a_mail(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(_) | StoreError::Missing { .. } | StoreError::Broken { .. })
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
    inbound::decide(unit.tx, row.id, &outcome, unit.now);
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

/// Checks the senders of a batch, all at once, in a few seconds for the whole batch.
pub(super) async fn verify(verifier: &Verifier, office: &Office, ready: Vec<&mut Ready>) {
    // Who posts a hook was checked at the door.
    let ready: Vec<&mut Ready> = ready.into_iter().filter(|mail| mail.post.is_none()).collect();
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
            for (mail, verdict) in ready.into_iter().zip(verdicts) {
                mail.verdict = Some(verdict);
            }
        }
        Err(_) => {
            tracing::warn!("DNS did not answer in {} s; senders stay unverified", VERIFY.as_secs());
            for mail in ready {
                mail.verdict = Some(Verdict::unknown("DNS did not answer in time"));
            }
        }
    }
}
