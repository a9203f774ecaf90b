//! The calls in flight that came over the network: their number, and how to cancel one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::call::CallId;
use crate::error::{Kind, RpcError};

/// Most calls from the network in flight on one node, unless configured: at 10 KiB of futures and buffers each, 100 MiB.
pub const MAX_IN_FLIGHT: usize = 10_000;

/// What a refused caller is told to wait: about the time that a full node needs to finish some of its calls.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Cancellations remembered that came before their call did. Only a call overtaken on its way needs one, so a few suffice.
const MAX_EARLY: usize = 1024;

/// Of them, most of one session: as many as it sends at once, and too few to push out those of all others.
const MAX_EARLY_OF_SESSION: usize = 64;

/// How long an early cancellation is remembered: longer than any request stays in a socket's buffer on a live connection.
const EARLY_LIFE: Duration = Duration::from_secs(10);

/// The table of calls in flight.
pub struct InFlight {
    count: AtomicUsize,
    limit: usize,
    // Held for a look-up, an insert or a removal; never across an await.
    calls: Mutex<Calls>,
    emptied: Notify,
}

#[derive(Default)]
struct Calls {
    running: HashMap<(u64, u64), Arc<Notify>>,
    early: Early,
}

/// Cancellations that came before their call. Nearly always there are none, so that a call costs one look.
#[derive(Default)]
struct Early {
    next_ticket: u64,
    /// In the order in which they came.
    by_age: BTreeMap<u64, ((u64, u64), Instant)>,
    /// Sequence and ticket of each session's, at most [`MAX_EARLY_OF_SESSION`].
    by_session: HashMap<u64, VecDeque<(u64, u64)>>,
}

/// One call's place in the table; dropping it leaves the table.
pub struct Place {
    table: Arc<InFlight>,
    listed: Option<(u64, u64)>,
}

