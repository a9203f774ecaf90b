//! One connection of frames, from the hellos to its end.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rpc_core::limits::{ENVELOPE_ROOM, MAX_MESSAGE};
use rpc_core::transport::frames::{
    ByeCode, Fault, Frame, Hello, MAX_FRAME, Next, Of, Parts, next, write_bye, write_go_away, write_hello, write_ping,
    write_pong,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::answers::Answers;
use super::calls::Calls;
use crate::node::Node;

/// Room for one read, in bytes.
const READ: usize = 64 << 10;

/// Arguments up to this size are copied out of what was read, in bytes: a call that waits for long would keep all of that alive for them.
const COPIED: usize = 4 << 10;

/// Longest wait for the peer's hello, which it sends without being asked.
const HELLO: Duration = Duration::from_secs(10);

/// How often the connection is looked over.
const LOOK: Duration = Duration::from_secs(10);

/// So many looks without a sign of life end it. Peers say something every ten seconds at least, and are asked for it after half of them.
const SILENT_LOOKS: u32 = 4;

/// So many looks at which nothing more had been written, though there was something to write, end it.
const STUCK_LOOKS: u32 = 3;

/// Answers that wait to be written, in bytes, before nothing further is read: two of the largest messages.
const MOST_UNWRITTEN: usize = 2 * MAX_MESSAGE;

/// Calls of one batch that are polled where they were read must not take longer than this together, or the rest go to tasks.
const INLINE: Duration = Duration::from_micros(500);

/// The clock is read once for so many calls.
const CLOCK_EVERY: u32 = 8;

/// Longest time for the last words of a connection.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection ends.
enum End {
    /// The peer has closed it, or it broke.
    Gone(String),
    /// This node leaves, and everything is answered.
    Left,
    /// The peer says nothing, or reads nothing.
    Silent(&'static str),
    /// The peer broke the protocol.
    Fault(Fault),
}

/// A connection by `io`.
pub(super) struct Session<IO> {
    node: Node,
    io: IO,
    inbox: BytesMut,
    parts: Parts,
    max_frame: usize,
    answers: Arc<Answers>,
    batch: Vec<u8>,
    at: usize,
    look: Pin<Box<Sleep>>,
    has_read: bool,
    has_written: bool,
    silent_looks: u32,
    stuck_looks: u32,
    has_said_goodbye: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// A connection of which `rest` has been read already.
    pub(super) fn new(node: Node, io: IO, rest: &Bytes) -> Self {
        let parts = Parts::new(node.max_message() + ENVELOPE_ROOM, node.here().settings.max_in_flight);
        Self {
            node,
            io,
            inbox: BytesMut::from(&rest[..]),
            parts,
            max_frame: MAX_FRAME,
            answers: Arc::default(),
            batch: Vec::new(),
            at: 0,
            look: Box::pin(sleep(LOOK)),
            has_read: false,
            has_written: false,
            silent_looks: 0,
            stuck_looks: 0,
            has_said_goodbye: false,
        }
    }

    /// Serves it to its end. Dropping the future ends it; calls that run go on.
    pub(super) async fn run(mut self) {
        let end = match timeout(HELLO, self.greet()).await {
            Ok(Ok(())) => self.serve().await,
            Ok(Err(end)) => end,
            Err(_passed) => End::Silent("no hello came"),
        };
        let (code, why) = match end {
            End::Gone(why) => {
                tracing::debug!(why, "a connection of frames has ended");
                return;
            }
            End::Left => (ByeCode::Done, "the node has left".to_owned()),
            End::Silent(why) => (ByeCode::Silent, why.to_owned()),
            End::Fault(fault) => (fault.code(), fault.to_string()),
        };
        tracing::debug!(why, "a connection of frames ends");
        self.say_goodbye(code, &why).await;
    }

    /// The last frame, behind what is being written. Best effort: a peer that does not read does not hear it.
    async fn say_goodbye(&mut self, code: ByeCode, why: &str) {
        write_bye(self.answers.lock().outbox.frames(), code, why);
        let last = async {
            poll_fn(|cx| self.poll_write(cx)).await?;
            self.io.shutdown().await
        };
        let _best_effort = timeout(FAREWELL, last).await;
    }

    /// The hellos: the peer's first.
    async fn greet(&mut self) -> Result<(), End> {
        let gone = |error: io::Error| End::Gone(error.to_string());
        loop {
            let read = next(&self.inbox, self.max_frame).map_err(End::Fault)?;
            let (theirs, consumed) = match read {
                Next::Whole { frame: Frame::Hello(json), consumed } => {
                    (Hello::parse(json).map_err(End::Fault)?, consumed)
                }
                Next::Whole { frame, .. } => {
                    return Err(End::Fault(Fault::Unexpected { kind: frame.kind(), why: "a hello comes first" }));
                }
                Next::Short { .. } => {
                    if self.io.read_buf(&mut self.inbox).await.map_err(gone)? == 0 {
                        return Err(End::Gone("it was closed before a hello".to_owned()));
                    }
                    continue;
                }
            };
            let settings = &self.node.here().settings;
            let ours = Hello {
                cluster: Some(self.node.cluster_id().to_owned()),
                node: Some(self.node.here().id.clone()),
                ..Hello::new(settings.max_message, settings.max_in_flight)
            };
            let agreed = match theirs.check(&ours) {
                Ok(agreed) => agreed,
                Err(refusal) => {
                    self.say_goodbye(ByeCode::Refused, &refusal.to_string()).await;
                    return Err(End::Gone(format!("it was refused: {refusal}")));
                }
            };
            self.max_frame = agreed.max_frame;
            let _greeting = self.inbox.split_to(consumed);
            write_hello(self.answers.lock().outbox.frames(), &ours);
            return poll_fn(|cx| self.poll_write(cx)).await.map_err(gone);
        }
    }

    async fn serve(&mut self) -> End {
        loop {
            match self.take_in() {
                Ok(None) => {}
                Ok(Some(why)) => return End::Gone(why),
                Err(fault) => return End::Fault(fault),
            }
            if self.answers.lock().running() > 0 {
                // Calls that can end now do so before what there is to say is written.
                yield_now().await;
            }
            if let Some(end) = poll_fn(|cx| self.poll_step(cx)).await {
                return end;
            }
        }
    }

    /// Writes and reads; ready with nothing when something was read.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        // Listening before looking: an answer that comes in between is heard of.
        self.answers.driver.register(cx.waker());
        self.part_from_peer();
        let is_written = match self.poll_write(cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(End::Gone(error.to_string()))),
            Poll::Pending => false,
        };
        if self.has_said_goodbye && is_written && self.answers.lock().running() == 0 && self.parts.held() == 0 {
            return Poll::Ready(Some(End::Left));
        }
        if is_written || self.answers.lock().outbox.waiting() < MOST_UNWRITTEN {
            self.inbox.reserve(READ);
            match pin!(self.io.read_buf(&mut self.inbox)).poll(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Some(End::Gone("the peer has closed it".to_owned()))),
                Poll::Ready(Ok(_)) => {
                    self.has_read = true;
                    return Poll::Ready(None);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Some(End::Gone(error.to_string()))),
                Poll::Pending => {}
            }
        }
        while self.look.as_mut().poll(cx).is_ready() {
            if let Some(end) = self.look_over() {
                return Poll::Ready(Some(end));
            }
            self.look.as_mut().reset(Instant::now() + LOOK);
        }
        Poll::Pending
    }

    /// Writes what there is; ready when nothing is left.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.at >= self.batch.len() {
                self.batch.clear();
                self.at = 0;
                if self.batch.capacity() > MOST_UNWRITTEN {
                    self.batch = Vec::new();
                }
                let mut state = self.answers.lock();
                if state.outbox.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                self.batch = state.outbox.take(std::mem::take(&mut self.batch));
            }
            let rest = self.batch.get(self.at..).unwrap_or_default();
            match Pin::new(&mut self.io).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(wrote)) => {
                    self.at += wrote;
                    self.has_written = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Tells the peer, once, that this node leaves.
    fn part_from_peer(&mut self) {
        if !self.has_said_goodbye && self.node.is_leaving() {
            self.has_said_goodbye = true;
            write_go_away(self.answers.lock().outbox.frames(), "the node is shutting down");
        }
    }

    /// Ends a connection whose peer is gone without a word, or takes nothing.
    fn look_over(&mut self) -> Option<End> {
        let has_to_write = self.at < self.batch.len();
        self.silent_looks = if std::mem::take(&mut self.has_read) { 0 } else { self.silent_looks + 1 };
        self.stuck_looks =
            if std::mem::take(&mut self.has_written) || !has_to_write { 0 } else { self.stuck_looks + 1 };
        if self.silent_looks >= SILENT_LOOKS && !has_to_write {
            return Some(End::Silent("nothing was heard for too long"));
        }
        if self.stuck_looks >= STUCK_LOOKS {
            return Some(End::Silent("nothing was read for too long"));
        }
        if self.silent_looks == SILENT_LOOKS / 2 {
            write_ping(self.answers.lock().outbox.frames(), [0; 8]);
            self.answers.driver.wake();
        }
        None
    }

    /// Takes in all frames that were read whole; gives why the peer hangs up, if it says so.
    fn take_in(&mut self) -> Result<Option<String>, Fault> {
        let mut whole = 0;
        while let Next::Whole { consumed, .. } = next(self.inbox.get(whole..).unwrap_or_default(), self.max_frame)? {
            whole += consumed;
        }
        if whole == 0 {
            return Ok(None);
        }
        let frames = self.inbox.split_to(whole).freeze();
        let (node, answers) = (self.node.clone(), self.answers.clone());
        let mut calls = Calls { node: &node, answers: &answers, at: Instant::now(), is_late: false };
        let (mut rest, mut begun): (&[u8], u32) = (&frames, 0);
        while let Next::Whole { frame, consumed } = next(rest, self.max_frame)? {
            rest = rest.get(consumed..).unwrap_or_default();
            match frame {
                Frame::Call(call) => {
                    if call.compact || answers.is_running(call.request) {
                        let why = if call.compact { "no compact payloads were agreed" } else { "its number is in use" };
                        return Err(Fault::Unexpected { kind: frame.kind(), why });
                    }
                    let whole = self.parts.finish(Of::Call, call.request, call.payload)?;
                    let params = whole.map_or_else(|| slice(&frames, call.payload), Bytes::from);
                    calls.begin(&call, params);
                    begun += 1;
                    if begun.is_multiple_of(CLOCK_EVERY) {
                        calls.is_late = calls.at.elapsed() > INLINE;
                    }
                }
                Frame::Part { request, of: Of::Call, bytes } => self.parts.add(Of::Call, request, bytes)?,
                Frame::Cancel { request } => {
                    self.parts.discard(Of::Call, request);
                    answers.cancel(request);
                }
                Frame::Ping(token) => write_pong(answers.lock().outbox.frames(), token),
                Frame::Pong(_) | Frame::GoAway(_) => {}
                Frame::Bye { reason, .. } => return Ok(Some(format!("the peer hangs up: {reason}"))),
                _ => return Err(Fault::Unexpected { kind: frame.kind(), why: "only calls are expected here" }),
            }
        }
        Ok(None)
    }
}

impl<IO> Drop for Session<IO> {
    fn drop(&mut self) {
        self.answers.close();
    }
}

/// The arguments of a call, out of what was read.
fn slice(frames: &Bytes, payload: &[u8]) -> Bytes {
    if payload.len() <= COPIED { Bytes::copy_from_slice(payload) } else { frames.slice_ref(payload) }
}
