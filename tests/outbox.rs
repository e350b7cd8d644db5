//! The outbox against both databases and a server that misbehaves at every command: who gets what, how often, with which bytes.
#![expect(clippy::unwrap_used, reason = "a test may stop at what it does not expect")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use deskd::account::{Login, tls};
use deskd::clock::{Clock, TestClock};
use deskd::outbox::folder::Folder;
use deskd::outbox::sender::{self, Health, Rate, Settings};
use deskd::outbox::smtp::{Security, Smtp, Timeouts, wire};
use deskd::outbox::{Class, NewMail, State, Transport};
use deskd::store::Db;
use deskd::store::outbox::{self as rows, Claimed, NEVER, Row};
use deskd::words::OutboxId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::harness::rows::queue;
use crate::harness::smtp::{Act, SmtpServer};
use crate::harness::{at, each_db};

fn start() -> DateTime<Utc> {
    at("2026-03-02 09:00")
}

fn mail(key: &str, class: Class) -> NewMail {
    NewMail {
        channel: deskd::store::outbox::MAIL.into(),
        dedupe_key: key.to_owned(),
        class,
        kind: "assignment",
        automatic: true,
        ticket: None,
        envelope_from: Some("support@northwind.example".to_owned()),
        recipient: "sam@northwind.example".to_owned(),
        message_id: format!("{key}@northwind.example"),
        subject: "a mail".to_owned(),
        content: format!("Message-ID: <{key}@northwind.example>\r\n\r\n.hidden\r\nlast\r\n").into_bytes().into(),
        next_at: start(),
    }
}

async fn row(db: &Db, id: OutboxId) -> Row {
    let mut tx = db.read().await.unwrap();
    let row = rows::show(&mut tx, id).await.unwrap();
    tx.rollback().await.unwrap();
    row
}

fn smtp(port: u16) -> Smtp {
    let short = Duration::from_millis(300);
    Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        tls: tls::client_config(None).unwrap(),
        login: Some(Login::Password { user: "desk".to_owned(), password: "secret".to_owned().into() }),
        hello: "desk.northwind.example".to_owned(),
        address: "support@northwind.example".to_owned(),
        timeouts: Timeouts { connect: short, command: short, body: short },
        null_refused: AtomicBool::new(false),
    }
}

struct Running {
    clock: TestClock,
    stop: CancellationToken,
    wake: Arc<Notify>,
    health: Arc<Health>,
    task: tokio::task::JoinHandle<()>,
}

fn run(db: &Db, transport: Transport) -> Running {
    let clock = TestClock::at(start());
    let (stop, wake, health) = (CancellationToken::new(), Arc::new(Notify::new()), Arc::new(Health::default()));
    let task = tokio::spawn(sender::run(
        db.clone(),
        transport,
        "one".to_owned(),
        Clock::from(clock.clone()),
        wake.clone(),
        stop.clone(),
        Settings::default(),
        health.clone(),
    ));
    Running { clock, stop, wake, health, task }
}

