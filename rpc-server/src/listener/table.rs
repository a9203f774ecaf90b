//! The connections of a listener: their number is bounded, the ones over a limit are told to leave.
//!
//! The lock is taken when a connection comes or goes and by the sweep, never by a request. Nothing is woken
//! while it is held: waking may drop a task, and a dropped task takes the lock to leave the table.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::activity::{Activity, Clock, Stamp};
use super::limits::Limits;

/// One in so many connections may stand over the limit while it is closing, and as many are picked at once
/// when room is needed, so that a flood of connects does not look at every connection each time.
const EVICTION_SHARE: usize = 16;

/// As many may always: closing takes a turn of the scheduler, in which several more may connect.
const LEAST_SHARE: usize = 16;

/// After a search that found nobody to make room, the next one waits a millisecond for so many connections;
/// new ones are refused meanwhile. Bounds the cost of a flood of connects while everyone is busy.
const SEARCHED_PER_MS: usize = 2048;

pub(super) struct Table {
    limits: Limits,
    clock: Arc<Clock>,
    inner: Mutex<Inner>,
    emptied: Notify,
}

#[derive(Default)]
struct Inner {
    next_id: u64,
    connections: BTreeMap<u64, Arc<Activity>>,
    /// Who leaves next, the longest waiting last. A stale entry shows by its stamp.
    leaving_next: Vec<(Stamp, Arc<Activity>)>,
    no_search_before: u64,
}

impl Table {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, clock: Arc::new(Clock::new()), inner: Mutex::default(), emptied: Notify::new() }
    }

    /// A place for a new connection, if need be that of the one which has waited longest for a request.
    /// `None` if every connection has a request in flight; one of which a part is missing since long does not count.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Registration> {
        let now = self.clock.advance();
        let limit = self.limits.max_connections.max(1);
        let mut inner = self.lock();
        let mut evicted = None;
        if inner.connections.len() >= limit {
            if inner.connections.len() >= limit + share(limit) {
                return None;
            }
            evicted = Some(inner.longest_waiting(limit, now)?);
        }
        let activity = Arc::new(Activity::new(self.clock.clone()));
        let id = inner.next_id;
        inner.next_id += 1;
        inner.connections.insert(id, activity.clone());
        drop(inner);
        if let Some(evicted) = evicted {
            evicted.ask_to_leave();
        }
        Some(Registration { table: self.clone(), id, activity })
    }

    /// Asks the connection that has waited longest to leave; for when the process has no descriptor left.
    pub(super) fn make_room(&self) {
        let now = self.clock.advance();
        let longest = self.lock().longest_waiting(self.limits.max_connections.max(1), now);
        if let Some(longest) = longest {
            longest.ask_to_leave();
        }
    }

    /// Tells every connection that is over a limit to leave. `slack` is how old a reading of the clock may be.
    pub(super) fn sweep(&self, slack: Duration) {
        let now = self.clock.advance();
        let over: Vec<_> = {
            let inner = self.lock();
            let over = |activity: &&Arc<Activity>| activity.check(now, &self.limits, slack);
            inner.connections.values().filter(over).cloned().collect()
        };
        for activity in over {
            activity.wake();
        }
    }

    /// Lets requests in flight finish and everything else leave; the number of those with a request.
    pub(super) fn drain(&self) -> usize {
        let all = self.all();
        let busy = all.iter().filter(|activity| !activity.is_waiting()).count();
        for activity in all {
            activity.drain();
        }
        busy
    }

    /// Ends every connection at its next poll; how many there were.
    pub(super) fn cut_all(&self) -> usize {
        let all = self.all();
        for activity in &all {
            activity.cut();
        }
        all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().connections.is_empty()
    }

    /// Waits until no connection is left. Cancel safe.
    pub(super) async fn emptied(&self) {
        // One waiter only: `notify_one` keeps the permit if the last connection left before this wait.
        while !self.is_empty() {
            self.emptied.notified().await;
        }
    }

    fn all(&self) -> Vec<Arc<Activity>> {
        self.lock().connections.values().cloned().collect()
    }

    fn remove(&self, id: u64) {
        let mut inner = self.lock();
        inner.connections.remove(&id);
        let empty = inner.connections.is_empty();
        drop(inner);
        if empty {
            self.emptied.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics between two writes that belong together, so a poisoned table is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn longest_waiting(&mut self, limit: usize, now: u64) -> Option<Arc<Activity>> {
        if let Some(found) = self.pop_waiting(now) {
            return Some(found);
        }
        if now < self.no_search_before {
            return None;
        }
        let waiting = |activity: &Arc<Activity>| Some((activity.evictable(now)?, activity.clone()));
        self.leaving_next.extend(self.connections.values().filter_map(waiting));
        // The map is in order of accept and the sort is stable: of equal stamps the older leaves first.
        // Part of a body weighs more than a rest, however short.
        self.leaving_next.sort_by_key(|(stamp, _)| (stamp.is_body(), *stamp));
        self.leaving_next.truncate(share(limit));
        self.leaving_next.reverse();
        if self.leaving_next.is_empty() {
            self.no_search_before = now + (self.connections.len() / SEARCHED_PER_MS) as u64;
        }
        self.pop_waiting(now)
    }

    fn pop_waiting(&mut self, now: u64) -> Option<Arc<Activity>> {
        while let Some((stamp, activity)) = self.leaving_next.pop() {
            if activity.evictable(now) == Some(stamp) {
                return Some(activity);
            }
        }
        None
    }
}

fn share(limit: usize) -> usize {
    (limit / EVICTION_SHARE).max(LEAST_SHARE)
}

/// A connection's place in the table, given back on drop.
pub(super) struct Registration {
    table: Arc<Table>,
    id: u64,
    activity: Arc<Activity>,
}

impl Registration {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.activity.gone();
        self.table.remove(self.id);
    }
}
