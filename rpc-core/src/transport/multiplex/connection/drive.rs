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
use tokio::time::{Instant, Sleep, sleep};

use super::{Connection, MOST_UNWRITTEN, Wrote};
use crate::call::{Outcome, Reply};
use crate::error::{ErrorRecord, Executed, Kind, RpcError};
use crate::limits::ENVELOPE_ROOM;
use crate::transport::frames::{
    ByeCode, Fault, Frame, GoAway, Next, Of, Parts, next, read_failure, write_bye, write_ping, write_pong,
};
use crate::transport::multiplex::waiters::NeverSent;

/// Room for one read, in bytes.
const READ: usize = 64 << 10;

/// How often calls are looked at that have waited since the last look: their timers are armed then.
const TICK: Duration = Duration::from_millis(10);

/// So many looks that find nothing end the looking, until the next call.
const IDLE_TICKS: u32 = 100;

/// A peer that has said nothing for so long is asked whether it is there, and given up after as long again: within 30 s, whenever it went.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

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
    connection: Arc<Connection>,
    reader: OwnedReadHalf,
    inbox: BytesMut,
    /// Pieces of large replies whose last one is still to come.
    parts: Parts,
    tick: Pin<Box<Sleep>>,
    /// Of the calls without a timer, so many were there at the last look.
    seen: usize,
    idle_ticks: u32,
    keep_alive: Pin<Box<Sleep>>,
    /// Something came since the last question whether the peer is there.
    has_heard: bool,
    has_asked: bool,
}

impl Driver {
    pub(super) fn new(connection: Arc<Connection>, reader: OwnedReadHalf, rest: &[u8]) -> Self {
        Self {
            parts: Parts::new(connection.agreed.max_message + ENVELOPE_ROOM, connection.agreed.max_in_flight),
            connection,
            reader,
            inbox: BytesMut::from(rest),
            tick: Box::pin(sleep(TICK)),
            seen: 0,
            idle_ticks: 0,
            keep_alive: Box::pin(sleep(KEEP_ALIVE)),
            has_heard: false,
            has_asked: false,
        }
    }

    pub(super) async fn run(mut self) {
        // Dropped by a runtime that shuts down, it tells those who wait all the same.
        let told = EndAtDrop(self.connection.clone());
        let end = self.drive().await;
        let why = match &end {
            End::Left => "it is not needed any more".to_owned(),
            End::Lost(why) => why.clone(),
            End::Fault(fault) => {
                write_bye(self.connection.lock().outbox.frames(), fault.code(), &fault.to_string());
                // Best effort: the peer's log may tell its operator.
                let _wrote = self.connection.write();
                fault.to_string()
            }
        };
        tracing::debug!(place = self.connection.place, why, "a connection of frames ends");
        told.0.end(&why);
    }

    async fn drive(&mut self) -> End {
        loop {
            match self.take_in() {
                Ok(None) => {}
                Ok(Some(why)) => return End::Lost(why),
                Err(fault) => return End::Fault(fault),
            }
            if self.connection.lock().waiters.count() > 1 {
                // Whoever was woken may have something to say next, which then goes in the same batch.
                yield_now().await;
            }
            let is_blocked = matches!(self.connection.write(), Wrote::Blocked);
            self.inbox.reserve(READ);
            let is_ticking = self.connection.lock().is_ticking;
            tokio::select! {
                biased;
                read = self.reader.read_buf(&mut self.inbox) => match read {
                    Ok(0) => return End::Lost("the node has closed it".to_owned()),
                    Ok(_) => self.has_heard = true,
                    Err(error) => return End::Lost(error.to_string()),
                },
                has_left = wanted(&self.connection, is_ticking, is_blocked) => if has_left { return End::Left },
                () = &mut self.tick, if is_ticking => self.look_for_old_ones(),
                () = &mut self.keep_alive => if let Some(end) = self.keep_alive() { return end },
            }
            if !is_ticking && self.connection.lock().is_ticking {
                self.tick.as_mut().reset(Instant::now() + TICK);
            }
        }
    }

