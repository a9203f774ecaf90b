//! One connection of frames, from the hellos to its end.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rpc_core::error::bounded;
use rpc_core::limits::ENVELOPE_ROOM;
use rpc_core::service::is_any_compact;
use rpc_core::transport::frames::{
    ByeCode, Fault, Frame, Hello, MAX_FRAME, Next, Of, next, whole, write_bye, write_go_away, write_hello, write_ping,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::answers::{Admission, Answers};
use super::arguments::Arguments;
use super::calls::{Calls, Last};
use super::place::Place;
use crate::node::Node;

/// Room for one read, in bytes.
const READ: usize = 64 << 10;

/// The same on a connection on which little is said, of which there may be ten thousand.
const FEW: usize = 4 << 10;

/// Longest wait for the peer's hello, which it sends without being asked.
const HELLO: Duration = Duration::from_secs(10);

/// How often the connection is looked over.
const LOOK: Duration = Duration::from_secs(7);

/// So many looks without a sign of life end it, at most 28 s after the last one. The peer is asked for one after the first of them.
const SILENT_LOOKS: u32 = 3;

/// So many looks at which nothing more had been written, though there was something to write, end it.
const STUCK_LOOKS: u32 = 3;

/// Buffers that have grown beyond this are not kept.
const SPARE: usize = 256 << 10;

/// After so long what the calls of a batch have answered is written before the rest of the batch is begun.
const INLINE: Duration = Duration::from_micros(500);

/// The clock is read once for so many calls. If they alone have taken [`INLINE`], they compute: the rest of the batch go to tasks.
const CLOCK_EVERY: u32 = 8;

/// Longest time in which a peer that was told that this end leaves may still say something: it answers the ping that comes with it, and
/// says nothing further from then on.
const PARTING: Duration = Duration::from_secs(1);

/// What is in that ping.
const PARTING_TOKEN: [u8; 8] = *b"go away?";

/// Longest time for the last words of a connection, and for the peer to read them.
const FAREWELL: Duration = Duration::from_secs(1);

/// Most bytes thrown away meanwhile: closing with bytes unread would reset the connection, and our last word with it.
const FAREWELL_BYTES: usize = 8 << 20;

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
    /// How much is read at once.
    room: usize,
    /// Frames that were read whole, and are still to be taken in.
    frames: Bytes,
    /// When they were read: the time of their calls counts from then.
    read_at: Instant,
    arguments: Arguments,
    max_frame: usize,
    /// The peer may speak the compact codec.
    is_same_build: bool,
    answers: Arc<Answers>,
    last: Option<Last>,
    batch: Vec<u8>,
    at: usize,
    look: Pin<Box<Sleep>>,
    has_read: bool,
    has_written: bool,
    silent_looks: u32,
    stuck_looks: u32,
    parting: Option<Parting>,
}

/// The peer was told that this end leaves.
struct Parting {
    has_heard: bool,
    until: Pin<Box<Sleep>>,
}

