//! What one connection is doing, in two atomic words, and the orders it has been given.
//!
//! The connection's own task writes its phase (a relaxed store of a coarse time, no clock read, no lock);
//! the sweep reads it. Orders go the other way: a bit is set, then the task is woken and obeys after its
//! next poll, so a request that arrives together with the order to leave is still served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::limits::Limits;

/// Time the last answer of a closing connection gets to be read while the peer still sends.
pub(super) const LINGER_TIME: Duration = Duration::from_secs(1);

/// Time in which no body makes room for another connection: the rest of an honest one takes a round trip or two.
const BODY_GRACE: Duration = Duration::from_secs(1);

/// Where a connection stands between two requests or within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Its header is not complete; also a new connection that said nothing yet.
    Header,
    /// The last answer is gone, the next header has not begun.
    Idle,
    /// A handler works, or its answer is being produced.
    Busy,
    /// The answer is produced but not all of it has left our buffer.
    Answered,
    /// It speaks another protocol now, which keeps its own times.
    Upgraded,
    /// Our last word is sent; what the peer still sends is thrown away for a moment.
    Closing,
    /// A handler of ours has nothing yet but part of a request body, and waits for the rest.
    Body,
    /// It speaks another protocol, and nothing is under way.
    Resting,
}

impl Phase {
    /// Whether nothing is lost but a request that has not arrived yet.
    fn is_waiting(self) -> bool {
        matches!(self, Phase::Header | Phase::Idle | Phase::Closing | Phase::Body | Phase::Resting)
    }
}

/// A coarse clock that all connections of a listener read: milliseconds, set by the accept loop.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    millis: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Self {
        // Starts at 1 because a blocked write is stored as its time and 0 means "not blocked".
        Self { start: Instant::now(), millis: AtomicU64::new(1) }
    }

    /// Sets the clock to now and returns it.
    pub(super) fn advance(&self) -> u64 {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX) + 1;
        self.millis.store(millis, Ordering::Relaxed);
        millis
    }

    fn now(&self) -> u64 {
        self.millis.load(Ordering::Relaxed)
    }
}

const LEAVE_IF_WAITING: u8 = 1;
const DRAIN: u8 = 1 << 1;
const CUT: u8 = 1 << 2;
const GONE: u8 = 1 << 3;

/// The state that a connection's task shares with the accept loop.
#[derive(Debug)]
pub(super) struct Activity {
    clock: Arc<Clock>,
    /// The phase in the low byte, the time it began above.
    phase: AtomicU64,
    /// Since when a write makes no progress; 0 if none waits.
    blocked_since: AtomicU64,
    orders: AtomicU8,
    waker: AtomicWaker,
}

/// A phase with the time it began, to order connections and to see whether one has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(u64);

impl Stamp {
    const PHASE_BITS: u32 = 8;

    fn new(phase: Phase, millis: u64) -> Self {
        Self(millis << Self::PHASE_BITS | u64::from(phase as u8))
    }

    fn phase(self) -> Phase {
        const ALL: [Phase; 8] = [
            Phase::Header,
            Phase::Idle,
            Phase::Busy,
            Phase::Answered,
            Phase::Upgraded,
            Phase::Closing,
            Phase::Body,
            Phase::Resting,
        ];
        ALL[(self.0 & 0xff) as usize]
    }

    /// Whether part of a request would be lost.
    pub(super) fn is_body(self) -> bool {
        self.phase() == Phase::Body
    }

    fn since(self) -> u64 {
        self.0 >> Self::PHASE_BITS
    }
}

