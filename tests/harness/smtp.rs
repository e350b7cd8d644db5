//! A scripted SMTP server: records what it hears and misbehaves where a test tells it to.

use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

#[derive(Clone, Debug)]
pub enum Act {
    Reply(&'static str),
    /// Closes the connection without a word.
    Drop,
    /// Never answers.
    Silence,
}

#[derive(Default)]
struct Inner {
    /// (how the line begins, what to do, how often still); `BODY` is the moment after the final dot.
    rules: Vec<(&'static str, Act, usize)>,
    lines: Vec<String>,
    mails: Vec<Vec<u8>>,
    taken: watch::Sender<Vec<Taken>>,
}

/// A body that came whole, accepted or not.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Lower case, without angle brackets.
    pub recipient: String,
    /// As written by the sender: without dot-stuffing and final dot.
    pub bytes: Vec<u8>,
}

#[derive(Clone)]
pub struct SmtpServer {
    pub port: u16,
    /// Trusts the server's certificate, which is for `localhost`.
    pub trust: Option<Arc<rustls::ClientConfig>>,
    tls: Option<(TlsAcceptor, Encrypted)>,
    inner: Arc<Mutex<Inner>>,
}

/// How a server that has TLS offers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encrypted {
    FromTheFirstByte,
    AfterStartTls,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl SmtpServer {
    pub async fn start() -> SmtpServer {
        SmtpServer::begin(None).await
    }

    pub async fn with_tls(encrypted: Encrypted) -> SmtpServer {
        SmtpServer::begin(Some(encrypted)).await
    }

    async fn begin(encrypted: Option<Encrypted>) -> SmtpServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tls, trust) = match encrypted {
            Some(encrypted) => {
                let (acceptor, trust) = acceptor();
                (Some((acceptor, encrypted)), Some(trust))
            }
            None => (None, None),
        };
        let server = SmtpServer { port, trust, tls, inner: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move {
                    let _ = server.meet(tcp).await;
                });
            }
        });
        server
    }

    pub fn on(&self, line: &'static str, act: Act, times: usize) {
        self.inner.lock().unwrap().rules.push((line, act, times));
    }

    /// The bodies as they crossed the wire, dot-stuffed, without the final dot: also of mails that were not accepted.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.inner.lock().unwrap().mails.clone()
    }

    /// Every body that came whole, with its last RCPT.
    pub fn taken(&self) -> Vec<Taken> {
        self.inner.lock().unwrap().taken.borrow().clone()
    }

    /// Sees every body as it comes.
    pub fn subscribe(&self) -> watch::Receiver<Vec<Taken>> {
        self.inner.lock().unwrap().taken.subscribe()
    }

    pub fn lines(&self, prefix: &str) -> Vec<String> {
        self.inner.lock().unwrap().lines.iter().filter(|line| line.starts_with(prefix)).cloned().collect()
    }

    fn act(&self, line: &str) -> Option<Act> {
        let mut inner = self.inner.lock().unwrap();
        let rule = inner.rules.iter_mut().find(|(prefix, _, times)| line.starts_with(prefix) && *times > 0)?;
        rule.2 -= 1;
        Some(rule.1.clone())
    }

    fn record(&self, recipient: &str, body: Vec<u8>) {
        let lines = body.split_inclusive(|byte| *byte == b'\n');
        let bytes = lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect();
        let mut inner = self.inner.lock().unwrap();
        inner.taken.send_modify(|all| all.push(Taken { recipient: recipient.to_owned(), bytes }));
        inner.mails.push(body);
    }

    async fn meet(&self, tcp: TcpStream) -> std::io::Result<()> {
        match &self.tls {
            Some((acceptor, Encrypted::FromTheFirstByte)) => {
                let tls = acceptor.accept(tcp).await?;
                self.note("(TLS)");
                self.serve(Box::new(tls)).await
            }
            _ => self.serve(Box::new(tcp)).await,
        }
    }

    /// Among the lines of the clients: where TLS begins.
    fn note(&self, line: &str) {
        self.inner.lock().unwrap().lines.push(line.to_owned());
    }

    async fn serve(&self, stream: Box<dyn Stream>) -> std::io::Result<()> {
        let mut tcp = BufReader::new(stream);
        let mut encrypted = !matches!(self.tls, Some((_, Encrypted::AfterStartTls)));
        let mut login = Login::None;
        let greeting = match self.act("GREETING") {
            Some(Act::Reply(text)) => text,
            Some(Act::Drop) => return Ok(()),
            Some(Act::Silence) => return silence(&mut tcp).await,
            None => "220 scripted",
        };
        tcp.write_all(format!("{greeting}\r\n").as_bytes()).await?;
        let mut recipient = String::new();
        loop {
            let mut line = String::new();
            if tcp.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            self.note(&line);
            if line == "STARTTLS"
                && let Some((acceptor, Encrypted::AfterStartTls)) = &self.tls
            {
                tcp.write_all(b"220 go on\r\n").await?;
                tcp = BufReader::new(Box::new(acceptor.accept(tcp.into_inner()).await?));
                encrypted = true;
                self.note("(TLS)");
                continue;
            }
            if let Some(address) = line.strip_prefix("RCPT TO:<") {
                recipient = address.split('>').next().unwrap_or_default().to_lowercase();
            }
            let usual = usual(&line, encrypted, &mut login);
            let reply = match self.act(&line) {
                Some(Act::Reply(text)) => text,
                Some(Act::Drop) => return Ok(()),
                Some(Act::Silence) => return silence(&mut tcp).await,
                None => usual,
            };
            if line.starts_with("AUTH XOAUTH2") && reply.starts_with("334") {
                login = Login::Refused;
            }
            tcp.write_all(format!("{reply}\r\n").as_bytes()).await?;
            if line == "DATA" && reply.starts_with("354") {
                let Some(body) = body(&mut tcp).await? else { return Ok(()) };
                self.record(&recipient, body);
                let reply = match self.act("BODY") {
                    Some(Act::Reply(text)) => text,
                    Some(Act::Drop) => return Ok(()),
                    Some(Act::Silence) => return silence(&mut tcp).await,
                    None => "250 taken",
                };
                tcp.write_all(format!("{reply}\r\n").as_bytes()).await?;
            }
        }
    }
}

