//! Sending by SMTP: one connection a batch, a timeout around each command, one decision a reply.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::SendError;
use super::stream::Stream;
use crate::account::oauth::xoauth2;
use crate::account::{Login, OAuthError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte, usually port 465.
    Implicit,
    /// Usually port 587; a server that does not offer it is not used.
    StartTls,
    /// Loopback only.
    None,
}

#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Connection, TLS and greeting.
    pub connect: Duration,
    pub command: Duration,
    /// From the first byte of the body to the server's answer.
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts { connect: seconds(30), command: seconds(60), body: seconds(600) }
    }
}

/// `[smtp]` of the config, ready to use.
#[derive(Debug)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub tls: Arc<ClientConfig>,
    pub login: Option<Login>,
    /// Our name in EHLO.
    pub hello: String,
    /// Stands in for the empty sender where the server refuses that.
    pub address: String,
    pub timeouts: Timeouts,
    /// Learned: this server refuses `MAIL FROM:<>`.
    pub null_refused: AtomicBool,
}

/// One connection, greeted and logged in.
pub struct Session<'a> {
    smtp: &'a Smtp,
    connection: AsyncSmtpConnection,
    offers: Offers,
    /// A command timed out or failed on the wire: nothing more may be sent here.
    broken: bool,
}

#[derive(Default)]
struct Offers {
    size: Option<u64>,
    eight_bit: bool,
    utf8: bool,
    auth: Vec<String>,
}

/// Why a command did not succeed.
enum Trouble {
    Reply { code: u16, text: String },
    Gone(io::Error),
}

impl Smtp {
    pub async fn open(&self) -> Result<Session<'_>, SendError> {
        let stream = timeout(self.timeouts.connect, self.stream()).await;
        let stream = stream.map_err(|_| self.unreachable(timed_out()))?.map_err(|error| self.unreachable(error))?;
        let hello = ClientId::Domain(self.hello.clone());
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello);
        let connection = timeout(self.timeouts.connect, greeted)
            .await
            .map_err(|_| self.unreachable(timed_out()))?
            .map_err(|error| self.unreachable(io::Error::other(text_of(&error))))?;
        let mut session = Session { smtp: self, connection, offers: Offers::default(), broken: false };
        // The library forgets SIZE and unknown AUTH words, so we ask once more and read the answer ourselves.
        let ehlo = session.say(format!("EHLO {}", self.hello)).await;
        let ehlo = ehlo.map_err(|trouble| self.unreachable(trouble.into_io()))?;
        session.offers = Offers::read(&ehlo);
        session.log_in().await?;
        Ok(session)
    }

    async fn stream(&self) -> io::Result<Stream> {
        let addresses: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        if self.security == Security::None && !addresses.iter().all(|address| address.ip().is_loopback()) {
            return Err(io::Error::other("tls = \"none\" is for loopback only; use \"implicit\" or \"starttls\""));
        }
        let tcp = TcpStream::connect(addresses.as_slice()).await?;
        tcp.set_nodelay(true)?;
        match self.security {
            Security::Implicit => Stream::tls(tcp, &self.host, self.tls.clone()).await,
            Security::StartTls => Stream::starttls(tcp, &self.host, &self.hello, self.tls.clone()).await,
            Security::None => Ok(Stream::plain(tcp)),
        }
    }

    fn unreachable(&self, source: io::Error) -> SendError {
        SendError::Unreachable { server: self.host.clone(), source }
    }

    fn paused(&self, reply: impl Into<String>) -> SendError {
        SendError::Paused { server: self.host.clone(), reply: reply.into() }
    }
}

