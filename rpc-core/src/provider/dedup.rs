//! Records of calls, so that a call that is sent twice runs once.
//!
//! A keyed call that came from another node and must not run twice leaves a record in its slot: running, then what it answered.
//! A duplicate (the caller lost the connection and asks again under the same id, or a node passed the call on twice) waits for the
//! first or gets its answer. The scheme is RIFL's (Lee and others, SOSP 2015), with the slot in the place of the object:
//!
//! - Each call says up to which sequence its session has every answer; a session that has nothing more to send says so by itself.
//!   Records up to there are dropped, whichever slot they lie in, and what still arrives under such an id is refused: it is an old
//!   duplicate, whose record is gone.
//! - Records are never dropped to make room, but answers are: when bytes run short, the oldest large ones. What stays is a mark,
//!   so that a retry hears that the call ran ([`Kind::AnswerDropped`]) and never runs it again. A window full of records refuses
//!   new calls, not executed, and they leave nothing.
//! - A session is forgotten, with its records, [`STRAY`] after the last deadline of its calls. That is safe: nobody waits for an
//!   answer or asks again after the deadline, and what was sent before is not on its way any more.
//! - An id names one call: with another method or other arguments ([`Print`]) it is refused, not executed.
//! - An answer is kept in the codec in which it was given, and written anew for who asks in another one, or when it goes to another node.
//! - A retry says under which epoch the call was first sent. Where the slot's history begins later, since a crash has lost what was
//!   before, nobody knows whether it ran: the answer is "maybe", and it is not run. The nodes of a fixed cluster keep their
//!   epochs through a restart, so for [`RESTART_DOUBT`] after it they take every retry that they do not know for such a one.
//!
//! Records move with their slot as the state [`NAME`].

mod copy;
mod print;
mod records;
mod sessions;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

pub use self::print::Print;
use self::table::{Found, Table};
use crate::call::deadline::MAX_DEADLINE;
use crate::call::{CallId, Deadline, Outcome};
use crate::codec::payload::Payload;
use crate::codec::pieces;
use crate::error::{Executed, Kind, RpcError};
use crate::service::Compact;
use crate::slot::Slot;

/// The name under which the records move.
pub const NAME: &str = "wherever.calls";

/// Most records of one slot: as many as the calls a node admits at once, and room for sessions whose last answers nobody has
/// acknowledged. A session with one call that takes long acknowledges nothing behind it, and fills this in the meantime.
pub const MAX_RECORDS: usize = 16_384;

/// Most bytes in the records of one slot: four of the largest replies. Beyond them the oldest answers are dropped.
pub const MAX_BYTES: usize = 16 << 20;

/// Most bytes in the records of all slots of a group on one node: as much as it holds of requests.
pub const MAX_BYTES_OF_NODE: usize = 256 << 20;

/// Most sessions known: 270 new programs a second for as long as they are remembered, in about 50 MiB.
pub const MAX_SESSIONS: usize = 1 << 18;

/// Most sessions known that came by one slot first: one busy key, or one who makes up sessions for it, does not use up the room of
/// all. As many as there can be records in the slot.
pub const MAX_SESSIONS_OF_SLOT: usize = MAX_RECORDS;

/// How long after a call's deadline something of it may still arrive: longer than Linux keeps a broken connection's bytes (15.4
/// minutes, `tcp_retries2`). A node that runs what arrives later than that runs it again.
pub const STRAY: Duration = Duration::from_secs(16 * 60);

/// For how long after its start a node of a fixed cluster does not trust its empty history: the longest time from a call's first
/// sending to its retry, and ten seconds for the retry's way.
pub const RESTART_DOUBT: Duration = Duration::from_secs(30);

/// What a caller is told to wait when the window is full: the time in which its other answers are acknowledged.
const RETRY_AFTER: Duration = Duration::from_millis(50);

const _: () = assert!(MAX_BYTES >= 4 * crate::limits::MAX_MESSAGE && MAX_BYTES_OF_NODE >= MAX_BYTES);
const _: () = assert!(MAX_SESSIONS_OF_SLOT <= MAX_SESSIONS / 16);

/// What a call answered, as it is given to duplicates.
pub type Ended = Result<Outcome, RpcError>;

/// The records of one group's slots on one node.
pub struct Dedup {
    // Held for a look-up, a change, or one piece of a copy; never across an await.
    table: Mutex<Table>,
}

/// A call that has arrived, as its record needs it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its id.
    pub id: CallId,
    /// The epoch under which a retry was first sent; `None` for a call that is no retry.
    pub first_epoch: Option<u64>,
    /// The epoch in which this node serves the slot.
    pub epoch: u64,
    /// What call it is.
    pub print: Print,
    /// How what it answers is written as JSON, if it may be in the compact codec.
    pub compact: Option<&'static Compact>,
    /// When its caller stops waiting, if it has said so.
    pub deadline: Option<Deadline>,
}

