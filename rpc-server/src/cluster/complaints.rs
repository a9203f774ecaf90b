//! What the log has heard of slots that cannot be moved: each reason once for a slot, since they are tried again and again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rpc_core::cluster::moves::MoveName;
use rpc_core::cluster::records::Failure;
use rpc_core::slot::Slot;

/// Most slots of which it is remembered; beyond them it may be said again.
const MAX_SLOTS: usize = 4096;

/// The last reason told, by group and slot.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<BTreeMap<(String, Option<Slot>), String>>);

impl Complaints {
    /// Warns, unless that was the last that was said of the slot. Says whether it did.
    pub(super) fn tell(&self, name: &MoveName, failure: &Failure) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MAX_SLOTS {
            told.clear();
        }
        let last = told.insert((name.group.clone(), failure.slot), failure.why.clone());
        let is_news = last.is_none_or(|last| last != failure.why);
        drop(told);
        if is_news {
            let (group, mig, slot) = (&name.group, &name.id, failure.slot.map(Slot::get));
            tracing::warn!(group, mig, slot, why = %failure.why, "slots cannot be moved; they stay where they are, and are tried again");
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once_for_a_slot() {
        let complaints = Complaints::default();
        let name = |id: &str| MoveName { group: "g".into(), id: id.into(), bucket: 0 };
        let of = |slot, why| Failure::new(Slot::new(slot), why);
        assert!(complaints.tell(&name("1"), &of(7, "version 9")));
        assert!(!complaints.tell(&name("2"), &of(7, "version 9")), "tried again");
        assert!(complaints.tell(&name("3"), &of(8, "version 9")));
        assert!(complaints.tell(&name("4"), &of(7, "a disk that is full")));
        assert!(complaints.tell(&name("5"), &of(7, "version 9")), "it has changed in between");
    }
}
