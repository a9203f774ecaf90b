//! One connection to a peer, shared by all callers: each writes its request into one buffer, and one task reads all replies.
//!
//! A caller that is alone writes for itself. If there are others, the task does, after it has let everybody who was just woken speak: many
//! requests, and one system call.

mod drive;
mod waiting;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use self::drive::Driver;
pub use self::waiting::Waiting;
use super::outbox::Outbox;
use super::waiters::Waiters;
use crate::call::{Call, Reply};
use crate::error::{Executed, Kind, RpcError};
use crate::transport::frames::{Agreed, CallFrame, Of, write_cancel};

/// Bytes that may wait to be written before further calls wait: two of the largest messages.
const MOST_UNWRITTEN: usize = 8 << 20;

/// A deadline nearer than this has a timer at once; others when the call has waited for a tick or two.
const SOON: Duration = Duration::from_millis(25);

/// Buffers that have grown beyond this are not kept.
const SPARE: usize = 256 << 10;

/// What a request comes to.
type Answer = Result<Reply, RpcError>;

/// A connection to the node at `place`.
pub struct Connection {
    place: String,
    agreed: Agreed,
    writer: OwnedWriteHalf,
    turns: Semaphore,
    // Held to encode a request, to look for a reply, or to take over those of one read; never across an await.
    state: Mutex<State>,
    driver: AtomicWaker,
    /// There is room for more to be written.
    room: Notify,
}

struct State {
    waiters: Waiters<Answer>,
    outbox: Outbox,
    /// What is being written, from where on; empty between two batches.
    batch: Vec<u8>,
    at: usize,
    /// Somebody has the batch and writes.
    is_writing: bool,
    /// Nothing can be written any more.
    is_mute: bool,
    /// Bytes written so far.
    written: u64,
    /// Requests without a timer, in order.
    young: VecDeque<u64>,
    /// The driver looks for those that wait for long.
    is_ticking: bool,
    /// Why no call begins any more: the peer leaves, or we do.
    leaving: Option<String>,
    /// Why the connection is over.
    ended: Option<String>,
}

/// How far writing has come.
enum Wrote {
    /// There is nothing to write, or somebody else does.
    All,
    /// The socket takes no more for now.
    Blocked,
}

impl Connection {
    /// Serves callers by the connection `stream` to `place`, of which `rest` has been read already. Must be called in a runtime, in which its
    /// task then runs until the connection [leaves](Self::leave) or breaks.
    pub fn begin(stream: TcpStream, rest: &[u8], place: &str, agreed: Agreed) -> Arc<Self> {
        let (reader, writer) = stream.into_split();
        let state = State {
            waiters: Waiters::default(),
            outbox: Outbox::default(),
            batch: Vec::new(),
            at: 0,
            is_writing: false,
            is_mute: false,
            written: 0,
            young: VecDeque::new(),
            is_ticking: false,
            leaving: None,
            ended: None,
        };
        let connection = Arc::new(Self {
            place: place.to_owned(),
            turns: Semaphore::new(agreed.max_in_flight.min(Semaphore::MAX_PERMITS)),
            agreed,
            writer,
            state: Mutex::new(state),
            driver: AtomicWaker::new(),
            room: Notify::new(),
        });
        tokio::spawn(Driver::new(connection.clone(), reader, rest).run());
        connection
    }

    /// Whether new calls can be made on it.
    pub fn is_open(&self) -> bool {
        let state = self.lock();
        state.ended.is_none() && state.leaving.is_none()
    }

    /// Takes no new calls, and closes the connection when those that wait have their replies.
    pub fn leave(&self) {
        self.lock().leaving.get_or_insert_with(|| "this program has closed the connection".to_owned());
        self.driver.wake();
    }

    /// Sends `call`, and waits for its reply.
    ///
    /// # Errors
    /// The node's own; [`Kind::Unavailable`] for a call that was not sent, [`Kind::ConnectionLost`] for one that may have been read,
    /// [`Kind::Deadline`].
    ///
    /// # Cancel safety
    /// Dropping the future takes the call back, unless its method is detached.
    pub async fn call(&self, call: &Call) -> Answer {
        let _turn = self.turn(call).await?;
        self.wait_for_room(call).await?;
        self.send(call)?.await
    }

