//! The slots as this node holds them: open, sealed or shut, and how many calls are inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::slot::Slot;

/// Set while calls may run in the slot. It shares one word with the count of calls inside, so that "is it mine?" and "one more
/// is inside" are a single step that a hand-over cannot slip in between.
const OPEN: u64 = 1 << 63;

/// Set while the slot is being handed over: no call enters but those that a running one waits for. Together with [`OPEN`] it
/// drains; alone it is empty and stays so.
const SEALED: u64 = 1 << 62;

/// The count lives in the low half; the bound on calls per node is far below it.
const COUNT: u64 = u32::MAX as u64;

/// One atomic word per slot.
pub struct Cells {
    words: Box<[AtomicU64]>,
    /// Told when the last call leaves a sealed slot.
    emptied: Notify,
}

/// Why a call cannot enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// This node does not serve the slot (any more, or yet).
    Closed,
    /// The slot is being handed over: whoever waits will know soon where to go.
    Sealed,
}

impl Cells {
    /// Cells of a node that serves nothing yet.
    pub fn new() -> Self {
        Self { words: (0..Slot::COUNT).map(|_| AtomicU64::new(0)).collect(), emptied: Notify::new() }
    }

    /// Starts to serve `slot`, or serves it again after a seal.
    pub fn open(&self, slot: Slot) {
        // The count may hold calls that look and leave; a plain store would lose them.
        let word = self.word(slot);
        word.fetch_or(OPEN, Ordering::AcqRel);
        word.fetch_and(!SEALED, Ordering::AcqRel);
    }

    /// Lets nobody in any more, but those that a call inside waits for. False if the slot was not open.
    pub fn seal(&self, slot: Slot) -> bool {
        let seal = |word: u64| (word & OPEN != 0).then_some(word | SEALED);
        self.word(slot).fetch_update(Ordering::AcqRel, Ordering::Acquire, seal).is_ok()
    }

    /// Whether the slot is sealed and nobody is inside; from then on nobody ever enters it but by [`open`](Self::open).
    pub fn is_drained(&self, slot: Slot) -> bool {
        // One step: no nested call enters between the look and the latch.
        let latch = |word: u64| (word & (SEALED | COUNT) == SEALED).then_some(word & !OPEN);
        self.word(slot).fetch_update(Ordering::AcqRel, Ordering::Acquire, latch).is_ok()
    }

    /// Waits until the sealed `slot` is drained.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn drained(&self, slot: Slot) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Listening before looking: a last call that leaves in between is heard.
            emptied.as_mut().enable();
            if self.is_drained(slot) {
                return;
            }
            emptied.await;
        }
    }

    /// Stops to serve `slot`. Calls inside go on to their end, under the eyes of their guards.
    pub fn close(&self, slot: Slot) {
        self.word(slot).fetch_and(COUNT, Ordering::AcqRel);
    }

    /// Whether calls may run in `slot`, sealed or not.
    pub fn is_open(&self, slot: Slot) -> bool {
        self.word(slot).load(Ordering::Acquire) & OPEN != 0
    }

    /// Whether `slot` is sealed.
    pub fn is_sealed(&self, slot: Slot) -> bool {
        self.word(slot).load(Ordering::Acquire) & SEALED != 0
    }

    /// Enters `slot` for one call, which leaves when the guard drops.
    ///
    /// # Errors
    /// [`Shut`] when this node does not serve the slot, or hands it over.
    #[inline]
    pub fn enter(&self, slot: Slot) -> Result<Occupied<'_>, Shut> {
        // Acquire pairs with the Release of `open`: a call that sees the slot open sees the state loaded for it.
        let before = self.word(slot).fetch_add(1, Ordering::Acquire);
        let occupied = Occupied { cells: self, slot };
        if before & (OPEN | SEALED) == OPEN {
            return Ok(occupied);
        }
        drop(occupied);
        Err(if before & SEALED == 0 { Shut::Closed } else { Shut::Sealed })
    }

    /// Enters `slot` for a call that a running one waits for, also while the slot drains: the drain waits for that other call.
    ///
    /// # Errors
    /// [`Shut`] when nothing runs in it any more, or ever did.
    pub fn enter_nested(&self, slot: Slot) -> Result<Occupied<'_>, Shut> {
        let one_more = |word: u64| (word & OPEN != 0).then_some(word + 1);
        let entered = self.word(slot).fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        let shut = |word| if word & SEALED == 0 { Shut::Closed } else { Shut::Sealed };
        entered.map(|_| Occupied { cells: self, slot }).map_err(shut)
    }

    /// How many calls are inside `slot`.
    pub fn inside(&self, slot: Slot) -> u64 {
        self.word(slot).load(Ordering::Acquire) & COUNT
    }

    #[inline]
    fn word(&self, slot: Slot) -> &AtomicU64 {
        &self.words[slot.index()]
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self::new()
    }
}

