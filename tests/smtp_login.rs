//! How the outbox gets through a mail server's door: TLS in both ways, the three ways to log in, tokens that end, and what the door refuses.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chrono::TimeDelta;
use data_encoding::BASE64;
use deskd::account::{Login, tls};
use deskd::clock::{Clock, TestClock};
use deskd::outbox::sender::{self, Health, Rate, Settings};
use deskd::outbox::smtp::{Security, Smtp, Timeouts};
use deskd::outbox::{Class, NewMail, State, Transport};
use deskd::store::Db;
use deskd::store::outbox::{self as rows, Row};
use deskd::words::OutboxId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::harness::provider::Provider;
use crate::harness::rows::queue;
use crate::harness::smtp::{Act, Encrypted, SmtpServer};
use crate::harness::{at, each_db};

const START: &str = "2026-03-02 09:00";

fn mail(key: &str, length: usize) -> NewMail {
    NewMail {
        channel: deskd::store::outbox::MAIL.into(),
        dedupe_key: key.to_owned(),
        class: Class::MustArrive,
        kind: "assignment",
        automatic: true,
        ticket: None,
        envelope_from: Some("support@northwind.example".to_owned()),
        recipient: "sam@northwind.example".to_owned(),
        message_id: format!("{key}@northwind.example"),
        subject: "a mail".to_owned(),
        content: format!("Message-ID: <{key}@northwind.example>\r\n\r\n{}\r\n", "x".repeat(length)).into_bytes().into(),
        next_at: at(START),
    }
}

fn password() -> Option<Login> {
    Some(Login::Password { user: "desk".to_owned(), password: "sécret".to_owned().into() })
}

/// To `localhost`, which is what the server's certificate is for.
fn smtp(server: &SmtpServer, security: Security, login: Option<Login>) -> Smtp {
    let limit = Duration::from_secs(5);
    Smtp {
        host: "localhost".to_owned(),
        port: server.port,
        security,
        tls: server.trust.clone().unwrap_or_else(|| tls::client_config(None).unwrap()),
        login,
        hello: "desk.northwind.example".to_owned(),
        address: "support@northwind.example".to_owned(),
        timeouts: Timeouts { connect: limit, command: limit, body: limit },
        null_refused: AtomicBool::new(false),
    }
}

struct Running {
    db: Db,
    clock: TestClock,
    stop: CancellationToken,
    wake: Arc<Notify>,
    health: Arc<Health>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(db: &Db, smtp: Smtp, rate: Option<Rate>) -> Running {
        let clock = TestClock::at(at(START));
        Running::start_at(db, smtp, rate, clock)
    }

    fn start_at(db: &Db, smtp: Smtp, rate: Option<Rate>, clock: TestClock) -> Running {
        let (stop, wake, health) = (CancellationToken::new(), Arc::new(Notify::new()), Arc::new(Health::default()));
        let task = tokio::spawn(sender::run(
            db.clone(),
            Transport::Smtp(smtp),
            "one".to_owned(),
            Clock::from(clock.clone()),
            wake.clone(),
            stop.clone(),
            Settings { rate, ..Settings::default() },
            health.clone(),
        ));
        Running { db: db.clone(), clock, stop, wake, health, task }
    }

    async fn until(&self, id: OutboxId, wanted: impl Fn(&Row) -> bool) -> Row {
        let mut health = self.health.subscribe();
        let coming = async {
            loop {
                health.borrow_and_update();
                let found = row(&self.db, id).await;
                if wanted(&found) {
                    return found;
                }
                self.wake.notify_one();
                health.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), coming).await;
        match found {
            Ok(found) => found,
            Err(_) => panic!("never came: {:?} {:?}", row(&self.db, id).await, self.health.snapshot()),
        }
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(8), self.task).await.unwrap().unwrap();
    }
}

async fn row(db: &Db, id: OutboxId) -> Row {
    let mut tx = db.read().await.unwrap();
    let row = rows::show(&mut tx, id).await.unwrap();
    tx.rollback().await.unwrap();
    row
}

