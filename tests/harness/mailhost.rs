//! A whole mail host on loopback: Postfix takes mail (STARTTLS, AUTH), Dovecot keeps the mailboxes (LMTP, IMAP over TLS).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chrono::{DateTime, Utc};
use deskd::account::tls;
use deskd::outbox::smtp::{Security, Smtp, Timeouts};
use futures_util::TryStreamExt;
use mail_parser::MessageParser;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::dovecot::Dovecot;
use super::postfix::{Options, Postfix};

pub struct MailHost {
    pub dovecot: Dovecot,
    pub postfix: Postfix,
    folder: tempfile::TempDir,
}

/// A mail as its recipient finds it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// INTERNALDATE.
    pub arrived_at: DateTime<Utc>,
    pub raw: String,
    pub subject: String,
    /// The text part, decoded.
    pub text: String,
    pub html: String,
    pub message_id: String,
}

impl MailHost {
    /// Mailboxes with the password `secret`; mail for their domains is delivered, with `+detail` too. `None` where Postfix cannot run.
    pub async fn start(users: &[&str]) -> Option<MailHost> {
        let dovecot = Dovecot::serve(users).await;
        let mut domains: Vec<&str> = users.iter().filter_map(|user| user.split_once('@')).map(|user| user.1).collect();
        domains.sort_unstable();
        domains.dedup();
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let options = Options { lmtp: loopback(dovecot.lmtp), sasl: Some(loopback(dovecot.sasl)), domains: &domains };
        let postfix = Postfix::start(&options)?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("postfix.pem"), &postfix.ca).unwrap();
        Some(MailHost { dovecot, postfix, folder })
    }

    /// What trusts Postfix's certificate.
    pub fn smtp_ca(&self) -> PathBuf {
        self.folder.path().join("postfix.pem")
    }

    /// Brings a mail from outside, over STARTTLS.
    pub async fn send(&self, from: &str, to: &str, mail: &str) {
        let smtp = Smtp {
            host: "localhost".to_owned(),
            port: self.postfix.address.port(),
            security: Security::StartTls,
            tls: tls::client_config(Some(Path::new(&self.smtp_ca()))).unwrap(),
            login: None,
            hello: "outside.example".to_owned(),
            address: from.to_owned(),
            timeouts: Timeouts::default(),
            null_refused: AtomicBool::new(false),
        };
        let mut session = smtp.open().await.unwrap();
        session.offer(Some(from), to, mail.as_bytes()).await.unwrap();
        session.deliver(to, mail.as_bytes()).await.unwrap();
        session.close().await;
    }

    /// Everything in one folder of a mailbox, over IMAP.
    pub async fn mails(&self, user: &str, folder: &str) -> Vec<Letter> {
        let mut session = self.session(user).await;
        let letters = match session.examine(folder).await {
            Ok(mailbox) if mailbox.exists > 0 => letters(&mut session).await,
            _ => Vec::new(),
        };
        session.logout().await.unwrap();
        letters
    }

    /// The first mail of an inbox that fits; the server says when there is a new one (IDLE), for a minute.
    pub async fn until_mail(&self, user: &str, what: &str, fits: impl Fn(&Letter) -> bool) -> Letter {
        let looking = async {
            let mut session = self.session(user).await;
            loop {
                // What comes between this and IDLE is told as soon as IDLE begins.
                let found = match session.examine("INBOX").await.unwrap().exists {
                    0 => Vec::new(),
                    _ => letters(&mut session).await,
                };
                if let Some(letter) = found.into_iter().find(&fits) {
                    session.logout().await.unwrap();
                    return letter;
                }
                let mut idle = session.idle();
                idle.init().await.unwrap();
                let (news, _stop) = idle.wait();
                news.await.unwrap();
                session = idle.done().await.unwrap();
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), looking).await {
            Ok(letter) => letter,
            Err(_) => {
                let there: Vec<String> =
                    self.mails(user, "INBOX").await.into_iter().map(|letter| letter.subject).collect();
                panic!("{user} did not get {what}; there is {there:?}\n{}", self.postfix.log())
            }
        }
    }

    async fn session(&self, user: &str) -> async_imap::Session<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(("127.0.0.1", self.dovecot.imaps)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(self.dovecot.tls.clone()).connect(name, tcp).await.unwrap();
        let mut client = async_imap::Client::new(stream);
        client.read_response().await.unwrap();
        client.login(user, "secret").await.map_err(|refused| refused.0).unwrap()
    }
}

/// All of the folder that is selected.
async fn letters(session: &mut async_imap::Session<TlsStream<TcpStream>>) -> Vec<Letter> {
    let found = session.uid_fetch("1:*", "(UID INTERNALDATE BODY.PEEK[])").await.unwrap();
    let found: Vec<_> = found.try_collect().await.unwrap();
    found.iter().map(letter).collect()
}

fn letter(fetched: &async_imap::types::Fetch) -> Letter {
    let raw = fetched.body().unwrap();
    let mail = MessageParser::default().parse(raw).unwrap();
    let part = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or_default().replace("\r\n", "\n");
    Letter {
        arrived_at: fetched.internal_date().unwrap().to_utc(),
        raw: String::from_utf8_lossy(raw).into_owned(),
        subject: mail.subject().unwrap_or_default().to_owned(),
        text: part(mail.body_text(0)),
        html: part(mail.body_html(0)),
        message_id: mail.message_id().unwrap_or_default().to_owned(),
    }
}

impl Letter {
    /// A header field unfolded; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        let head = self.raw.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
        let fits = |line: &&str| line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name));
        let line = head.lines().find(fits).unwrap_or_default();
        line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
    }

    /// The address between the angle brackets of Reply-To.
    pub fn reply_to(&self) -> String {
        let value = self.header("Reply-To");
        value.rsplit_once('<').map_or(value.clone(), |(_, address)| address.trim_end_matches('>').to_owned())
    }
}