    /// Takes in all frames that were read whole.
    ///
    /// Gives why the peer hangs up, if it says so.
    fn take_in(&mut self) -> Result<Option<String>, Fault> {
        let most = self.connection.agreed.max_frame;
        let mut whole = 0;
        while let Next::Whole { consumed, .. } = next(self.inbox.get(whole..).unwrap_or_default(), most)? {
            whole += consumed;
        }
        if whole == 0 {
            return Ok(None);
        }
        let frames = self.inbox.split_to(whole).freeze();
        let mut wakers = Vec::new();
        let outcome = self.take_frames(&frames, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        outcome
    }

    fn take_frames(&mut self, frames: &Bytes, wakers: &mut Vec<Waker>) -> Result<Option<String>, Fault> {
        let connection = self.connection.clone();
        let mut state = connection.lock();
        let mut rest: &[u8] = frames;
        while let Next::Whole { frame, consumed } = next(rest, connection.agreed.max_frame)? {
            rest = rest.get(consumed..).unwrap_or_default();
            let (request, answer) = match frame {
                Frame::Reply { request, compact: false, covered, value } => {
                    let value = self.payload(request, frames, value)?;
                    (request, Ok(Reply { outcome: Outcome::Value(value), covered: covered.iter().collect() }))
                }
                Frame::Failure { request, compact: false, payload } => {
                    let payload = self.payload(request, frames, payload)?;
                    let (message, data) = read_failure(&payload)?;
                    let (message, data) = (message.to_owned(), payload.slice_ref(data));
                    (request, Ok(Reply::new(Outcome::Failure { message, data })))
                }
                Frame::Error { request, record } => {
                    self.parts.discard(Of::Answer, request);
                    (request, Err(refused(record)))
                }
                Frame::Part { request, of: Of::Answer, bytes } => {
                    if state.waiters.is_waiting(request).map_err(|NeverSent| never_asked(&frame))? {
                        self.parts.add(Of::Answer, request, bytes)?;
                    } else {
                        // Its caller has gone meanwhile.
                        self.parts.discard(Of::Answer, request);
                    }
                    continue;
                }
                Frame::Ping(token) => {
                    if state.outbox.waiting() > MOST_UNWRITTEN {
                        return Err(Fault::Flood { kind: frame.kind(), why: "their answers are not read" });
                    }
                    write_pong(state.outbox.frames(), token);
                    continue;
                }
                Frame::Pong(_) => continue,
                Frame::GoAway(json) => {
                    let reason = GoAway::parse(json)?.reason;
                    state.leaving.get_or_insert_with(|| format!("the node leaves: {reason}"));
                    continue;
                }
                Frame::Bye { code: ByeCode::Done, .. } => return Ok(Some("the node has closed it".to_owned())),
                Frame::Bye { reason, .. } => return Ok(Some(format!("the node hangs up: {reason}"))),
                _ => return Err(Fault::Unexpected { kind: frame.kind(), why: "only answers are expected here" }),
            };
            let waker = state.waiters.answer(request, answer).map_err(|NeverSent| never_asked(&frame))?;
            wakers.extend(waker);
        }
        Ok(None)
    }

    /// The whole payload of an answer, of which earlier parts may have come.
    fn payload(&mut self, request: u64, frames: &Bytes, last: &[u8]) -> Result<Bytes, Fault> {
        let whole = self.parts.finish(Of::Answer, request, last)?;
        Ok(whole.map_or_else(|| frames.slice_ref(last), Bytes::from))
    }

    /// Lets calls arm their timers that were here at the last look already.
    fn look_for_old_ones(&mut self) {
        let mut wakers = Vec::new();
        let mut guard = self.connection.lock();
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
            write_ping(self.connection.lock().outbox.frames(), [0; 8]);
        }
        self.has_heard = false;
        self.keep_alive.as_mut().reset(Instant::now() + KEEP_ALIVE);
        None
    }
}

/// Ready when there is something to do that nobody else does: to write, to begin to tick, or, which is true, to leave.
async fn wanted(connection: &Connection, is_ticking: bool, is_blocked: bool) -> bool {
    poll_fn(|cx| {
        // Listening before looking: what is said in between is heard.
        connection.driver.register(cx.waker());
        let state = connection.lock();
        if state.leaving.is_some() && state.waiters.count() == 0 && (state.is_mute || !state.is_waiting_for_writing()) {
            return Poll::Ready(true);
        }
        let must_tick = !is_ticking && !state.young.is_empty();
        let must_write = state.is_waiting_for_writing();
        drop(state);
        if must_tick {
            connection.lock().is_ticking = true;
            return Poll::Ready(false);
        }
        if !must_write {
            return Poll::Pending;
        }
        if !is_blocked {
            return Poll::Ready(false);
        }
        connection.writer.as_ref().poll_write_ready(cx).map(|_| false)
    })
    .await
}

#[cold]
fn never_asked(frame: &Frame<'_>) -> Fault {
    Fault::Unexpected { kind: frame.kind(), why: "its request was never sent" }
}

/// The node's error.
fn refused(record: &[u8]) -> RpcError {
    match serde_json::from_slice::<ErrorRecord>(record) {
        Ok(record) => RpcError::from_record(record),
        Err(error) => RpcError::new(Kind::Protocol, format!("the node's error cannot be read: {error}"))
            .with_executed(Executed::Maybe),
    }
}

struct EndAtDrop(Arc<Connection>);

impl Drop for EndAtDrop {
    fn drop(&mut self) {
        self.0.end("the runtime of its task has ended");
    }
}
