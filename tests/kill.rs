//! The kill test: clients' mails and a tech's answers stream into a real mailbox while SIGKILL falls at random instants; at the end nothing
//! is lost and nothing is doubled.
//!
//! `tests/run --kills 10000 kill::` kills more often; `DESKD_SEED=…` repeats a run's instants.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use deskd::clock::Clock;
use deskd::outbox::smtp::wire;
use deskd::store::{Db, outbox};

use crate::harness::daemon::{Home, Process};
use crate::harness::disk_postgres::DiskPostgres;
use crate::harness::dovecot::Dovecot;
use crate::harness::rows::{number, rows};
use crate::harness::say;
use crate::harness::smtp::{Act, SmtpServer, Taken};

use tech::Tech;

mod tech;

#[tokio::test]
async fn killed_at_any_instant_on_sqlite_nothing_is_lost_and_nothing_is_doubled() {
    let folder = on_disk();
    let url = format!("sqlite:{}", folder.path().join("deskd.db").display());
    Scene::set("sqlite", folder, &url).await.play().await;
}

#[tokio::test]
async fn killed_at_any_instant_on_postgres_nothing_is_lost_and_nothing_is_doubled() {
    let Some(server) = DiskPostgres::start().await else { return };
    Scene::set("postgres", on_disk(), &server.url).await.play().await;
}

/// Not in memory: there a commit takes no time, and no kill falls into it.
fn on_disk() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("kill-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Half of all kills; each database has its half.
fn kills() -> u64 {
    let all = std::env::var("DESKD_KILLS").ok().map(|count| count.parse::<u64>().expect("DESKD_KILLS is a number"));
    all.unwrap_or(200).div_ceil(2)
}

/// SplitMix64: the instants of a run follow from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % most
    }
}

/// Mails as they are put into the mailbox, the same request twice now and then.
#[derive(Default)]
struct Feed {
    mails: u64,
    files: u64,
    /// How many of the receiver's mails were looked at.
    seen: usize,
    /// Requests that are not acknowledged yet.
    open: u64,
    tech: Tech,
}

/// So many requests begin each life; whoever is acknowledged is followed by the next.
const AT_ONCE: u64 = 2;
/// On a slow machine many lives end before they have done anything: clients do not write ever more then.
const OPEN: u64 = 20;

impl Feed {
    fn next(&mut self, dovecot: &Dovecot) {
        let number = self.mails;
        self.mails += 1;
        self.open += u64::from(!is_answer(number));
        let copies = if number % 10 == 9 { 2 } else { 1 };
        self.put(dovecot, &mail(number), copies);
    }

    fn put(&mut self, dovecot: &Dovecot, mail: &str, copies: u64) {
        for _ in 0..copies {
            self.files += 1;
            // Dovecot gives out UIDs in the order of the time in the file's name.
            let name = format!("{}.M{}P1.kill", 1_700_000_000 + self.files, self.files);
            dovecot.deliver("support", &name, mail);
        }
    }

    /// The tech answers what has reached him.
    fn answer(&mut self, dovecot: &Dovecot, taken: &[Taken]) {
        let before = self.tech.mails;
        for (number, mail) in (before..).zip(self.tech.read(taken)) {
            self.put(dovecot, &mail, tech::copies(number));
        }
    }

    /// The next request for each acknowledgement that has come.
    fn go_on(&mut self, dovecot: &Dovecot, taken: &[Taken]) {
        let new = taken[self.seen..].iter().filter(|mail| tech::acknowledges(mail)).count();
        self.seen = taken.len();
        self.open = self.open.saturating_sub(new as u64);
        for _ in 0..new {
            self.next(dovecot);
        }
    }
}

fn marker(number: u64) -> String {
    format!("[kill-{number:06}]")
}

/// It joins the ticket of the one before, and nobody acknowledges it.
fn is_answer(number: u64) -> bool {
    number % 4 == 3
}

/// Every person writes one request; every fourth mail is the next word of the person before.
fn mail(number: u64) -> String {
    let (person, answers) = if is_answer(number) {
        let before = number - 1;
        (before, format!("In-Reply-To: <m{before}@acme-dental.example>\r\n"))
    } else {
        (number, String::new())
    };
    let subject = if answers.is_empty() { "Room" } else { "Re: Room" };
    format!(
        "From: Person {person} <person{person}@acme-dental.example>\r\nTo: support@northwind.example\r\n\
         Subject: {subject} {person} {marker}\r\nMessage-ID: <m{number}@acme-dental.example>\r\n{answers}\
         Date: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\nThe screen in room {person} is dark. {marker}\r\n.A line with a dot.\r\n",
        marker = marker(number),
    )
}

