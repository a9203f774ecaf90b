//! What a mirror does next: pure.

use std::sync::Arc;

use super::super::{Changes, CoordinatorError, Entry, Event, META, Range, Revision};
use super::Snapshot;

/// What came from the coordinator.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// All its keys.
    Listed(Range),
    /// A watch was opened.
    Opened,
    /// Changes from it.
    Told(Changes),
    /// Whatever was asked failed, or the watch ended.
    Failed(CoordinatorError),
    /// The copy is behind what is known from elsewhere, or there is no watch.
    Behind,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Do {
    /// Read all keys.
    List,
    /// Watch all keys from this revision on.
    Watch(Revision),
    /// Wait for what the watch tells.
    Listen,
    /// End: the coordinator is not the one it was.
    Stop(CoordinatorError),
}

/// The copy. After any error all keys are read again: few bytes, against a history that may be another one with the same numbers.
#[derive(Debug, Default)]
pub(super) struct Reflection {
    snapshot: Arc<Snapshot>,
}

impl Reflection {
    pub(super) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub(super) fn step(&mut self, input: Input) -> Do {
        let next = match input {
            Input::Listed(range) => self.listed(range).map(|()| Do::Watch(self.snapshot.revision + 1)),
            Input::Opened => Ok(Do::Listen),
            Input::Told(changes) => self.told(changes).map(|()| Do::Listen),
            Input::Failed(error @ CoordinatorError::Changed(_)) => Err(error),
            Input::Failed(_) | Input::Behind => Ok(Do::List),
        };
        next.unwrap_or_else(Do::Stop)
    }

    fn listed(&mut self, range: Range) -> Result<(), CoordinatorError> {
        let known = self.snapshot.revision;
        if range.revision < known {
            return changed(format!("it is at revision {}, and was at {known} before", range.revision));
        }
        let entries = range.entries.into_iter().map(keyed).collect();
        let next = Snapshot { revision: range.revision, entries };
        self.replace(next)
    }

    /// Applies what is newer than the copy; anything else was told before, and a sign of life that lags says nothing.
    fn told(&mut self, changes: Changes) -> Result<(), CoordinatorError> {
        let known = self.snapshot.revision;
        if changes.revision <= known {
            return Ok(());
        }
        let mut next = Arc::unwrap_or_clone(std::mem::take(&mut self.snapshot));
        let before = next.entries.get(META).cloned();
        for event in changes.events {
            match event {
                Event::Put(entry) if entry.revision > known => {
                    next.entries.extend([keyed(entry)]);
                }
                Event::Deleted { key, revision } if revision > known => {
                    next.entries.remove(&*key);
                }
                _ => (),
            }
        }
        next.revision = changes.revision;
        let is_same = before.is_none_or(|before| next.entries.get(META).is_some_and(|meta| meta.value == before.value));
        self.snapshot = Arc::new(next);
        if is_same { Ok(()) } else { changed(format!("its record {META:?} was removed or replaced")) }
    }

    fn replace(&mut self, next: Snapshot) -> Result<(), CoordinatorError> {
        match (self.snapshot.entries.get(META), next.entries.get(META)) {
            (Some(_), None) => changed(format!("its record {META:?} is missing")),
            (Some(before), Some(now)) if before.value != now.value => {
                changed(format!("its record {META:?} is another cluster's"))
            }
            _ => {
                self.snapshot = Arc::new(next);
                Ok(())
            }
        }
    }
}

fn keyed(entry: Entry) -> (Arc<str>, Arc<Entry>) {
    (entry.key.as_str().into(), Arc::new(entry))
}

fn changed(why: String) -> Result<(), CoordinatorError> {
    Err(CoordinatorError::Changed(why))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn entry(key: &str, value: &'static str, revision: Revision) -> Entry {
        Entry { key: key.to_owned(), value: Bytes::from_static(value.as_bytes()), revision, lease: None }
    }

    fn put(key: &str, value: &'static str, revision: Revision) -> Event {
        Event::Put(entry(key, value, revision))
    }

    fn deleted(key: &str, revision: Revision) -> Event {
        Event::Deleted { key: key.to_owned(), revision }
    }

    fn at(revision: Revision, entries: Vec<Entry>) -> Input {
        Input::Listed(Range { revision, entries })
    }

    fn told(revision: Revision, events: Vec<Event>) -> Input {
        Input::Told(Changes { revision, events })
    }

    fn reflection() -> Reflection {
        let mut reflection = Reflection::default();
        assert_eq!(reflection.step(at(5, vec![entry(META, "uuid", 1), entry("a", "1", 5)])), Do::Watch(6));
        assert_eq!(reflection.step(Input::Opened), Do::Listen);
        reflection
    }

    #[test]
    fn changes_told_twice_or_late_change_nothing() {
        let mut reflection = reflection();
        let news = told(7, vec![put("a", "2", 6), deleted("a", 7)]);
        assert_eq!(reflection.step(news.clone()), Do::Listen);
        let after = reflection.snapshot().clone();
        assert!(!after.entries.contains_key("a"));
        for late in [news, told(6, vec![put("a", "2", 6)]), told(3, vec![]), told(8, vec![put("a", "2", 6)])] {
            assert_eq!(reflection.step(late), Do::Listen);
            assert_eq!(reflection.snapshot().entries, after.entries);
        }
        assert_eq!(reflection.snapshot().revision, 8);
    }

    #[test]
    fn after_any_error_all_keys_are_read_again() {
        let mut reflection = reflection();
        for error in [CoordinatorError::Unavailable("away".into()), CoordinatorError::Compacted { oldest: 9 }] {
            assert_eq!(reflection.step(Input::Failed(error)), Do::List);
        }
        assert_eq!(reflection.step(Input::Behind), Do::List);
        assert_eq!(reflection.step(at(9, vec![entry(META, "uuid", 1)])), Do::Watch(10));
        assert_eq!(reflection.snapshot().entries.len(), 1);
    }

    #[test]
    fn a_coordinator_that_went_back_or_lost_its_meta_is_another_one() {
        let stops: [(&str, Input); 6] = [
            ("revision 4", at(4, vec![entry(META, "uuid", 1)])),
            ("missing", at(9, vec![])),
            ("another cluster's", at(9, vec![entry(META, "other", 7)])),
            ("removed or replaced", told(6, vec![deleted(META, 6)])),
            ("removed or replaced", told(6, vec![put(META, "other", 6)])),
            ("wiped", Input::Failed(CoordinatorError::Changed("wiped".into()))),
        ];
        for (word, input) in stops {
            let Do::Stop(CoordinatorError::Changed(why)) = reflection().step(input) else { panic!("{word}") };
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn a_cluster_without_meta_may_get_one() {
        let mut reflection = Reflection::default();
        reflection.step(at(0, vec![]));
        assert_eq!(reflection.step(told(1, vec![put(META, "uuid", 1)])), Do::Listen);
        assert_eq!(reflection.step(told(2, vec![put(META, "uuid", 2)])), Do::Listen, "the same words again");
    }
}
