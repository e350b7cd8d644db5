//! Stands between the server and the IMAP parser: cuts off a server whose lines would overflow its stack or fill the memory.
//!
//! imap-proto reads nested parentheses by recursion and begins before the line is complete, so they are counted as the
//! bytes come in. A literal is skipped only where the parser will see one too: in a FETCH response of a body. A line that
//! announces a literal anywhere else ends the connection; we never ask for anything that would bring one.

use std::io;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};

use regex::bytes::Regex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Opening parentheses in one response. What we ask for has three; imap-proto's stack ends at 60 (debug) to 377.
const MOST_PARENTHESES: usize = 50;
/// Bytes of one response outside literals. Searches are asked in windows that stay below it.
const LONGEST_LINE: usize = 1024 * 1024;
/// Literal bytes of one response: a part of a mail is asked in at most half of this.
pub const MOST_LITERAL: usize = 8 * 1024 * 1024;

const NO_DATE: &[u8] = b"INTERNALDATE NIL";
const SAME_LENGTH: &[u8] = b"BODY[HEADER] NIL";

/// FETCH responses up to the announcement of a body, read the way imap-proto reads them.
static BODY_FOLLOWS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i-u)^\* [0-9]+ FETCH \((?:[A-Z0-9.-]+ (?:[^ ()"{}\[\]\r\n]+|\([^()"{}\r\n]*\)|"[^"\\()\r\n]*") |BODY\[(?:HEADER)?\](?:<[0-9]+>)? (?:\{[0-9]+\}\r\n|NIL|"[^"\\()\r\n]*") )*BODY\[(?:HEADER)?\](?:<[0-9]+>)? \{([0-9]{1,10})\}\r\n$"#,
    )
    .ok()
});

/// What has been read of the response that is coming in.
#[derive(Debug, Default)]
struct Reading {
    /// The response so far, literals left out.
    text: Vec<u8>,
    parentheses: usize,
    /// Bytes of the present literal still to come.
    literal_left: usize,
    /// Literal bytes of this response so far.
    literals: usize,
}

impl Reading {
    fn take(&mut self, mut bytes: &mut [u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            if self.literal_left > 0 {
                let skipped = self.literal_left.min(bytes.len());
                self.literal_left -= skipped;
                bytes = &mut bytes[skipped..];
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            let (some, rest) = bytes.split_at_mut(end);
            self.parentheses += some.iter().filter(|byte| **byte == b'(').count();
            if self.parentheses > MOST_PARENTHESES {
                return Err("it sent deeply nested parentheses");
            }
            if self.text.len() + some.len() > LONGEST_LINE {
                return Err("it sent a line without end");
            }
            self.rename_missing_date(some)?;
            self.text.extend_from_slice(some);
            if self.text.ends_with(b"\n") {
                self.line_ended()?;
            }
            bytes = rest;
        }
        Ok(())
    }

    /// imap-proto panics at `INTERNALDATE NIL` (a mail without an arrival time). It gets a part of the same length that we ask for
    /// nowhere and that may be missing, so the mail comes without its date and the others come at all.
    fn rename_missing_date(&self, some: &mut [u8]) -> Result<(), &'static str> {
        let mut from = 0;
        while let Some(at) = position(&some[from..], NO_DATE) {
            some[from + at..][..SAME_LENGTH.len()].copy_from_slice(SAME_LENGTH);
            from += at + NO_DATE.len();
        }
        // What the parser has seen already cannot be changed: the next connection's packets end elsewhere.
        let tail = &self.text[self.text.len().saturating_sub(NO_DATE.len() - 1)..];
        let seam = [tail, &some[..some.len().min(NO_DATE.len() - 1)]].concat();
        match position(&seam, NO_DATE) {
            Some(_) => Err("a packet ended within a date that is missing"),
            None => Ok(()),
        }
    }

    fn line_ended(&mut self) -> Result<(), &'static str> {
        if !announces_literal(&self.text) {
            self.text.clear();
            self.parentheses = 0;
            self.literals = 0;
            return Ok(());
        }
        let found = BODY_FOLLOWS.as_ref().and_then(|form| form.captures(&self.text));
        let size = found.and_then(|found| std::str::from_utf8(found.get(1)?.as_bytes()).ok()?.parse::<usize>().ok());
        let size = size.ok_or("it sent a literal where none belongs")?;
        self.literals = self.literals.saturating_add(size);
        if self.literals > MOST_LITERAL {
            return Err("it announced more bytes than were asked for");
        }
        self.literal_left = size;
        Ok(())
    }
}

/// In any case of its letters.
fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

/// `…{123}\r\n`, also in its variants `{123+}` and with a bare line feed.
fn announces_literal(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let Some(line) = line.strip_suffix(b"}") else { return false };
    let Some(open) = line.iter().rposition(|byte| *byte == b'{') else { return false };
    !line[open + 1..].is_empty() && line[open + 1..].iter().all(|byte| byte.is_ascii_digit() || *byte == b'+')
}

/// The stream that async-imap talks through. Writes are gathered until the flush, so that a command is one packet.
#[derive(Debug)]
pub struct Guard<S> {
    inner: S,
    reading: Reading,
    /// Set once the server was cut off: nothing is read any more.
    broken: Option<&'static str>,
    outgoing: Vec<u8>,
}

impl<S> Guard<S> {
    pub fn new(inner: S) -> Guard<S> {
        Guard { inner, reading: Reading::default(), broken: None, outgoing: Vec::new() }
    }

    /// For STARTTLS: what the plain connection had left over is forgotten.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

fn cut_off(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server was cut off: {why}"))
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(why) = self.broken {
            return Poll::Ready(Err(cut_off(why)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if let Err(why) = self.reading.take(&mut buf.filled_mut()[before..]) {
            buf.set_filled(before);
            self.broken = Some(why);
            return Poll::Ready(Err(cut_off(why)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.outgoing.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.outgoing.is_empty() {
            let written = ready!(Pin::new(&mut this.inner).poll_write(cx, &this.outgoing))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.outgoing.drain(..written);
        }
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