impl Activity {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        let stamp = Stamp::new(Phase::Header, clock.now());
        Self {
            clock,
            phase: AtomicU64::new(stamp.0),
            blocked_since: AtomicU64::new(0),
            orders: AtomicU8::new(0),
            waker: AtomicWaker::new(),
        }
    }

    // What the connection's task reports.

    pub(super) fn bytes_arrived(&self) {
        self.step(Phase::Idle, Phase::Header);
    }

    pub(super) fn request_began(&self) {
        self.enter(Phase::Busy);
    }

    pub(super) fn body_awaited(&self) {
        self.step(Phase::Busy, Phase::Body);
    }

    pub(super) fn body_ended(&self) {
        self.step(Phase::Body, Phase::Busy);
    }

    pub(super) fn answer_ended(&self) {
        self.step(Phase::Busy, Phase::Answered);
    }

    pub(super) fn flushed(&self) {
        self.step(Phase::Answered, Phase::Idle);
    }

    pub(super) fn upgraded(&self) {
        self.enter(Phase::Upgraded);
    }

    /// Nothing is under way on an upgraded connection: it may make room for another.
    pub(super) fn rests(&self) {
        self.step(Phase::Upgraded, Phase::Resting);
    }

    pub(super) fn works(&self) {
        self.step(Phase::Resting, Phase::Upgraded);
    }

    pub(super) fn closing(&self) {
        if self.phase() != Phase::Closing {
            self.enter(Phase::Closing);
        }
    }

    pub(super) fn write_blocked(&self) {
        if self.blocked_since.load(Ordering::Relaxed) == 0 {
            self.blocked_since.store(self.clock.now(), Ordering::Relaxed);
        }
    }

    pub(super) fn write_moved(&self) {
        if self.blocked_since.load(Ordering::Relaxed) != 0 {
            self.blocked_since.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn gone(&self) {
        self.orders.fetch_or(GONE, Ordering::Relaxed);
    }

    /// Has `waker` woken at the next order. Call it before reading the orders, so that none is missed.
    pub(super) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.orders.load(Ordering::Acquire) & CUT != 0
    }

    pub(super) fn is_draining(&self) -> bool {
        self.orders.load(Ordering::Acquire) & DRAIN != 0
    }

    pub(super) fn is_upgraded(&self) -> bool {
        matches!(self.phase(), Phase::Upgraded | Phase::Resting)
    }

    /// Whether the task should end now. An order to leave that finds a request begun is forgotten.
    pub(super) fn should_leave(&self) -> bool {
        let orders = self.orders.load(Ordering::Acquire);
        if orders & (LEAVE_IF_WAITING | DRAIN | CUT) == 0 {
            return false;
        }
        if orders & CUT != 0 || self.is_waiting() {
            return true;
        }
        self.orders.fetch_and(!LEAVE_IF_WAITING, Ordering::Relaxed);
        false
    }

    // What the accept loop asks and orders.

    pub(super) fn is_waiting(&self) -> bool {
        self.phase().is_waiting()
    }

    /// The stamp of a connection that could make room for another at `now`, if it is one.
    pub(super) fn evictable(&self, now: u64) -> Option<Stamp> {
        let stamp = self.stamp();
        let free = self.orders.load(Ordering::Relaxed) == 0;
        let on_its_way = stamp.is_body() && u128::from(now.saturating_sub(stamp.since())) < BODY_GRACE.as_millis();
        (free && stamp.phase().is_waiting() && !on_its_way).then_some(stamp)
    }

    /// Gives the order that a limit asks for at `now`; true if the task must be woken to see it.
    pub(super) fn check(&self, now: u64, limits: &Limits, slack: Duration) -> bool {
        let over = |since: u64, limit: Duration| {
            u128::from(now.saturating_sub(since)) > (limit.saturating_add(slack)).as_millis()
        };
        let blocked_since = self.blocked_since.load(Ordering::Relaxed);
        if blocked_since != 0 && over(blocked_since, limits.write_stall) {
            return self.order(CUT);
        }
        let stamp = self.stamp();
        let limit = match stamp.phase() {
            Phase::Header => limits.header_time,
            Phase::Idle => limits.idle_time,
            Phase::Closing => LINGER_TIME,
            // A body has a timer of its own.
            Phase::Busy | Phase::Answered | Phase::Upgraded | Phase::Body | Phase::Resting => return false,
        };
        over(stamp.since(), limit) && self.order(LEAVE_IF_WAITING)
    }

    pub(super) fn ask_to_leave(&self) {
        self.order(LEAVE_IF_WAITING);
        self.wake();
    }

    pub(super) fn drain(&self) {
        self.order(DRAIN);
        self.wake();
    }

    pub(super) fn cut(&self) {
        self.order(CUT);
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    fn order(&self, bit: u8) -> bool {
        self.orders.fetch_or(bit, Ordering::Release) & bit == 0
    }

    fn stamp(&self) -> Stamp {
        Stamp(self.phase.load(Ordering::Relaxed))
    }

    fn phase(&self) -> Phase {
        self.stamp().phase()
    }

    /// Only the connection's own task moves the phase, so a load and a store need no exchange.
    fn step(&self, from: Phase, to: Phase) {
        if self.phase() == from {
            self.enter(to);
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(Stamp::new(phase, self.clock.now()).0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_makes_room_only_once_it_has_stalled() {
        let activity = Activity::new(Arc::new(Clock::new()));
        let (now, grace) = (1, u64::try_from(BODY_GRACE.as_millis()).expect("a short time"));
        activity.request_began();
        activity.body_awaited();
        assert!(activity.is_waiting() && activity.evictable(now + grace - 1).is_none());
        assert!(activity.evictable(now + grace).is_some_and(Stamp::is_body));
        activity.body_ended();
        assert!(!activity.is_waiting() && activity.evictable(now + grace).is_none());
    }
}