/// One call inside a slot; dropping it leaves.
pub struct Occupied<'a> {
    cells: &'a Cells,
    slot: Slot,
}

impl Drop for Occupied<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: whoever sees the slot empty sees all that its calls wrote.
        let before = self.cells.word(self.slot).fetch_sub(1, Ordering::Release);
        if before & SEALED != 0 && before & COUNT == 1 {
            self.cells.emptied.notify_waiters();
        }
    }
}

impl<'a> Occupied<'a> {
    /// The slot.
    #[inline]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The same call inside the same slot, for a task that outlives this borrow; the slot is not left in between.
    pub fn into_owned<C>(self, cells: Arc<C>) -> OwnedOccupied<C>
    where
        C: AsRef<Cells>,
    {
        debug_assert!(std::ptr::eq(self.cells, (*cells).as_ref()), "the guard is of other cells");
        let slot = self.slot;
        // The count goes over to the owned guard.
        std::mem::forget(self);
        OwnedOccupied { cells, slot }
    }
}

/// One call inside a slot, owning what keeps the slot's word alive.
#[derive(Debug)]
pub struct OwnedOccupied<C: AsRef<Cells>> {
    cells: Arc<C>,
    slot: Slot,
}

impl<C: AsRef<Cells>> Drop for OwnedOccupied<C> {
    fn drop(&mut self) {
        drop(Occupied { cells: (*self.cells).as_ref(), slot: self.slot });
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

    fn entered(cells: &Cells) -> Option<Shut> {
        cells.enter(slot()).err()
    }

    #[test]
    fn a_closed_slot_lets_nobody_in_and_keeps_no_count() {
        let cells = Cells::new();
        assert_eq!(entered(&cells), Some(Shut::Closed));
        assert_eq!(cells.inside(slot()), 0);
        cells.open(slot());
        let first = cells.enter(slot()).ok();
        let _second = cells.enter(slot()).expect("open");
        assert_eq!(cells.inside(slot()), 2);
        drop(first);
        assert_eq!(cells.inside(slot()), 1);
    }

    #[test]
    fn a_sealed_slot_drains_and_admits_only_what_a_running_call_waits_for() {
        let cells = Cells::new();
        assert!(!cells.seal(slot()), "a closed slot has nothing to seal");
        cells.open(slot());
        let running = cells.enter(slot()).expect("open");
        assert!(cells.seal(slot()));
        assert_eq!(entered(&cells), Some(Shut::Sealed));
        let nested = cells.enter_nested(slot()).expect("a call inside waits for it");
        assert!(!cells.is_drained(slot()));
        drop((nested, running));
        assert!(cells.is_drained(slot()));
        assert_eq!(cells.enter_nested(slot()).err(), Some(Shut::Sealed), "nothing is inside any more");
        cells.open(slot());
        assert_eq!(entered(&cells), None);
    }

    #[test]
    fn the_last_call_out_of_a_sealed_slot_is_heard() {
        let cells = Cells::new();
        cells.open(slot());
        let running = cells.enter(slot()).ok();
        assert!(cells.seal(slot()));
        let mut drained = Box::pin(cells.drained(slot()));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(drained.as_mut().poll(&mut cx), Poll::Pending);
        drop(running);
        assert_eq!(drained.as_mut().poll(&mut cx), Poll::Ready(()));
    }

    #[test]
    fn a_slot_that_is_closed_lets_its_last_calls_end() {
        let cells = Cells::new();
        cells.open(slot());
        let running = cells.enter(slot()).ok();
        cells.close(slot());
        assert_eq!(entered(&cells), Some(Shut::Closed));
        assert_eq!(cells.inside(slot()), 1);
        drop(running);
        assert_eq!(cells.inside(slot()), 0);
    }
}