impl<IO: AsyncRead + AsyncWrite + Place + Unpin> Session<IO> {
    /// A connection of which `rest` has been read already.
    pub(super) fn new(node: Node, io: IO, rest: &Bytes) -> Self {
        let most_open = node.here().settings.max_in_flight;
        Self {
            arguments: Arguments::new(node.clone(), node.max_message() + ENVELOPE_ROOM, most_open),
            node,
            io,
            inbox: BytesMut::from(&rest[..]),
            room: FEW,
            frames: Bytes::new(),
            read_at: Instant::now(),
            max_frame: MAX_FRAME,
            is_same_build: false,
            answers: Arc::default(),
            last: None,
            batch: Vec::new(),
            at: 0,
            look: Box::pin(sleep(LOOK)),
            has_read: false,
            has_written: false,
            silent_looks: 0,
            stuck_looks: 0,
            parting: None,
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
            self.io.shutdown().await?;
            let mut left = FAREWELL_BYTES;
            while left > 0 {
                self.inbox.clear();
                match self.io.read_buf(&mut self.inbox).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            io::Result::Ok(())
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
                    let read = poll_fn(|cx| {
                        self.inbox.reserve(FEW);
                        let read = pin!(self.io.read_buf(&mut self.inbox)).poll(cx);
                        if read.is_pending() && self.is_to_leave() { Poll::Ready(None) } else { read.map(Some) }
                    });
                    let Some(read) = read.await else { return Err(End::Left) };
                    if read.map_err(gone)? == 0 {
                        return Err(End::Gone("it was closed before a hello".to_owned()));
                    }
                    continue;
                }
            };
            let settings = &self.node.here().settings;
            let ours = Hello {
                cluster: Some(self.node.cluster_id().to_owned()),
                node: Some(self.node.here().id.clone()),
                build: if is_any_compact() { settings.build.id().await } else { None },
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
            self.is_same_build = agreed.same_build;
            let _greeting = self.inbox.split_to(consumed);
            {
                let mut state = self.answers.lock();
                state.max_reply = agreed.max_message;
                write_hello(state.outbox.frames(), &ours);
            }
            return poll_fn(|cx| self.poll_write(cx)).await.map_err(gone);
        }
    }