impl Arrival {
    /// Until when something of the call may be on its way.
    fn needed_until(&self, now: Instant) -> Instant {
        let longest = now + MAX_DEADLINE;
        self.deadline.map_or(longest, |deadline| deadline.instant().clamp(now, longest)) + STRAY
    }
}

/// What is to be done with a call that has arrived.
pub enum Verdict {
    /// Run it, and say how it ended.
    Execute(Recording),
    /// It is running already: wait for it.
    Wait(Waiting),
    /// It has run; this is what it answered.
    Answer(Ended),
    /// It must not run here.
    Refuse(RpcError),
}

/// How a call that must not be run now ends.
pub enum Known {
    /// As the same call ends that is running.
    Soon(Waiting),
    /// Thus.
    Now(Ended),
}

impl Verdict {
    /// What to record the call with, if it is to be run.
    pub fn into_recording(self) -> Result<Recording, Known> {
        match self {
            Self::Execute(recording) => Ok(recording),
            Self::Wait(waiting) => Err(Known::Soon(waiting)),
            Self::Answer(ended) => Err(Known::Now(ended)),
            Self::Refuse(error) => Err(Known::Now(Err(error))),
        }
    }
}

impl Known {
    /// Waits for the end, if need be, at most until the deadline.
    pub async fn ended(self, deadline: Option<Deadline>) -> Ended {
        match self {
            Self::Now(ended) => ended,
            Self::Soon(waiting) => waiting.ended(deadline.map(Deadline::instant)).await,
        }
    }
}

impl Dedup {
    /// No records yet. `doubt` is for how long a retry of an unknown call is answered "maybe" rather than run.
    pub fn new(doubt: Duration) -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(Table::new(Instant::now(), doubt)) })
    }

    /// Looks up a call of `slot`, and records that it runs from now on if it is new.
    pub fn begin(self: &Arc<Self>, slot: Slot, call: &Arrival) -> Verdict {
        match self.table().begin(slot, call, Instant::now()) {
            Ok(Found::New) => Verdict::Execute(Recording { dedup: self.clone(), slot, id: call.id, is_over: false }),
            Ok(Found::Running(ended)) => Verdict::Wait(Waiting(ended)),
            Ok(Found::Done(ended)) => Verdict::Answer(ended),
            Err(refused) => Verdict::Refuse(refused),
        }
    }

    /// Whether the session of `id` has this call's answer: such a call is an old duplicate. A node that passes a call on to the
    /// slot's new owner asks this first, since only here it may be known.
    pub fn is_answered(&self, id: CallId) -> bool {
        self.table().is_answered(id)
    }

    /// The session has every answer up to this sequence, and will not ask for them again. One that is not known here leaves nothing.
    pub fn acknowledge(&self, session: u64, acked: u64) {
        self.table().acknowledge(session, acked);
    }

    /// How many records `slot` has, also of running calls.
    pub fn records(&self, slot: Slot) -> usize {
        self.table().records(slot)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that runs, until it is recorded how it ended. One that is dropped before is recorded as having ended half-way.
pub struct Recording {
    dedup: Arc<Dedup>,
    slot: Slot,
    id: CallId,
    is_over: bool,
}

impl Recording {
    /// Records how the call ended, and tells those who wait for it.
    pub fn end(mut self, ended: &Ended) {
        self.is_over = true;
        let kept = |payload: &Payload| Payload::of(payload.codec(), pieces::kept(payload.bytes()));
        let kept = match ended {
            Ok(Outcome::Value(value)) => Ok(Outcome::Value(kept(value))),
            Ok(Outcome::Failure { message, data }) => {
                Ok(Outcome::Failure { message: message.clone(), data: kept(data) })
            }
            Ok(Outcome::Stream(items)) => Ok(Outcome::Stream(items.clone())),
            Err(error) => Err(error.clone()),
        };
        self.dedup.table().end(self.slot, self.id, kept);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.is_over {
            let aborted =
                RpcError::new(Kind::Internal, "the call was stopped before its end, with its node or its task");
            self.dedup.table().end(self.slot, self.id, Err(aborted.with_executed(Executed::Maybe)));
        }
    }
}

/// A duplicate's wait for the call itself.
pub struct Waiting(oneshot::Receiver<Ended>);

impl Waiting {
    /// Waits for the call's end.
    ///
    /// # Errors
    /// What the call itself failed with; [`Kind::Deadline`], maybe executed, when `until` comes first.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait, not the call.
    pub async fn ended(self, until: Option<Instant>) -> Ended {
        let ended = match until {
            Some(until) => tokio::time::timeout_at(until, self.0).await.map_err(|_| {
                let message = "the deadline passed while the first sending of the same call still ran";
                RpcError::new(Kind::Deadline, message).with_executed(Executed::Maybe)
            })?,
            None => self.0.await,
        };
        ended.unwrap_or_else(|_| {
            let message = "the first sending of the same call was given up by its caller, and its answer dropped";
            Err(RpcError::new(Kind::Cancelled, message).with_executed(Executed::Maybe))
        })
    }
}

impl std::fmt::Debug for Dedup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dedup").finish_non_exhaustive()
    }
}
