//! Statements of many retainers: drafted, then sent, by the scheduler's passes; with twice as many beside it.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use deskd::clock::{Clock, TestClock};
use deskd::config::Config;
use deskd::intake::Changed;
use deskd::lifecycle::Heartbeats;
use deskd::schedule::Schedule;
use deskd::store::Db;
use sqlx::SqlitePool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::office;

/// Entries of a client in the month, on so many tickets.
const ENTRIES: usize = 200;
const TICKETS: usize = 20;

fn moment(text: &str) -> DateTime<Utc> {
    format!("{text}:00Z").parse().unwrap()
}

/// The firm of the other figures, with retainers instead of its clients.
fn config(folder: &Path, url: &str, clients: usize) -> Config {
    let plain = office::config(folder, url, office::DROP);
    drop(plain);
    let path = folder.join("deskd.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut text = text[..text.find("[[client]]").unwrap()].to_owned();
    for client in 0..clients {
        let _ = writeln!(
            text,
            "[[client]]\nkey = \"c{client}\"\nname = \"Client {client}\"\ndomains = [\"c{client}.example\"]\n\
             contacts = [{{ name = \"Jane {client}\", email = \"jane@c{client}.example\" }}]\nmanagers = [\"jane@c{client}.example\"]\n\
             default_category = \"retainer\"\n[[client.retainer]]\nhours = \"10-90\"\nfee = \"2400.00 USD\"\nsince = \"2026-01-01\""
        );
    }
    std::fs::write(&path, text).unwrap();
    deskd::config::load(&path).unwrap_or_else(|problems| panic!("{problems}"))
}

async fn fill(pool: &SqlitePool, clients: usize) {
    let (clients, tickets, entries) = (clients as i64, TICKETS as i64, ENTRIES as i64);
    let mut tx = pool.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO inbound (source, source_key, form, arrived_at, kept_at, size, junk, late, attempts, fate, processed_at)
         VALUES ('support', '1', 'mail', $1, $1, 1, 0, 0, 1, 'automatic', $1)",
    )
    .bind(moment("2026-01-02T15:00"))
    .execute(&mut *tx)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO ticket (number, revision, subject, status, priority, first_priority, category, client, source, tags, automatic,
             received_at, first_touch_at, updated_at)
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1 * $2)
         SELECT 1001 + i, 1, 'Printer ' || i, 'resolved', 'P3', 'P3', 'retainer', 'c' || (i / $2), 'support', '[]', 0, $3, $3, $3 FROM n",
    )
    .bind(clients)
    .bind(tickets)
    .bind(moment("2026-03-03T15:00"))
    .execute(&mut *tx)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO time_entry (ticket, client, tech, minutes, category, work_date, entered_at)
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1 * $3)
         SELECT 1001 + (i / $3) * $2 + i % $2, 'c' || (i / $3), 'sam', 5 + i % 31, 'retainer',
             '2026-03-' || substr('0' || (1 + i % 31), -2), $4 FROM n",
    )
    .bind(clients)
    .bind(tickets)
    .bind(entries)
    .bind(moment("2026-03-31T15:00"))
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn passes(db: &Db, config: &Config, at: &str) -> Duration {
    let schedule = Schedule {
        db: db.clone(),
        office: watch::channel(Arc::new(office::office(config))).1,
        clock: Clock::Test(TestClock::at(moment(at))),
        changed: Changed::default(),
        beat: Heartbeats::default().expect("schedule", Duration::from_secs(60)),
        stop: CancellationToken::new(),
        troubled: deskd::schedule::Troubled::default(),
    };
    let begun = Instant::now();
    while schedule.pass().await.unwrap() {}
    begun.elapsed()
}

/// What this process had at most, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}

async fn measure(clients: usize) -> Duration {
    let folder = office::folder();
    let url = format!("sqlite:{}", folder.path().join("desk.db").display());
    let config = config(folder.path(), &url, clients);
    let db = office::store(&url, &config).await;
    let Db::Sqlite { write, .. } = &db else { unreachable!() };
    fill(write, clients).await;
    let drafted = passes(&db, &config, "2026-04-01T12:00").await;
    let sent = passes(&db, &config, "2026-04-03T12:00").await;
    let states: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, COUNT(*) FROM statement GROUP BY state").fetch_all(write).await.unwrap();
    let mails: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(write).await.unwrap();
    db.close().await;
    println!(
        "{clients} retainers of {ENTRIES} entries: drafted in {:.1} s, sent in {:.1} s; {states:?}, {mails} mails; resident at most {} MB",
        drafted.as_secs_f64(),
        sent.as_secs_f64(),
        peak()
    );
    drafted + sent
}

pub async fn run(clients: usize) {
    let few = measure(clients).await;
    let many = measure(2 * clients).await;
    println!("ratio {} to {clients}: {:.2}", 2 * clients, many.as_secs_f64() / few.as_secs_f64());
}
