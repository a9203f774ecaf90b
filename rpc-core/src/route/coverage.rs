//! What a reply to a call to all nodes speaks for: the slots that were this node's, and were so all the while.
//!
//! A provider goes through what its node holds, while slots come and go. Whether it has seen those that did cannot be told
//! afterwards, so a reply that was made meanwhile speaks for nothing, and the caller asks again.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::Covered;

/// Counts the changes of what a node serves of one group.
#[derive(Default)]
pub(super) struct Changes {
    begun: AtomicU64,
    done: AtomicU64,
}

/// A change under way, until it drops.
#[must_use = "the change is over when this drops"]
pub struct Changing<'a>(&'a Changes);

/// What a call found before it ran.
pub struct Coverage {
    runs: Vec<Covered>,
    // The changes before; `None` if one was under way.
    before: Option<u64>,
}

impl Changes {
    /// Begins a change. It must begin before the first trace of it can be seen, in the slots or in their states, and end after the
    /// last.
    pub(super) fn begin(&self) -> Changing<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Changing(self)
    }

    /// What is found by `look`, to be [confirmed](Self::confirm).
    pub(super) fn cover(&self, look: impl FnOnce() -> Vec<Covered>) -> Coverage {
        // In this order: a change that begins in between counts as under way.
        let done = self.done.load(Ordering::SeqCst);
        let is_quiet = self.begun.load(Ordering::SeqCst) == done;
        Coverage { runs: look(), before: is_quiet.then_some(done) }
    }

    /// The runs that were covered all the while; none if anything has changed.
    pub(super) fn confirm(&self, coverage: Coverage) -> Vec<Covered> {
        let has_stayed = coverage.before == Some(self.begun.load(Ordering::SeqCst));
        if has_stayed { coverage.runs } else { Vec::new() }
    }
}

impl Coverage {
    /// That of a call that is no call to all nodes.
    pub(crate) fn none() -> Self {
        Self { runs: Vec::new(), before: None }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.done.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;

    fn runs() -> Vec<Covered> {
        let slot = Slot::of_text(b"foo");
        vec![Covered { first: slot, last: slot, epoch: 1 }]
    }

    #[test]
    fn a_reply_speaks_for_slots_only_if_nothing_changed_meanwhile() {
        let changes = Changes::default();
        let quiet = changes.cover(runs);
        assert_eq!(changes.confirm(quiet), runs());
        let overtaken = changes.cover(runs);
        let change = changes.begin();
        let in_the_middle = changes.cover(runs);
        assert_eq!(changes.confirm(overtaken), vec![]);
        drop(change);
        assert_eq!(changes.confirm(in_the_middle), vec![]);
        let outlasting = changes.begin();
        drop(changes.begin());
        let beside = changes.cover(runs);
        drop(outlasting);
        assert_eq!(changes.confirm(beside), vec![], "one of two was over, not the other");
        assert_eq!(changes.confirm(changes.cover(runs)), runs());
    }
}
