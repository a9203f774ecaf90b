//! One connection to a peer, shared by all callers: each writes its request into one buffer, and one task reads all replies.
//!
//! A caller that is alone writes for itself. If there are others, the task does, after it has let everybody who was just woken speak: many
//! requests, and one system call.

mod drive;
mod shared;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout_at;

use self::drive::Driver;
use self::shared::Shared;
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

/// The connection takes no calls any more, and has taken nothing of this one: another connection may.
#[derive(Debug)]
pub struct NotTaken(pub RpcError);

/// What came of the attempt to write a call down.
enum Begun<'a> {
    Sent(Waiting<'a>),
    /// Too much waits to be written.
    Full,
    /// No calls are taken any more.
    Over(NotTaken),
    /// This call cannot be sent on any connection.
    Refused(RpcError),
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

    /// How many calls have no answer yet.
    pub fn in_flight(&self) -> usize {
        self.shared.lock().waiters.count()
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
        let _turn = match self.turn(call).await {
            Ok(turn) => turn,
            Err(late) => return Ok(Err(late)),
        };
        loop {
            match self.send(call) {
                Begun::Sent(waiting) => return Ok(waiting.await),
                Begun::Over(not_taken) => return Err(not_taken),
                Begun::Refused(error) => return Ok(Err(error)),
                Begun::Full => {
                    if let Err(late) = self.wait_for_room(call).await {
                        return Ok(Err(late));
                    }
                }
            }
        }
    }

    /// Waits until fewer calls are under way than the peer takes; nobody waits for a turn on a connection that is over. A call that a running
    /// call waits for needs no turn: otherwise chains of calls between two nodes could hold all turns in both directions.
    async fn turn(&self, call: &Call) -> Result<Option<SemaphorePermit<'_>>, RpcError> {
        if call.path.depth() > 0 {
            return Ok(None);
        }
        if let Ok(turn) = self.shared.turns.try_acquire() {
            return Ok(Some(turn));
        }
        match timeout_at(call.deadline.instant(), self.shared.turns.acquire()).await {
            Ok(turn) => Ok(turn.ok()),
            Err(_passed) => Err(self.unsent(call, "before its turn came: as many calls as may be are under way")),
        }
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
        made.map_err(|_passed| self.unsent(call, "before it could be written: the node does not read"))
    }

    /// Writes `call` down, if there is room.
    fn send(&self, call: &Call) -> Begun<'_> {
        let left = call.deadline.remaining();
        if left.is_zero() {
            return Begun::Refused(self.unsent(call, "before it could be written"));
        }
        if call.params.len() > self.shared.agreed.max_message {
            return Begun::Refused(self.too_large(call));
        }
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        if let Some(why) = state.ended.as_ref().or(state.leaving.as_ref()) {
            let message = format!("the connection to {} takes no calls any more: {why}", self.shared.place);
            return Begun::Over(NotTaken(RpcError::new(Kind::Unavailable, message).with_executed(Executed::No)));
        }
        if !state.has_room() {
            state.is_crowded = true;
            return Begun::Full;
        }
        let begin = state.outbox.position();
        let request = state.waiters.open();
        let left_ms = u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let pushed = state.outbox.push((Of::Call, request), &call.params, |out, payload| {
            CallFrame { payload, ..CallFrame::new(request, call, left_ms) }.write(out)
        });
        if let Err(unsendable) = pushed {
            state.waiters.close(request);
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
        drop(guard);
        let has_written = is_alone && self.shared.write();
        if must_tick || !has_written {
            self.shared.driver.wake();
        }
        Begun::Sent(Waiting::new(&self.shared, request, call, is_short))
    }

    fn unsent(&self, call: &Call, when: &str) -> RpcError {
        let message = format!("the deadline of {} to {} passed {when}", call.method.full_name, self.shared.place);
        RpcError::new(Kind::Deadline, message).with_executed(Executed::No)
    }

    fn too_large(&self, call: &Call) -> RpcError {
        let (size, most) = (call.params.len(), self.shared.agreed.max_message);
        let message = format!(
            "the arguments of {} have {size} bytes, and {} takes at most {most}",
            call.method.full_name, self.shared.place
        );
        RpcError::new(Kind::TooLarge, message).with_executed(Executed::No)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.leave("this program has closed the connection");
    }
}
