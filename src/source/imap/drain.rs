//! Takes everything that is in the folder: what is known is put away, what is new is fetched in batches, handed in, and put
//! away once it is committed. Fetching goes on while the intake commits the batches before.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cursor::Cursor;
use super::folder::{self, DONE_KEYWORD, Processed, Way};
use super::talk::{Answer, Listed, Selected, Single, Talk};
use super::{SAVE, Watch};
use crate::channel::Form;
use crate::intake::{Arrival, Intake};
use crate::source::batch::{self, batches};
use crate::source::{Health, SourceError};
use crate::store::cursor::known_keys;

/// Batches at the intake at one time.
const FLIGHTS: usize = 8;
/// Bytes at the intake at one time; a bigger mail goes when nothing else is there.
const FLYING: u64 = 2 * batch::BYTES;
/// Mails described in one go.
const DESCRIBED: usize = 1_000;
/// Committed mails put away by one command while fetching goes on.
const AWAY: usize = 256;

/// What outlives a session.
#[derive(Debug, Default)]
pub struct State {
    pub cursor: Cursor,
    /// The cursor as the database has it, and since when; `None` before it was read.
    pub saved: Option<(Cursor, Instant)>,
    /// Asked for when a session broke: the next one asks for each of them alone, after all others.
    pub suspects: BTreeSet<u32>,
    /// Being asked for now.
    asked: Vec<u32>,
    flights: JoinSet<Flight>,
    flying: u64,
    /// When the server last told of new mail; for the trace.
    pub exists_at: Option<DateTime<Utc>>,
}

/// A batch that the intake has.
#[derive(Debug)]
struct Flight {
    uids: Vec<u32>,
    bytes: u64,
    kept: bool,
}

impl State {
    /// Before a new session: waits for the answers of the last one's batches; what they say is in the database too.
    pub async fn begin(
        &mut self,
        health: &Health,
        stop: &CancellationToken,
        grace: Duration,
    ) -> Result<(), SourceError> {
        self.suspects.extend(self.asked.drain(..));
        while self.land(health, stop, grace).await?.is_some() {}
        Ok(())
    }

    pub fn save_due(&self) -> bool {
        self.saved.as_ref().is_none_or(|(saved, at)| *saved != self.cursor && at.elapsed() >= SAVE)
    }

    fn start(&mut self, intake: &Intake, uids: Vec<u32>, arrivals: Vec<Arrival>) {
        let bytes = arrivals.iter().map(|arrival| arrival.raw.len() as u64).sum();
        self.flying += bytes;
        let intake = intake.clone();
        self.flights.spawn(async move { Flight { uids, bytes, kept: intake.receive(arrivals).await.is_ok() } });
    }

    /// The next batch that is committed; `None` when none is under way. While the database is away this waits, showing life.
    async fn land(
        &mut self,
        health: &Health,
        stop: &CancellationToken,
        grace: Duration,
    ) -> Result<Option<Vec<u32>>, SourceError> {
        let landed = tokio::select! {
            biased;
            landed = self.flights.join_next() => landed,
            () = async { loop { health.beating(Duration::from_secs(60)).await } } => return Ok(None),
            () = async { stop.cancelled().await; tokio::time::sleep(grace).await } => return Err(SourceError::Closed),
        };
        let Some(landed) = landed else { return Ok(None) };
        let flight = landed.map_err(|panic| SourceError::Lost(format!("handing in failed: {panic}")))?;
        self.flying = self.flying.saturating_sub(flight.bytes);
        if !flight.kept {
            return Err(SourceError::Closed);
        }
        health.handed_in(flight.uids.len() as u64);
        Ok(Some(flight.uids))
    }
}

/// One pass over the folder.
pub struct Drain<'a, 'w> {
    pub watch: &'a Watch<'w>,
    pub talk: &'a mut Talk,
    pub state: &'a mut State,
    pub selected: &'a Selected,
    pub way: Way,
    pub to: &'a mut Processed,
}

/// What a pass has come to.
#[derive(Debug, Default)]
struct Pass {
    /// Listed and not resolved.
    open: BTreeSet<u32>,
    highest: Option<u32>,
    /// Committed, still to be put away.
    away: Vec<u32>,
    /// Putting away was refused: not tried again in this pass.
    refused: bool,
}

impl Pass {
    fn resolve(&mut self, uids: &[u32]) {
        for uid in uids {
            self.open.remove(uid);
            self.highest = self.highest.max(Some(*uid));
        }
        self.away.extend(uids);
    }
}