impl Running {
    /// Waits for a row to be as wanted, waking the sender meanwhile.
    async fn until(&self, db: &Db, id: OutboxId, wanted: impl Fn(&Row) -> bool) -> Row {
        let mut health = self.health.subscribe();
        let coming = async {
            loop {
                health.borrow_and_update();
                let found = row(db, id).await;
                if wanted(&found) {
                    return found;
                }
                self.wake.notify_one();
                health.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(Duration::from_secs(20), coming).await {
            Ok(found) => found,
            Err(_) => panic!("never came: {:?} {:?}", row(db, id).await, self.health.snapshot()),
        }
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(8), self.task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_second_mail_with_the_same_key_is_not_written() {
    each_db("dedupe", async |db| {
        let first = queue(&db, &mail("ack/1", Class::Once), start()).await;
        assert_eq!(queue(&db, &mail("ack/1", Class::Once), start()).await, first);
    })
    .await;
}

#[tokio::test]
async fn a_claimed_mail_is_claimed_by_nobody_else_and_its_attempt_is_counted_first() {
    each_db("claim", async |db| {
        let id = queue(&db, &mail("a", Class::MustArrive), start()).await;
        let mut tx = db.write().await.unwrap();
        let until = start() + TimeDelta::minutes(5);
        let claimed = rows::claim(&mut tx, ("one", rows::MAIL), start(), until, 10).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert!(rows::claim(&mut tx, ("two", rows::MAIL), start(), until, 10).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        let found = row(&db, id).await;
        assert_eq!((found.state, found.attempts), (State::Sending, 1));
    })
    .await;
}

#[tokio::test]
async fn after_a_crash_a_mail_before_its_body_is_queued_and_one_in_its_body_is_uncertain() {
    each_db("crash", async |db| {
        let early = queue(&db, &mail("early", Class::MustArrive), start()).await;
        let must = queue(&db, &mail("must", Class::MustArrive), start()).await;
        let once = queue(&db, &mail("once", Class::Once), start()).await;
        let mut tx = db.write().await.unwrap();
        let until = start() + TimeDelta::minutes(5);
        let claimed = rows::claim(&mut tx, ("one", rows::MAIL), start(), until, 10).await.unwrap();
        for row in claimed.iter().filter(|row| row.id != early) {
            assert!(rows::mark_data(&mut tx, row, "one", until).await.unwrap());
            assert!(!rows::mark_data(&mut tx, row, "two", until).await.unwrap());
        }
        assert_eq!(
            rows::take_back(&mut tx, (Some("two"), Some(rows::MAIL)), start(), TimeDelta::minutes(30)).await.unwrap(),
            0
        );
        assert_eq!(
            rows::take_back(&mut tx, (Some("one"), Some(rows::MAIL)), start(), TimeDelta::minutes(30)).await.unwrap(),
            3
        );
        tx.commit().await.unwrap();
        assert_eq!(row(&db, early).await.state, State::Queued);
        let must = row(&db, must).await;
        assert_eq!((must.state, must.next_at), (State::Uncertain, start() + TimeDelta::minutes(30)));
        let once = row(&db, once).await;
        assert_eq!((once.state, once.next_at), (State::Uncertain, NEVER));
    })
    .await;
}

#[tokio::test]
async fn a_mail_arrives_with_its_own_bytes_and_stuffed_dots() {
    each_db("arrives", async |db| {
        let server = SmtpServer::start().await;
        let id = queue(&db, &mail("a", Class::MustArrive), start()).await;
        let running = run(&db, Transport::Smtp(smtp(server.port)));
        running.until(&db, id, |row| row.state == State::Sent).await;
        running.end().await;
        let wanted = "Message-ID: <a@northwind.example>\r\n\r\n..hidden\r\nlast\r\n";
        assert_eq!(String::from_utf8(server.mails().remove(0)).unwrap(), wanted);
    })
    .await;
}

#[tokio::test]
async fn trouble_before_the_body_is_later_and_never_uncertain() {
    for line in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"] {
        for act in [Act::Reply("450 not now"), Act::Drop, Act::Silence] {
            each_db("later", async |db| {
                let server = SmtpServer::start().await;
                server.on(line, act.clone(), 1);
                let id = queue(&db, &mail("a", Class::Once), start()).await;
                let running = run(&db, Transport::Smtp(smtp(server.port)));
                let later = running.until(&db, id, |row| row.last_error.is_some()).await;
                assert_eq!((later.state, later.attempts, later.uncertain_attempts), (State::Queued, 1, 0), "{line}");
                let wait = later.next_at - start();
                assert!(wait >= TimeDelta::seconds(48) && wait <= TimeDelta::seconds(72), "{wait}");
                running.clock.advance(TimeDelta::minutes(2));
                running.until(&db, id, |row| row.state == State::Sent).await;
                assert_eq!(server.mails().len(), 1);
                running.end().await;
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_refusal_for_good_fails_and_is_to_be_told() {
    for line in ["MAIL", "RCPT", "DATA", "BODY"] {
        each_db("never", async |db| {
            let server = SmtpServer::start().await;
            server.on(line, Act::Reply("550 no such user"), 1);
            let id = queue(&db, &mail("a", Class::MustArrive), start()).await;
            let running = run(&db, Transport::Smtp(smtp(server.port)));
            running.until(&db, id, |row| row.state == State::Failed).await;
            let mut tx = db.write().await.unwrap();
            assert_eq!(rows::to_be_told(&mut tx, 10).await.unwrap().len(), 1);
            rows::mark_told(&mut tx, id).await.unwrap();
            assert!(rows::to_be_told(&mut tx, 10).await.unwrap().is_empty());
            tx.commit().await.unwrap();
            running.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_mail_that_must_arrive_is_tried_three_times_with_equal_bytes_and_then_waits_for_a_human() {
    for act in [Act::Drop, Act::Silence] {
        each_db("uncertain", async |db| {
            let server = SmtpServer::start().await;
            server.on("BODY", act.clone(), 9);
            let id = queue(&db, &mail("a", Class::MustArrive), start()).await;
            let running = run(&db, Transport::Smtp(smtp(server.port)));
            for tries in 1..=3 {
                let found = running.until(&db, id, |row| row.uncertain_attempts == tries).await;
                assert_eq!(found.state, State::Uncertain);
                running.clock.advance(TimeDelta::minutes(31));
            }
            assert_eq!(row(&db, id).await.next_at, NEVER);
            let mails = server.mails();
            assert_eq!(mails.len(), 3);
            assert!(mails.iter().all(|mail| *mail == mails[0]));
            running.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_mail_of_class_once_is_never_sent_again_when_uncertain() {
    each_db("once", async |db| {
        let server = SmtpServer::start().await;
        server.on("BODY", Act::Drop, 9);
        let id = queue(&db, &mail("a", Class::Once), start()).await;
        let running = run(&db, Transport::Smtp(smtp(server.port)));
        running.until(&db, id, |row| row.state == State::Uncertain && row.next_at == NEVER).await;
        running.end().await;
        assert_eq!(server.mails().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refused_login_pauses_the_account_and_burns_no_attempt() {
    each_db("paused", async |db| {
        let server = SmtpServer::start().await;
        server.on("AUTH", Act::Reply("535 5.7.8 wrong password"), 1);
        let id = queue(&db, &mail("a", Class::MustArrive), start()).await;
        let running = run(&db, Transport::Smtp(smtp(server.port)));
        let paused = running.until(&db, id, |row| row.last_error.is_some() && row.state == State::Queued).await;
        assert_eq!((paused.attempts, paused.next_at), (0, start()));
        assert!(running.health.snapshot().paused.unwrap().why.contains("535"));
        running.clock.advance(TimeDelta::seconds(61));
        running.until(&db, id, |row| row.state == State::Sent).await;
        assert_eq!(running.health.snapshot().paused, None);
        running.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_refuses_the_empty_sender_gets_the_address_and_no_attempt_fails() {
    each_db("null", async |db| {
        let server = SmtpServer::start().await;
        server.on("MAIL FROM:<>", Act::Reply("550 empty sender refused"), 9);
        let ack = NewMail { envelope_from: None, ..mail("a", Class::Once) };
        let id = queue(&db, &ack, start()).await;
        let running = run(&db, Transport::Smtp(smtp(server.port)));
        let sent = running.until(&db, id, |row| row.state == State::Sent).await;
        assert_eq!(sent.attempts, 1);
        assert!(server.lines("MAIL").last().unwrap().starts_with("MAIL FROM:<support@northwind.example>"));
        running.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_address_with_a_command_in_it_is_never_sent_but_an_odd_real_one_is() {
    each_db("address", async |db| {
        let server = SmtpServer::start().await;
        let evil = NewMail { recipient: "x@y>\r\nRCPT TO:<z@w".to_owned(), ..mail("evil", Class::Once) };
        let odd = NewMail { recipient: "a..b@docomo.ne.jp".to_owned(), ..mail("odd", Class::Once) };
        let (evil, odd) = (queue(&db, &evil, start()).await, queue(&db, &odd, start()).await);
        let running = run(&db, Transport::Smtp(smtp(server.port)));
        running.until(&db, evil, |row| row.state == State::Failed).await;
        running.until(&db, odd, |row| row.state == State::Sent).await;
        assert_eq!(server.lines("RCPT"), ["RCPT TO:<a..b@docomo.ne.jp>"]);
        running.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_claim_of_an_earlier_life_that_is_committed_after_the_start_is_taken_back() {
    each_db("late_claim", async |db| {
        let server = SmtpServer::start().await;
        let first = queue(&db, &mail("a", Class::MustArrive), start()).await;
        let running = run(&db, Transport::Smtp(smtp(server.port)));
        running.until(&db, first, |row| row.state == State::Sent).await;
        // What the killed process had sent to the database as its last: a claim under our name.
        let mut tx = db.write().await.unwrap();
        rows::insert(&mut tx, mail("b", Class::Once), start());
        let claimed =
            rows::claim(&mut tx, ("one", rows::MAIL), start(), start() + TimeDelta::minutes(30), 10).await.unwrap();
        let [Claimed { id: late, .. }] = claimed[..] else { panic!("{claimed:?}") };
        tx.commit().await.unwrap();
        running.until(&db, late, |row| row.state == State::Sent).await;
        assert_eq!(server.mails().len(), 2);
        running.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_folder_holds_one_file_a_mail_also_after_a_second_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let transport = Folder { path: folder.path().join("out") };
    for _ in 0..2 {
        transport.put("assignment", "sam@n.example", "1@n", b"Message-ID: <1@n>\r\n\r\nx".to_vec()).await.unwrap();
    }
    transport.put("relay", "../j@a", "2@n", b"Message-ID: <2@n>\r\n\r\nx".to_vec()).await.unwrap();
    std::fs::remove_file(folder.path().join("out/.message-ids")).unwrap();
    transport.put("relay", "../j@a", "2@n", b"Message-ID: <2@n>\r\n\r\nx".to_vec()).await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".eml"))
        .collect();
    names.sort();
    assert_eq!(names, ["000001-assignment-sam@n.example.eml", "000002-relay-.._j@a.eml"]);
}

#[test]
fn no_bare_line_end_crosses_the_wire() {
    for smuggled in ["a\n.\nb", "a\r.\rb", "a\n.\r\nb", "a\r\n.\rb", "a\r\r\n.\r\nb", "\n.\n"] {
        let sent = wire(smuggled.as_bytes());
        let text = String::from_utf8(sent).unwrap();
        let rest = text.replace("\r\n", "");
        assert!(!rest.contains(['\r', '\n']), "{smuggled:?} became {text:?}");
        assert!(text.ends_with("\r\n"));
    }
}

#[test]
fn a_rate_reads_as_people_write_it() {
    assert_eq!("30/min".parse(), Ok(Rate { mails: 30, per: Duration::from_secs(60) }));
    assert!("0/min".parse::<Rate>().is_err());
    assert!("thirty".parse::<Rate>().unwrap_err().contains("30/min"));
}

#[tokio::test]
async fn without_starttls_neither_the_password_nor_the_mail_leaves() {
    each_db("starttls", async |db| {
        let server = SmtpServer::start().await;
        let id = queue(&db, &mail("a", Class::MustArrive), start()).await;
        let transport = Smtp { security: Security::StartTls, ..smtp(server.port) };
        let running = run(&db, Transport::Smtp(transport));
        let waits = running.until(&db, id, |row| row.last_error.is_some() && row.state == State::Queued).await;
        assert!(waits.last_error.unwrap().contains("does not offer STARTTLS"));
        assert!(server.lines("AUTH").is_empty() && server.mails().is_empty());
        running.end().await;
    })
    .await;
}
