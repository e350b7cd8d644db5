//! The byte stream under an SMTP session: plain or TLS, with our own TLS setup and STARTTLS done before the SMTP library begins.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longest reply before TLS.
const REPLY_LIMIT: usize = 16 * 1024;

#[derive(Debug)]
pub struct Stream {
    inner: Inner,
    /// What the library reads first: after STARTTLS the greeting that we read ourselves.
    replay: Vec<u8>,
}

#[derive(Debug)]
enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub fn plain(tcp: TcpStream) -> Stream {
        Stream { inner: Inner::Plain(tcp), replay: Vec::new() }
    }

    pub async fn tls(tcp: TcpStream, host: &str, config: Arc<ClientConfig>) -> io::Result<Stream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(config).connect(name, tcp).await?;
        Ok(Stream { inner: Inner::Tls(Box::new(tls)), replay: Vec::new() })
    }

    /// Greeting, EHLO and STARTTLS in the clear, then TLS. Reads not one byte more than the reply, so that what an attacker
    /// appends to it meets the TLS handshake and breaks it, instead of passing for an answer inside TLS.
    pub async fn starttls(
        mut tcp: TcpStream,
        host: &str,
        hello: &str,
        config: Arc<ClientConfig>,
    ) -> io::Result<Stream> {
        let greeting = reply(&mut tcp, b"2").await?;
        tcp.write_all(format!("EHLO {hello}\r\n").as_bytes()).await?;
        let offers = reply(&mut tcp, b"2").await?;
        let offered = String::from_utf8_lossy(&offers)
            .lines()
            .any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS")));
        if !offered {
            return Err(io::Error::other(
                "it does not offer STARTTLS, and nothing is sent in the clear; set tls = \"implicit\" or ask its operator",
            ));
        }
        tcp.write_all(b"STARTTLS\r\n").await?;
        reply(&mut tcp, b"2").await?;
        let mut stream = Stream::tls(tcp, host, config).await?;
        stream.replay = greeting;
        Ok(stream)
    }
}

/// One reply of one or more lines, which must begin with `want`.
async fn reply(tcp: &mut TcpStream, want: &[u8]) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut start = 0;
    loop {
        all.push(tcp.read_u8().await?);
        if all.len() > REPLY_LIMIT {
            return Err(io::Error::other("its reply has no end"));
        }
        if !all.ends_with(b"\n") {
            continue;
        }
        let line = &all[start..];
        if line.get(3) != Some(&b'-') {
            if line.starts_with(want) {
                return Ok(all);
            }
            return Err(io::Error::other(String::from_utf8_lossy(line).trim().to_owned()));
        }
        start = all.len();
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.replay.is_empty() {
            let n = self.replay.len().min(buf.remaining());
            buf.put_slice(&self.replay[..n]);
            self.replay.drain(..n);
            return Poll::Ready(Ok(()));
        }
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Inner::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Inner::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Inner::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Inner::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.inner {
            Inner::Plain(tcp) => tcp.peer_addr(),
            Inner::Tls(tls) => tls.get_ref().0.peer_addr(),
        }
    }
}