impl Drain<'_, '_> {
    /// Takes everything from UID `from` on.
    pub async fn catch_up(&mut self, from: u32) -> Result<(), SourceError> {
        let without = (self.way == Way::Keyword).then_some(DONE_KEYWORD);
        let listed = self.talk.search(from, self.selected, without).await?;
        let mut pass = Pass { open: listed.iter().copied().collect(), ..Pass::default() };
        pass.resolve(&self.known(&listed).await?);
        let fresh: Vec<u32> = pass.open.iter().copied().collect();
        let (alone, plain): (Vec<u32>, Vec<u32>) = fresh.into_iter().partition(|uid| self.is_suspect(*uid));
        for some in plain.chunks(DESCRIBED) {
            self.take_many(some, &mut pass).await?;
        }
        self.take_suspects(alone, &mut pass).await?;
        while let Some(uids) = self.land().await? {
            pass.resolve(&uids);
        }
        self.put_away(&mut pass, 1).await?;
        if self.watch.stop.is_cancelled() {
            return Ok(());
        }
        let now = self.watch.inside.clock.now();
        let open: Vec<u32> = pass.open.into_iter().collect();
        self.state.cursor.listed(from, &open, pass.highest);
        self.state.suspects.retain(|uid| open.contains(uid));
        if from == 1 {
            self.state.cursor.listed_whole_at = Some(now);
        }
        self.state.exists_at = None;
        self.watch.health.succeeded(now);
        Ok(())
    }

    fn is_suspect(&self, uid: u32) -> bool {
        self.state.suspects.contains(&uid) || self.state.cursor.unreadable.contains_key(&uid)
    }

    /// Those of the listed that are kept already, after a crash between commit and move for example.
    async fn known(&self, listed: &[u32]) -> Result<Vec<u32>, SourceError> {
        let mut known = Vec::new();
        if listed.is_empty() {
            return Ok(known);
        }
        let mut tx = self.watch.inside.db.read().await?;
        for some in listed.chunks(DESCRIBED) {
            let keys: Vec<String> = some.iter().map(|uid| self.state.cursor.key(*uid)).collect();
            let kept = known_keys(&mut tx, &self.watch.settings.name, &keys).await?;
            known.extend(some.iter().zip(&keys).filter(|(_, key)| kept.contains(*key)).map(|(uid, _)| *uid));
        }
        Ok(known)
    }

    async fn take_many(&mut self, uids: &[u32], pass: &mut Pass) -> Result<(), SourceError> {
        let listed = self.talk.list(uids).await?;
        // What is over the cap goes alone too, however small the cap.
        let alone = batch::ALONE.min(self.watch.settings.size_cap);
        for batch in batches(listed, |mail| if mail.size > alone { mail.size.max(batch::ALONE + 1) } else { mail.size })
        {
            let bytes = batch.iter().map(|mail| mail.size).sum();
            self.room_for(bytes, pass).await?;
            if self.watch.stop.is_cancelled() {
                return Ok(());
            }
            self.watch.health.beat();
            match batch.as_slice() {
                [big] if big.size > alone => self.take_alone(big, pass).await?,
                batch => self.take_batch(batch, bytes, pass).await?,
            }
            self.put_away(pass, AWAY).await?;
        }
        Ok(())
    }

    async fn take_batch(&mut self, batch: &[Listed], bytes: u64, pass: &mut Pass) -> Result<(), SourceError> {
        let uids: Vec<u32> = batch.iter().map(|mail| mail.uid).collect();
        self.state.asked.clone_from(&uids);
        let mut bodies = self.talk.bodies(&uids, bytes).await?;
        self.state.asked.clear();
        let mut taken = Vec::new();
        let mut arrivals = Vec::new();
        let mut missing = Vec::new();
        for mail in batch {
            match bodies.remove(&mail.uid) {
                Some(raw) => {
                    taken.push(mail.uid);
                    arrivals.push(self.arrival(mail, raw, None));
                }
                None => missing.push(mail),
            }
        }
        self.hand_in(taken, arrivals);
        // The server gave up half-way, or somebody took them away: one by one it shows which.
        for mail in missing {
            self.take_suspect(mail, pass).await?;
        }
        Ok(())
    }

    /// Mails that broke a session or could not be read before: the least tried first, each alone.
    async fn take_suspects(&mut self, mut uids: Vec<u32>, pass: &mut Pass) -> Result<(), SourceError> {
        let now = self.watch.inside.clock.now();
        uids.retain(|uid| self.state.cursor.may_ask(*uid, now));
        let described = if uids.is_empty() { Vec::new() } else { self.talk.list(&uids).await? };
        uids.sort_by_key(|uid| self.state.cursor.unreadable.get(uid).map_or(0, |tried| tried.times));
        for uid in uids {
            if self.watch.stop.is_cancelled() {
                return Ok(());
            }
            if let Some(mail) = described.iter().find(|mail| mail.uid == uid) {
                self.room_for(mail.size, pass).await?;
                self.take_suspect(mail, pass).await?;
            }
        }
        Ok(())
    }

    /// Counts the try before it is made: it may cost the session.
    async fn take_suspect(&mut self, mail: &Listed, pass: &mut Pass) -> Result<(), SourceError> {
        let now = self.watch.inside.clock.now();
        let before = self.state.cursor.unreadable.get(&mail.uid).copied();
        if self.state.cursor.could_not_read(mail.uid, now) {
            self.tell_people(mail);
        }
        let outcome = self.take_alone(mail, pass).await;
        if matches!(outcome, Err(SourceError::Closed)) {
            // We were told to stop: that is not the mail's fault.
            match before {
                Some(before) => self.state.cursor.unreadable.insert(mail.uid, before),
                None => self.state.cursor.unreadable.remove(&mail.uid),
            };
        }
        outcome
    }

