//! The inside end of the door, played by the test: keeps what a source hands in, or refuses it.

use std::sync::{Arc, Mutex};

use deskd::clock::Clock;
use deskd::intake::{Arrival, Intake, Keep};
use deskd::lifecycle::Progress;
use deskd::source::{Backoff, Health, Inside, Source, supervise};
use deskd::store::{Db, inbound};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub struct Desk {
    pub inside: Inside,
    pub kept: watch::Receiver<Vec<Arrival>>,
    folder: tempfile::TempDir,
}

impl Desk {
    /// Commits every batch into `inbound` before it answers.
    pub async fn open() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("desk.db").display())).await.unwrap();
        db.migrate().await.unwrap();
        let (intake, door) = Intake::new(4);
        let (send, kept) = watch::channel(Vec::new());
        tokio::spawn(keep(door, db.clone(), send));
        Desk { inside: Inside { intake, db, clock: Clock::System, progress: Progress::default() }, kept, folder }
    }

    pub fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub async fn until_kept(&mut self, count: usize) -> Vec<Arrival> {
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, self.kept.wait_for(|kept| kept.len() >= count))
            .await
            .expect("kept in time")
            .unwrap()
            .clone()
    }

    /// Starts a source; it stops when the returned guard is dropped.
    pub fn start(&self, source: impl Source) -> Running {
        let stop = CancellationToken::new();
        let health = Health::default();
        let backoff = Backoff {
            first: std::time::Duration::from_millis(20),
            most: std::time::Duration::from_millis(100),
            refused_first: std::time::Duration::from_millis(20),
            refused_most: std::time::Duration::from_millis(100),
        };
        let task = tokio::spawn(supervise(source, self.inside.clone(), backoff, health.clone(), stop.clone()));
        Running { stop, health, task: Some(task) }
    }
}

pub struct Running {
    stop: CancellationToken,
    pub health: Health,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    pub async fn stop(mut self) {
        self.stop.cancel();
        let task = self.task.take().unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(10), task).await.expect("stops in time").unwrap();
    }

    pub async fn until_well(&self) {
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, self.health.until(|now| now.last_success.is_some())).await.expect("well in time");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn keep(mut door: mpsc::Receiver<Keep>, db: Db, send: watch::Sender<Vec<Arrival>>) {
    let seen = Arc::new(Mutex::new(std::collections::HashSet::new()));
    while let Some(Keep { arrivals, kept }) = door.recv().await {
        let mut tx = db.write().await.unwrap();
        for arrival in &arrivals {
            inbound::keep(&mut tx, &[row(arrival)], arrival.arrived_at).await.unwrap();
        }
        tx.commit().await.unwrap();
        let count = arrivals.len();
        send.send_modify(|list| {
            list.extend(arrivals.into_iter().filter(|one| seen.lock().unwrap().insert(one.key.clone())));
        });
        let _ = kept.send(count);
    }
}

fn row(arrival: &Arrival) -> inbound::NewInbound<'_> {
    inbound::NewInbound {
        form: deskd::channel::Form::Mail,
        source: &arrival.source,
        source_key: &arrival.key,
        arrived_at: arrival.arrived_at,
        size: arrival.raw.len() as u64,
        junk: arrival.junk,
        compressed: &arrival.raw,
    }
}
