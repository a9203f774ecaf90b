//! Where calls wait for a slot that is being handed over or loaded: a bounded place per slot, woken when the slot's standing changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::slot::Slot;

/// Most calls that wait for one slot: what a busy slot gets in the short time a hand-over takes. Further ones are refused as
/// overloaded, and try again.
pub(super) const MAX_PARKED: usize = 1024;

/// The waiting calls of one group on one node.
#[derive(Default)]
pub(super) struct Park {
    // Only slots for which somebody waits; held for an insert or a removal, never across an await.
    lanes: Mutex<HashMap<Slot, Lane>>,
}

#[derive(Default)]
struct Lane {
    waiting: usize,
    changed: Arc<Notify>,
}

/// As many calls wait for this slot as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A call's place among those waiting for a slot; dropping it gives it up.
pub(super) struct Parked<'a> {
    park: &'a Park,
    slot: Slot,
    changed: Arc<Notify>,
}

impl Park {
    /// Takes a place among those waiting for `slot`.
    pub(super) fn enter(&self, slot: Slot) -> Result<Parked<'_>, Full> {
        let mut lanes = self.lock();
        let lane = lanes.entry(slot).or_default();
        if lane.waiting >= MAX_PARKED {
            return Err(Full);
        }
        lane.waiting += 1;
        Ok(Parked { park: self, slot, changed: lane.changed.clone() })
    }

    /// Tells everybody who waits for `slot` to look again, in the order in which they came.
    pub(super) fn wake(&self, slot: Slot) {
        if let Some(lane) = self.lock().get(&slot) {
            lane.changed.notify_waiters();
        }
    }

    /// How many calls wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().values().map(|lane| lane.waiting).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parked<'_> {
    /// Waits until `look` finds something, looking again whenever the slot is woken.
    pub(super) async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listening before looking: a change in between is heard.
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let mut lanes = self.park.lock();
        if let Some(lane) = lanes.get_mut(&self.slot) {
            lane.waiting -= 1;
            if lane.waiting == 0 {
                lanes.remove(&self.slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn slot() -> Slot {
        Slot::of_text(b"foo")
    }

    #[test]
    fn a_parked_call_looks_again_when_its_slot_is_woken() {
        let park = Park::default();
        let parked = park.enter(slot()).expect("room");
        let is_there = std::cell::Cell::new(false);
        let mut waiting = Box::pin(parked.until(|| is_there.get().then_some(())));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
        is_there.set(true);
        park.wake(slot());
        assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(()));
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let park = Park::default();
        let taken: Vec<_> = (0..MAX_PARKED).map(|_| park.enter(slot()).expect("room")).collect();
        assert!(park.enter(slot()).is_err());
        drop(taken);
        assert_eq!(park.waiting(), 0);
        assert!(park.lock().is_empty());
    }
}
