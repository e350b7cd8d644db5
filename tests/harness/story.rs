//! A desk to tell stories on: a daemon with a Maildir as its mailbox and a folder as its outbox, on either database, with a clock of its own.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use deskd::clock::TestClock;
use deskd::config;
use deskd::daemon::{Daemon, Start};
use deskd::mail::authentic::Verifier;
use deskd::mail::parse;
use deskd::store::inbound::{self, Listed};
use deskd::store::messages::{self, Message};
use deskd::store::tickets::{self, Row};
use deskd::words::TicketNumber;
use tempfile::TempDir;

use super::dns::{Dns, Mood};
use super::{at, look, postgres, scratch};

/// Monday, 9:00 in Chicago: the office of Northwind IT is open.
pub const MORNING: &str = "2026-03-02 15:00";

const FIRM: &str = include_str!("../firm/deskd.toml");

pub struct Story {
    folder: TempDir,
    pub daemon: Daemon,
    pub clock: TestClock,
    /// `None`: a tech's token alone is believed, and no sender is verified.
    verifier: Option<Arc<Verifier>>,
    told: RefCell<HashSet<PathBuf>>,
    dropped: RefCell<u32>,
}

/// A mail of the outbox folder, read back.
#[derive(Debug, Clone)]
pub struct Sent {
    pub kind: String,
    pub to: String,
    pub mail: deskd::mail::Mail,
    pub raw: Vec<u8>,
}

impl Sent {
    pub fn reply_to(&self) -> String {
        self.mail.reply_to.first().map(|mailbox| mailbox.address.clone()).unwrap_or_default()
    }

    /// What a mail program sends as an answer from `who`, with the whole mail quoted below.
    pub fn answer(&self, who: &str, text: &str) -> String {
        let id = self.mail.message_id.clone().unwrap_or_default();
        let quoted: String = self.mail.text.lines().map(|line| format!("> {line}\r\n")).collect();
        format!(
            "From: {who}\r\nTo: {}\r\nSubject: Re: {}\r\nIn-Reply-To: <{id}>\r\nReferences: <{id}>\r\n\r\n{}\r\n\r\n\
             On Mon, 2 Mar 2026 at 09:01, Northwind IT <support@northwind.example> wrote:\r\n\r\n{quoted}",
            self.reply_to(),
            self.mail.subject,
            text.replace('\n', "\r\n"),
        )
    }

    /// The same with files: name, type, bytes.
    pub fn answer_with(&self, who: &str, text: &str, files: &[(&str, &str, &[u8])]) -> String {
        let plain = self.answer(who, text);
        let (head, words) = plain.split_once("\r\n\r\n").unwrap();
        let part = |(name, kind, bytes): &(&str, &str, &[u8])| {
            format!(
                "--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                data_encoding::BASE64_MIME.encode(bytes)
            )
        };
        let parts: String = files.iter().map(part).collect();
        format!(
            "{head}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
             {words}\r\n{parts}--b--\r\n"
        )
    }
}

impl Story {
    /// `more` is added to the firm's config.
    pub async fn begin_with(url: String, more: &str) -> Story {
        Story::begin(url, more, None).await
    }

    async fn begin(url: String, more: &str, verifier: Option<Arc<Verifier>>) -> Story {
        super::ring();
        let folder = scratch("story");
        let clock = TestClock::at(at(MORNING));
        let daemon = start(folder.path(), (&url, more), &clock, verifier.clone()).await;
        Story { folder, daemon, clock, verifier, told: RefCell::default(), dropped: RefCell::default() }
    }

    /// Stops the daemon, lets `meanwhile` happen, and starts it again on the same database and folders.
    pub async fn restart_after(self, url: &str, more: &str, meanwhile: impl FnOnce()) -> Story {
        self.daemon.stop().await;
        meanwhile();
        let daemon = start(self.folder.path(), (url, more), &self.clock, self.verifier.clone()).await;
        Story { daemon, ..self }
    }

