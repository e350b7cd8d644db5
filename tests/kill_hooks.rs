//! The kill test of the doors for programs: posts stream in and out while SIGKILL falls at random instants. Every 2xx has its row and its
//! ticket, no delivery is two, and whoever is told what happens hears of every ticket under one id, and of nothing else.
//!
//! `tests/run --kills 10000 kill_hooks::` kills more often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deskd::store::{Db, outbox};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::daemon::{Home, Process};
use crate::harness::disk_postgres::DiskPostgres;
use crate::harness::receiver::{self, Receiver};
use crate::harness::rows::{number, rows};
use crate::harness::{free_port, look, say};

/// So many programs post at once.
const SENDERS: usize = 4;

#[tokio::test]
async fn killed_at_any_instant_on_sqlite_every_accepted_post_is_one_ticket_and_is_told() {
    let folder = on_disk();
    let url = format!("sqlite:{}", folder.path().join("deskd.db").display());
    play("sqlite", folder, &url).await;
}

#[tokio::test]
async fn killed_at_any_instant_on_postgres_every_accepted_post_is_one_ticket_and_is_told() {
    let Some(server) = DiskPostgres::start().await else { return };
    play("postgres", on_disk(), &server.url).await;
}

fn on_disk() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("kill-hooks-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A fifth of all kills; each database has its half.
fn kills() -> u64 {
    let all = std::env::var("DESKD_KILLS").ok().map(|count| count.parse::<u64>().expect("DESKD_KILLS is a number"));
    all.unwrap_or(200).div_ceil(10)
}

/// What the senders share.
#[derive(Default)]
struct Posted {
    next: AtomicU64,
    stop: AtomicBool,
    /// Numbers that were answered with 200.
    taken: Mutex<BTreeSet<u64>>,
    tries: AtomicU64,
}

/// Posts a request and tells whether it was taken.
async fn post(port: u16, id: u64) -> bool {
    let body = format!(
        "{{\"id\": \"n{id}\", \"from\": \"person{id}@acme-dental.example\", \"subject\": \"Room {id}\", \"text\": \"The screen is dark.\"}}"
    );
    let request = format!(
        "POST /hooks/shop HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer secret\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answered = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200 "))
    };
    answered.await.unwrap_or(false)
}

/// A program that posts one request after another, each until it is taken; every tenth by two connections at once.
async fn sender(port: u16, posted: &Posted, crm: &Receiver) {
    while !posted.stop.load(Ordering::Relaxed) {
        let id = posted.next.fetch_add(1, Ordering::Relaxed);
        look::until("a post is taken", async || {
            posted.tries.fetch_add(1, Ordering::Relaxed);
            if id % 10 == 9 {
                let (one, other) = tokio::join!(post(port, id), post(port, id));
                one || other
            } else {
                post(port, id).await
            }
        })
        .await;
        posted.taken.lock().unwrap().insert(id);
        // Nobody posts ever more on a slow machine.
        let subject = format!("\"Room {id}\"");
        look::until("a ticket is told", async || crm.heard(&subject)).await;
    }
}

async fn play(name: &str, folder: tempfile::TempDir, url: &str) {
    let (crm, port) = (Receiver::start().await, free_port());
    let more = format!(
        "[security]\ndns = \"none\"\ntech_mail = \"token\"\n[store]\nurl = \"{url}\"\n[web]\nlisten = \"127.0.0.1:{port}\"\n\
         [[maildir]]\nname = \"drop\"\naddress = \"support@northwind.example\"\npath = \"inbox\"\n[smtp]\noutbox = \"outbox\"\n\
         [[hook]]\nname = \"shop\"\nauth = \"bearer\"\nsecret = {{ file = \"secret\" }}\nclient = \"acme\"\n\
         [hook.map]\nid = \"/id\"\nsender = \"/from\"\nsubject = \"/subject\"\ntext = \"/text\"\n{}",
        receiver::config("crm", &crm.url, folder.path(), "events = [\"created\"]"),
    );
    let home = Home::new(folder.path(), &more);
    let posted = Posted::default();
    let lives = async {
        for _ in 0..kills() {
            home.run().kill_at(Duration::from_millis(20 + rand::random_range(0..1480))).await;
        }
        posted.stop.store(true, Ordering::Relaxed);
        home.run()
    };
    let (mut last, _) = tokio::join!(lives, join_all((0..SENDERS).map(|_| sender(port, &posted, &crm))));
    let db = Db::open(url).await.unwrap();
    until_told(&db, &mut last, || home.log()).await;
    last.stop().await;
    let faults = faults(&db, &posted, &crm, name).await;
    db.close().await;
    assert!(faults.is_empty(), "{} faults:\n{}\n{}", faults.len(), faults.join("\n"), home.log());
}

/// Everything is worked on, and told.
async fn until_told(db: &Db, process: &mut Process, log: impl Fn() -> String) {
    let drained = async {
        loop {
            process.at_rest().await;
            let mut tx = db.read().await.unwrap();
            let waits = outbox::next_due(&mut tx, "webhook/crm").await.unwrap().is_some();
            tx.rollback().await.unwrap();
            let open = "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound WHERE fate IS NULL";
            if !waits && number(db, open).await == 0 {
                return;
            }
        }
    };
    if tokio::time::timeout(Duration::from_secs(60), drained).await.is_err() {
        let left = rows::<(String, String, i64)>(
            db,
            "SELECT channel, state, CAST(COUNT(*) AS BIGINT) FROM outbox GROUP BY channel, state",
        )
        .await;
        let open = number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound WHERE fate IS NULL").await;
        panic!("{open} posts are not worked on; the outbox holds {left:?}\n{}", log());
    }
}

async fn faults(db: &Db, posted: &Posted, crm: &Receiver, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let taken = posted.taken.lock().unwrap().clone();
    let mut tickets: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (subject, ticket) in rows::<(String, i64)>(db, "SELECT subject, number FROM ticket").await {
        tickets.entry(subject).or_default().push(ticket);
    }
    for id in &taken {
        let found = tickets.get(&format!("Room {id}")).map_or(0, Vec::len);
        if found != 1 {
            faults.push(format!("post {id} was taken and has {found} tickets"));
        }
    }
    // Every number was posted until it was taken.
    if tickets.len() != taken.len() {
        faults.push(format!("{} tickets of {} posts", tickets.len(), taken.len()));
    }
    let kept = number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound").await;
    if kept != taken.len() as i64 {
        faults.push(format!("{kept} rows kept of {} posts", taken.len()));
    }
    let mut told: BTreeMap<i64, BTreeSet<(String, Vec<u8>)>> = BTreeMap::new();
    let deliveries = crm.told();
    for delivery in &deliveries {
        let ticket = delivery.json()["data"]["ticket"]["number"].as_i64().unwrap();
        told.entry(ticket).or_default().insert((delivery.id.clone(), delivery.body.clone()));
    }
    for ticket in tickets.values().flatten() {
        let found = told.remove(ticket).map_or(0, |found| found.len());
        if found != 1 {
            faults.push(format!("ticket {ticket} was told as {found} different events"));
        }
    }
    if !told.is_empty() {
        faults.push(format!("what never became a ticket was told: {:?}", told.keys().collect::<Vec<_>>()));
    }
    say(&format!(
        "kill test of posts on {name}: {} kills, {} requests taken in {} tries, each told in {} deliveries",
        kills(),
        taken.len(),
        posted.tries.load(Ordering::Relaxed),
        deliveries.len(),
    ));
    faults
}
