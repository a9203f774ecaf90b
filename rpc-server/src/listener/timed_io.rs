//! The socket of a connection, reporting what moves to [`Activity`].
//!
//! No timer lives here: a write that waits notes since when, and the sweep cuts the connection once that is
//! too long ago. It outlives hyper's connection when the protocol is upgraded, and so does its place in the
//! table.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::table::Registration;

/// Bytes thrown away after the last answer so that a peer in the middle of sending reads it: closing with
/// bytes unread makes the kernel reset the connection, and the answer would be lost with it. Twice the
/// largest message.
const LINGER_BYTES: usize = 8 * 1024 * 1024;

/// Bytes thrown away at a time.
const LINGER_CHUNK: usize = 8 * 1024;

pub(crate) struct TimedIo {
    stream: TcpStream,
    registration: Registration,
    peer_ended: bool,
    lingered: usize,
}

impl TimedIo {
    pub(super) fn new(stream: TcpStream, registration: Registration) -> Self {
        Self { stream, registration, peer_ended: false, lingered: 0 }
    }

    /// Notes that nothing is under way on an upgraded connection, which may now be asked to make room for another.
    pub(crate) fn rests(&self) {
        self.registration.activity().rests();
    }

    /// Notes that something is under way.
    pub(crate) fn works(&self) {
        self.registration.activity().works();
    }

    /// Whether the listener asks a resting connection to leave. Whoever reads is woken when it does.
    pub(crate) fn should_leave(&self) -> bool {
        self.registration.activity().should_leave()
    }

    /// Counts what a write did: its bytes, or that it waits from now on.
    fn wrote(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let activity = self.registration.activity();
        match &outcome {
            Poll::Ready(Ok(_)) => activity.write_moved(),
            Poll::Pending => activity.write_blocked(),
            Poll::Ready(Err(_)) => {}
        }
        outcome
    }

    /// An upgraded connection has no task of ours to obey an order, so its next read or write does.
    fn refuse_if_cut(&self, cx: &Context<'_>) -> io::Result<()> {
        let activity = self.registration.activity();
        if !activity.is_upgraded() {
            return Ok(());
        }
        activity.listen(cx.waker());
        if activity.is_cut() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the listener closed this connection"));
        }
        Ok(())
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut chunk = [0; LINGER_CHUNK];
        while !self.peer_ended && self.lingered < LINGER_BYTES {
            let mut buf = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.lingered += buf.filled().len(),
                Ok(()) | Err(_) => self.peer_ended = true,
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for TimedIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.refuse_if_cut(cx)?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.registration.activity().bytes_arrived();
        } else if buf.remaining() > 0 {
            self.peer_ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TimedIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        if outcome.is_pending() {
            // Who waits for a peer that does not read may not be reading either.
            self.refuse_if_cut(cx)?;
        }
        self.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        // hyper flushes the socket only after its own buffer is empty, so the answer has left us.
        self.registration.activity().flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if !self.registration.activity().is_upgraded() {
            self.registration.activity().closing();
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
