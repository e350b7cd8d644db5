//! From an address to a logged-in IMAP session: TCP, TLS in one of three ways, password or XOAUTH2.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_imap::imap_proto::{Capability, Response, Status};
use async_imap::{Authenticator, Client, Session};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::guard::Guard;
use super::talk::{MOST_CAPABILITIES, fault_of, safe};
use crate::account::oauth::xoauth2;
use crate::account::{Login, OAuthError, TokenSource};
use crate::source::SourceError;

/// How the connection is encrypted.
#[derive(Debug, Clone)]
pub enum Tls {
    /// From the first byte (port 993).
    Implicit(Arc<ClientConfig>),
    /// By the STARTTLS command (port 143); a server that does not offer it is refused.
    StartTls(Arc<ClientConfig>),
    /// Not at all: only to a server on this machine.
    None,
}

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug> Stream for S {}

pub type Wire = Guard<Box<dyn Stream>>;

/// A server that could be reached but will not have us.
fn refused(text: impl Into<String>) -> SourceError {
    SourceError::Refused(text.into())
}

fn lost(text: impl Into<String>) -> SourceError {
    SourceError::Lost(text.into())
}

/// Connects and logs in; the whole of it within `limit`.
pub async fn connect(
    host: &str,
    port: u16,
    tls: &Tls,
    login: &Login,
    limit: Duration,
) -> Result<Session<Wire>, SourceError> {
    // The token may come from the provider's server: its time is its own.
    let secret = match login {
        Login::Password { password, .. } => password.clone(),
        Login::XOAuth2 { tokens, .. } => token(tokens, limit).await?,
    };
    let session = async {
        let client = open(host, port, tls).await?;
        log_in(client, login, &secret, host).await
    };
    tokio::time::timeout(limit, session).await.map_err(|_| {
        lost(format!("{host}:{port} did not answer within {} s; check host, port and tls", limit.as_secs()))
    })?
}

async fn token(tokens: &TokenSource, limit: Duration) -> Result<SecretString, SourceError> {
    let asked = tokio::time::timeout(limit, tokens.token()).await;
    let asked = asked.map_err(|_| lost("the OAuth token did not come in time; is the token server reachable?"))?;
    asked.map_err(|error| match error {
        OAuthError::Refused { .. } => refused(error.to_string()),
        OAuthError::Unreachable { .. } => lost(error.to_string()),
    })
}

async fn open(host: &str, port: u16, tls: &Tls) -> Result<Client<Wire>, SourceError> {
    let socket = TcpStream::connect((host, port))
        .await
        .map_err(|error| lost(format!("cannot connect to {host}:{port}: {error}; check host and port")))?;
    let peer = socket.peer_addr().map(|peer| peer.ip()).ok();
    let _ = socket.set_nodelay(true);
    match tls {
        Tls::Implicit(config) => {
            let stream = encrypt(socket, host, config).await?;
            greeted(Box::new(stream)).await
        }
        Tls::StartTls(config) => {
            let mut client = greeted(Box::new(socket)).await?;
            start_tls(&mut client, host).await?;
            // Whatever the server sent behind its OK came over the plain line: it is dropped with the old client.
            let stream = encrypt(client.into_inner().into_inner(), host, config).await?;
            Ok(Client::new(Guard::new(Box::new(stream) as Box<dyn Stream>)))
        }
        Tls::None if peer.is_some_and(|peer: IpAddr| peer.is_loopback()) => greeted(Box::new(socket)).await,
        Tls::None => Err(refused(format!("{host} is not on this machine; use tls = \"implicit\" or \"starttls\""))),
    }
}

async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    config: &Arc<ClientConfig>,
) -> Result<tokio_rustls::client::TlsStream<S>, SourceError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| refused(format!("{host} is not a name that a certificate could be for")))?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
        .map_err(|error| lost(format!("no TLS with {host}: {error}; check the server's certificate, `ca` and `tls`")))
}

/// Reads the greeting. A server that claims we are logged in already is refused: nobody has asked for our name.
async fn greeted(stream: Box<dyn Stream>) -> Result<Client<Wire>, SourceError> {
    let mut client = Client::new(Guard::new(stream));
    let greeting = client.read_response().await.map_err(|error| fault_of(&error))?;
    let Some(greeting) = greeting else { return Err(lost("the server closed the connection without a greeting")) };
    match greeting.parsed() {
        Response::Data { status: Status::Ok, .. } => Ok(client),
        Response::Data { status, outcome } => {
            let text = outcome.information.as_deref().map(safe).unwrap_or_default();
            Err(lost(format!("the server greets with {status:?}: {text}")))
        }
        _ => Err(lost("this is not an IMAP server; check host, port and tls")),
    }
}