    /// Waits until fewer calls are under way than the peer takes. A call that a running call waits for needs no turn: otherwise chains of
    /// calls between two nodes could hold all turns in both directions.
    async fn turn(&self, call: &Call) -> Result<Option<SemaphorePermit<'_>>, RpcError> {
        if call.path.depth() > 0 {
            return Ok(None);
        }
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(Some(turn));
        }
        match timeout_at(call.deadline.instant(), self.turns.acquire()).await {
            Ok(turn) => Ok(turn.ok()),
            Err(_passed) => Err(self.unsent(call, "before its turn came: as many calls as may be are under way")),
        }
    }

    /// Waits until what was said before has mostly been written.
    async fn wait_for_room(&self, call: &Call) -> Result<(), RpcError> {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // Listening before looking: room that is made in between is heard of.
            room.as_mut().enable();
            if self.lock().has_room() {
                return Ok(());
            }
            if timeout_at(call.deadline.instant(), room).await.is_err() {
                return Err(self.unsent(call, "before it could be written: the node does not read"));
            }
        }
    }

    /// Writes `call` down, and gives what becomes of it.
    fn send(&self, call: &Call) -> Result<Waiting<'_>, RpcError> {
        let left = call.deadline.remaining();
        if left.is_zero() {
            return Err(self.unsent(call, "before it could be written"));
        }
        if call.params.len() > self.agreed.max_message {
            return Err(self.too_large(call));
        }
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(why) = state.ended.as_ref().or(state.leaving.as_ref()) {
            let message = format!("the connection to {} takes no calls any more: {why}", self.place);
            return Err(RpcError::new(Kind::Unavailable, message).with_executed(Executed::No));
        }
        let request = state.waiters.open(state.outbox.position());
        let left_ms = u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let pushed = state.outbox.push((Of::Call, request), &call.params, |out, payload| {
            CallFrame { payload, ..CallFrame::new(request, call, left_ms) }.write(out)
        });
        if let Err(unsendable) = pushed {
            state.waiters.close(request);
            let message = format!("{} cannot be sent: {unsendable}", call.method.full_name);
            return Err(RpcError::new(Kind::TooLarge, message).with_executed(Executed::No));
        }
        let is_short = left < SOON;
        if !is_short {
            state.young.push_back(request);
        }
        let is_alone = state.waiters.count() == 1 && !state.is_writing;
        let must_tick = !is_short && !state.is_ticking;
        drop(guard);
        let has_written = is_alone && matches!(self.write(), Wrote::All);
        if must_tick || !has_written {
            self.driver.wake();
        }
        Ok(Waiting::new(self, request, call, is_short))
    }

    /// Writes what there is until the socket takes no more, unless somebody else does.
    fn write(&self) -> Wrote {
        loop {
            let mut state = self.lock();
            let Some((mut batch, mut at)) = state.next_batch() else { return Wrote::All };
            drop(state);
            let outcome = self.writer.try_write(batch.get(at..).unwrap_or_default());
            let mut state = self.lock();
            state.is_writing = false;
            match outcome {
                Ok(wrote) => {
                    at += wrote;
                    state.written += wrote as u64;
                    if at >= batch.len() {
                        batch.clear();
                        at = 0;
                        if batch.capacity() > SPARE {
                            batch = Vec::new();
                        }
                    }
                    (state.batch, state.at) = (batch, at);
                    let has_room = state.has_room();
                    drop(state);
                    if has_room {
                        self.room.notify_waiters();
                    }
                }
                Err(error) => {
                    (state.batch, state.at) = (batch, at);
                    if error.kind() != io::ErrorKind::WouldBlock {
                        // What the peer said before is still to be read.
                        state.is_mute = true;
                        state.leaving.get_or_insert_with(|| error.to_string());
                    }
                    return Wrote::Blocked;
                }
            }
        }
    }

    /// Takes `request` back: its caller has gone. True if nothing of it was sent.
    fn take_back(&self, request: u64, is_detached: bool) -> bool {
        let mut state = self.lock();
        let is_unsent = state.outbox.withdraw(Of::Call, request);
        let is_answered = state.waiters.close(request).is_some();
        if is_unsent || is_answered || is_detached || state.ended.is_some() {
            return is_unsent;
        }
        write_cancel(state.outbox.frames(), request);
        drop(state);
        self.driver.wake();
        false
    }

    /// The connection is over: whoever waits hears whether its request can have been read.
    fn end(&self, why: &str) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.ended.get_or_insert_with(|| why.to_owned());
        let (written, outbox) = (state.written, &state.outbox);
        let lost = RpcError::new(Kind::ConnectionLost, format!("the connection to {} broke: {why}", self.place))
            .with_executed(Executed::Maybe);
        let unsent = RpcError::new(
            Kind::Unavailable,
            format!("the connection to {} broke before the call was sent: {why}", self.place),
        )
        .with_executed(Executed::No);
        let wakers = state.waiters.answer_all(|request, start| {
            let is_unsent = outbox.is_untouched(Of::Call, request) || start >= written;
            Err(if is_unsent { unsent.clone() } else { lost.clone() })
        });
        state.young.clear();
        state.outbox.clear();
        drop(guard);
        wakers.into_iter().for_each(std::task::Waker::wake);
        // Who waits for room is told by the next look.
        self.room.notify_waiters();
    }

    fn unsent(&self, call: &Call, when: &str) -> RpcError {
        let message = format!("the deadline of {} to {} passed {when}", call.method.full_name, self.place);
        RpcError::new(Kind::Deadline, message).with_executed(Executed::No)
    }

    fn too_large(&self, call: &Call) -> RpcError {
        let (size, most) = (call.params.len(), self.agreed.max_message);
        let message = format!(
            "the arguments of {} have {size} bytes, and {} takes at most {most}",
            call.method.full_name, self.place
        );
        RpcError::new(Kind::TooLarge, message).with_executed(Executed::No)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is to be written now, which is then the asker's to write; nothing if somebody else writes.
    fn next_batch(&mut self) -> Option<(Vec<u8>, usize)> {
        if self.is_writing || self.is_mute || self.ended.is_some() {
            return None;
        }
        if self.batch.is_empty() {
            if self.outbox.is_empty() {
                return None;
            }
            let spare = std::mem::take(&mut self.batch);
            self.batch = self.outbox.take(spare);
        }
        self.is_writing = true;
        Some((std::mem::take(&mut self.batch), self.at))
    }

    /// Whether a further call may be written down; also once the connection is over, which the call then hears.
    fn has_room(&self) -> bool {
        self.ended.is_some() || self.outbox.waiting() + self.batch.len() < MOST_UNWRITTEN
    }

    fn is_waiting_for_writing(&self) -> bool {
        !self.is_writing && !self.is_mute && (!self.batch.is_empty() || !self.outbox.is_empty())
    }
}
