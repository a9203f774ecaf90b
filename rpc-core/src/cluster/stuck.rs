//! Slots that cannot be moved. A move that failed for a reason of its own stays in the records as aborted, with the reason: its slots
//! are not tried again at once, the others of its bucket go without them, and whoever asks is told why.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mirror::{Mirror, Seen};
use super::records::{Failure, Incarnation, Move, Phase, bucket_of};
use crate::slot::Slot;

/// The wait after a first failure; each further one doubles it. A move that fails costs a copy.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait: after the program that could not read a slot was replaced, it moves within a minute.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long after that the record stays if nobody wants the slot moved any more.
const UNWANTED: Duration = Duration::from_secs(60);

/// A failed move, as long as it keeps slots from being tried again.
#[derive(Clone, Copy, Debug)]
pub struct Stuck<'a> {
    /// The move's id.
    pub id: &'a str,
    /// Its record.
    pub seen: &'a Seen<Move>,
    /// Why it failed.
    pub failure: &'a Failure,
}

impl<'a> Stuck<'a> {
    /// What a record says, if it is that of a failed move.
    pub fn of(id: &'a str, seen: &'a Seen<Move>) -> Option<Self> {
        let failure = seen.record.failure.as_ref().filter(|_| seen.record.phase == Phase::Aborted)?;
        Some(Self { id, seen, failure })
    }

    /// The slots that cannot be moved: the one that failed, or all of the move where it was none in particular.
    pub fn slots(&self) -> &'a [Slot] {
        self.failure.slot.as_ref().map_or(&self.seen.record.slots, std::slice::from_ref)
    }

    /// When they may be tried again, on the clock of this node.
    pub fn due(&self) -> Duration {
        self.seen.at + wait(self.seen.record.tries, self.id)
    }

    /// When the record may go, though nothing came of its slots.
    pub fn over(&self) -> Duration {
        self.due() + UNWANTED
    }

    /// Whether any of its slots is still where the move was to take it from.
    pub fn stands(&self, mirror: &Mirror, group: &str) -> bool {
        self.slots().iter().any(|slot| self.holds(mirror, group, *slot))
    }

    fn holds(&self, mirror: &Mirror, group: &str, slot: Slot) -> bool {
        mirror.holding(group, slot).is_some_and(|holding| holding.incarnation == self.seen.record.from.incarnation)
    }
}

/// The slots of a group that cannot be moved, each with the last move that failed for it.
#[derive(Clone, Debug, Default)]
pub struct StuckSlots<'a>(BTreeMap<Slot, Stuck<'a>>);

impl<'a> StuckSlots<'a> {
    /// Those that the records tell.
    pub fn of(mirror: &'a Mirror, group: &str) -> Self {
        let mut slots: BTreeMap<Slot, Stuck<'a>> = BTreeMap::new();
        for (_, id, seen) in mirror.moves().filter(|(of, _, _)| *of == group) {
            let Some(stuck) = Stuck::of(id, seen) else { continue };
            for &slot in stuck.slots().iter().filter(|slot| stuck.holds(mirror, group, **slot)) {
                let is_later = |known: &Stuck<'_>| known.seen.revision > seen.revision;
                if !slots.get(&slot).is_some_and(is_later) {
                    slots.insert(slot, stuck);
                }
            }
        }
        Self(slots)
    }

    /// Why `slot` cannot be moved to `to`, if it cannot. Another target may be able to take it.
    pub fn get(&self, slot: Slot, to: Incarnation) -> Option<Stuck<'a>> {
        self.0.get(&slot).filter(|stuck| stuck.seen.record.to.incarnation == to).copied()
    }

    /// Until when the rest of a bucket waits, of which some slots cannot be moved to `to`: it goes at once without one, and the later
    /// the more there are. What cannot read one slot often cannot read any, and each costs a move to find out.
    pub fn rest_due(&self, bucket: u16, to: Incarnation) -> Duration {
        let mut ids: BTreeMap<&str, Duration> = BTreeMap::new();
        for (slot, stuck) in &self.0 {
            if bucket_of(*slot) == bucket && stuck.seen.record.to.incarnation == to {
                ids.insert(stuck.id, stuck.seen.at);
            }
        }
        let further = u32::try_from(ids.len()).unwrap_or(u32::MAX).checked_sub(2);
        let newest = ids.into_iter().max_by_key(|(id, at)| (*at, *id));
        further.zip(newest).map_or(Duration::ZERO, |(further, (id, at))| at + wait(further, id))
    }
}

/// The wait after a move of this id, which failed after `tries` others had. Up to half is taken off, by the id: those that failed
/// together are not tried together, and the same records always give the same waits.
pub fn wait(tries: u32, id: &str) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(LONGEST_WAIT);
    // FNV-1a, which is enough to scatter.
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    full - full.mul_f64(f64::from(hash % 1024) / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_differ_by_id_only() {
        for (tries, full) in [(0, 1), (1, 2), (5, 32), (6, 60), (10, 60), (u32::MAX, 60)] {
            let full = Duration::from_secs(full);
            for id in ["1a-00", "1b-00", "ffff-3f"] {
                let waited = wait(tries, id);
                assert!(waited > full / 2 - Duration::from_millis(1) && waited <= full, "{tries}, {id}: {waited:?}");
                assert_eq!(waited, wait(tries, id));
            }
        }
        assert_ne!(wait(3, "1a-00"), wait(3, "1b-00"));
    }
}