impl Session<'_> {
    /// Nothing more can be sent over this connection.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The server waits for a body that must not come: the connection is of no more use.
    pub fn give_up(&mut self) {
        self.broken = true;
    }

    /// MAIL, RCPT and DATA up to the server's 354; with an error nothing of the body has left.
    pub async fn offer(&mut self, from: Option<&str>, to: &str, bytes: &[u8]) -> Result<(), SendError> {
        let size = wire(bytes).len() as u64;
        if let Some(most) = self.offers.size.filter(|most| *most > 0 && size > *most) {
            return Err(never(to, format!("the mail has {size} bytes and {} takes at most {most}", self.smtp.host)));
        }
        let fallback = self.smtp.address.as_str();
        let null_refused = self.smtp.null_refused.load(Ordering::Relaxed);
        let sender = from.unwrap_or(if null_refused { fallback } else { "" });
        match self.envelope(sender, to, size, bytes.is_ascii()).await {
            Err((at_mail, Trouble::Reply { code, .. }))
                if sender.is_empty() && (500..600).contains(&code) && !about_login(code) && code != 503 =>
            {
                self.reset().await;
                self.envelope(fallback, to, size, bytes.is_ascii())
                    .await
                    .map_err(|(_, trouble)| self.decide(to, trouble))?;
                if at_mail {
                    self.smtp.null_refused.store(true, Ordering::Relaxed);
                }
            }
            Err((_, trouble)) => {
                let error = self.decide(to, trouble);
                self.reset().await;
                return Err(error);
            }
            Ok(()) => {}
        }
        match self.say("DATA".to_owned()).await {
            Ok(reply) if reply.has_code(354) => Ok(()),
            Ok(reply) => {
                self.broken = true;
                let source = io::Error::other(format!("its answer to DATA was {}", u16::from(reply.code())));
                Err(SendError::Later { server: self.smtp.host.clone(), source })
            }
            Err(trouble) => {
                let error = self.decide(to, trouble);
                self.reset().await;
                Err(error)
            }
        }
    }

    /// The body, after `offer`. Without an answer the mail is uncertain.
    pub async fn deliver(&mut self, to: &str, bytes: &[u8]) -> Result<(), SendError> {
        let body = wire(bytes);
        // The library ends the body with CRLF by itself.
        let body = body.strip_suffix(b"\r\n").unwrap_or(&body);
        let answer = timeout(self.smtp.timeouts.body, self.connection.message(body)).await;
        let trouble = match answer {
            Ok(Ok(reply)) if u16::from(reply.code()) / 100 == 2 => return Ok(()),
            Ok(Ok(_)) | Err(_) => Trouble::Gone(timed_out()),
            Ok(Err(error)) => Trouble::from(error),
        };
        match trouble {
            Trouble::Gone(_) => {
                self.broken = true;
                Err(SendError::Uncertain { server: self.smtp.host.clone() })
            }
            // An answer, even 421, says that the server did not take the mail.
            reply => Err(self.decide(to, reply)),
        }
    }

    /// Says goodbye, for at most two seconds.
    pub async fn close(mut self) {
        if !self.broken {
            let _ = timeout(Duration::from_secs(2), self.connection.quit()).await;
        }
    }

    /// `Err((true, …))`: the sender was refused, `Err((false, …))`: the recipient.
    async fn envelope(&mut self, from: &str, to: &str, size: u64, ascii: bool) -> Result<(), (bool, Trouble)> {
        let utf8 = !from.is_ascii() || !to.is_ascii();
        for address in [from, to] {
            let fault = if utf8 && !self.offers.utf8 {
                Some("the server takes no addresses with non-ASCII letters (SMTPUTF8)")
            } else if address.is_empty() || safe(address) {
                None
            } else {
                Some("this is not an address that mail can be sent to")
            };
            if let Some(fault) = fault {
                return Err((false, Trouble::Reply { code: 553, text: fault.to_owned() }));
            }
        }
        let mut mail = format!("MAIL FROM:<{from}>");
        if self.offers.size.is_some() {
            mail.push_str(&format!(" SIZE={size}"));
        }
        if utf8 {
            mail.push_str(" SMTPUTF8");
        }
        if (!ascii || utf8) && self.offers.eight_bit {
            mail.push_str(" BODY=8BITMIME");
        }
        self.say(mail).await.map_err(|trouble| (true, trouble))?;
        self.say(format!("RCPT TO:<{to}>")).await.map_err(|trouble| (false, trouble))?;
        Ok(())
    }

    async fn log_in(&mut self) -> Result<(), SendError> {
        let smtp = self.smtp;
        let Some(login) = &smtp.login else { return Ok(()) };
        let offered = |word: &str| self.offers.auth.iter().any(|offer| offer.eq_ignore_ascii_case(word));
        let outcome = match login {
            Login::Password { user, password } if offered("PLAIN") => {
                let secret = format!("\0{user}\0{}", password.expose_secret());
                self.say(format!("AUTH PLAIN {}", BASE64.encode(secret.as_bytes()))).await
            }
            Login::Password { user, password } if offered("LOGIN") => {
                let steps = ["AUTH LOGIN".to_owned(), BASE64.encode(user.as_bytes())];
                let mut outcome = Ok(());
                for step in steps {
                    if outcome.is_ok() {
                        outcome = self.say(step).await.map(drop);
                    }
                }
                match outcome {
                    Ok(()) => self.say(BASE64.encode(password.expose_secret().as_bytes())).await,
                    Err(trouble) => Err(trouble),
                }
            }
            Login::XOAuth2 { user, tokens } if offered("XOAUTH2") => {
                let token = tokens.token().await.map_err(|error| match error {
                    OAuthError::Refused { .. } => smtp.paused(error.to_string()),
                    OAuthError::Unreachable { .. } => smtp.unreachable(io::Error::other(error.to_string())),
                })?;
                let word = BASE64.encode(xoauth2(user, &token).expose_secret().as_bytes());
                match self.say(format!("AUTH XOAUTH2 {word}")).await {
                    // A challenge carries the reason; an empty line asks for the real refusal.
                    Ok(reply) if reply.has_code(334) => self.say(String::new()).await,
                    other => other,
                }
            }
            _ => return Err(smtp.paused("it offers no way to log in that fits the config")),
        };
        match outcome {
            Ok(reply) if reply.has_code(235) => Ok(()),
            Ok(reply) => Err(smtp.paused(format!("unexpected answer {} to AUTH", u16::from(reply.code())))),
            Err(Trouble::Reply { code, text }) if code >= 500 => {
                if let Login::XOAuth2 { tokens, .. } = login {
                    tokens.forget().await;
                }
                Err(smtp.paused(format!("{code} {text}")))
            }
            Err(trouble) => Err(smtp.unreachable(trouble.into_io())),
        }
    }

    async fn say(&mut self, line: String) -> Result<Response, Trouble> {
        let answer = timeout(self.smtp.timeouts.command, self.connection.command(format!("{line}\r\n"))).await;
        let trouble = match answer {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => Trouble::from(error),
            Err(_) => Trouble::Gone(timed_out()),
        };
        if matches!(trouble, Trouble::Gone(_) | Trouble::Reply { code: 421 | 503, .. }) {
            self.broken = true;
        }
        Err(trouble)
    }

    /// Takes back a half transaction, so that the next mail starts afresh.
    async fn reset(&mut self) {
        if !self.broken && self.say("RSET".to_owned()).await.is_err() {
            self.broken = true;
        }
    }

    /// One decision a reply: 503 is our own confusion and 530, 534, 535, 538 are about the account, so neither bounces a mail.
    fn decide(&mut self, to: &str, trouble: Trouble) -> SendError {
        let server = self.smtp.host.clone();
        match trouble {
            Trouble::Reply { code, text } if about_login(code) => {
                self.broken = true;
                self.smtp.paused(format!("{code} {text}"))
            }
            Trouble::Reply { code, text } if code >= 500 && code != 503 => never(to, format!("{code} {text}")),
            trouble => {
                if matches!(trouble, Trouble::Gone(_) | Trouble::Reply { code: 421 | 503, .. }) {
                    self.broken = true;
                }
                SendError::Later { server, source: trouble.into_io() }
            }
        }
    }
}

