//! The task of a connection: reads replies, writes what nobody else writes, and notices when the peer is gone.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::shared::{Shared, State, Wrote};
use super::streams;
use crate::call::{Outcome, Reply};
use crate::codec::payload::{Codec, Payload};
use crate::error::{ErrorRecord, Executed, Kind, RpcError};
use crate::transport::frames::{
    ByeCode, Fault, Frame, GoAway, Next, Of, next, read_failure, whole, write_bye, write_ping,
};
use crate::transport::multiplex::waiters::NeverSent;

/// Room for one read, in bytes.
const READ: usize = 64 << 10;

/// How often calls are looked at that have waited since the last look: their timers are armed then.
const TICK: Duration = Duration::from_millis(10);

/// So many looks that find nothing end the looking, until the next call.
const IDLE_TICKS: u32 = 100;

/// For so long after a read those whom it woke are expected, and what callers say waits for them: about as long as some hundreds of them take.
const GATHER: Duration = Duration::from_micros(250);

/// They may not come, as their threads are busy, or nobody polls them. Then it is written with the next call, or after so long, which is as soon as a timer
/// can be had.
const EXPECTED: Duration = Duration::from_millis(1);

/// For so long nobody is expected any more, after somebody did not come.
const DISAPPOINTED: Duration = Duration::from_secs(1);

/// A peer that has said nothing for so long is asked whether it is there, and given up after as long again: within 30 s, whenever it went.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Longest time in which a peer that broke the protocol may read why the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Most bytes of such a peer that are thrown away meanwhile: closing with bytes unread would reset the connection, and our last word with it.
const FAREWELL_BYTES: usize = 8 << 20;

/// Why a connection ends.
enum End {
    /// Nobody needs it any more.
    Left,
    /// It broke, or the peer closed it.
    Lost(String),
    /// The peer broke the protocol.
    Fault(Fault),
}

