//! (d) One pass of the scheduler over few and over many open tickets; (e) a cold start with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use deskd::clock::{Clock, TestClock};
use deskd::intake::Changed;
use deskd::lifecycle::Heartbeats;
use deskd::schedule::Schedule;
use deskd::store::Db;
use sqlx::SqlitePool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{memory, office};

/// Passes measured with and without due timers.
const IDLE: usize = 200;
const BUSY: usize = 10;
/// Timers that one pass takes.
const BATCH: i64 = 64;

const TICKETS: &str = "INSERT INTO ticket (number, revision, subject, status, priority, first_priority, category, client, requester,
        assignee, source, tags, automatic, received_at, first_touch_due, resolve_due, updated_at)
    WITH RECURSIVE n(i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 1000 + $1)
    SELECT i, 1, 'Printer ' || i, 'new', 'P2', 'P2', 'tm', 'client' || (i % 50), 1 + i % 1000,
        CASE i % 4 WHEN 0 THEN 'ann' WHEN 1 THEN 'bob' WHEN 2 THEN 'eve' ELSE 'sam' END, 'support', '[]', 0, $2, $3, $4, $2
    FROM n";
const CLOCKS: &str = "INSERT INTO sla_clock (ticket, kind, started_at, due, breached)
    SELECT number, 'first_touch', received_at, first_touch_due, 0 FROM ticket
    UNION ALL SELECT number, 'resolve', received_at, resolve_due, 0 FROM ticket";
/// The first tickets' timers are due; all others are not.
const TIMERS: &str = "INSERT INTO timer (ticket, kind, fire_at)
    SELECT number, 'first_touch', CASE WHEN number <= 1000 + $1 THEN $2 ELSE $3 END FROM ticket
    UNION ALL SELECT number, 'resolve', $3 FROM ticket";
const EVENTS: &str = "INSERT INTO ticket_event (ticket, seq, at, recorded_at, actor, cause, kind, data)
    SELECT number, 1, received_at, received_at, 'contact:' || requester, 'inbound:1', 'opened',
        '{\"kind\":\"opened\",\"subject\":\"Printer\",\"source\":\"support\",\"requester\":' || requester || ',\"client\":\"' || client
        || '\",\"priority\":\"P2\",\"category\":\"tm\"}' FROM ticket WHERE number <= 1000 + $1
    UNION ALL SELECT number, 2, received_at, received_at, 'desk', 'inbound:1', 'assigned',
        '{\"kind\":\"assigned\",\"to\":\"' || assignee || '\",\"why\":\"lightest load\"}' FROM ticket WHERE number <= 1000 + $1";

/// A Monday, eleven in the morning at the desk.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_470_800, 0).unwrap()
}

async fn fill(pool: &SqlitePool, tickets: usize) {
    let received = now() - TimeDelta::minutes(40);
    let due = BATCH * i64::try_from(BUSY).unwrap();
    let mut tx = pool.begin().await.unwrap();
    sqlx::query(TICKETS)
        .bind(i64::try_from(tickets).unwrap())
        .bind(received)
        .bind(received + TimeDelta::minutes(60))
        .bind(received + TimeDelta::hours(8))
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query(CLOCKS).execute(&mut *tx).await.unwrap();
    let later = now() + TimeDelta::days(3650);
    sqlx::query(TIMERS).bind(due).bind(now()).bind(later).execute(&mut *tx).await.unwrap();
    sqlx::query(EVENTS).bind(due).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await.unwrap();
}

/// The median pass that fires 64 timers, and the median one that finds nothing to do.
async fn passes(schedule: &Schedule) -> (Duration, Duration) {
    let mut busy = Vec::new();
    for _ in 0..BUSY {
        let begun = Instant::now();
        assert!(schedule.pass().await.unwrap(), "timers are due");
        busy.push(begun.elapsed());
    }
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let begun = Instant::now();
        assert!(!schedule.pass().await.unwrap(), "nothing is due");
        idle.push(begun.elapsed());
    }
    busy.sort_unstable();
    idle.sort_unstable();
    (busy[BUSY / 2], idle[IDLE / 2])
}

async fn measure(tickets: usize) -> (Duration, Duration) {
    let folder = office::folder();
    let url = format!("sqlite:{}", folder.path().join("desk.db").display());
    let config = office::config(folder.path(), &url, office::DROP);
    let db = office::store(&url, &config).await;
    let Db::Sqlite { write, .. } = &db else { unreachable!() };
    let begun = Instant::now();
    fill(write, tickets).await;
    let filled = begun.elapsed();
    let schedule = Schedule {
        db: db.clone(),
        office: watch::channel(Arc::new(office::office(&config))).1,
        clock: Clock::Test(TestClock::at(now())),
        changed: Changed::default(),
        beat: Heartbeats::default().expect("schedule", Duration::from_secs(60)),
        stop: CancellationToken::new(),
        troubled: deskd::schedule::Troubled::default(),
    };
    let (busy, idle) = passes(&schedule).await;
    let told: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM outbox WHERE kind = 'reminder'").fetch_one(write).await.unwrap();
    db.close().await;
    let (child, ready) = memory::start(folder.path()).await;
    memory::end(child).await;
    println!(
        "{tickets} open tickets (filled in {:.0} s): a pass that fires {BATCH} timers {:.2} ms, one that finds nothing {:.3} ms; \
         {told} reminders written; cold start {:.0} ms",
        filled.as_secs_f64(),
        busy.as_secs_f64() * 1e3,
        idle.as_secs_f64() * 1e3,
        ready.as_secs_f64() * 1e3
    );
    (busy, idle)
}

pub async fn run(tickets: usize) {
    let few = measure(1_000).await;
    let many = measure(tickets).await;
    let again = measure(1_000).await;
    let ratio = |many: Duration, few: Duration, again: Duration| many.as_secs_f64() / few.min(again).as_secs_f64();
    println!(
        "ratio {tickets} to 1000: firing {:.2}, idle {:.2}",
        ratio(many.0, few.0, again.0),
        ratio(many.1, few.1, again.1)
    );
}
