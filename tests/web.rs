//! Health and metrics over a real listener, and connections that cannot be held open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deskd::channel::mapping::Mapping;
use deskd::channel::sign::Auth;
use deskd::clock::Clock;
use deskd::intake::{Intake, Keep, Office};
use deskd::lifecycle::Heartbeats;
use deskd::store::Db;
use deskd::web::chat::Chats;
use deskd::web::health::{Health, Part, Probe};
use deskd::web::hooks::{Hook, Hooks};
use deskd::web::metrics::{Figures, Metrics};
use deskd::web::phone::Lines;
use deskd::web::portal::{Door, Turns};
use deskd::web::{PATIENCE, Parts, routes, serve, survey};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(health: Health, figures: Result<Figures, String>, patience: Duration) -> Server {
    start_with(health, figures, patience, Intake::new(1).0).await
}

/// The hook `shop` takes what comes with the secret `open sesame`, and hands it to this intake.
async fn start_with(health: Health, figures: Result<Figures, String>, patience: Duration, intake: Intake) -> Server {
    let count = Arc::new(move || {
        let figures = figures.clone();
        async move { figures }.boxed()
    });
    let auth = Auth::Bearer(vec!["open sesame".to_owned().into()]);
    let shop = Hook { name: "shop".to_owned(), auth, mapping: Mapping::default() };
    let folder = crate::harness::scratch("web");
    let db = Db::open(&format!("sqlite:{}", folder.path().join("desk.db").display())).await.unwrap();
    let portal = Door {
        portal: tokio::sync::watch::channel(None).1,
        intake: intake.clone(),
        clock: Clock::System,
        rate: Arc::default(),
        turns: Turns::default(),
    };
    let chats =
        Chats { chats: tokio::sync::watch::channel(Arc::default()).1, intake: intake.clone(), clock: Clock::System };
    let phones = Lines {
        lines: tokio::sync::watch::channel(Arc::default()).1,
        intake: intake.clone(),
        db: db.clone(),
        clock: Clock::System,
    };
    std::fs::write(folder.path().join("deskd.toml"), crate::harness::SMALL_FIRM).unwrap();
    let config = deskd::config::load(&folder.path().join("deskd.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    let office = Office { texts: Arc::new(deskd::daemon::texts(&config).unwrap()), firm: config.firm };
    let office = tokio::sync::watch::channel(Arc::new(office)).1;
    let survey = survey::Door { db: db.clone(), office, clock: Clock::System };
    let hooks = Hooks { hooks: tokio::sync::watch::channel(Arc::new(vec![shop])).1, intake, db, clock: Clock::System };
    let router =
        routes(Parts { health, metrics: Metrics { version: "1.2.3", count }, hooks, portal, phones, chats, survey });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve(listener, router, patience, stop.clone()));
    Server { address, stop, task }
}

/// Status line and body.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("x-content-type-options: nosniff"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn a_loop_that_stands_still_shows_in_livez_and_readyz() {
    let heartbeats = Heartbeats::default();
    let good = heartbeats.expect("worker", Duration::from_secs(600));
    let server =
        start(Health { heartbeats: heartbeats.clone(), ..Health::default() }, Ok(Figures::default()), PATIENCE).await;
    assert_eq!(get(server.address, "/livez").await, (200, "1 loops go round\n".to_owned()));
    assert_eq!(get(server.address, "/readyz").await.0, 200);

    good.finish();
    // A loop that may stand still for no time at all is late as soon as a millisecond has gone.
    let _stuck = heartbeats.expect("outbox", Duration::ZERO);
    while heartbeats.late(std::time::Instant::now()).is_empty() {
        tokio::task::yield_now().await;
    }
    let (status, body) = get(server.address, "/livez").await;
    assert_eq!(status, 503);
    assert!(body.starts_with("outbox has stood still"), "{body}");
    assert_eq!(get(server.address, "/readyz").await.0, 503);
}

