//! The main job over real wires: Postfix takes the mail, Dovecot keeps it, and client and tech see only their own mailboxes.

use std::sync::Arc;
use std::time::Duration;

use deskd::clock::Clock;
use deskd::config;
use deskd::daemon::{Daemon, Start};
use deskd::desk::sla::{Policy, clocks};
use deskd::desk::ticket::Ticket;
use deskd::mail::authentic::Verifier;
use deskd::store::{Db, tickets};
use deskd::words::TicketNumber;

use crate::harness::daemon::Home;
use crate::harness::dns::{Dns, Mood};
use crate::harness::mailhost::{Letter, MailHost};
use crate::harness::rows::{number, rows};
use crate::harness::signer::Signer;
use crate::harness::{postgres, ring, scratch};

const DESK: &str = "support@northwind.example";
const JANE: &str = "jane@acme-dental.example";
const SAM: &str = "sam@techs.example";

#[tokio::test]
async fn on_sqlite_a_clients_mail_becomes_an_answered_ticket_over_the_wires() {
    let folder = scratch("wire");
    let url = format!("sqlite:{}", folder.path().join("deskd.db").display());
    if let Some(wires) = Wires::up(&folder, &url).await {
        wires.story().await;
    }
}

#[tokio::test]
async fn on_postgres_a_clients_mail_becomes_an_answered_ticket_over_the_wires() {
    let folder = scratch("wire");
    let Some(database) = postgres::fresh("wire").await else { return };
    if let Some(wires) = Wires::up(&folder, &database.url).await {
        wires.story().await;
    }
    database.remove().await;
}

struct Wires {
    host: MailHost,
    signer: Signer,
    daemon: Daemon,
    config: config::Config,
    db: Db,
}

