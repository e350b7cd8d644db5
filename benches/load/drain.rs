//! (a) From a full mailbox to tickets with their outbox rows, against fetching the same mails one by one over one connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deskd::clock::Clock;
use deskd::config::Config;
use deskd::intake::{self, Changed, Intake, Office, Trial, Worker};
use deskd::lifecycle::Heartbeats;
use deskd::schedule::Schedule;
use deskd::source::imap::{ImapSource, Login, Settings, Tls};
use deskd::source::{Backoff, Health, Inside, supervise};
use deskd::store::Db;
use futures_util::TryStreamExt;
use rustls_pki_types::ServerName;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dovecot::Dovecot;
use crate::{office, watch as overheard};

pub static COMMITS: AtomicU64 = AtomicU64::new(0);

/// Everything of the daemon but the sending.
pub struct Desk {
    pub db: Db,
    pub health: Health,
    pub changed: Changed,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Desk {
    pub async fn start(db: Db, office: Office, server: &Dovecot, user: &str) -> Desk {
        let (intake, keeps) = Intake::new(8);
        let (kept, changed) = (Arc::new(Notify::new()), Changed::default());
        let (stop, beats, clock) = (CancellationToken::new(), Heartbeats::default(), Clock::System);
        let (_, office) = watch::channel(Arc::new(office));
        let mut tasks = JoinSet::new();
        tasks.spawn(intake::commit(db.clone(), keeps, clock.clone(), Arc::clone(&kept), stop.clone()));
        let worker = Worker {
            db: db.clone(),
            office: office.clone(),
            verifier: None,
            clock: clock.clone(),
            kept,
            changed: changed.clone(),
            trial: Trial { program: None, patience: Duration::from_secs(30) },
            beat: beats.expect("worker", Duration::from_secs(60)),
            stop: stop.clone(),
            panics: Mutex::default(),
        };
        tasks.spawn(worker.run());
        let schedule = Schedule {
            db: db.clone(),
            office,
            clock: clock.clone(),
            changed: changed.clone(),
            beat: beats.expect("schedule", Duration::from_secs(60)),
            stop: stop.clone(),
            troubled: deskd::schedule::Troubled::default(),
        };
        tasks.spawn(schedule.run());
        tasks.spawn(deskd::daemon::shorten_log(db.clone(), stop.clone()));
        let login = Login::Password { user: user.to_owned(), password: "secret".to_owned().into() };
        let settings = Settings::new("support", "localhost", server.imaps, Tls::Implicit(server.tls.clone()), login);
        let health = Health::default();
        let inside = Inside { intake, db: db.clone(), clock, progress: beats.progress().clone() };
        let source = ImapSource::new(settings);
        tasks.spawn(supervise(source, inside, Backoff::default(), health.clone(), stop.clone()));
        Desk { db, health, changed, stop, tasks }
    }

    /// Returns when so many tickets are committed.
    pub async fn until_tickets(&self, count: usize) {
        self.health.until(|now| now.handed_in >= count as u64).await;
        while one(&self.db, "SELECT COUNT(*) FROM ticket").await < i64::try_from(count).unwrap() {
            tokio::select! {
                () = self.changed.outbox.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    }

    pub async fn end(mut self) -> Db {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.db
    }
}

pub async fn one(db: &Db, sql: &'static str) -> i64 {
    match db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_one(read).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
    }
}

/// Every transaction that wrote ends in one fsync of the log.
pub async fn count_commits(db: &Db) {
    if let Db::Sqlite { write, .. } = db {
        let mut conn = write.acquire().await.unwrap();
        conn.lock_handle().await.unwrap().set_commit_hook(|| {
            COMMITS.fetch_add(1, Ordering::Relaxed);
            true
        });
    }
}

/// Seconds for fetching the mails one by one, and (for comparison) all by one command.
async fn fetch(server: &Dovecot, user: &str, mails: usize) -> (f64, f64) {
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", server.imaps)).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let wire = tokio_rustls::TlsConnector::from(server.tls.clone()).connect(name, socket).await.unwrap();
    let mut client = async_imap::Client::new(wire);
    client.read_response().await.unwrap();
    let mut session = client.login(user, "secret").await.map_err(|(error, _)| error).unwrap();
    session.select("INBOX").await.unwrap();
    let begun = Instant::now();
    let mut got = 0;
    for uid in 1..=mails {
        let answers: Vec<_> =
            session.uid_fetch(uid.to_string(), "BODY.PEEK[]").await.unwrap().try_collect().await.unwrap();
        got += answers.iter().filter(|answer| answer.body().is_some()).count();
    }
    let singly = begun.elapsed().as_secs_f64();
    assert_eq!(got, mails);
    let begun = Instant::now();
    let all: Vec<_> = session.uid_fetch("1:*", "BODY.PEEK[]").await.unwrap().try_collect().await.unwrap();
    assert_eq!(all.len(), mails);
    let at_once = begun.elapsed().as_secs_f64();
    session.logout().await.unwrap();
    (singly, at_once)
}

pub fn deliver(server: &Dovecot, user: &str, mails: usize) {
    for number in 0..mails {
        server.deliver(user, &format!("m{number:07}"), &office::mail(number));
    }
}

struct Run {
    tickets: f64,
    moved: f64,
    cpu: f64,
    commits: u64,
    rows: i64,
    /// Seconds from the first mail kept to the last one: how long the way from the mailbox alone takes.
    kept: f64,
}

async fn drain(db: Db, config: &Config, server: &Dovecot, user: &str, mails: usize) -> Run {
    count_commits(&db).await;
    COMMITS.store(0, Ordering::Relaxed);
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let desk = Desk::start(db, office::office(config), server, user).await;
    desk.until_tickets(mails).await;
    let (tickets, commits, cpu) = (begun.elapsed().as_secs_f64(), COMMITS.load(Ordering::Relaxed), cpu_seconds() - cpu);
    desk.health.until(|now| now.state == "watching").await;
    let moved = begun.elapsed().as_secs_f64();
    let db = desk.end().await;
    let rows = rows(&db, mails).await;
    let kept = kept_for(&db).await;
    db.close().await;
    Run { tickets, moved, cpu, commits, rows, kept }
}

async fn kept_for(db: &Db) -> f64 {
    const SQL: &str = "SELECT MIN(kept_at), MAX(kept_at) FROM inbound";
    let (first, last): (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>) = match db {
        Db::Sqlite { read, .. } => sqlx::query_as(SQL).fetch_one(read).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_as(SQL).fetch_one(pool).await.unwrap(),
    };
    (last - first).as_seconds_f64()
}

/// All rows that the drain made; and what each mail must have brought.
async fn rows(db: &Db, mails: usize) -> i64 {
    let mails = i64::try_from(mails).unwrap();
    let acknowledged = one(db, "SELECT COUNT(*) FROM outbox WHERE kind = 'acknowledgement' AND state = 'queued'").await;
    let assigned = one(db, "SELECT COUNT(*) FROM outbox WHERE kind = 'assignment' AND state = 'queued'").await;
    assert_eq!((acknowledged, assigned), (mails, mails), "each mail is acknowledged and assigned");
    one(
        db,
        "SELECT (SELECT COUNT(*) FROM inbound) + (SELECT COUNT(*) FROM raw) + (SELECT COUNT(*) FROM ticket)
              + (SELECT COUNT(*) FROM ticket_event) + (SELECT COUNT(*) FROM message) + (SELECT COUNT(*) FROM outbox)
              + (SELECT COUNT(*) FROM sla_clock) + (SELECT COUNT(*) FROM timer) + (SELECT COUNT(*) FROM reply_token)",
    )
    .await
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).map(|word| word.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

pub async fn run(mails: usize, rounds: usize) {
    let server = Dovecot::start("mail_max_userip_connections = 100").await;
    for round in 0..rounds {
        let user = format!("sqlite{round}");
        deliver(&server, &user, mails);
        // Once before it counts: the server lists a new folder first.
        fetch(&server, &user, mails).await;
        let (singly, at_once) = fetch(&server, &user, mails).await;
        let folder = office::folder();
        let url = format!("sqlite:{}", folder.path().join("desk.db").display());
        let config = office::config(folder.path(), &url, office::DROP);
        let fsyncs = office::fsync_rate(folder.path());
        println!(
            "one by one: {:.0} mails/s; in one command: {:.0} mails/s; disk: {fsyncs:.0} fsyncs/s",
            mails as f64 / singly,
            mails as f64 / at_once
        );
        let db = office::store(&url, &config).await;
        tell("SQLite", mails, singly, &drain(db, &config, &server, &user, mails).await);
        postgres(&server, &format!("postgres{round}"), mails, singly).await;
    }
}

fn tell(name: &str, mails: usize, singly: f64, run: &Run) {
    let count = mails as f64;
    println!(
        "{name}: {mails} mails into tickets in {:.2} s ({:.0}/s, {:.0} µs each, {:.0} µs of our CPU), the last kept after {:.2} s, put away after {:.2} s; \
         {:.1} rows and {:.3} commits a mail; ratio to one by one {:.2}",
        run.tickets,
        count / run.tickets,
        run.tickets / count * 1e6,
        run.cpu / count * 1e6,
        run.kept,
        run.moved,
        run.rows as f64 / count,
        run.commits as f64 / count,
        run.tickets / singly
    );
}

async fn postgres(server: &Dovecot, user: &str, mails: usize, singly: f64) {
    let Ok(base) = std::env::var("DESKD_TEST_POSTGRES") else { return };
    deliver(server, user, mails);
    let (fetched, _) = fetch(server, user, mails).await;
    let name = format!("deskd_load_{}", std::process::id());
    let admin = sqlx::PgPool::connect(&format!("{base}postgres")).await.unwrap();
    let sql = format!("CREATE DATABASE {name} TEMPLATE template0");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&admin).await.unwrap();
    let url = format!("{base}{name}");
    let folder = office::folder();
    let config = office::config(folder.path(), &url, office::DROP);
    let db = office::store(&url, &config).await;
    tell("Postgres", mails, singly.min(fetched), &drain(db, &config, server, user, mails).await);
    let sql = format!("DROP DATABASE {name} WITH (FORCE)");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&admin).await.unwrap();
}

/// Which statements a mail costs; on SQLite.
pub async fn statements(mails: usize) {
    let server = Dovecot::start("").await;
    deliver(&server, "support", mails);
    let folder = office::folder();
    let url = format!("sqlite:{}", folder.path().join("desk.db").display());
    let config = office::config(folder.path(), &url, office::DROP);
    let db = office::store(&url, &config).await;
    *overheard::STATEMENTS.lock().unwrap() = Some(HashMap::new());
    let run = drain(db, &config, &server, "support", mails).await;
    let statements = overheard::STATEMENTS.lock().unwrap().take().unwrap();
    let mut all: Vec<(String, (u64, f64))> = statements.into_iter().collect();
    all.sort_by_key(|(_, (times, _))| std::cmp::Reverse(*times));
    let count = mails as f64;
    for (statement, (times, seconds)) in &all {
        let per_mail = *times as f64 / count;
        println!("{per_mail:7.2} a mail, {:6.1} µs each: {statement}", seconds / *times as f64 * 1e6);
    }
    let times: u64 = all.iter().map(|(_, (times, _))| times).sum();
    let seconds: f64 = all.iter().map(|(_, (_, seconds))| seconds).sum();
    println!(
        "{:.1} statements a mail, {:.0} µs in them; with this log on {:.0} µs a mail",
        times as f64 / count,
        seconds / count * 1e6,
        run.tickets / count * 1e6
    );
}