#[tokio::test]
async fn readyz_names_each_part_and_turns_with_it() {
    let up = Arc::new(AtomicBool::new(true));
    let seen = up.clone();
    let database = Probe::new("database", move || {
        let up = seen.load(Ordering::SeqCst);
        async move { if up { Part::ok("answers") } else { Part::failing("cannot be reached") } }.boxed()
    });
    let backlog = Probe::new("worker", || async { Part::ok("0 waiting") }.boxed());
    let health = Health { probes: Arc::new(vec![database, backlog]), ..Health::default() };
    let server = start(health, Ok(Figures::default()), PATIENCE).await;
    let (status, body) = get(server.address, "/readyz").await;
    assert_eq!(status, 200);
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["parts"]["worker"]["detail"], "0 waiting");

    up.store(false, Ordering::SeqCst);
    let (status, body) = get(server.address, "/readyz").await;
    assert_eq!(status, 503);
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&report["ready"], &report["parts"]["database"]["ok"]), (&false.into(), &false.into()));
    assert_eq!(report["parts"]["database"]["detail"], "cannot be reached");
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let word = str::to_owned;
    let figures = Figures {
        inbound: vec![(word("ticket"), 12), (word("duplicate"), 1)],
        queue: vec![(word("new"), word("P1"), 2)],
        outbox: vec![(word("queued"), 3)],
        oldest_unprocessed_seconds: 1.5,
        sources: vec![(word("support\" \n"), 1772442000.0)],
        breaches: vec![(word("first_touch"), word("P1"), 1)],
    };
    let server = start(Health::default(), Ok(figures), PATIENCE).await;
    let (status, body) = get(server.address, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "deskd_build_info{version=\"1.2.3\"} 1",
        "deskd_database_up 1",
        "deskd_inbound{fate=\"ticket\"} 12",
        "deskd_queue_tickets{status=\"new\",priority=\"P1\"} 2",
        "deskd_outbox{state=\"queued\"} 3",
        "deskd_oldest_unprocessed_seconds 1.5",
        "deskd_source_last_success_timestamp_seconds{source=\"support\\\" \\n\"} 1772442000.0",
        "deskd_sla_breached_tickets{clock=\"first_touch\",priority=\"P1\"} 1",
        "process_resident_memory_bytes ",
        "# EOF",
    ] {
        assert!(body.lines().any(|found| found.starts_with(line)), "{line} is missing in\n{body}");
    }
}

#[tokio::test]
async fn metrics_answer_without_a_database() {
    let server = start(Health::default(), Err("cannot be reached".to_owned()), PATIENCE).await;
    let (status, body) = get(server.address, "/metrics").await;
    assert_eq!(status, 200);
    assert!(body.contains("deskd_database_up 0\n") && !body.contains("deskd_inbound{"), "{body}");
}

#[tokio::test]
async fn a_client_that_sends_next_to_nothing_is_cut_off() {
    let server = start(Health::default(), Ok(Figures::default()), Duration::from_millis(100)).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let mut drip = tokio::time::interval(Duration::from_millis(10));
    let dripping = tokio::spawn(async move {
        write.write_all(b"GET /livez HTTP/1.1\r\nX: ").await.unwrap();
        while write.write_all(b"y").await.is_ok() {
            drip.tick().await;
        }
    });
    let mut rest = Vec::new();
    // Either an end of file or a reset: what matters is that the server ends it.
    let _ = tokio::time::timeout(Duration::from_secs(10), read.read_to_end(&mut rest)).await.unwrap();
    dripping.abort();
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_ends() {
    let server = start(Health::default(), Ok(Figures::default()), PATIENCE).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: desk\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.stop.cancel();
    tokio::time::timeout(Duration::from_secs(4), server.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// More connections than there may be, none of which ever asks for anything, and a patience that ends none of them.
#[tokio::test]
async fn connections_that_wait_keep_no_newcomer_out() {
    let server = start(Health::default(), Ok(Figures::default()), Duration::from_secs(3600)).await;
    let mut waiting = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nX: ").await.unwrap();
        waiting.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(30), get(server.address, "/livez")).await;
    assert_eq!(answer.expect("the newcomer is let in").0, 200);
    // There are never more than 512: those that waited longest have gone, and nobody else.
    let mut byte = [0; 1];
    for gone in &mut waiting[..600 - 512] {
        let ended = tokio::time::timeout(Duration::from_secs(30), gone.read(&mut byte)).await;
        assert!(matches!(ended.expect("it was sent away"), Ok(0) | Err(_)));
    }
    for kept in &mut waiting[600 - 511..] {
        assert!(kept.read(&mut byte).now_or_never().is_none(), "it may wait on");
    }
}

/// Status of a delivery to the hook `shop`.
async fn deliver(address: SocketAddr) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "POST /hooks/shop HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nAuthorization: Bearer open sesame\r\n\
                   Content-Length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Rule 1: what the intake has not committed is not taken, whatever becomes of it.
#[tokio::test]
async fn a_delivery_is_answered_by_what_the_intake_says_and_not_before() {
    let (intake, mut keeps) = Intake::new(1);
    let server = start_with(Health::default(), Ok(Figures::default()), PATIENCE, intake).await;
    let asked = tokio::spawn(deliver(server.address));
    let Keep { arrivals, kept } = keeps.recv().await.unwrap();
    assert_eq!(arrivals.len(), 1);
    // The daemon stops before the commit.
    drop(kept);
    assert_eq!(asked.await.unwrap(), 503);

    let asked = tokio::spawn(deliver(server.address));
    let Keep { kept, .. } = keeps.recv().await.unwrap();
    kept.send(1).unwrap();
    assert_eq!(asked.await.unwrap(), 200);
}
