//! Rows that wait in a transaction, and batches of mail that are written many rows at a time: the same as one by one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use deskd::channel::Form;
use deskd::clock::{Clock, TestClock};
use deskd::desk::event::{Event, Recorded};
use deskd::desk::ticket::Ticket;
use deskd::intake::{self, Arrival, Changed, Intake, Office, Trial, Worker};
use deskd::lifecycle::Heartbeats;
use deskd::store::inbound::{self, Fate, Outcome};
use deskd::store::tokens::{self, Purpose, Token};
use deskd::store::{Db, StoreError, people, tickets};
use deskd::words::{Actor, Category, InboundId, Priority, TicketNumber};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::harness::rows::{number, rows};
use crate::harness::{at, each_db, scratch};

fn monday() -> DateTime<Utc> {
    at("2026-03-02 15:00")
}

fn token(word: &str) -> Token {
    Token {
        token: word.to_owned(),
        ticket: None,
        tech: None,
        purpose: Purpose::Client,
        context: None,
        created_at: monday(),
    }
}

fn ticket() -> Ticket {
    let opened = Event::Opened {
        subject: "Printer".to_owned(),
        source: "support".to_owned(),
        requester: None,
        client: None,
        priority: Priority::P3,
        category: Category::Tm,
        tags: Vec::new(),
        skill: None,
        rules: Vec::new(),
        unsorted: None,
        automatic: false,
    };
    let actor = Actor::Desk;
    let recorded = Recorded { seq: 1, at: monday(), recorded_at: monday(), actor, cause: String::new(), event: opened };
    Ticket::replay(TicketNumber(0), &[recorded]).unwrap()
}