/// Sends one mail through `smtp`; gives what the server heard.
async fn heard(server: &SmtpServer, db: &Db, smtp: Smtp) -> Vec<String> {
    let id = queue(db, &mail("a", 3), at(START)).await;
    let running = Running::start(db, smtp, None);
    let sent = running.until(id, |row| row.state == State::Sent).await;
    assert_eq!(sent.attempts, 1);
    running.end().await;
    assert_eq!(server.mails().len(), 1);
    server.lines("")
}

#[tokio::test]
async fn by_implicit_tls_not_a_word_crosses_the_wire_in_the_clear() {
    each_db("implicit", async |db| {
        let server = SmtpServer::with_tls(Encrypted::FromTheFirstByte).await;
        let smtp = smtp(&server, Security::Implicit, password());
        let lines = heard(&server, &db, smtp).await;
        assert_eq!(lines[0], "(TLS)");
        let secret = BASE64.encode("\0desk\0sécret".as_bytes());
        assert!(lines.contains(&format!("AUTH PLAIN {secret}")), "{lines:?}");
    })
    .await;
}

#[tokio::test]
async fn by_starttls_name_password_and_mail_wait_for_the_encryption() {
    each_db("starttls_login", async |db| {
        let server = SmtpServer::with_tls(Encrypted::AfterStartTls).await;
        let smtp = smtp(&server, Security::StartTls, password());
        let lines = heard(&server, &db, smtp).await;
        let begun = lines.iter().position(|line| line == "(TLS)").unwrap();
        assert_eq!(lines[..begun], ["EHLO desk.northwind.example", "STARTTLS"]);
        assert!(lines[begun..].iter().any(|line| line.starts_with("AUTH PLAIN ")), "{lines:?}");
    })
    .await;
}