    async fn take_alone(&mut self, mail: &Listed, pass: &mut Pass) -> Result<(), SourceError> {
        self.state.asked = vec![mail.uid];
        let single = self.talk.single(mail, self.watch.settings.size_cap).await?;
        self.state.asked.clear();
        let arrival = match single {
            Single::Whole(raw) => self.arrival(mail, raw, None),
            Single::Header(raw, size) => self.arrival(mail, raw, Some(size)),
            Single::Gone => {
                pass.open.remove(&mail.uid);
                self.state.cursor.unreadable.remove(&mail.uid);
                return Ok(());
            }
            Single::Unreadable(words) => {
                self.unreadable(mail.uid, &words);
                return Ok(());
            }
        };
        self.state.cursor.unreadable.remove(&mail.uid);
        self.state.suspects.remove(&mail.uid);
        self.hand_in(vec![mail.uid], vec![arrival]);
        Ok(())
    }

    /// A mail that the server lists and does not give: the others go on, this one is tried again later.
    fn unreadable(&mut self, uid: u32, words: &str) {
        if !self.state.cursor.unreadable.contains_key(&uid) {
            self.state.cursor.could_not_read(uid, self.watch.inside.clock.now());
        }
        let name = &self.watch.settings.name;
        tracing::warn!(source.name = %name, uid, "source {name}: the server does not give mail UID {uid}: {words}; it is tried again");
    }

    /// After an hour of tries people are told by a request of its own, so that the mail is not silently missing.
    fn tell_people(&mut self, mail: &Listed) {
        let name = &self.watch.settings.name;
        let uid = mail.uid;
        tracing::error!(source.name = %name, uid, "source {name}: mail UID {uid} cannot be fetched; open the mailbox and look at it");
        let text = format!(
            "Subject: Mail UID {uid} in mailbox {name} cannot be fetched\r\n\r\n\
             The mail server lists a mail with UID {uid} ({size} bytes) in the folder {folder} of mailbox {name} and does not hand it \
             over. Open the mailbox in a mail program, read the mail there, and move it out of the folder. deskd tries it again once a day.\r\n",
            size = mail.size,
            folder = self.watch.settings.folder,
        );
        let mut arrival = self.arrival(mail, text.into_bytes(), None);
        arrival.key.push_str("/unreadable");
        self.hand_in(Vec::new(), vec![arrival]);
    }

    fn arrival(&self, mail: &Listed, raw: Vec<u8>, oversize: Option<u64>) -> Arrival {
        let now = self.watch.inside.clock.now();
        Arrival {
            source: self.watch.settings.name.clone(),
            form: Form::Mail,
            key: self.state.cursor.key(mail.uid),
            arrived_at: mail.arrived_at.map_or(now, |at| at.min(now)),
            raw,
            junk: mail.junk,
            oversize,
        }
    }

    fn hand_in(&mut self, uids: Vec<u32>, arrivals: Vec<Arrival>) {
        let Some(first) = arrivals.first() else { return };
        if let Some(exists_at) = self.state.exists_at {
            tracing::info!(
                target: "deskd::trace",
                {
                    source.name = %self.watch.settings.name,
                    source.exists_at = %exists_at.to_rfc3339(),
                    source.key = %first.key,
                    mails = arrivals.len()
                },
                "handed in"
            );
        }
        self.state.start(&self.watch.inside.intake, uids, arrivals);
    }

    async fn land(&mut self) -> Result<Option<Vec<u32>>, SourceError> {
        self.state.land(self.watch.health, self.watch.stop, self.watch.settings.timeouts.stop).await
    }

    /// Takes up what is committed, and waits while too much is at the intake.
    async fn room_for(&mut self, bytes: u64, pass: &mut Pass) -> Result<(), SourceError> {
        while self.state.flights.len() >= FLIGHTS
            || (!self.state.flights.is_empty() && self.state.flying + bytes > FLYING)
        {
            let Some(uids) = self.land().await? else { return Ok(()) };
            pass.resolve(&uids);
        }
        Ok(())
    }

    /// Moves what is committed out of the way once it is at least `least` mails.
    async fn put_away(&mut self, pass: &mut Pass, least: usize) -> Result<(), SourceError> {
        if pass.refused || pass.away.len() < least || pass.away.is_empty() {
            return Ok(());
        }
        let mut done = std::mem::take(&mut pass.away);
        done.sort_unstable();
        let mut answer = folder::put_away(self.talk, &done, self.way, self.to).await?;
        if matches!(answer, Answer::No(_)) && self.way != Way::Keyword {
            // Somebody may have removed the folder.
            *self.to = folder::processed(self.talk, &self.watch.settings.processed).await?;
            answer = folder::put_away(self.talk, &done, self.way, self.to).await?;
        }
        if let Answer::No(words) = answer {
            pass.refused = true;
            let name = &self.watch.settings.name;
            tracing::warn!(
                source.name = %name,
                "source {name}: done mail cannot be moved to {}: {words}; it stays, and makes no second ticket",
                self.watch.settings.processed
            );
        }
        Ok(())
    }
}