/// What a good server answers.
fn usual(line: &str, encrypted: bool, login: &mut Login) -> &'static str {
    match line.get(..4).unwrap_or("") {
        _ if *login != Login::None => login.next(),
        "AUTH" => login.begin(line),
        "EHLO" if !encrypted => "250-scripted\r\n250-SIZE 100000\r\n250 STARTTLS",
        "EHLO" => "250-scripted\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN XOAUTH2",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        _ => "250 fine",
    }
}

/// Up to the final dot, without it; `None` when the client went away.
async fn body(tcp: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while !body.ends_with(b"\r\n.\r\n") {
        if tcp.read_until(b'\n', &mut body).await? == 0 {
            return Ok(None);
        }
    }
    body.truncate(body.len() - 3);
    Ok(Some(body))
}

/// Swallows everything until the client goes away.
async fn silence(tcp: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<()> {
    let mut sink = Vec::new();
    tcp.read_to_end(&mut sink).await.map(drop)
}

/// A login of more than one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Login {
    None,
    WantsUser,
    WantsPassword,
    /// The challenge was sent; what follows is told to be no good.
    Refused,
}

impl Login {
    fn begin(&mut self, line: &str) -> &'static str {
        if line == "AUTH LOGIN" {
            *self = Login::WantsUser;
            return "334 VXNlcm5hbWU6";
        }
        "235 welcome"
    }

    fn next(&mut self) -> &'static str {
        match std::mem::replace(self, Login::None) {
            Login::WantsUser => {
                *self = Login::WantsPassword;
                "334 UGFzc3dvcmQ6"
            }
            Login::Refused => "535 5.7.8 token refused",
            Login::WantsPassword | Login::None => "235 welcome",
        }
    }
}

fn acceptor() -> (TlsAcceptor, Arc<rustls::ClientConfig>) {
    super::ring();
    let folder = super::scratch("smtp-tls");
    let trust = super::dovecot::certificates(folder.path());
    let certificate = CertificateDer::from_pem_file(folder.path().join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), trust)
}
