//! What the callers of a connection share with its task: who waits, what is to be written, and how far writing has come.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Answer;
use super::streams::Streams;
use crate::error::{Executed, Kind, RpcError};
use crate::limits::ENVELOPE_ROOM;
use crate::transport::frames::{Agreed, Of, Parts, write_cancel};
use crate::transport::multiplex::outbox::{Outbox, Withdrawn};
use crate::transport::multiplex::turns::Turns;
use crate::transport::multiplex::waiters::{Look, Waiters};

/// Bytes that may wait to be written before further calls wait: two of the largest messages.
pub(super) const MOST_UNWRITTEN: usize = 8 << 20;

/// As long as so many callers who were woken together are still to come, those who came wait for them with what they say next, so that it is written
/// together. Fewer are not worth anybody's waiting.
const CROWD: usize = 8;

/// With so many bytes said, nobody waits for the others.
const GATHERED: usize = 16 << 10;

/// Buffers that have grown beyond this are not kept.
const SPARE: usize = 256 << 10;

pub(super) struct Shared {
    pub(super) place: String,
    pub(super) agreed: Agreed,
    pub(super) writer: OwnedWriteHalf,
    // Held to encode a request, to look for a reply, or to take over those of one read; never across an await.
    state: Mutex<State>,
    /// The connection's own task.
    pub(super) driver: AtomicWaker,
    /// There is room for more to be written.
    pub(super) room: Notify,
}

/// How far writing has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Nothing is left, or somebody else writes it.
    All,
    /// More was said meanwhile, or the socket did not take all: the driver is to look.
    Some,
    /// The socket takes nothing now, or never again.
    Blocked,
}

pub(super) struct State {
    pub(super) waiters: Waiters<Answer>,
    /// As many as the peer takes calls at once.
    pub(super) turns: Turns,
    /// Pieces of large replies whose last one is still to come.
    pub(super) parts: Parts,
    /// The streams that have begun, and have somebody who takes their items.
    pub(super) streams: Streams,
    pub(super) outbox: Outbox,
    /// What is being written, from where on; empty between two batches.
    batch: Vec<u8>,
    at: usize,
    /// Somebody has the batch and writes.
    pub(super) is_writing: bool,
    /// Bytes of what somebody is writing: some of them may have left already.
    under_way: u64,
    /// Nothing can be written any more.
    pub(super) is_mute: bool,
    /// Bytes written so far.
    written: u64,
    /// Somebody waits for room.
    pub(super) is_crowded: bool,
    /// Some call was answered.
    pub(super) has_answered: bool,
    /// Requests without a timer, in order.
    pub(super) young: VecDeque<u64>,
    /// The driver looks for those that wait for long.
    pub(super) is_ticking: bool,
    /// The driver was woken, or works: it looks for what there is to write before it sleeps. To wake it once more would have it write before those
    /// have spoken whom it has just let speak.
    is_awake: bool,
    /// Until then, calls wait for others that are expected.
    gathers_until: Option<Instant>,
    /// Since then some call does.
    pub(super) held_since: Option<Instant>,
    /// Why no call begins any more: the peer leaves, or we do.
    pub(super) leaving: Option<String>,
    /// Why the connection is over.
    pub(super) ended: Option<String>,
}

