//! One slot of a map: open or not, in which epoch, with what entries, and what was staged for it.

use std::collections::HashMap;

use super::entries::Entries;
use super::{Key, Value};
use crate::state::Content;

/// What a map holds of one slot. One that was never used costs its lock and two words.
pub(super) struct Cell<K, V> {
    /// The epoch under which the slot is open; 0 while it is not.
    epoch: u64,
    held: Option<Box<Held<K, V>>>,
}

struct Held<K, V> {
    entries: Entries<K, V>,
    staged: HashMap<K, V>,
}

impl<K: Key, V: Value> Cell<K, V> {
    pub(super) fn new() -> Self {
        Self { epoch: 0, held: None }
    }

    /// The epoch under which it is open, 0 if it is not.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The entries, if there may be any.
    pub(super) fn entries(&self) -> Option<&Entries<K, V>> {
        self.held.as_ref().map(|held| &held.entries)
    }

    /// The entries, to be changed.
    pub(super) fn entries_mut(&mut self) -> &mut Entries<K, V> {
        &mut self.held().entries
    }

    pub(super) fn stage(&mut self, put: Vec<(K, V)>, gone: &[K]) {
        let staged = &mut self.held().staged;
        // In any order: a piece that has a key as gone has no value for it.
        gone.iter().for_each(|key| drop(staged.remove(key)));
        staged.extend(put);
    }

    pub(super) fn staged(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.staged.len())
    }

    pub(super) fn discard(&mut self) {
        if let Some(held) = &mut self.held {
            held.staged = HashMap::new();
        }
        self.tidy();
    }

    pub(super) fn open(&mut self, epoch: u64, content: Content) {
        self.epoch = epoch;
        if let Some(held) = &mut self.held {
            let staged = std::mem::take(&mut held.staged);
            match content {
                Content::Empty => held.entries = Entries::new(),
                Content::Staged => held.entries = staged.into_iter().collect(),
                Content::Kept => {}
            }
        }
        self.tidy();
    }

    pub(super) fn close(&mut self) {
        self.epoch = 0;
    }

    pub(super) fn forget(&mut self) {
        if let Some(held) = &mut self.held {
            held.entries = Entries::new();
        }
        self.tidy();
    }

    /// Gives back what holds nothing.
    pub(super) fn tidy(&mut self) {
        let is_idle =
            |held: &Held<K, V>| held.entries.len() == 0 && held.staged.is_empty() && !held.entries.is_copied();
        self.held = self.held.take().filter(|held| !is_idle(held));
    }

    fn held(&mut self) -> &mut Held<K, V> {
        self.held.get_or_insert_with(|| Box::new(Held { entries: Entries::new(), staged: HashMap::new() }))
    }
}
