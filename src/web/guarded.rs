//! Connections that cannot be held open by doing nothing, or next to nothing: each request has one deadline to arrive whole,
//! and there is a limit to how many connections there are.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections at a time; the next ones wait in the kernel's queue.
const CONNECTIONS: usize = 256;

/// Accepts connections, each with a deadline.
pub struct Guarded {
    listener: TcpListener,
    patience: Duration,
    places: Arc<Semaphore>,
}

/// One connection. The deadline is set anew when something is written (an answer), never by what is read: a sender of one byte now and then
/// gets no more time than one that sends nothing.
pub struct Connection {
    stream: TcpStream,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Guarded {
    pub fn new(listener: TcpListener, patience: Duration) -> Guarded {
        Guarded { listener, patience, places: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl Listener for Guarded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed.
        let place = self.places.clone().acquire_owned().await.ok();
        // axum's own listener: goes on after errors, and waits when there are no file descriptors left.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let deadline = Box::pin(tokio::time::sleep(self.patience));
        (Connection { stream, patience: self.patience, deadline, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    fn renew(&mut self) {
        let next = Instant::now() + self.patience;
        self.deadline.as_mut().reset(next);
    }

    /// A peer that does not read its answer is cut off as well.
    fn overdue(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
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