impl Shared {
    pub(super) fn new(writer: OwnedWriteHalf, place: &str, agreed: Agreed) -> Self {
        let state = State {
            waiters: Waiters::default(),
            turns: Turns::new(agreed.max_in_flight),
            parts: Parts::new(agreed.max_message + ENVELOPE_ROOM, agreed.max_in_flight),
            streams: Streams::default(),
            outbox: Outbox::default(),
            batch: Vec::new(),
            at: 0,
            is_writing: false,
            under_way: 0,
            is_mute: false,
            written: 0,
            is_crowded: false,
            has_answered: false,
            young: VecDeque::new(),
            is_ticking: false,
            is_awake: true,
            gathers_until: None,
            held_since: None,
            leaving: None,
            ended: None,
        };
        Self {
            place: place.to_owned(),
            agreed,
            writer,
            state: Mutex::new(state),
            driver: AtomicWaker::new(),
            room: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no new calls, and closes the connection when those that wait have their replies.
    pub(super) fn leave(&self, why: &str) {
        let mut state = self.lock();
        state.leaving.get_or_insert_with(|| why.to_owned());
        let queue = state.turns.everybody();
        drop(state);
        // Who waits for a turn goes elsewhere at once.
        queue.into_iter().for_each(Waker::wake);
        self.driver.wake();
    }

    /// Writes what there is now, as far as the socket takes it.
    pub(super) fn write(&self) -> Wrote {
        let mut state = self.lock();
        let Some((batch, at)) = state.next_batch() else { return Wrote::All };
        drop(state);
        let outcome = self.writer.try_write(batch.get(at..).unwrap_or_default());
        let mut state = self.lock();
        match outcome {
            Ok(wrote) => {
                state.wrote(batch, at, wrote);
                let made_room = state.makes_room();
                let wrote = if state.is_waiting_for_writing() { Wrote::Some } else { Wrote::All };
                drop(state);
                if made_room {
                    self.room.notify_waiters();
                }
                wrote
            }
            Err(error) => {
                state.wrote(batch, at, 0);
                if error.kind() != io::ErrorKind::WouldBlock {
                    // What the peer said before is still to be read.
                    state.is_mute = true;
                    state.leaving.get_or_insert_with(|| error.to_string());
                    let queue = state.turns.everybody();
                    drop(state);
                    queue.into_iter().for_each(Waker::wake);
                }
                Wrote::Blocked
            }
        }
    }

    /// How it stands with `request`, whose turn is given back with its answer; see [`Waiters::look`].
    pub(super) fn look(&self, request: u64, has_turn: bool, waker: &Waker) -> Option<Look<Answer>> {
        let mut state = self.lock();
        let look = state.waiters.look(request, waker);
        let is_over = matches!(look, Some(Look::Answered(_)));
        let next = if is_over && has_turn { state.turns.give_back() } else { None };
        if is_over {
            let must_wake = state.releases();
            self.tell_if_last(state);
            if must_wake {
                self.driver.wake();
            }
        } else {
            drop(state);
        }
        next.into_iter().for_each(Waker::wake);
        look
    }

    /// Takes `request` back: its caller has gone. True if the peer cannot have read it whole, and never will.
    pub(super) fn take_back(&self, request: u64, has_turn: bool, is_detached: bool) -> bool {
        let mut state = self.lock();
        let next = if has_turn { state.turns.give_back() } else { None };
        let withdrawn = state.outbox.withdraw(Of::Call, request);
        // Dropped when nothing is locked any more: that of a stream takes the stream back.
        let answer = state.waiters.close(request);
        let is_answered = answer.is_some();
        state.parts.discard(Of::Answer, request);
        let made_room = withdrawn.is_some() && state.makes_room();
        let releases = state.releases();
        let is_known = match withdrawn {
            Some(Withdrawn::Untouched) => false,
            Some(Withdrawn::Begun) => true,
            None => !is_answered && !is_detached,
        };
        if is_known && state.ended.is_none() {
            write_cancel(state.outbox.frames(), request);
            let must_wake = state.must_wake() | releases;
            drop(state);
            if must_wake {
                self.driver.wake();
            }
        } else {
            self.tell_if_last(state);
            if releases {
                self.driver.wake();
            }
        }
        if made_room {
            self.room.notify_waiters();
        }
        next.into_iter().for_each(Waker::wake);
        withdrawn.is_some()
    }

    /// The connection closes when its last call is over.
    pub(super) fn tell_if_last(&self, state: MutexGuard<'_, State>) {
        let is_last = state.leaving.is_some() && state.is_unused();
        drop(state);
        if is_last {
            self.driver.wake();
        }
    }

    /// The connection is over: whoever waits hears whether its request can have been read.
    pub(super) fn end(&self, why: &str) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(why.to_owned());
        let (sent, outbox) = (state.written + state.under_way, &state.outbox);
        let lost = RpcError::new(Kind::ConnectionLost, format!("the connection to {} broke: {why}", self.place))
            .with_executed(Executed::Maybe);
        let unsent = RpcError::new(
            Kind::Unavailable,
            format!("the connection to {} broke before the call was sent: {why}", self.place),
        )
        .with_executed(Executed::No);
        let mut wakers = state.waiters.answer_all(|request, reaches| {
            let is_unsent = reaches > sent || outbox.holds(Of::Call, request);
            Err(if is_unsent { unsent.clone() } else { lost.clone() })
        });
        wakers.extend(state.streams.end_all(&lost));
        wakers.extend(state.turns.everybody());
        state.young.clear();
        state.outbox.clear();
        state.parts = Parts::new(0, 0);
        state.is_crowded = false;
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
        // Who waits for room is told by the next look.
        self.room.notify_waiters();
    }
}

impl State {
    /// Whether no further call begins.
    pub(super) fn takes_no_calls(&self) -> bool {
        self.ended.is_some() || self.leaving.is_some()
    }