impl Offers {
    fn read(ehlo: &Response) -> Offers {
        let mut offers = Offers::default();
        for line in ehlo.message().skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or("").to_ascii_uppercase().as_str() {
                "SIZE" => offers.size = Some(words.next().and_then(|size| size.parse().ok()).unwrap_or(0)),
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.utf8 = true,
                "AUTH" => offers.auth = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        offers
    }
}

impl From<lettre::transport::smtp::Error> for Trouble {
    fn from(error: lettre::transport::smtp::Error) -> Trouble {
        match error.status() {
            Some(code) => Trouble::Reply { code: u16::from(code), text: text_of(&error) },
            None => Trouble::Gone(io::Error::other(text_of(&error))),
        }
    }
}

impl Trouble {
    fn into_io(self) -> io::Error {
        match self {
            Trouble::Reply { code, text } => io::Error::other(format!("{code} {text}")),
            Trouble::Gone(error) => error,
        }
    }
}

/// The bytes as they cross the wire: every line ends with CRLF. A bare CR or LF is what SMTP smuggling lives on: one server
/// takes it for a line end and the next does not.
pub fn wire(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 40 + 2);
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\r' => {
                rest.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            byte => out.push(byte),
        }
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Fits between `<` and `>` without becoming another command; looser than the RFC, because real addresses are.
fn safe(address: &str) -> bool {
    let breaks = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>');
    address.len() <= 320
        && !address.contains(breaks)
        && address.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

fn about_login(code: u16) -> bool {
    matches!(code, 530 | 534 | 535 | 538)
}

fn never(to: &str, reply: String) -> SendError {
    SendError::Never { recipient: to.to_owned(), reply }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")
}

/// What the server said, without the library's words around it.
fn text_of(error: &lettre::transport::smtp::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| source.to_string())
}