#[tokio::test]
async fn a_server_with_a_strangers_certificate_gets_neither_password_nor_mail() {
    for (security, encrypted) in
        [(Security::Implicit, Encrypted::FromTheFirstByte), (Security::StartTls, Encrypted::AfterStartTls)]
    {
        each_db("stranger", async |db| {
            let server = SmtpServer::with_tls(encrypted).await;
            let id = queue(&db, &mail("a", 3), at(START)).await;
            let stranger = Smtp { tls: tls::client_config(None).unwrap(), ..smtp(&server, security, password()) };
            let running = Running::start(&db, stranger, None);
            let waits = running.until(id, |row| row.last_error.is_some() && row.state == State::Queued).await;
            assert!(waits.last_error.as_deref().unwrap().contains("certificate"), "{waits:?}");
            running.end().await;
            assert!(server.lines("AUTH").is_empty() && server.mails().is_empty());
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_only_knows_login_gets_name_and_password_in_two_answers() {
    each_db("login", async |db| {
        let server = SmtpServer::start().await;
        server.on("EHLO", Act::Reply("250-old\r\n250 AUTH LOGIN"), 9);
        let smtp = smtp(&server, Security::None, password());
        let lines = heard(&server, &db, smtp).await;
        let begun = lines.iter().position(|line| line == "AUTH LOGIN").unwrap();
        assert_eq!(lines[begun + 1..][..2], [BASE64.encode(b"desk"), BASE64.encode("sécret".as_bytes())]);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_at_the_end_of_login_pauses_the_account_and_burns_no_attempt() {
    each_db("login_refused", async |db| {
        let server = SmtpServer::start().await;
        server.on("EHLO", Act::Reply("250-old\r\n250 AUTH LOGIN"), 9);
        // "sécret" in base64.
        server.on("c8OpY3JldA==", Act::Reply("535 5.7.8 wrong password"), 1);
        let (one, two) = (queue(&db, &mail("a", 3), at(START)).await, queue(&db, &mail("b", 3), at(START)).await);
        let running = Running::start(&db, smtp(&server, Security::None, password()), None);
        for id in [one, two] {
            let paused = running.until(id, |row| row.last_error.is_some() && row.state == State::Queued).await;
            assert_eq!((paused.attempts, paused.next_at), (0, at(START)));
        }
        assert!(running.health.snapshot().paused.unwrap().why.contains("535"));
        running.clock.advance(TimeDelta::seconds(61));
        running.until(one, |row| row.state == State::Sent).await;
        running.until(two, |row| row.state == State::Sent).await;
        running.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_offers_no_way_to_log_in_that_we_have_pauses_the_account() {
    each_db("no_way", async |db| {
        let server = SmtpServer::start().await;
        server.on("EHLO", Act::Reply("250-odd\r\n250 AUTH GSSAPI"), 9);
        let id = queue(&db, &mail("a", 3), at(START)).await;
        let running = Running::start(&db, smtp(&server, Security::None, password()), None);
        let paused = running.until(id, |row| row.last_error.is_some() && row.state == State::Queued).await;
        assert_eq!(paused.attempts, 0);
        assert!(paused.last_error.unwrap().contains("no way to log in"));
        running.end().await;
        assert!(server.lines("AUTH").is_empty() && server.mails().is_empty());
    })
    .await;
}

fn bearer(token: &str) -> String {
    BASE64.encode(format!("user=desk\x01auth=Bearer {token}\x01\x01").as_bytes())
}

#[tokio::test]
async fn a_token_logs_in_and_a_new_one_is_asked_for_before_it_ends() {
    each_db("xoauth2", async |db| {
        let server = SmtpServer::start().await;
        let answers = [
            (200, r#"{"access_token":"one","expires_in":3600}"#),
            (200, r#"{"access_token":"two","expires_in":3600}"#),
        ];
        let provider = Provider::start(&answers).await;
        let clock = TestClock::at(at(START));
        let tokens = provider.tokens(Clock::from(clock.clone()));
        let login = Some(Login::XOAuth2 { user: "desk".to_owned(), tokens });
        let running = Running::start_at(&db, smtp(&server, Security::None, login), None, clock);
        for (key, minutes, token) in [("a", 0, "one"), ("b", 50, "one"), ("c", 10, "two")] {
            running.clock.advance(TimeDelta::minutes(minutes));
            let id = queue(&db, &mail(key, 3), at(START)).await;
            running.until(id, |row| row.state == State::Sent).await;
            let last = server.lines("AUTH").pop().unwrap();
            assert_eq!(last, format!("AUTH XOAUTH2 {}", bearer(token)), "{key}");
        }
        running.end().await;
        assert_eq!(provider.asked().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_was_revoked_pauses_the_account_and_the_next_try_has_a_new_one() {
    each_db("revoked", async |db| {
        let server = SmtpServer::start().await;
        server.on("AUTH XOAUTH2", Act::Reply("334 eyJzdGF0dXMiOiI0MDEifQ=="), 1);
        let answers = [
            (200, r#"{"access_token":"one","expires_in":3600}"#),
            (200, r#"{"access_token":"two","expires_in":3600}"#),
        ];
        let provider = Provider::start(&answers).await;
        let clock = TestClock::at(at(START));
        let login =
            Some(Login::XOAuth2 { user: "desk".to_owned(), tokens: provider.tokens(Clock::from(clock.clone())) });
        let id = queue(&db, &mail("a", 3), at(START)).await;
        let running = Running::start_at(&db, smtp(&server, Security::None, login), None, clock);
        let paused = running.until(id, |row| row.last_error.is_some() && row.state == State::Queued).await;
        assert_eq!(paused.attempts, 0);
        // The challenge is answered by an empty line; only then comes the reason.
        assert!(paused.last_error.unwrap().contains("535 5.7.8 token refused"));
        running.clock.advance(TimeDelta::seconds(61));
        running.until(id, |row| row.state == State::Sent).await;
        assert_eq!(server.lines("AUTH").pop().unwrap(), format!("AUTH XOAUTH2 {}", bearer("two")));
        running.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_refuses_pauses_the_account_and_one_that_is_away_is_asked_again() {
    each_db("provider", async |db| {
        let server = SmtpServer::start().await;
        let answers = [
            (400, r#"{"error":"invalid_grant"}"#),
            (503, "busy"),
            (200, r#"{"access_token":"one","expires_in":3600}"#),
        ];
        let provider = Provider::start(&answers).await;
        let clock = TestClock::at(at(START));
        let login =
            Some(Login::XOAuth2 { user: "desk".to_owned(), tokens: provider.tokens(Clock::from(clock.clone())) });
        let id = queue(&db, &mail("a", 3), at(START)).await;
        let running = Running::start_at(&db, smtp(&server, Security::None, login), None, clock);
        let paused = running.until(id, |row| row.last_error.is_some() && row.state == State::Queued).await;
        assert_eq!(paused.attempts, 0, "the account is at fault, not the mail");
        assert!(paused.last_error.unwrap().contains("consent again"));
        running.clock.advance(TimeDelta::seconds(61));
        let away = running.until(id, |row| row.last_error.as_deref().is_some_and(|why| why.contains("503"))).await;
        assert_eq!(away.state, State::Queued);
        running.clock.advance(TimeDelta::minutes(2));
        running.until(id, |row| row.state == State::Sent).await;
        running.end().await;
        assert_eq!(server.mails().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_mail_over_the_servers_size_fails_with_both_numbers_and_the_next_one_goes() {
    each_db("size", async |db| {
        let server = SmtpServer::start().await;
        let (big, small) =
            (queue(&db, &mail("big", 100_000), at(START)).await, queue(&db, &mail("small", 1_000), at(START)).await);
        let running = Running::start(&db, smtp(&server, Security::None, password()), None);
        let failed = running.until(big, |row| row.state == State::Failed).await;
        let why = failed.last_error.unwrap();
        assert!(why.contains("100041 bytes") && why.contains("at most 100000"), "{why}");
        running.until(small, |row| row.state == State::Sent).await;
        running.end().await;
        assert_eq!(server.mails().len(), 1, "the big one was not even begun");
        assert!(server.lines("MAIL").iter().all(|line| line.contains(" SIZE=1043")), "{:?}", server.lines("MAIL"));
        let mut tx = db.read().await.unwrap();
        assert_eq!(rows::to_be_told(&mut tx, 10).await.unwrap().len(), 1, "a manager hears of it");
    })
    .await;
}

#[tokio::test]
async fn a_rate_is_kept_and_what_is_over_it_waits_without_an_attempt() {
    each_db("rate", async |db| {
        let server = SmtpServer::start().await;
        let mut ids = Vec::new();
        for key in ["a", "b", "c", "d"] {
            ids.push(queue(&db, &mail(key, 3), at(START)).await);
        }
        let slow = Rate { mails: 3, per: Duration::from_secs(3600) };
        let running = Running::start(&db, smtp(&server, Security::None, password()), Some(slow));
        running.until(ids[2], |row| row.state == State::Sent).await;
        // The loop comes round again, and leaves the fourth alone.
        let beats = running.health.snapshot();
        let mut health = running.health.subscribe();
        running.wake.notify_one();
        tokio::time::timeout(Duration::from_secs(20), health.changed()).await.unwrap().unwrap();
        let waits = row(&db, ids[3]).await;
        assert_eq!((waits.state, waits.attempts, beats.sent), (State::Queued, 0, 3));
        running.end().await;
        // With another rate the rest goes: seven tenths of a second make room for the next one each.
        let quick = Rate { mails: 1, per: Duration::from_millis(700) };
        ids.push(queue(&db, &mail("e", 3), at(START)).await);
        let begun = tokio::time::Instant::now();
        let running = Running::start(&db, smtp(&server, Security::None, password()), Some(quick));
        for id in &ids[3..] {
            running.until(*id, |row| row.state == State::Sent).await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
        running.end().await;
        assert_eq!(server.mails().len(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_refused_the_empty_sender_once_is_not_offered_it_again() {
    each_db("null_learned", async |db| {
        let server = SmtpServer::start().await;
        server.on("MAIL FROM:<>", Act::Reply("550 5.7.1 empty sender refused"), 9);
        let acknowledgement = |key| NewMail { envelope_from: None, class: Class::Once, ..mail(key, 3) };
        let running = Running::start(&db, smtp(&server, Security::None, password()), None);
        for key in ["a", "b"] {
            let id = queue(&db, &acknowledgement(key), at(START)).await;
            let sent = running.until(id, |row| row.state == State::Sent).await;
            assert_eq!((sent.attempts, sent.last_error), (1, None), "that was no failed attempt");
        }
        running.end().await;
        let senders: Vec<String> =
            server.lines("MAIL").iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
        assert_eq!(senders, ["FROM:<>", "FROM:<support@northwind.example>", "FROM:<support@northwind.example>"]);
    })
    .await;
}