    /// For the command line.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("deskd.toml")
    }

    pub fn now(&self) -> DateTime<Utc> {
        deskd::clock::Clock::Test(self.clock.clone()).now()
    }

    /// A mail arrives now; returns when deskd has decided its fate.
    pub async fn mail(&self, raw: &str) -> Listed {
        self.mail_bytes(raw.as_bytes(), self.now()).await
    }

    pub async fn mail_bytes(&self, raw: &[u8], arrived: DateTime<Utc>) -> Listed {
        let key = self.drop_in(raw, arrived);
        self.decided(&String::from_utf8_lossy(raw), |row| row.source_key == key).await
    }

    /// Returns when deskd has decided the fate of the one that is looked for.
    pub async fn decided(&self, what: &str, is: impl Fn(&Listed) -> bool) -> Listed {
        let mut found = None;
        look::until(what, async || {
            self.quiet().await;
            let mut tx = self.daemon.db.read().await.unwrap();
            let all = inbound::list(&mut tx, None, 1000).await.unwrap();
            found = all.into_iter().find(|row| is(row) && row.fate.is_some());
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// What an arrival is by now.
    pub async fn inbound(&self, id: deskd::words::InboundId) -> Listed {
        let mut tx = self.daemon.db.read().await.unwrap();
        inbound::listed(&mut tx, id).await.unwrap().unwrap()
    }

    /// Puts a mail into the Maildir and does not wait.
    pub fn drop_in(&self, raw: &[u8], arrived: DateTime<Utc>) -> String {
        let number = self.dropped.replace_with(|number| *number + 1);
        let key = format!("{number}.story");
        let inbox = self.folder.path().join("inbox");
        let draft = inbox.join("tmp").join(&key);
        std::fs::create_dir_all(inbox.join("tmp")).unwrap();
        std::fs::create_dir_all(inbox.join("new")).unwrap();
        std::fs::write(&draft, raw).unwrap();
        std::fs::File::options().write(true).open(&draft).unwrap().set_modified(arrived.into()).unwrap();
        std::fs::rename(&draft, inbox.join("new").join(&key)).unwrap();
        key
    }

    /// Returns when every loop of the daemon has looked, Maildir and clock included, and none has anything left to do.
    pub async fn quiet(&self) {
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, self.daemon.settled()).await.expect("the daemon does not come to rest");
    }

    /// Moves the clock; returns when all that is due then has been done.
    pub async fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.quiet().await;
    }

    /// What was mailed since the last look, in order.
    pub fn mailed(&self) -> Vec<Sent> {
        let Ok(folder) = std::fs::read_dir(self.folder.path().join("outbox")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = folder
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "eml"))
            .filter(|path| !self.told.borrow().contains(path))
            .collect();
        files.sort();
        let read = |path: &PathBuf| {
            self.told.borrow_mut().insert(path.clone());
            let raw = std::fs::read(path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let mut parts = name.splitn(3, '-');
            let (_, kind, to) = (parts.next(), parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
            Sent { kind, to, mail: parse::parse(&raw), raw }
        };
        files.iter().map(read).collect()
    }

    /// The one mail of this kind among what was mailed since the last look.
    pub fn mailed_one(&self, kind: &str) -> Sent {
        let all = self.mailed();
        let mut found: Vec<Sent> = all.iter().filter(|sent| sent.kind == kind).cloned().collect();
        let kinds: Vec<_> = all.iter().map(|sent| format!("{} to {}", sent.kind, sent.to)).collect();
        assert_eq!(found.len(), 1, "wanted one {kind}, mailed were {kinds:?}");
        found.remove(0)
    }

    /// The first mail of this kind among what was mailed since the last look.
    pub fn mailed_one_of(&self, kind: &str) -> Sent {
        self.mailed().into_iter().find(|sent| sent.kind == kind).unwrap_or_else(|| panic!("no {kind} was mailed"))
    }

    pub async fn ticket(&self, number: TicketNumber) -> Row {
        let mut tx = self.daemon.db.read().await.unwrap();
        tickets::row(&mut tx, number).await.unwrap().unwrap()
    }

    pub async fn messages(&self, number: TicketNumber) -> Vec<Message> {
        let mut tx = self.daemon.db.read().await.unwrap();
        messages::of_ticket(&mut tx, number).await.unwrap()
    }

    pub async fn end(self) {
        self.daemon.stop().await;
    }
}

async fn start(folder: &Path, (url, more): (&str, &str), clock: &TestClock, verifier: Option<Arc<Verifier>>) -> Daemon {
    let mut text = FIRM.replace("@STORE@", url).replace("@MORE@", more);
    if verifier.is_some() {
        text = text.replace("tech_mail = \"token\"", "");
        text = text.replace("path = \"inbox\"", "path = \"inbox\"\ntrusted_authserv = \"mx.northwind.example\"");
    }
    std::fs::write(folder.join("deskd.toml"), text).unwrap();
    let config = config::load(&folder.join("deskd.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    let start = Start { config, clock: clock.clone().into(), verifier, program: None };
    Daemon::start(start).await.unwrap()
}

/// Tells the story on SQLite, and on Postgres where there is one; the url is for restarts.
pub async fn told(name: &str, story: impl AsyncFn(Story, String)) {
    told_with(name, "", story).await;
}

pub async fn told_with(name: &str, more: &str, story: impl AsyncFn(Story, String)) {
    super::ring();
    let url = "sqlite:deskd.db".to_owned();
    story(Story::begin_with(url.clone(), more).await, url).await;
    if let Some(database) = postgres::bare(name).await {
        let url = database.url.clone();
        story(Story::begin_with(url.clone(), more).await, url).await;
        database.remove().await;
    }
}

/// Tells it on a desk that believes DKIM and its border only; the DNS is one that the story plays with.
pub async fn told_by_dns(name: &str, more: &str, story: impl AsyncFn(Story, String, Dns)) {
    super::ring();
    let dns = Dns::start(Mood::Well).await;
    let url = "sqlite:deskd.db".to_owned();
    let verifier = Some(Arc::new(Verifier::with_dns(dns.address).unwrap()));
    story(Story::begin(url.clone(), more, verifier).await, url, dns).await;
    if let Some(database) = postgres::bare(name).await {
        let dns = Dns::start(Mood::Well).await;
        let url = database.url.clone();
        let verifier = Some(Arc::new(Verifier::with_dns(dns.address).unwrap()));
        story(Story::begin(url.clone(), more, verifier).await, url, dns).await;
        database.remove().await;
    }
}
