//! Connections that cannot be held open by doing nothing, or next to nothing: each request has one deadline to arrive whole, and where
//! there are as many as there may be, a new one takes the place of the one that has waited longest.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Connections at a time: half of the file descriptors that a process usually has.
const CONNECTIONS: usize = 512;

/// Accepts connections, each with a deadline.
pub struct Guarded {
    listener: TcpListener,
    patience: Duration,
    places: Arc<Places>,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl Connected<IncomingStream<'_, Guarded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Guarded>) -> Peer {
        Peer(stream.remote_addr().ip())
    }
}

/// The open connections, by when each last had something written to it (or came); the first is the one to go.
#[derive(Default)]
struct Places(Mutex<(u64, BTreeMap<u64, CancellationToken>)>);

/// One connection. The deadline is set anew when something is written (an answer), never by what is read: a sender of one byte now and then
/// gets no more time than one that sends nothing.
pub struct Connection {
    stream: TcpStream,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
    places: Arc<Places>,
    place: u64,
    sent_away: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Guarded {
    pub fn new(listener: TcpListener, patience: Duration) -> Guarded {
        Guarded { listener, patience, places: Arc::default() }
    }
}

impl Places {
    /// A new connection; the one that has waited longest goes where there are too many.
    fn take(&self) -> (u64, CancellationToken) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, open) = &mut *inner;
        while open.len() >= CONNECTIONS
            && let Some((_, longest)) = open.pop_first()
        {
            longest.cancel();
        }
        *next += 1;
        let token = CancellationToken::new();
        open.insert(*next, token.clone());
        (*next, token)
    }

    /// It was answered: others have waited longer now. Gives its new place.
    fn renew(&self, place: u64) -> u64 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, open) = &mut *inner;
        let Some(token) = open.remove(&place) else { return place };
        *next += 1;
        open.insert(*next, token);
        *next
    }

    fn leave(&self, place: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&place);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.places.leave(self.place);
    }
}

impl Listener for Guarded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // axum's own listener: goes on after errors, and waits when there are no file descriptors left.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let deadline = Box::pin(tokio::time::sleep(self.patience));
        let (place, token) = self.places.take();
        let sent_away = Box::pin(token.cancelled_owned());
        let places = Arc::clone(&self.places);
        (Connection { stream, patience: self.patience, deadline, places, place, sent_away }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    fn renew(&mut self) {
        let next = Instant::now() + self.patience;
        self.deadline.as_mut().reset(next);
        self.place = self.places.renew(self.place);
    }

    /// A peer that does not read its answer is cut off as well.
    fn overdue(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.sent_away.as_mut().poll(context).is_ready() {
            return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
        }
        self.deadline.as_mut().poll(context).map(|()| io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.overdue(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(done) => {
                self.renew();
                Poll::Ready(done)
            }
            Poll::Pending => self.overdue(context).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