    /// Whether the driver is to be woken, which is then the asker's to do.
    pub(super) fn must_wake(&mut self) -> bool {
        !std::mem::replace(&mut self.is_awake, true)
    }

    /// Whether a call that is written down at this time waits for others, instead of waking the driver: it does, then.
    pub(super) fn holds(&mut self, at: Instant) -> bool {
        let holds = self.is_gathering() && self.gathers_until.is_some_and(|until| at < until);
        if holds {
            self.held_since.get_or_insert(at);
        }
        holds
    }

    /// Whether others are expected with whom to write what there is.
    pub(super) fn is_gathering(&self) -> bool {
        self.gathers_until.is_some()
            && self.waiters.fresh() >= CROWD
            && self.batch.is_empty()
            && self.outbox.waiting() < GATHERED
    }

    /// From now on calls wait for those who are expected, at most until then; or do not. Whether anybody is expected, for whom somebody may wait.
    pub(super) fn gather(&mut self, until: Option<Instant>) -> bool {
        (self.gathers_until, self.held_since) = (until, None);
        until.is_some() && self.waiters.fresh() >= CROWD
    }

    /// Somebody who was expected has come or gone: whether the driver is now to be woken for those who waited for that, by the asker.
    fn releases(&mut self) -> bool {
        let releases = self.held_since.is_some() && !self.is_gathering();
        if releases {
            self.held_since = None;
        }
        releases && self.must_wake()
    }

    /// The driver works.
    pub(super) fn wakes(&mut self) {
        self.is_awake = true;
    }

    /// The driver has found nothing to do.
    pub(super) fn sleeps(&mut self) {
        self.is_awake = false;
    }

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
        self.under_way = (self.batch.len() - self.at) as u64;
        Some((std::mem::take(&mut self.batch), self.at))
    }

    /// Takes the batch back, of which so much more is written.
    fn wrote(&mut self, mut batch: Vec<u8>, at: usize, wrote: usize) {
        self.is_writing = false;
        self.under_way = 0;
        self.written += wrote as u64;
        self.at = at + wrote;
        if self.at >= batch.len() {
            batch.clear();
            self.at = 0;
            if batch.capacity() > SPARE {
                batch = Vec::new();
            }
        }
        self.batch = batch;
    }

    /// Whether a further call may be written down.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.waiting() + self.batch.len().saturating_sub(self.at) < MOST_UNWRITTEN
    }

    /// Whether those who wait for room are to be told now, which they are once.
    fn makes_room(&mut self) -> bool {
        let made = self.is_crowded && self.has_room();
        if made {
            self.is_crowded = false;
        }
        made
    }

    pub(super) fn is_waiting_for_writing(&self) -> bool {
        !self.is_writing && !self.is_mute && (!self.batch.is_empty() || !self.outbox.is_empty())
    }

    /// Whether nobody waits for anything.
    fn is_unused(&self) -> bool {
        self.waiters.count() == 0 && self.streams.is_empty()
    }

    /// Whether nothing is left to do on a connection that leaves.
    pub(super) fn has_left(&self) -> bool {
        let has_said_all = self.is_mute || (!self.is_writing && self.batch.is_empty() && self.outbox.is_empty());
        self.leaving.is_some() && self.is_unused() && has_said_all
    }
}