#[tokio::test]
async fn a_row_that_waits_is_seen_by_the_next_question_and_by_everybody_after_the_commit() {
    each_db("pending_seen", async |db| {
        let mut tx = db.write().await.unwrap();
        for round in 0..70 {
            tokens::insert(&mut tx, token(&format!("token{round}")));
        }
        assert!(tokens::find(&mut tx, "token69").await.unwrap().is_some());
        tokens::insert(&mut tx, token("last"));
        tx.commit().await.unwrap();
        assert_eq!(number(&db, "SELECT CAST(COUNT(*) AS BIGINT) FROM reply_token").await, 71);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_the_database_refuses_takes_the_whole_transaction_with_it() {
    each_db("pending_refused", async |db| {
        for behind in [false, true] {
            let mut tx = db.write().await.unwrap();
            tokens::insert(&mut tx, token("one"));
            let nobody = Outcome {
                fate: Fate::Refused,
                reason: None,
                ticket: None,
                message_id: None,
                content_hash: None,
                sender: "",
                subject: "",
            };
            inbound::decide(&mut tx, InboundId(4711), &nobody, monday());
            if behind {
                tx.write_behind(0).await.unwrap();
                assert!(matches!(tokens::find(&mut tx, "one").await, Err(StoreError::Refused(_))));
            }
            assert!(matches!(tx.commit().await, Err(StoreError::Refused(_))));
            assert_eq!(number(&db, "SELECT CAST(COUNT(*) AS BIGINT) FROM reply_token").await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn ticket_numbers_follow_one_another_whatever_was_taken_back() {
    each_db("pending_numbers", async |db| {
        let mut tx = db.write().await.unwrap();
        let first = tickets::create(&mut tx, &ticket(), monday()).await.unwrap();
        tx.deed().await.unwrap();
        let taken_back = tickets::create(&mut tx, &ticket(), monday()).await.unwrap();
        tx.deed_undone().await.unwrap();
        let second = tickets::create(&mut tx, &ticket(), monday()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((first.0, taken_back.0, second.0), (1001, 1002, 1002));
        let mut tx = db.write().await.unwrap();
        tickets::create(&mut tx, &ticket(), monday()).await.unwrap();
        tx.rollback().await.unwrap();
        let mut tx = db.write().await.unwrap();
        assert_eq!(tickets::create(&mut tx, &ticket(), monday()).await.unwrap().0, 1003);
        tx.commit().await.unwrap();
        let found: Vec<(i64,)> = rows(&db, "SELECT number FROM ticket ORDER BY number").await;
        assert_eq!(found, [(1001,), (1002,), (1003,)]);
    })
    .await;
}

/// The intake over a database, without sources; its clock stands still.
struct Door {
    intake: Intake,
    decided: Arc<Notify>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

async fn door(db: &Db) -> Door {
    let folder = scratch("pending");
    let firm = include_str!("firm/deskd.toml").replace("@STORE@", "sqlite:unused.db").replace("@MORE@", "");
    std::fs::write(folder.path().join("deskd.toml"), firm).unwrap();
    std::fs::create_dir_all(folder.path().join("inbox")).unwrap();
    let config = deskd::config::load(&folder.path().join("deskd.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    let mut tx = db.write().await.unwrap();
    people::mirror(&mut tx, &config.firm).await.unwrap();
    tx.commit().await.unwrap();
    let office = Office { firm: Arc::clone(&config.firm), texts: Arc::new(deskd::daemon::texts(&config).unwrap()) };
    let (intake, keeps) = Intake::new(8);
    let (kept, changed) = (Arc::new(Notify::new()), Changed::default());
    let (stop, clock) = (CancellationToken::new(), Clock::Test(TestClock::at(monday())));
    tokio::spawn(intake::commit(db.clone(), keeps, clock.clone(), Arc::clone(&kept), stop.clone()));
    let decided = Arc::clone(&changed.outbox);
    let worker = Worker {
        db: db.clone(),
        office: watch::channel(Arc::new(office)).1,
        verifier: None,
        clock,
        kept,
        changed,
        trial: Trial { program: None, patience: Duration::from_secs(30) },
        beat: Heartbeats::default().expect("worker", Duration::from_secs(60)),
        stop: stop.clone(),
        panics: Mutex::default(),
    };
    tokio::spawn(worker.run());
    Door { intake, decided, stop, _folder: folder }
}

impl Door {
    /// Hands the mails in at once and returns when each has its fate.
    async fn take(&self, db: &Db, mails: &[String]) {
        let arrival = |(index, raw): (usize, &String)| Arrival {
            form: Form::Mail,
            source: "drop".to_owned(),
            key: format!("{index}"),
            arrived_at: monday(),
            raw: raw.clone().into_bytes(),
            junk: false,
            oversize: None,
        };
        self.intake.receive(mails.iter().enumerate().map(arrival).collect()).await.unwrap();
        let all = async {
            while number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound WHERE fate IS NULL").await > 0 {
                self.decided.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("each mail gets its fate");
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn mail(id: &str, subject: &str, more: &str) -> String {
    format!(
        "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: {subject}\r\n\
         Message-ID: <{id}@acme-dental.example>\r\n{more}\r\nAbout {subject}.\r\n"
    )
}

/// Nothing alike, so that the breaker sees no two machines in it.
const THINGS: [&str; 14] = [
    "Printer", "Scanner", "Keyboard", "Monitor", "Headset", "Laptop", "Router", "Camera", "Beamer", "Tablet",
    "Charger", "Docking", "Speaker", "Badge",
];

#[tokio::test]
async fn in_one_batch_a_copy_a_reply_and_the_limit_of_automatic_mail_are_what_they_are_one_by_one() {
    each_db("batch_alike", async |db| {
        let door = door(&db).await;
        let mut mails: Vec<String> = (0..14).map(|room| mail(&format!("m{room}"), THINGS[room], "")).collect();
        mails.push(mail("m3", THINGS[3], ""));
        mails.push(mail("again", &format!("Re: {}", THINGS[5]), "In-Reply-To: <m5@acme-dental.example>\r\n"));
        door.take(&db, &mails).await;
        let fates: Vec<(String, Option<i64>)> = rows(&db, "SELECT fate, ticket FROM inbound ORDER BY id").await;
        let wanted: Vec<(String, Option<i64>)> = (0..14)
            .map(|room| ("ticket".to_owned(), Some(1001 + room)))
            .chain([("duplicate".to_owned(), Some(1004)), ("reply".to_owned(), Some(1006))])
            .collect();
        assert_eq!(fates, wanted);
        let acknowledged = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE kind = 'acknowledgement'";
        assert_eq!(number(&db, acknowledged).await, 10, "ten automatic mails an hour to one person");
    })
    .await;
}

/// Rule 11: the other helpdesk answers each acknowledgement within the minute; a batch of them is no way around the breaker.
#[tokio::test]
async fn in_one_batch_the_breaker_sees_the_rounds_that_it_sees_one_by_one() {
    each_db("batch_breaker", async |db| {
        let door = door(&db).await;
        let mails: Vec<String> =
            (0..9).map(|round| mail(&format!("g{round}"), &format!("[GLX-{round}] VPN for the branch"), "")).collect();
        door.take(&db, &mails).await;
        let count = async |kind: &str| {
            let kinds: Vec<(String,)> = rows(&db, "SELECT kind FROM outbox").await;
            kinds.iter().filter(|(found,)| found == kind).count()
        };
        assert_eq!((count("acknowledgement").await, count("storm").await), (3, 1));
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_the_database_refuses_is_set_aside_alone_and_the_rest_of_its_batch_goes_on() {
    each_db("batch_poison", async |db| {
        let door = door(&db).await;
        let refuse = match &db {
            Db::Sqlite { .. } => {
                "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN NEW.subject = 'Poison' BEGIN SELECT RAISE(ABORT, 'no'); END"
            }
            Db::Postgres(_) => "ALTER TABLE message ADD CONSTRAINT refuse CHECK (subject <> 'Poison')",
        };
        match &db {
            Db::Sqlite { write, .. } => drop(sqlx::raw_sql(refuse).execute(write).await.unwrap()),
            Db::Postgres(pool) => drop(sqlx::raw_sql(refuse).execute(pool).await.unwrap()),
        }
        let mails = ["One", "Poison", "Two", "Three"].map(|subject| mail(subject, subject, ""));
        door.take(&db, &mails).await;
        let fates: Vec<(String, Option<i64>)> = rows(&db, "SELECT fate, ticket FROM inbound ORDER BY id").await;
        let ticket = |number| ("ticket".to_owned(), Some(number));
        assert_eq!(fates, [ticket(1001), ("quarantined".to_owned(), None), ticket(1002), ticket(1003)]);
        let told = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE kind = 'quarantined'";
        assert_eq!(number(&db, told).await, 1, "a manager is told");
    })
    .await;
}
