//! Telegram by long poll, for a desk that nothing can be posted to. <https://core.telegram.org/bots/api#getupdates>

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Health, Inside, Source, SourceError};
use crate::channel::Form;
use crate::chat::{self, Account, PostError, telegram};
use crate::intake::Arrival;
use crate::store::cursor;

/// Longer than any daemon lives.
const LONG: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How long the files of one message may take.
const FETCH: Duration = Duration::from_secs(30);

pub struct TelegramSource {
    account: Arc<Account>,
    /// Files of one message, bytes in all.
    cap: u64,
}

impl TelegramSource {
    pub fn new(account: Arc<Account>, cap: u64) -> TelegramSource {
        TelegramSource { account, cap }
    }

    async fn look(&self, inside: &Inside, health: &Health) -> Result<(), SourceError> {
        let name = &self.account.name;
        let mut tx = inside.db.read().await?;
        let seen = cursor::load(&mut tx, name).await?.and_then(|text| text.parse::<i64>().ok());
        tx.rollback().await?;
        let mut seen = seen.unwrap_or(0);
        loop {
            let updates = telegram::updates(&self.account, seen).await.map_err(trouble)?;
            health.succeeded(inside.clock.now());
            health.state("watching");
            let last = updates.iter().filter_map(|update| update["update_id"].as_i64()).max();
            let mut arrivals = Vec::new();
            for update in updates {
                arrivals.extend(self.arrival(update, inside).await);
            }
            if !arrivals.is_empty() {
                let count = arrivals.len() as u64;
                inside.intake.receive(arrivals).await.map_err(|_| SourceError::Closed)?;
                health.handed_in(count);
            }
            // Asking for what comes after it tells Telegram that the rest is kept: only now.
            if let Some(last) = last.filter(|last| *last > seen) {
                seen = last;
                let mut tx = inside.db.write().await?;
                cursor::save(&mut tx, name, &seen.to_string(), inside.clock.now()).await?;
                tx.commit().await?;
            }
        }
    }

    async fn arrival(&self, update: Value, inside: &Inside) -> Option<Arrival> {
        let said = chat::said(self.account.platform, &update)?;
        let kept = self.account.kept(update, &said, self.cap, FETCH).await;
        Some(Arrival {
            source: self.account.name.clone(),
            form: Form::Chat,
            arrived_at: said.since(inside.clock.now()),
            key: said.key,
            raw: kept.to_bytes(),
            junk: false,
            oversize: None,
        })
    }
}

fn trouble(error: PostError) -> SourceError {
    match error {
        PostError::Account(why) => SourceError::Refused(why),
        PostError::Never(why) => {
            SourceError::Lost(format!("{why} (a webhook that is set shuts getUpdates out: deleteWebhook)"))
        }
        other => SourceError::Lost(other.to_string()),
    }
}

impl Source for TelegramSource {
    fn name(&self) -> &str {
        &self.account.name
    }

    async fn run(self: Arc<Self>, inside: Inside, health: Health, stop: CancellationToken) -> Result<(), SourceError> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = self.look(&inside, &health) => ended,
            // One look may wait for long: that is no hanging.
            () = health.beating(LONG) => Ok(()),
        }
    }
}
