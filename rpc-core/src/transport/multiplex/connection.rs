//! One connection to a peer, shared by all callers: each writes its request into one buffer, and one task reads all replies.
//!
//! A caller that is alone writes for itself. If there are others, the task does, after it has let everybody who was just woken speak: many
//! requests, and one system call.

mod drive;
mod shared;
mod streams;
mod turn;
mod waiting;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use self::drive::Driver;
use self::shared::{Shared, Wrote};
use self::turn::{Queued, Turn};
pub use self::waiting::Waiting;
use crate::call::{Call, Reply};
use crate::error::{Executed, Kind, RpcError};
use crate::transport::frames::{Agreed, CallFrame, Of};

/// A deadline nearer than this has a timer at once; others when the call has waited for a tick or two.
const SOON: Duration = Duration::from_millis(25);

/// What a request comes to.
type Answer = Result<Reply, RpcError>;

/// A connection to a node. Dropped, it closes as soon as what was said on it is written.
pub struct Connection {
    shared: Arc<Shared>,
}

/// A way to a connection, for the callers of some threads: each call that waits counts as one who holds it, and where all threads count at one
/// place, they wait for each other. It does not keep the connection open.
pub struct Line {
    shared: Arc<Shared>,
}

/// The connection takes no calls any more, and has taken nothing of this one: another connection may.
#[derive(Debug)]
pub struct NotTaken(pub RpcError);

/// What came of the attempt to write a call down.
enum Begun {
    Sent(Sent),
    /// As many calls as the peer takes are under way.
    NoTurn,
    /// Too much waits to be written.
    Full,
    /// No calls are taken any more.
    Over(NotTaken),
    /// This call cannot be sent on any connection.
    Refused(RpcError),
}

/// A call that was written down.
struct Sent {
    request: u64,
    /// It is one of those that the peer takes at once.
    has_turn: bool,
    /// Its deadline is too near to wait for a look at the clock.
    is_short: bool,
    at: Instant,
}

impl Connection {
    /// Serves callers by the connection `stream` to `place`, of which `rest` has been read already. Must be called in a runtime, in which its
    /// task then runs until the connection is dropped or breaks.
    pub fn begin(stream: TcpStream, rest: &[u8], place: &str, agreed: Agreed) -> Self {
        let (reader, writer) = stream.into_split();
        let shared = Arc::new(Shared::new(writer, place, agreed));
        tokio::spawn(Driver::new(shared.clone(), reader, rest).run());
        Self { shared }
    }

    /// Whether new calls can be made on it.
    pub fn is_open(&self) -> bool {
        let state = self.shared.lock();
        state.ended.is_none() && state.leaving.is_none()
    }

    /// Whether the peer reads the compact codec.
    pub fn is_same_build(&self) -> bool {
        self.shared.agreed.same_build
    }

    /// Whether any call was answered on it.
    pub fn has_answered(&self) -> bool {
        self.shared.lock().has_answered
    }

    /// How many calls have no answer yet.
    pub fn in_flight(&self) -> usize {
        self.shared.lock().waiters.count()
    }

    /// A way to it for some callers.
    pub fn line(&self) -> Arc<Line> {
        Arc::new(Line { shared: self.shared.clone() })
    }

    /// Whether `line` leads to it.
    pub fn is_by(&self, line: &Line) -> bool {
        Arc::ptr_eq(&self.shared, &line.shared)
    }

    /// Sends `call`, and waits for its reply.
    ///
    /// # Errors
    /// [`NotTaken`] if the connection was over before any of the call was written down. Inside: the node's own; [`Kind::Unavailable`] for a call
    /// that was not sent, [`Kind::ConnectionLost`] for one that may have been read, [`Kind::Deadline`].
    ///
    /// # Cancel safety
    /// Dropping the future takes the call back, unless its method is detached.
    pub async fn call(&self, call: &Call) -> Result<Answer, NotTaken> {
        let mut turn = Turn::none(&self.shared);
        loop {
            let waited = match self.shared.send(call, turn.is_held(), None) {
                Begun::Sent(sent) => {
                    turn.passes_on();
                    return Ok(Waiting::new(self.line(), call, &sent).await);
                }
                Begun::Over(not_taken) => return Err(not_taken),
                Begun::Refused(error) => return Ok(Err(error)),
                Begun::Full => self.wait_for_room(call).await,
                Begun::NoTurn => self.turn(call).await.map(|held| turn = held),
            };
            if let Err(late) = waited {
                return Ok(Err(late));
            }
        }
    }