impl InFlight {
    /// An empty table for at most `limit` calls.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { count: AtomicUsize::new(0), limit, calls: Mutex::default(), emptied: Notify::new() })
    }

    /// How many calls are in flight.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until no call is in flight. Only useful once no more are admitted.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn wait_until_empty(&self) {
        loop {
            // Listening before looking: a last call that leaves in between is heard.
            let emptied = self.emptied.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Takes a place for a call.
    ///
    /// # Errors
    /// [`Kind::Overloaded`] when the table is full.
    pub fn admit(self: &Arc<Self>) -> Result<Place, RpcError> {
        // The place is taken first, so that its Drop gives it back also when it is refused.
        let place = self.track();
        if self.count() > self.limit {
            let message = format!("{} calls are in flight on this node, as many as it takes", self.limit);
            return Err(RpcError::new(Kind::Overloaded, message).with_retry_after(RETRY_AFTER));
        }
        Ok(place)
    }

    /// Takes a place for what goes on after its call was answered, and is bounded by the calls: a detached method.
    pub(crate) fn track(self: &Arc<Self>) -> Place {
        self.count.fetch_add(1, Ordering::AcqRel);
        Place { table: self.clone(), listed: None }
    }

    /// Cancels the call of `session` with `sequence`, or the next one of that name to arrive. Says whether it was running.
    pub fn cancel(&self, session: u64, sequence: u64) -> bool {
        let key = (session, sequence);
        let mut calls = self.lock();
        if let Some(notify) = calls.running.get(&key) {
            // notify_one keeps a permit: a call between two polls sees it at the next.
            notify.notify_one();
            return true;
        }
        calls.early.remember(key);
        false
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Early {
    /// Remembers a cancellation, if need be instead of the session's oldest, or of the oldest of all.
    fn remember(&mut self, key: (u64, u64)) {
        self.forget_old();
        let of_session = self.by_session.get(&key.0);
        let too_many = of_session.is_some_and(|known| known.len() >= MAX_EARLY_OF_SESSION);
        let evicted = match of_session.and_then(VecDeque::front) {
            Some(&(_, oldest)) if too_many => Some(oldest),
            _ if self.by_age.len() >= MAX_EARLY => self.by_age.first_key_value().map(|(&oldest, _)| oldest),
            _ => None,
        };
        if let Some(ticket) = evicted {
            self.forget(ticket);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.by_age.insert(ticket, (key, Instant::now()));
        self.by_session.entry(key.0).or_default().push_back((key.1, ticket));
    }

    /// Whether the call was cancelled, which is used up by that.
    fn take(&mut self, key: (u64, u64)) -> bool {
        if self.by_age.is_empty() {
            return false;
        }
        self.forget_old();
        let found = self.by_session.get(&key.0).and_then(|known| known.iter().find(|(sequence, _)| *sequence == key.1));
        let Some(&(_, ticket)) = found else { return false };
        self.forget(ticket);
        true
    }

    fn forget_old(&mut self) {
        while let Some((&ticket, (_, since))) = self.by_age.first_key_value()
            && since.elapsed() > EARLY_LIFE
        {
            self.forget(ticket);
        }
    }

    fn forget(&mut self, ticket: u64) {
        let Some(((session, _), _)) = self.by_age.remove(&ticket) else { return };
        if let Some(known) = self.by_session.get_mut(&session) {
            known.retain(|(_, kept)| *kept != ticket);
            if known.is_empty() {
                self.by_session.remove(&session);
            }
        }
    }
}

impl Place {
    /// Lists the call under its id, so that its session can cancel it. A further sending of a call that is listed, where that
    /// `may_repeat`, goes unlisted: it is the first that runs, and that is cancelled.
    ///
    /// # Errors
    /// [`Kind::Cancelled`], not executed, when the cancellation has come before the call; [`Kind::InvalidRequest`] when a call of
    /// this id is running already.
    pub fn list(&mut self, id: CallId, may_repeat: bool) -> Result<Arc<Notify>, RpcError> {
        let key = (id.session, id.sequence);
        let mut calls = self.table.lock();
        if calls.early.take(key) {
            let refused = RpcError::new(Kind::Cancelled, "the caller took the call back before it started");
            return Err(refused.with_executed(crate::error::Executed::No));
        }
        let Entry::Vacant(place) = calls.running.entry(key) else {
            if may_repeat {
                return Ok(Arc::default());
            }
            return Err(RpcError::new(
                Kind::InvalidRequest,
                format!("call {id} is running already; an id names one call"),
            ));
        };
        let notify = place.insert(Arc::default()).clone();
        drop(calls);
        self.listed = Some(key);
        Ok(notify)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(key) = &self.listed {
            self.table.lock().running.remove(key);
        }
        if self.table.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.table.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CallId = CallId { session: 1, sequence: 2, acked: 0 };

    #[test]
    fn a_cancellation_may_overtake_its_call() {
        let table = InFlight::new(10);
        assert!(!table.cancel(1, 2));
        let refused = table.admit().expect("room").list(ID, false).expect_err("cancelled before");
        assert_eq!((refused.kind(), refused.executed()), (Kind::Cancelled, crate::error::Executed::No));
        table.admit().expect("room").list(ID, false).expect("the cancellation was used up");
        assert_eq!(table.count(), 0);
    }

    #[test]
    fn only_the_call_named_is_cancelled_and_its_place_is_freed() {
        let table = InFlight::new(1);
        let mut place = table.admit().expect("room");
        place.list(ID, false).expect("listed");
        assert_eq!(table.admit().err().map(|error| error.kind()), Some(Kind::Overloaded));
        assert!(!table.cancel(1, 3) && !table.cancel(2, 2) && table.cancel(1, 2));
        drop(place);
        assert_eq!(table.count(), 0);
        assert!(table.lock().running.is_empty());
    }

    #[test]
    fn a_duplicate_is_not_what_a_cancellation_means() {
        let table = InFlight::new(10);
        let (mut first, mut second) = (table.admit().expect("room"), table.admit().expect("room"));
        first.list(ID, true).expect("listed");
        assert_eq!(second.list(ID, false).err().map(|error| error.kind()), Some(Kind::InvalidRequest));
        second.list(ID, true).expect("a duplicate");
        drop(second);
        assert!(table.cancel(1, 2), "the first is still listed");
    }

    #[test]
    fn a_flood_of_early_cancellations_is_bounded() {
        let table = InFlight::new(1);
        for sequence in 0..10_000 {
            table.cancel(sequence, 1);
        }
        let calls = table.lock();
        assert_eq!((calls.early.by_age.len(), calls.early.by_session.len()), (MAX_EARLY, MAX_EARLY));
    }

    #[test]
    fn a_session_pushes_out_only_its_own_early_cancellations() {
        let table = InFlight::new(10);
        table.cancel(1, 2);
        for sequence in 0..10_000 {
            table.cancel(7, sequence);
        }
        assert_eq!(table.lock().early.by_age.len(), 1 + MAX_EARLY_OF_SESSION);
        let of = |session, sequence| CallId { session, sequence, acked: 0 };
        let list = |id| table.admit().expect("room").list(id, false).map(drop).map_err(|error| error.kind());
        assert_eq!(list(ID), Err(Kind::Cancelled), "another's is kept");
        assert_eq!(list(of(7, 9_999)), Err(Kind::Cancelled), "and its own newest");
        assert_eq!(list(of(7, 0)), Ok(()), "its oldest made room");
    }
}
