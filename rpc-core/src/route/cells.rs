//! The slots as this node holds them: open or not, and how many calls are inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::slot::Slot;

/// Set while this node serves the slot. It shares one word with the count of calls inside, so that "is it mine?" and "one more
/// is inside" are a single step that a hand-over cannot slip in between.
const OPEN: u64 = 1 << 63;

/// The count lives in the low half; the bound on calls per node is far below it.
const COUNT: u64 = u32::MAX as u64;

/// One atomic word per slot.
pub struct Cells(Box<[AtomicU64]>);

/// This node does not serve the slot (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Cells {
    /// Cells of a node that serves nothing yet.
    pub fn new() -> Self {
        Self((0..Slot::COUNT).map(|_| AtomicU64::new(0)).collect())
    }

    /// Starts to serve `slot`.
    pub fn open(&self, slot: Slot) {
        self.0[slot.index()].fetch_or(OPEN, Ordering::AcqRel);
    }

    /// Enters `slot` for one call, which leaves when the guard drops.
    ///
    /// # Errors
    /// [`Closed`] when this node does not serve the slot.
    #[inline]
    pub fn enter(&self, slot: Slot) -> Result<Occupied<'_>, Closed> {
        let cell = &self.0[slot.index()];
        // Acquire pairs with the Release of `open`: a call that sees the slot open sees the state loaded for it.
        let before = cell.fetch_add(1, Ordering::Acquire);
        let occupied = Occupied { cell, slot };
        if before & OPEN == 0 { Err(Closed) } else { Ok(occupied) }
    }

    /// How many calls are inside `slot`.
    pub fn inside(&self, slot: Slot) -> u64 {
        self.0[slot.index()].load(Ordering::Acquire) & COUNT
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self::new()
    }
}

/// One call inside a slot; dropping it leaves.
#[derive(Debug)]
pub struct Occupied<'a> {
    cell: &'a AtomicU64,
    slot: Slot,
}

impl Drop for Occupied<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: whoever sees the slot empty sees all that its calls wrote.
        self.cell.fetch_sub(1, Ordering::Release);
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
        let slot = self.slot;
        debug_assert!(std::ptr::eq(self.cell, &(*cells).as_ref().0[slot.index()]), "the guard is of another group");
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
        drop(Occupied { cell: &(*self.cells).as_ref().0[self.slot.index()], slot: self.slot });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_slot_lets_nobody_in_and_keeps_no_count() {
        let cells = Cells::new();
        let slot = Slot::of_text(b"foo");
        assert_eq!(cells.enter(slot).err(), Some(Closed));
        assert_eq!(cells.inside(slot), 0);
        cells.open(slot);
        let first = cells.enter(slot).expect("open");
        let _second = cells.enter(slot).expect("open");
        assert_eq!(cells.inside(slot), 2);
        drop(first);
        assert_eq!(cells.inside(slot), 1);
    }
}