    /// Waits until fewer calls are under way than the peer takes, or the connection is over.
    async fn turn(&self, call: &Call) -> Result<Turn<'_>, RpcError> {
        let mut queued = Queued::new(&self.shared);
        let turn = timeout_at(call.deadline.instant(), poll_fn(|cx| queued.poll(cx))).await;
        turn.map_err(|_passed| self.shared.unsent(call, "before its turn came: as many calls as may be are under way"))
    }

    /// Waits until what was said before has mostly been written, or the connection is over.
    async fn wait_for_room(&self, call: &Call) -> Result<(), RpcError> {
        let room = self.shared.room.notified();
        tokio::pin!(room);
        // Listening before looking: room that is made in between is heard of.
        room.as_mut().enable();
        if !self.shared.lock().is_crowded {
            return Ok(());
        }
        let made = timeout_at(call.deadline.instant(), room).await;
        made.map_err(|_passed| self.shared.unsent(call, "before it could be written: the node does not read"))
    }
}

impl Line {
    /// As [`Connection::call`], if the call can be written down now: nothing is waited for but the reply, at which `waker` is woken. `None` if it
    /// cannot, or not on this connection.
    pub fn begin(self: &Arc<Self>, call: &Call, waker: &Waker) -> Option<Result<Waiting, RpcError>> {
        match self.shared.send(call, false, Some(waker)) {
            Begun::Sent(sent) => Some(Ok(Waiting::new(self.clone(), call, &sent))),
            Begun::Refused(error) => Some(Err(error)),
            Begun::NoTurn | Begun::Full | Begun::Over(_) => None,
        }
    }

    /// Whether the peer reads the compact codec.
    pub fn is_same_build(&self) -> bool {
        self.shared.agreed.same_build
    }
}

impl Shared {
    /// Writes `call` down, if there is room, and a turn for it. `waker` is woken when it is answered.
    fn send(&self, call: &Call, has_turn: bool, waker: Option<&Waker>) -> Begun {
        let at = Instant::now();
        let left = call.deadline.remaining_at(at);
        if left.is_zero() {
            return Begun::Refused(self.unsent(call, "before it could be written"));
        }
        if call.params.len() > self.agreed.max_message {
            return Begun::Refused(self.too_large(call));
        }
        // A call that a running call waits for needs no turn: otherwise chains of calls between two nodes could hold all turns in both directions.
        let needs_turn = call.path.depth() == 0;
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(why) = state.ended.as_ref().or(state.leaving.as_ref()) {
            let message = format!("the connection to {} takes no calls any more: {why}", self.place);
            return Begun::Over(NotTaken(RpcError::new(Kind::Unavailable, message).with_executed(Executed::No)));
        }
        if !state.has_room() {
            state.is_crowded = true;
            return Begun::Full;
        }
        let takes_turn = needs_turn && !has_turn;
        if takes_turn && !state.turns.take() {
            return Begun::NoTurn;
        }
        let begin = state.outbox.position();
        let request = state.waiters.open(waker.cloned());
        let left_ms = u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let pushed = state.outbox.push((Of::Call, request), call.params.bytes(), |out, payload| {
            CallFrame { payload, ..CallFrame::new(request, call, left_ms) }.write(out)
        });
        if let Err(unsendable) = pushed {
            state.waiters.close(request);
            if takes_turn {
                // It was free, so that nobody waits for it.
                let _nobody = state.turns.give_back();
            }
            let message = format!("{} cannot be sent: {unsendable}", call.method.full_name);
            return Begun::Refused(RpcError::new(Kind::TooLarge, message).with_executed(Executed::No));
        }
        // A frame can be read once its last byte is written; of a message in parts only its begin is known, before which it cannot be.
        state.waiters.reaches(request, state.outbox.position().max(begin + 1));
        let is_short = left < SOON;
        if !is_short {
            state.young.push_back(request);
        }
        let is_alone = state.waiters.count() == 1 && !state.is_writing;
        let must_tick = !is_short && !state.is_ticking;
        let must_wake = (must_tick || !(is_alone || state.holds(at))) && state.must_wake();
        drop(guard);
        // What the socket does not take now, and what others have said meanwhile, is the driver's, also if it went to sleep.
        if must_wake | (is_alone && self.write() != Wrote::All && self.lock().must_wake()) {
            self.driver.wake();
        }
        Begun::Sent(Sent { request, has_turn: needs_turn, is_short, at })
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
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.leave("this program has closed the connection");
    }
}

#[cfg(test)]
mod tests;