impl Wires {
    async fn up(folder: &tempfile::TempDir, url: &str) -> Option<Wires> {
        ring();
        let host = MailHost::start(&[DESK, JANE, SAM]).await?;
        let dns = Dns::start(Mood::Well).await;
        let signer = Signer::new("techs.example", &dns);
        let more = format!(
            "[security]\ndns = \"{dns}\"\n[store]\nurl = \"{url}\"\n\
             [[mailbox]]\nname = \"support\"\naddress = \"{DESK}\"\nhost = \"localhost\"\nport = {imaps}\nca = \"{imap_ca}\"\n\
             user = \"{DESK}\"\npassword = {{ file = \"secret\" }}\npoll = \"1s\"\n\
             [smtp]\nhost = \"localhost\"\nport = {smtp}\ntls = \"starttls\"\nca = \"{smtp_ca}\"\nuser = \"{DESK}\"\n\
             password = {{ file = \"secret\" }}\n",
            dns = dns.address,
            imaps = host.dovecot.imaps,
            imap_ca = host.dovecot.ca().display(),
            smtp = host.postfix.address.port(),
            smtp_ca = host.smtp_ca().display(),
        );
        let home = Home::new(folder.path(), &more);
        let config = config::load(&home.config()).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.dns, config::Dns::Server(dns.address));
        let verifier = Some(Arc::new(Verifier::with_dns(dns.address).unwrap()));
        let start = Start { config: config.clone(), clock: Clock::System, verifier, program: None };
        let daemon = Daemon::start(start).await.unwrap();
        let db = daemon.db.clone();
        Some(Wires { host, signer, daemon, config, db })
    }

    async fn story(self) {
        let acknowledged = self.request().await;
        let assignment = self.assignment().await;
        let answer = self.answer(&acknowledged, &assignment).await;
        self.sums().await;
        self.forgeries(&assignment).await;
        self.reopening(&answer).await;
        tokio::time::timeout(Duration::from_secs(10), self.daemon.stop()).await.expect("stops in time");
    }

    /// The client mails, the ticket exists from the arrival on, the client gets the acknowledgement.
    async fn request(&self) -> Letter {
        self.host
            .send(
                JANE,
                DESK,
                &mail(
                    "Jane Roe",
                    JANE,
                    DESK,
                    "The VPN drops",
                    "<a1@acme-dental.example>",
                    "",
                    "The VPN drops every hour.",
                ),
            )
            .await;
        let letter = self.host.until_mail(JANE, "the acknowledgement", |_| true).await;
        assert_eq!(letter.subject, "Re: The VPN drops");
        assert_eq!(letter.header("Return-Path"), "<>", "the empty sender went through: {}", letter.raw);
        assert_eq!(letter.header("Auto-Submitted"), "auto-replied");
        assert_eq!(letter.header("In-Reply-To"), "<a1@acme-dental.example>");
        assert!(letter.text.contains("#1001"), "{}", letter.text);
        let processed = self.host.mails(DESK, "Processed").await;
        assert_eq!(processed.len(), 1, "the request lies in Processed");
        let mut tx = self.db.read().await.unwrap();
        let row = tickets::row(&mut tx, TicketNumber(1001)).await.unwrap().expect("the ticket");
        tx.rollback().await.unwrap();
        assert_eq!(row.received_at, processed[0].arrived_at, "the clock starts at INTERNALDATE");
        letter
    }

    /// The tech gets it, with an address to answer to that only this tech has, and links.
    async fn assignment(&self) -> Letter {
        let letter = self.host.until_mail(SAM, "the assignment", |_| true).await;
        assert_eq!(letter.subject, "#1001 Acme Dental: The VPN drops");
        let reply_to = letter.reply_to();
        assert!(reply_to.starts_with("support+r") && reply_to.ends_with("@northwind.example"), "{reply_to}");
        assert!(letter.text.contains("The VPN drops every hour."), "{}", letter.text);
        assert!(letter.text.contains(&format!("mailto:{reply_to}?subject=")), "{}", letter.text);
        assert!(letter.html.contains("mailto:"), "{}", letter.html);
        letter
    }

    /// The tech resolves by reply; the client reads the answer in the same thread and nothing that is not meant for her.
    async fn answer(&self, acknowledged: &Letter, assignment: &Letter) -> Letter {
        let text = "I replaced the certificate of the gateway; the VPN stays up now.\r\n\r\n#done 25m";
        let reply = reply(assignment, "t1", text);
        self.host.send(SAM, &assignment.reply_to(), &self.signer.sign(&reply)).await;
        let answer = self.host.until_mail(JANE, "the answer", |letter| letter.text.contains("certificate")).await;
        assert_eq!(answer.subject, "Re: The VPN drops");
        let references = answer.header("References");
        assert!(references.contains("<a1@acme-dental.example>"), "{references}");
        assert_eq!(acknowledged.header("In-Reply-To"), answer.header("In-Reply-To"), "one thread");
        assert!(references.ends_with(&answer.header("In-Reply-To")), "{references}");
        let token = token_of(assignment);
        for secret in ["#done", "deskd: write above", "Why you", "Billed as", "One tap", token.as_str()] {
            assert!(
                !answer.raw.contains(secret) && !answer.text.contains(secret) && !answer.html.contains(secret),
                "{secret}"
            );
        }
        assert_ne!(answer.header("Return-Path"), "<>", "an answer of a human can come back");
        let receipt = self.host.until_mail(SAM, "the receipt", |letter| letter.text.contains("25m retainer")).await;
        assert!(receipt.text.contains("#1001 25m retainer"), "{}", receipt.text);
        assert!(receipt.text.contains("· resolved ·"), "{}", receipt.text);
        assert!(receipt.text.contains("25m of 10–20h used in"), "the balance: {}", receipt.text);
        answer
    }

    /// `deskd why` adds up: the clocks in the store are what the events say.
    async fn sums(&self) {
        let number = TicketNumber(1001);
        let mut tx = self.db.read().await.unwrap();
        let history = tickets::history(&mut tx, number).await.unwrap();
        let row = tickets::row(&mut tx, number).await.unwrap().unwrap();
        tx.rollback().await.unwrap();
        let ticket = Ticket::replay(number, &history).expect("it has events");
        let policy = Policy::of(&self.config.firm, row.client.as_ref());
        let counted = clocks(&ticket, &history, &policy);
        let sql = "SELECT kind, due FROM sla_clock WHERE ticket = 1001 ORDER BY kind";
        let mut kept = rows::<(String, chrono::DateTime<chrono::Utc>)>(&self.db, sql).await;
        let mut summed: Vec<_> = counted.iter().map(|clock| (clock.kind.as_str().to_owned(), clock.due)).collect();
        kept.sort();
        summed.sort();
        assert_eq!(kept, summed);
        let touched = row.first_touch_at.expect("touched");
        assert!(touched >= row.received_at && row.resolved_at >= Some(touched), "{row:?}");
    }

    /// A tech's mail without the domain's signature, and one from another address: kept inside, nothing goes to the client.
    async fn forgeries(&self, assignment: &Letter) {
        let to_jane = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE recipient = 'jane@acme-dental.example'";
        let before = number(&self.db, to_jane).await;
        let unsigned = reply(assignment, "f1", "Please pay to this new account.\r\n\r\n#open");
        self.host.send("mallory@evil.example", &assignment.reply_to(), &unsigned).await;
        let told = self.host.until_mail(SAM, "the warning", |letter| letter.subject.starts_with("NOT SENT")).await;
        assert!(told.text.contains("Nothing went to the client."), "{}", told.text);
        let other = reply(assignment, "f2", "Please pay to that other account.").replace(SAM, "mallory@evil.example");
        self.host.send("mallory@evil.example", &assignment.reply_to(), &other).await;
        let sql = "SELECT text, visibility FROM message WHERE text LIKE '%other account%' OR text LIKE '%new account%'";
        let kept = self.until_rows::<(String, String)>(sql, 2).await;
        assert!(kept.iter().all(|(_, visibility)| visibility == "internal"), "{kept:?}");
        assert_eq!(number(&self.db, to_jane).await, before, "nothing of it goes to the client");
        assert!(self.host.mails(JANE, "INBOX").await.iter().all(|letter| !letter.text.contains("account")));
    }

    /// The client's next word opens it again and reaches the tech.
    async fn reopening(&self, answer: &Letter) {
        let subject = &answer.subject;
        let thread = format!("In-Reply-To: <{0}>\r\nReferences: <{0}>\r\n", answer.message_id);
        let text = "It dropped again at noon.";
        let mail = mail("Jane Roe", JANE, DESK, subject, "<a2@acme-dental.example>", &thread, text);
        self.host.send(JANE, &answer.reply_to(), &mail).await;
        let letter = self.host.until_mail(SAM, "the client's word", |letter| letter.text.contains("at noon")).await;
        assert_eq!(letter.subject, "#1001 Acme Dental: The VPN drops");
        let mut tx = self.db.read().await.unwrap();
        let row = tickets::row(&mut tx, TicketNumber(1001)).await.unwrap().unwrap();
        tx.rollback().await.unwrap();
        assert_eq!((row.status.as_str(), row.resolved_at), ("open", None));
        assert_eq!(number(&self.db, "SELECT CAST(COUNT(*) AS BIGINT) FROM ticket").await, 1);
    }

    async fn until_rows<T>(&self, sql: &'static str, count: usize) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
            + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
            + Send
            + Unpin,
    {
        let progress = self.daemon.heartbeats().progress();
        let looking = async {
            loop {
                let done = progress.done();
                let found = rows::<T>(&self.db, sql).await;
                if found.len() >= count {
                    return found;
                }
                progress.stirred(done).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), looking).await.expect("the rows come")
    }
}

/// `thread` holds whole header lines.
fn mail(name: &str, from: &str, to: &str, subject: &str, id: &str, thread: &str, text: &str) -> String {
    let date = Clock::System.now().to_rfc2822();
    format!(
        "From: {name} <{from}>\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: {id}\r\n{thread}\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    )
}

/// The tech answers a mail of ours, with the whole of it quoted beneath.
fn reply(to: &Letter, id: &str, text: &str) -> String {
    let quote: String = to.text.lines().map(|line| format!("> {line}\r\n")).collect();
    let thread = format!("In-Reply-To: <{0}>\r\nReferences: <{0}>\r\n", to.message_id);
    let text = format!("{text}\r\n\r\nOn Monday Northwind IT <{DESK}> wrote:\r\n{quote}");
    let id = format!("<{id}@techs.example>");
    mail("Sam Ortiz", SAM, &to.reply_to(), &format!("Re: {}", to.subject), &id, &thread, &text)
}

fn token_of(letter: &Letter) -> String {
    let address = letter.reply_to();
    address.split(['+', '@']).nth(1).unwrap().to_owned()
}