struct Scene {
    name: &'static str,
    dovecot: Dovecot,
    smtp: SmtpServer,
    home: Home,
    url: String,
    feed: Feed,
    dice: Dice,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn set(name: &'static str, folder: tempfile::TempDir, url: &str) -> Scene {
        let seed = match std::env::var("DESKD_SEED") {
            Ok(seed) => seed.parse().expect("DESKD_SEED is a number"),
            Err(_) => rand::random(),
        };
        say(&format!("kill test on {name}: {} kills, DESKD_SEED={seed}", kills()));
        let dovecot = Dovecot::start("").await;
        let smtp = SmtpServer::start().await;
        let more = format!(
            "[security]\ndns = \"none\"\ntech_mail = \"token\"\n[limits]\ngather_over = 30\ngather_within = \"2s\"\n[store]\nurl = \"{url}\"\n\
             [[mailbox]]\nname = \"support\"\naddress = \"support@northwind.example\"\nhost = \"localhost\"\nport = {imaps}\n\
             ca = \"{ca}\"\nuser = \"support\"\npassword = {{ file = \"secret\" }}\n\
             [smtp]\nhost = \"127.0.0.1\"\nport = {smtp}\ntls = \"none\"\nuncertain_retry = \"1s\"\n",
            imaps = dovecot.imaps,
            ca = dovecot.ca().display(),
            smtp = smtp.port,
        );
        let home = Home::new(folder.path(), &more);
        Scene {
            name,
            dovecot,
            smtp,
            home,
            url: url.to_owned(),
            feed: Feed::default(),
            dice: Dice(seed),
            _folder: folder,
        }
    }

