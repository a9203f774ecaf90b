//! Who wants to hear when a slot's standing changes: streams that are not polled meanwhile, and hold no place in the slot.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::slot::Slot;

/// Those who watch the slots of one group on one node. Their number is bounded by that of the streams.
#[derive(Default)]
pub(super) struct Watches {
    // Only slots that somebody watches; held for an insert or a removal, never across an await.
    lanes: Mutex<HashMap<Slot, Lane>>,
}

struct Lane {
    watching: usize,
    changed: Arc<Notify>,
}

/// One who watches a slot, until this drops.
pub struct Watch {
    watches: Arc<Watches>,
    slot: Slot,
    changed: Arc<Notify>,
    heard: Pin<Box<OwnedNotified>>,
}

impl Watches {
    /// Begins to watch `slot`: every change from here on is heard.
    pub(super) fn begin(self: &Arc<Self>, slot: Slot) -> Watch {
        let mut lanes = self.lock();
        let lane = lanes.entry(slot).or_insert_with(|| Lane { watching: 0, changed: Arc::default() });
        lane.watching += 1;
        let changed = lane.changed.clone();
        drop(lanes);
        let heard = Box::pin(changed.clone().notified_owned());
        Watch { watches: self.clone(), slot, changed, heard }
    }

    /// Tells everybody who watches `slot` to look at it.
    pub(super) fn wake(&self, slot: Slot) {
        if let Some(lane) = self.lock().get(&slot) {
            lane.changed.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Lets the task be woken by the next change. To be asked before the slot is looked at: a change in between is heard.
    pub fn listen(&mut self, cx: &mut Context<'_>) {
        while self.heard.as_mut().poll(cx).is_ready() {
            self.heard = Box::pin(self.changed.clone().notified_owned());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut lanes = self.watches.lock();
        if let Some(lane) = lanes.get_mut(&self.slot) {
            lane.watching -= 1;
            if lane.watching == 0 {
                lanes.remove(&self.slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn a_change_between_two_looks_is_heard_and_the_last_watcher_leaves_nothing() {
        let watches = Arc::new(Watches::default());
        let slot = Slot::of_text(b"foo");
        let mut watch = watches.begin(slot);
        watches.wake(slot);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        watch.listen(&mut Context::from_waker(&waker));
        assert!(!woken.0.load(std::sync::atomic::Ordering::Relaxed), "that change is seen by the look that follows");
        watches.wake(slot);
        assert!(woken.0.load(std::sync::atomic::Ordering::Relaxed));
        drop(watch);
        assert!(watches.lock().is_empty());
    }

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