/// What the task works with.
pub(super) struct Driver {
    shared: Arc<Shared>,
    reader: OwnedReadHalf,
    inbox: BytesMut,
    tick: Pin<Box<Sleep>>,
    /// Of the calls without a timer, so many were there at the last look.
    seen: usize,
    idle_ticks: u32,
    /// Ends the wait for those who are expected.
    expected: Pin<Box<Sleep>>,
    /// Until then, nobody is.
    disappointed_until: Instant,
    /// Until then, those whom the last read has woken are.
    gathers_until: Instant,
    /// Something was read since the last look around.
    has_read: bool,
    keep_alive: Pin<Box<Sleep>>,
    /// Something came since the last question whether the peer is there.
    has_heard: bool,
    has_asked: bool,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, reader: OwnedReadHalf, rest: &[u8]) -> Self {
        Self {
            shared,
            reader,
            inbox: BytesMut::from(rest),
            tick: Box::pin(sleep(TICK)),
            seen: 0,
            idle_ticks: 0,
            expected: Box::pin(sleep(EXPECTED)),
            disappointed_until: Instant::now(),
            gathers_until: Instant::now(),
            has_read: false,
            keep_alive: Box::pin(sleep(KEEP_ALIVE)),
            has_heard: false,
            has_asked: false,
        }
    }

    pub(super) async fn run(mut self) {
        let end = self.drive().await;
        let why = match &end {
            End::Left => "it is not needed any more".to_owned(),
            End::Lost(why) => why.clone(),
            End::Fault(fault) => fault.to_string(),
        };
        tracing::debug!(place = self.shared.place, why, "a connection of frames ends");
        if let End::Fault(fault) = end {
            self.hang_up(&fault, &why).await;
        }
        self.shared.end(&why);
    }

    async fn drive(&mut self) -> End {
        loop {
            self.shared.lock().wakes();
            match self.take_in() {
                Ok(None) => {}
                Ok(Some(why)) => return End::Lost(why),
                Err(fault) => return End::Fault(fault),
            }
            if self.shared.lock().waiters.count() > 1 {
                // Whoever was woken may have something to say next, which then goes in the same batch.
                yield_now().await;
            }
            let is_blocked = self.shared.write() == Wrote::Blocked;
            self.inbox.reserve(READ);
            let Some((is_ticking, is_gathering)) = self.look_around(is_blocked) else { return End::Left };
            tokio::select! {
                biased;
                // First, as whoever sends without end must not keep callers from their deadlines.
                () = &mut self.tick, if is_ticking => self.look_for_old_ones(),
                () = &mut self.expected, if is_gathering => self.give_them_up(),
                read = self.reader.read_buf(&mut self.inbox) => match read {
                    Ok(0) => return End::Lost("the node has closed it".to_owned()),
                    Ok(_) => self.has_heard = true,
                    Err(error) => return End::Lost(error.to_string()),
                },
                () = wanted(&self.shared, is_ticking, is_blocked) => {}
                () = &mut self.keep_alive => if let Some(end) = self.keep_alive() { return end },
            }
        }
    }

    /// Whether to tick, which begins with the first call that has no timer, and whether to wait for callers who are expected; `None` when nothing is
    /// left to do.
    fn look_around(&mut self, is_blocked: bool) -> Option<(bool, bool)> {
        let mut state = self.shared.lock();
        if state.has_left() {
            return None;
        }
        if !state.is_ticking && !state.young.is_empty() {
            state.is_ticking = true;
            self.tick.as_mut().reset(Instant::now() + TICK);
        }
        let now = Instant::now();
        if std::mem::take(&mut self.has_read) {
            self.gathers_until = now + GATHER;
        }
        let gathers = !is_blocked && now >= self.disappointed_until && now < self.gathers_until;
        let is_gathering = state.gather(gathers.then_some(self.gathers_until));
        if is_gathering && self.expected.deadline() <= now {
            self.expected.as_mut().reset(now + EXPECTED);
        }
        Some((state.is_ticking, is_gathering))
    }

    /// Those who were expected have not come for long. If somebody waited for them, nobody does for a while.
    fn give_them_up(&mut self) {
        let now = Instant::now();
        match self.shared.lock().held_since {
            Some(since) if now - since >= EXPECTED => self.disappointed_until = now + DISAPPOINTED,
            // The timer was still that of an earlier wait.
            Some(since) => self.expected.as_mut().reset(since + EXPECTED),
            None => {}
        }
    }

    /// Tells the peer what it did wrong, as far as it listens, and everybody else that the connection is over.
    async fn hang_up(&mut self, fault: &Fault, why: &str) {
        let shared = self.shared.clone();
        {
            let mut state = shared.lock();
            state.leaving.get_or_insert_with(|| why.to_owned());
            write_bye(state.outbox.frames(), fault.code(), why);
        }
        while shared.write() == Wrote::Some {}
        if shared.lock().is_writing {
            // Somebody else is at it.
            yield_now().await;
            while shared.write() == Wrote::Some {}
        }
        shared.end(why);
        let mut left = FAREWELL_BYTES;
        let rest = async {
            while left > 0 {
                self.inbox.clear();
                self.inbox.reserve(READ);
                match self.reader.read_buf(&mut self.inbox).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => left = left.saturating_sub(read),
                }
            }
        };
        let _best_effort = timeout(FAREWELL, rest).await;
    }

    /// Takes in all frames that were read whole.
    ///
    /// Gives why the peer hangs up, if it says so.
    fn take_in(&mut self) -> Result<Option<String>, Fault> {
        let whole = whole(&self.inbox, self.shared.agreed.max_frame)?;
        if whole == 0 {
            return Ok(None);
        }
        self.has_read = true;
        let frames = self.inbox.split_to(whole).freeze();
        let mut wakers = Vec::new();
        let outcome = self.take_frames(&frames, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        outcome
    }

    fn take_frames(&self, frames: &Bytes, wakers: &mut Vec<Waker>) -> Result<Option<String>, Fault> {
        let shared = &self.shared;
        let mut guard = shared.lock();
        let state = &mut *guard;
        state.waiters.begin_read();
        let mut rest: &[u8] = frames;
        while let Next::Whole { frame, consumed } = next(rest, shared.agreed.max_frame)? {
            rest = rest.get(consumed..).unwrap_or_default();
            let (request, answer) = match frame {
                Frame::Reply { request, compact, covered, value } if !compact || shared.agreed.same_build => {
                    let value = Payload::of(Codec::of(compact), state.payload(request, frames, value)?);
                    (request, Ok(Reply { outcome: Outcome::Value(value), covered: covered.iter().collect() }))
                }
                Frame::Failure { request, compact, payload } if !compact || shared.agreed.same_build => {
                    let payload = state.payload(request, frames, payload)?;
                    let (message, data) = read_failure(&payload)?;
                    let (message, data) =
                        (message.to_owned(), Payload::of(Codec::of(compact), payload.slice_ref(data)));
                    (request, Ok(Reply::new(Outcome::Failure { message, data })))
                }
                Frame::StreamBegin { request } => {
                    wakers.extend(streams::begin(shared, state, request).map_err(|NeverSent| never_asked(&frame))?);
                    continue;
                }
                Frame::StreamItem { .. } | Frame::StreamEnd { .. } | Frame::Part { of: Of::Item, .. } => {
                    wakers.extend(streams::take_in(state, &frame, frames)?);
                    continue;
                }
                Frame::Error { request, record } if state.streams.has(request) => {
                    state.parts.discard(Of::Item, request);
                    wakers.extend(state.streams.end(request, Some(refused(record))));
                    continue;
                }
                Frame::Error { request, record } => {
                    state.parts.discard(Of::Answer, request);
                    (request, Err(refused(record)))
                }
                Frame::Part { request, of: Of::Answer, bytes } => {
                    if state.waiters.is_waiting(request).map_err(|NeverSent| never_asked(&frame))? {
                        state.parts.add(Of::Answer, request, bytes)?;
                    } else {
                        // Its caller has gone meanwhile.
                        state.parts.discard(Of::Answer, request);
                    }
                    continue;
                }
                Frame::Ping(token) => {
                    state.outbox.push_pong(token)?;
                    continue;
                }
                Frame::Pong(_) => continue,
                Frame::GoAway(json) => {
                    let reason = GoAway::parse(json)?.reason;
                    // Once, however often it is said.
                    if state.leaving.is_none() {
                        state.leaving = Some(format!("the node leaves: {reason}"));
                        wakers.extend(state.turns.everybody());
                    }
                    continue;
                }
                Frame::Bye { code: ByeCode::Done, .. } => return Ok(Some("the node has closed it".to_owned())),
                Frame::Bye { reason, .. } => return Ok(Some(format!("the node hangs up: {reason}"))),
                _ => return Err(Fault::Unexpected { kind: frame.kind(), why: "only answers are expected here" }),
            };
            let waker = state.waiters.answer(request, answer).map_err(|NeverSent| never_asked(&frame))?;
            wakers.extend(waker);
            state.has_answered = true;
        }
        Ok(None)
    }

    /// Lets calls arm their timers that were here at the last look already.
    fn look_for_old_ones(&mut self) {
        let mut wakers = Vec::new();
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        for _ in 0..self.seen {
            let Some(request) = state.young.pop_front() else { break };
            wakers.extend(state.waiters.grow_old(request));
        }
        self.seen = state.young.len();
        self.idle_ticks = if self.seen == 0 { self.idle_ticks + 1 } else { 0 };
        if self.idle_ticks >= IDLE_TICKS {
            (self.idle_ticks, state.is_ticking) = (0, false);
        }
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
        self.tick.as_mut().reset(Instant::now() + TICK);
    }

    /// Asks whether the peer is there, or finds that it is not.
    fn keep_alive(&mut self) -> Option<End> {
        if !self.has_heard && self.has_asked {
            return Some(End::Lost(format!("the node has said nothing for {:?}", 2 * KEEP_ALIVE)));
        }
        self.has_asked = !self.has_heard;
        if self.has_asked {
            write_ping(self.shared.lock().outbox.frames(), [0; 8]);
        }
        self.has_heard = false;
        self.keep_alive.as_mut().reset(Instant::now() + KEEP_ALIVE);
        None
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Unless it has ended: then a runtime that shuts down has dropped it, and those who wait are told all the same.
        self.shared.end("the runtime of its task has ended");
    }
}