    async fn play(mut self) {
        let begun = tokio::time::Instant::now();
        let mut ready = Vec::new();
        for _ in 0..kills() {
            ready.extend(self.life().await);
        }
        ready.sort();
        let killed = begun.elapsed();
        let last_begun = Clock::System.now();
        let mut last = self.home.run();
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, last.ready()).await.expect("the last life is ready at once");
        let db = Db::open(&self.url).await.unwrap();
        let drained = tokio::time::timeout(Duration::from_secs(120), self.until_drained(&db, &mut last)).await;
        if drained.is_err() {
            panic!("not drained: {}\n{}", self.left(&db).await, self.end_of_log());
        }
        last.stop().await;
        say(&format!(
            "kill test on {}: {} mails and {} of a tech ({} tickets answered in lists), {} kills in {:.0?}, {} lives came to READY, \
             median {:.0?}; drained {:.1?} later",
            self.name,
            self.feed.mails,
            self.feed.tech.mails,
            self.feed.tech.listed(),
            kills(),
            killed,
            ready.len(),
            ready.get(ready.len() / 2).copied().unwrap_or_default(),
            begun.elapsed() - killed,
        ));
        let mut faults = self.lost_or_doubled(&db).await;
        // Short lives get on only because each takes its own lease and claims back at once.
        let done = rows::<(DateTime<Utc>,)>(&db, "SELECT processed_at FROM inbound WHERE fate IS NOT NULL").await;
        let early = done.iter().filter(|row| row.0 < last_begun).count();
        if early * 4 < done.len() {
            faults.push(format!("only {early} of {} mails were worked on before the last life", done.len()));
        }
        faults.extend(self.feed.tech.faults(&db).await);
        faults.extend(self.outbox_faults(&db).await);
        db.close().await;
        assert!(faults.is_empty(), "{} faults:\n{}\n{}", faults.len(), faults.join("\n"), self.end_of_log());
    }

    /// One life of the daemon: mails come in before and while it runs, the server may hang up after a body, then the blow falls.
    async fn life(&mut self) -> Option<Duration> {
        let moment = Duration::from_millis(20 + self.dice.below(1480));
        if self.dice.below(100) < 15 {
            self.smtp.on("BODY", Act::Drop, 1);
        }
        for _ in 0..AT_ONCE.min(OPEN.saturating_sub(self.feed.open)) {
            self.feed.next(&self.dovecot);
        }
        let mut process = self.home.run();
        let mut taken = self.smtp.subscribe();
        let feeding = async {
            loop {
                {
                    let all = taken.borrow_and_update();
                    self.feed.go_on(&self.dovecot, &all);
                    self.feed.answer(&self.dovecot, &all);
                }
                taken.changed().await.unwrap();
            }
        };
        tokio::select! {
            () = feeding => unreachable!(),
            ready = process.kill_at(moment) => ready,
        }
    }

    /// The tech goes on answering; clients write no more.
    async fn until_drained(&mut self, db: &Db, process: &mut Process) {
        let mut taken = self.smtp.subscribe();
        loop {
            self.feed.answer(&self.dovecot, &taken.borrow_and_update());
            if self.left(db).await.is_empty() {
                return;
            }
            tokio::select! {
                changed = taken.changed() => changed.unwrap(),
                () = process.at_rest() => {}
            }
        }
    }

    /// What is still to be done, in words; empty when all is.
    async fn left(&self, db: &Db) -> String {
        let mut left = String::new();
        let mut note = |what: &str, count: i64| {
            if count != 0 {
                left.push_str(&format!("{count} {what}; "));
            }
        };
        note("mails in the mailbox", self.dovecot.count("support", "") as i64);
        let unprocessed = "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound WHERE fate IS NULL";
        note("mails kept and not processed", number(db, unprocessed).await);
        let kept = number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound").await;
        note("mails not kept", self.feed.files as i64 - kept);
        let mut tx = db.read().await.unwrap();
        let waits = outbox::next_due(&mut tx, outbox::MAIL).await.unwrap().is_some();
        tx.rollback().await.unwrap();
        note("outbox to be sent", i64::from(waits));
        let queued = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE state = 'queued'";
        note("mails held for a list", number(db, queued).await);
        let tickets = number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM ticket").await;
        note("assignments without an answer", tickets - self.feed.tech.answered() as i64);
        let in_hand = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE state IN ('sending', 'data')";
        note("outbox rows in hand", number(db, in_hand).await);
        left
    }

    /// Every mail has exactly one ticket or reply, by content.
    async fn lost_or_doubled(&self, db: &Db) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fates: HashMap<String, Vec<String>> = HashMap::new();
        for (subject, fate) in
            rows::<(String, String)>(db, "SELECT subject, fate FROM inbound WHERE sender <> 'sam@techs.example'").await
        {
            fates.entry(marker_in(&subject)).or_default().push(fate);
        }
        let mut texts: HashMap<String, usize> = HashMap::new();
        let said =
            "SELECT text FROM message WHERE inbound IS NOT NULL AND visibility = 'public' AND actor <> 'tech:sam'";
        for (text,) in rows::<(String,)>(db, said).await {
            *texts.entry(marker_in(&text)).or_default() += 1;
        }
        for number in 0..self.feed.mails {
            let marker = marker(number);
            let mut found = fates.remove(&marker).unwrap_or_default();
            found.sort();
            let becomes = if is_answer(number) { "reply" } else { "ticket" };
            let wanted: &[&str] = if number % 10 == 9 { &["duplicate", becomes] } else { &[becomes] };
            if found != wanted {
                faults.push(format!("{marker} became {found:?} and not {wanted:?}"));
            }
            let said = texts.remove(&marker).unwrap_or(0);
            if said != 1 {
                faults.push(format!("{marker} stands in {said} messages"));
            }
        }
        let tickets = number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM ticket").await;
        let opened = number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound WHERE fate = 'ticket'").await;
        if tickets != opened {
            faults.push(format!("{tickets} tickets of {opened} mails"));
        }
        for kind in ["acknowledgement", "assignment"] {
            let told = "SELECT kind FROM outbox WHERE kind IN ('acknowledgement', 'assignment')";
            let told = rows::<(String,)>(db, told).await.iter().filter(|row| row.0 == kind).count();
            if told as i64 != tickets {
                faults.push(format!("{told} mails of kind {kind} for {tickets} tickets"));
            }
        }
        let away = self.dovecot.count("support", ".Processed") as u64;
        if away != self.feed.files {
            faults.push(format!("{away} of {} mails lie in Processed", self.feed.files));
        }
        faults
    }

    /// What the receiver has, row by row, as the row's class and history allow (DESIGN.md section 12).
    async fn outbox_faults(&self, db: &Db) -> Vec<String> {
        let mut received: HashMap<(String, String), Vec<Vec<u8>>> = HashMap::new();
        for taken in self.smtp.taken() {
            received.entry((message_id(&taken.bytes), taken.recipient)).or_default().push(taken.bytes);
        }
        let sql = "SELECT id, class, state, recipient, message_id, uncertain_attempts, kind, bytes FROM outbox";
        type Row = (i64, String, String, String, String, i64, String, Vec<u8>);
        let mut faults = Vec::new();
        let mut uncertain = 0;
        for (id, class, state, recipient, message_id, unsure, kind, bytes) in rows::<Row>(db, sql).await {
            let copies = received.remove(&(message_id, recipient)).unwrap_or_default();
            let (count, most) = (copies.len(), 1 + usize::try_from(unsure).unwrap());
            uncertain += usize::from(unsure > 0);
            let fits = match (class.as_str(), state.as_str()) {
                (_, "sent") if unsure == 0 => count == 1,
                ("must_arrive", "sent" | "uncertain") if unsure > 0 => (1..=most).contains(&count),
                ("once", "uncertain") => count <= 1,
                (_, "withdrawn") => count == 0,
                _ => false,
            };
            if !fits {
                faults.push(format!(
                    "outbox {id} ({kind}, {class}) is {state} after {unsure} uncertain tries: {count} copies"
                ));
            }
            if copies.iter().any(|copy| *copy != wire(&bytes)) {
                faults.push(format!("outbox {id} ({kind}): a copy has other bytes"));
            }
        }
        for ((id, recipient), copies) in received {
            faults.push(format!("{} copies of {id} to {recipient} belong to no row", copies.len()));
        }
        say(&format!("kill test on {}: {uncertain} outbox rows were uncertain once or more", self.name));
        faults
    }

    fn end_of_log(&self) -> String {
        let log = self.home.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// The first `[kill-…]` of a text.
fn marker_in(text: &str) -> String {
    let from = text.find("[kill-").map_or("", |at| &text[at..]);
    from.find(']').map_or_else(String::new, |end| from[..=end].to_owned())
}

fn message_id(mail: &[u8]) -> String {
    let head = String::from_utf8_lossy(mail);
    let line = head.lines().find_map(|line| line.strip_prefix("Message-ID: <")).unwrap_or("none");
    line.trim_end_matches('>').to_owned()
}
