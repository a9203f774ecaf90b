//! The last changes, for those who watch: bounded, so a watcher that stays behind is told to read all keys again.

use std::collections::VecDeque;

use super::super::bounds::{MAX_HISTORY, MAX_HISTORY_BYTES, MAX_TOLD_BYTES};
use super::super::{Changes, CoordinatorError, Event, Revision};
use super::{key_of, size};

/// The changes of the last revisions, each of them whole.
#[derive(Debug, Default)]
pub(super) struct History {
    revisions: VecDeque<(Revision, Vec<Event>)>,
    events: usize,
    bytes: usize,
    /// Everything after this revision is kept.
    forgotten: Revision,
}

impl History {
    /// Keeps nothing up to `revision`.
    pub(super) fn forget(&mut self, revision: Revision) {
        *self = Self { forgotten: revision, ..Self::default() };
    }

    pub(super) fn push(&mut self, revision: Revision, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        self.events += events.len();
        self.bytes += bytes(&events);
        self.revisions.push_back((revision, events));
        while self.events > MAX_HISTORY || self.bytes > MAX_HISTORY_BYTES {
            let Some((revision, events)) = self.revisions.pop_front() else { return };
            self.events -= events.len();
            self.bytes -= bytes(&events);
            self.forgotten = revision;
        }
    }

    /// The changes under `prefix` from `from` up to `now`, or to a revision before it that fills a telling.
    pub(super) fn changes(&self, prefix: &str, from: Revision, now: Revision) -> Result<Changes, CoordinatorError> {
        if from <= self.forgotten {
            return Err(CoordinatorError::Compacted { oldest: self.forgotten + 1 });
        }
        let first = self.revisions.partition_point(|(revision, _)| *revision < from);
        let (mut told, mut told_bytes) = (Vec::new(), 0);
        for (revision, events) in self.revisions.range(first..) {
            let before = told.len();
            told.extend(events.iter().filter(|event| key_of(event).starts_with(prefix)).cloned());
            told_bytes += bytes(&told[before..]);
            if told_bytes > MAX_TOLD_BYTES {
                return Ok(Changes { revision: *revision, events: told });
            }
        }
        Ok(Changes { revision: now, events: told })
    }
}

fn bytes(events: &[Event]) -> usize {
    let of = |event: &Event| if let Event::Put(entry) = event { size(entry) } else { key_of(event).len() };
    events.iter().map(of).sum()
}
