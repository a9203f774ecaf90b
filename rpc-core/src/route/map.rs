//! Which node owns which slot, in which epoch: one atomic word per slot.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::EPOCHS;
use crate::slot::Slot;

const OWNER_BITS: u32 = 16;

/// Owner and epoch of every slot. Reading is one atomic load; nothing here takes a lock.
pub struct SlotMap(Box<[AtomicU64]>);

/// The entry of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The owner's index among the map's nodes.
    pub owner: u16,
    /// The slot's epoch, from 1.
    pub epoch: u64,
}

impl Ownership {
    fn pack(self) -> u64 {
        (self.epoch << OWNER_BITS) | (u64::from(self.owner) + 1)
    }

    fn unpack(word: u64) -> Option<Self> {
        let owner = (word & ((1 << OWNER_BITS) - 1)).checked_sub(1)?;
        Some(Self { owner: u16::try_from(owner).ok()?, epoch: word >> OWNER_BITS })
    }
}

impl SlotMap {
    /// A map in which nobody owns anything.
    pub fn new() -> Self {
        Self((0..Slot::COUNT).map(|_| AtomicU64::new(0)).collect())
    }

    /// The owner of `slot`, if the map knows one.
    #[inline]
    pub fn get(&self, slot: Slot) -> Option<Ownership> {
        Ownership::unpack(self.0[slot.index()].load(Ordering::Acquire))
    }

    /// The epoch of `slot`; 0 if nobody owns it.
    #[inline]
    pub fn epoch(&self, slot: Slot) -> u64 {
        self.0[slot.index()].load(Ordering::Acquire) >> OWNER_BITS
    }

    /// Takes `next` for `slot`, whatever is known.
    pub fn set(&self, slot: Slot, next: Ownership) {
        self.0[slot.index()].store(next.pack(), Ordering::Release);
    }

    /// Takes `next` for `slot` if its epoch is newer than the one known; says whether it was.
    ///
    /// Late and doubled news are harmless: an older or equal epoch never replaces a newer one.
    pub fn advance(&self, slot: Slot, next: Ownership) -> bool {
        if next.epoch >= EPOCHS {
            return false;
        }
        let word = &self.0[slot.index()];
        let newer = |known: u64| (known >> OWNER_BITS < next.epoch).then(|| next.pack());
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, newer).is_ok()
    }

    /// How many slots `owner` has.
    pub fn count(&self, owner: u16) -> u32 {
        Slot::all().filter(|slot| self.get(*slot).is_some_and(|entry| entry.owner == owner)).map(|_| 1).sum()
    }
}

impl Default for SlotMap {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_newer_epoch_changes_an_owner() {
        let map = SlotMap::new();
        let slot = Slot::of_text(b"foo");
        assert_eq!(map.get(slot), None);
        assert!(map.advance(slot, Ownership { owner: 0, epoch: 2 }));
        assert!(!map.advance(slot, Ownership { owner: 1, epoch: 1 }));
        assert!(!map.advance(slot, Ownership { owner: 1, epoch: 2 }));
        assert_eq!(map.get(slot), Some(Ownership { owner: 0, epoch: 2 }));
        assert!(map.advance(slot, Ownership { owner: 1, epoch: 3 }));
        assert_eq!((map.count(0), map.count(1)), (0, 1));
        assert_eq!(map.epoch(slot), 3);
        assert!(!map.advance(slot, Ownership { owner: 0, epoch: EPOCHS }), "an epoch that no word can hold");
    }
}