impl State {
    /// The whole payload of an answer, of which earlier parts may have come.
    fn payload(&mut self, request: u64, frames: &Bytes, last: &[u8]) -> Result<Bytes, Fault> {
        let whole = self.parts.finish(Of::Answer, request, last)?;
        Ok(whole.map_or_else(|| frames.slice_ref(last), Bytes::from))
    }
}

/// Ready when there is something to do that nobody else does: to write, to begin to tick, or to leave.
async fn wanted(shared: &Shared, is_ticking: bool, is_blocked: bool) {
    poll_fn(|cx| {
        // Listening before looking: what is said in between is heard.
        shared.driver.register(cx.waker());
        let mut state = shared.lock();
        if state.has_left() || (!is_ticking && !state.young.is_empty()) {
            return Poll::Ready(());
        }
        let must_write = state.is_waiting_for_writing();
        let is_gathering = state.is_gathering() && (!must_write || state.holds(Instant::now()));
        if must_write && !is_blocked && !is_gathering {
            return Poll::Ready(());
        }
        state.sleeps();
        drop(state);
        if !must_write || is_gathering {
            return Poll::Pending;
        }
        shared.writer.as_ref().poll_write_ready(cx).map(|_| ())
    })
    .await;
}

#[cold]
pub(super) fn never_asked(frame: &Frame<'_>) -> Fault {
    Fault::Unexpected { kind: frame.kind(), why: "its request was never sent" }
}

/// The node's error.
pub(super) fn refused(record: &[u8]) -> RpcError {
    match serde_json::from_slice::<ErrorRecord>(record) {
        Ok(record) => RpcError::from_record(record),
        Err(error) => RpcError::new(Kind::Protocol, format!("the node's error cannot be read: {error}"))
            .with_executed(Executed::Maybe),
    }
}
