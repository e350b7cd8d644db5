//! What came of an attempt: what is decided, written down, and means for the server.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Sender, Stopped};
use crate::outbox::retry::{is_given_up, next_try};
use crate::outbox::{Class, SendError, UNCERTAIN_RETRIES};
use crate::store::StoreError;
use crate::store::outbox::{self as rows, Claimed, NEVER, Outcome};

impl Sender {
    pub(super) fn decide(&self, row: &Claimed, error: &SendError, now: DateTime<Utc>) -> Outcome {
        let why = error.to_string();
        match error {
            SendError::Later { .. } | SendError::Unreachable { .. } => match next_try(row, now) {
                Some(at) => Outcome::Later { at, why },
                None => Outcome::Failed { why: format!("given up after 48 hours: {why}") },
            },
            SendError::TooFast { .. } if is_given_up(row, now) => {
                Outcome::Failed { why: format!("given up after 48 hours: {why}") }
            }
            SendError::TooFast { after, .. } => Outcome::Later { at: now + *after, why },
            SendError::Never { .. } => Outcome::Failed { why },
            SendError::Uncertain { .. } => {
                let again = row.class == Class::MustArrive && row.uncertain_attempts < UNCERTAIN_RETRIES;
                Outcome::Uncertain { at: if again { now + self.settings.uncertain_retry } else { NEVER }, why }
            }
            SendError::Paused { .. } => Outcome::Untried { at: None, why: Some(why) },
        }
    }

    pub(super) async fn note(&self, row: &Claimed, outcome: Outcome) {
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
    pub(super) async fn give_back(&mut self, batch: &[Claimed], error: &SendError) {
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

    pub(super) async fn reached(&mut self) {
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