    async fn serve(&mut self) -> End {
        loop {
            self.answers.lock().is_awake = true;
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

    /// Writes and reads; ready with nothing when there is something to take in.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        // Listening before looking: an answer that comes in between is heard of.
        self.answers.driver.register(cx.waker());
        self.part_from_peer();
        let is_written = match self.poll_write(cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(End::Gone(error.to_string()))),
            Poll::Pending => false,
        };
        let (is_full, running) = {
            let state = self.answers.lock();
            (state.is_full(), state.running())
        };
        let is_quiet = is_written && running == 0 && self.arguments.is_empty() && self.frames.is_empty();
        if is_quiet && self.parting.as_mut().is_some_and(|parting| parting.is_over(cx)) {
            return Poll::Ready(Some(End::Left));
        }
        if !is_full && !self.frames.is_empty() {
            return Poll::Ready(None);
        }
        if is_quiet {
            self.io.rests();
        }
        if !is_full {
            self.inbox.reserve(self.room);
            match pin!(self.io.read_buf(&mut self.inbox)).poll(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Some(End::Gone("the peer has closed it".to_owned()))),
                Poll::Ready(Ok(read)) => {
                    self.has_read = true;
                    self.room = if read >= self.room { READ } else { self.room };
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
        // An order that came between the first look and the read woke nobody.
        if self.parting.is_none() && self.is_to_leave() { Poll::Ready(None) } else { Poll::Pending }
    }

    fn is_to_leave(&self) -> bool {
        self.node.is_leaving() || self.io.should_leave()
    }

    /// Writes what there is; ready when nothing is left.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.at >= self.batch.len() {
                self.batch.clear();
                self.at = 0;
                if self.batch.capacity() > SPARE {
                    self.batch = Vec::new();
                }
                let mut state = self.answers.lock();
                if state.outbox.is_empty() {
                    // Whoever has something to say from here on wakes the session.
                    state.is_awake = false;
                    return Poll::Ready(Ok(()));
                }
                self.batch = state.outbox.take(std::mem::take(&mut self.batch));
                state.streams.have_room();
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

    /// Tells the peer, once, that this node leaves, or has to make room. A ping goes with it: what the peer has said before it knew comes before
    /// the answer to that.
    fn part_from_peer(&mut self) {
        if self.parting.is_some() {
            return;
        }
        let why = match () {
            () if self.node.is_leaving() => "the node is shutting down",
            () if self.io.should_leave() => "nothing was asked for long, and others wait for a connection",
            () => return,
        };
        self.parting = Some(Parting { has_heard: false, until: Box::pin(sleep(PARTING)) });
        let mut state = self.answers.lock();
        write_go_away(state.outbox.frames(), why);
        write_ping(state.outbox.frames(), PARTING_TOKEN);
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
        if self.silent_looks == 1 {
            self.save_memory();
            write_ping(self.answers.lock().outbox.frames(), [0; 8]);
            self.answers.driver.wake();
        }
        None
    }

    /// Gives back what a busier time has left behind.
    fn save_memory(&mut self) {
        self.room = FEW;
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
        }
        if self.batch.is_empty() {
            self.batch = Vec::new();
        }
        self.answers.lock().outbox.shrink();
    }

    /// Takes in the frames that were read whole, up to the first call for whose answer there is no room; gives why the peer hangs up, if it
    /// says so.
    fn take_in(&mut self) -> Result<Option<String>, Fault> {
        let is_fresh = self.frames.is_empty();
        if is_fresh {
            let whole = whole(&self.inbox, self.max_frame)?;
            if whole == 0 {
                return Ok(None);
            }
            self.frames = self.inbox.split_to(whole).freeze();
            self.read_at = Instant::now();
        }
        let frames = std::mem::take(&mut self.frames);
        let (node, answers) = (self.node.clone(), self.answers.clone());
        let (mut at, mut begun): (usize, u32) = (0, 0);
        // Those that were read earlier have waited for room meanwhile, which is no time of computing.
        let started = if is_fresh { self.read_at } else { Instant::now() };
        let (last, read_at) = (&mut self.last, self.read_at);
        let mut calls = Calls { node: &node, answers: &answers, last, at: read_at, now: started, is_late: false };
        while let Next::Whole { frame, consumed } = next(frames.get(at..).unwrap_or_default(), self.max_frame)? {
            match frame {
                Frame::Call(call) => {
                    match answers.admit(call.request) {
                        Admission::Free if !call.compact || self.is_same_build => {}
                        Admission::Full => {
                            self.frames = frames.slice(at..);
                            return Ok(None);
                        }
                        Admission::InUse => return Err(out_of_place(&frame, "its number is in use")),
                        Admission::Free => return Err(out_of_place(&frame, "no compact payloads were agreed")),
                    }
                    self.io.works();
                    let params = self.arguments.whole(&frames, call.request, call.payload)?;
                    calls.begin(&call, params);
                    begun += 1;
                    if begun.is_multiple_of(CLOCK_EVERY) {
                        let now = Instant::now();
                        calls.is_late |= now - calls.now > INLINE;
                        if !calls.is_late && now - started > INLINE {
                            self.frames = frames.slice(at + consumed..);
                            return Ok(None);
                        }
                        calls.now = now;
                    }
                }
                Frame::Part { request, of: Of::Call, bytes } => {
                    self.io.works();
                    self.arguments.add(request, bytes)?;
                }
                Frame::Cancel { request } => {
                    self.arguments.discard(request);
                    answers.cancel(request);
                }
                Frame::Window { request, credit } => {
                    let granted = answers.lock().streams.grant(request, credit);
                    granted.map_err(|why| out_of_place(&frame, why))?;
                }
                Frame::Ping(token) => answers.lock().outbox.push_pong(token)?,
                Frame::Pong(PARTING_TOKEN) => {
                    if let Some(parting) = &mut self.parting {
                        parting.has_heard = true;
                    }
                }
                Frame::Pong(_) | Frame::GoAway(_) => {}
                Frame::Bye { reason, .. } => return Ok(Some(bounded(format!("the peer hangs up: {reason}")))),
                _ => return Err(out_of_place(&frame, "only calls are expected here")),
            }
            at += consumed;
        }
        Ok(None)
    }
}

impl Parting {
    /// Whether nothing further can come that the peer said without knowing.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.has_heard || self.until.as_mut().poll(cx).is_ready()
    }
}

impl<IO> Drop for Session<IO> {
    fn drop(&mut self) {
        self.answers.close();
    }
}

#[cold]
fn out_of_place(frame: &Frame<'_>, why: &'static str) -> Fault {
    Fault::Unexpected { kind: frame.kind(), why }
}