async fn start_tls(client: &mut Client<Wire>, host: &str) -> Result<(), SourceError> {
    if !capabilities(client).await?.iter().any(|offered| offered == "STARTTLS") {
        return Err(refused(format!("{host} does not offer STARTTLS; nothing was sent. Use tls = \"implicit\"")));
    }
    client
        .run_command_and_check_ok("STARTTLS", None)
        .await
        .map_err(|error| lost(format!("{host} does not start TLS: {}", safe(&error.to_string()))))
}

/// What the server offers before the login, in capital letters. async-imap asks that of a session only, hence a tag of our own.
async fn capabilities(client: &mut Client<Wire>) -> Result<Vec<String>, SourceError> {
    let wire = client.get_mut();
    let asked = async {
        wire.write_all(b"C0 CAPABILITY\r\n").await?;
        wire.flush().await
    };
    asked.await.map_err(|error| fault_of(&error))?;
    let mut offered = Vec::new();
    loop {
        let response = client.read_response().await.map_err(|error| fault_of(&error))?;
        let Some(response) = response else { return Err(lost("the server closed the connection")) };
        match response.parsed() {
            Response::Capabilities(list) => {
                offered = list.iter().take(MOST_CAPABILITIES).map(capability).collect();
            }
            Response::Done { tag, .. } if tag.0 == "C0" => return Ok(offered),
            _ => {}
        }
    }
}

/// In capital letters.
pub fn capability(offered: &Capability<'_>) -> String {
    match offered {
        Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
        Capability::Auth(way) => format!("AUTH={}", way.to_ascii_uppercase()),
        Capability::Atom(name) => name.to_ascii_uppercase(),
    }
}

async fn log_in(
    mut client: Client<Wire>,
    login: &Login,
    secret: &SecretString,
    host: &str,
) -> Result<Session<Wire>, SourceError> {
    let offered = capabilities(&mut client).await?;
    let has = |name: &str| offered.iter().any(|offer| offer == name);
    let outcome = match login {
        Login::XOAuth2 { user, .. } if has("AUTH=XOAUTH2") => {
            let answer = xoauth2(user, secret).expose_secret().to_owned();
            client.authenticate("XOAUTH2", Once(Some(answer))).await
        }
        Login::XOAuth2 { .. } => return Err(refused(format!("{host} does not offer XOAUTH2; use a password"))),
        // PLAIN carries any character; LOGIN only what a quoted string can hold.
        Login::Password { user, .. } if has("AUTH=PLAIN") => {
            let answer = format!("\0{user}\0{}", secret.expose_secret());
            client.authenticate("PLAIN", Once(Some(answer))).await
        }
        Login::Password { user, .. } if !has("LOGINDISABLED") => client.login(user, secret.expose_secret()).await,
        Login::Password { .. } => {
            return Err(refused(format!("{host} takes no password on this connection; use TLS or XOAUTH2")));
        }
    };
    match outcome {
        Ok(session) => Ok(session),
        Err((error, _)) => {
            let error = login_failed(error, host);
            if let (Login::XOAuth2 { tokens, .. }, SourceError::Refused(_)) = (login, &error) {
                // It may have been revoked with time left: the next try asks for a new one.
                tokens.forget().await;
            }
            Err(error)
        }
    }
}

/// Says the secret once; the challenge after a failure wants an empty line.
struct Once(Option<String>);

impl Authenticator for Once {
    type Response = String;

    fn process(&mut self, _: &[u8]) -> String {
        self.0.take().unwrap_or_default()
    }
}

/// Tells a wrong password from a server that cannot look at passwords now (RFC 5530).
fn login_failed(error: async_imap::error::Error, host: &str) -> SourceError {
    use async_imap::error::Error;
    let text = match error {
        Error::No(text) | Error::Bad(text) => text,
        Error::Io(error) => return fault_of(&error),
        other => return lost(format!("the login at {host} did not end well: {}", safe(&other.to_string()))),
    };
    let passing = ["UNAVAILABLE", "SERVERBUG", "INUSE", "LIMIT", "CONTACTADMIN"];
    if passing.iter().any(|code| text.contains(&format!("[{code}]"))) {
        return lost(format!("{host} takes no login now: {}", safe(&text)));
    }
    refused(format!("{host} refuses the login: {}; check user and password (or the OAuth consent)", safe(&text)))
}
