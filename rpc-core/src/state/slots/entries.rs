//! The entries of one slot, and how far a copy of them has come.
//!
//! A list with an index, so that a copy can go on where it stopped without holding the slot's lock in between. During a copy
//! `list[..pulled]` has been given away and `list[pulled..]` has not. New entries go to the end, so a copy meets them by itself;
//! only what changes or goes away in the front part has to be remembered. Thus never more is remembered than was given away,
//! however long the copy takes and however many entries come and go meanwhile.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use serde::Serialize;

use super::piece::PieceWriter;
use crate::codec::finite::EncodeError;

pub(super) struct Entries<K, V> {
    index: HashMap<Arc<K>, usize>,
    list: Vec<(Arc<K>, V)>,
    copying: Option<Copying<K>>,
}

struct Copying<K> {
    pulled: usize,
    /// Given away, and changed or removed since.
    changed: HashSet<Arc<K>>,
}

impl<K: Eq + Hash, V> Entries<K, V> {
    pub(super) fn new() -> Self {
        Self { index: HashMap::new(), list: Vec::new(), copying: None }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_copied(&self) -> bool {
        self.copying.is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.list.iter().map(|(key, value)| (&**key, value))
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.index.get(key).map(|&at| &self.list[at].1)
    }

    pub(super) fn put(&mut self, key: &K, value: V)
    where
        K: Clone,
    {
        let Some(&at) = self.index.get(key) else {
            let key = Arc::new(key.clone());
            self.index.insert(key.clone(), self.list.len());
            return self.list.push((key, value));
        };
        if let Some(copying) = self.copying.as_mut().filter(|copying| at < copying.pulled) {
            copying.changed.insert(self.list[at].0.clone());
        }
        self.list[at].1 = value;
    }

    pub(super) fn remove(&mut self, key: &K) {
        let Some((key, mut hole)) = self.index.remove_entry(key) else { return };
        if let Some(copying) = self.copying.as_mut().filter(|copying| hole < copying.pulled) {
            copying.changed.insert(key);
            // The last entry given away takes its place, so that the front part stays one of entries given away.
            copying.pulled -= 1;
            self.list.swap(hole, copying.pulled);
            self.moved_to(hole);
            hole = self.copying.as_ref().map_or(hole, |copying| copying.pulled);
        }
        self.list.swap_remove(hole);
        self.moved_to(hole);
    }

    /// Notes where an entry is now; the one that is being removed is in no index any more.
    fn moved_to(&mut self, at: usize) {
        if let Some(place) = self.list.get(at).and_then(|(key, _)| self.index.get_mut(key)) {
            *place = at;
        }
    }

    pub(super) fn begin_copy(&mut self) {
        self.copying = Some(Copying { pulled: 0, changed: HashSet::new() });
    }

    pub(super) fn end_copy(&mut self) {
        self.copying = None;
    }

    /// Writes what is to be copied next, until `piece` has about `max_bytes`. Says how much is left; `None` if no copy was begun.
    pub(super) fn pull(&mut self, piece: &mut PieceWriter, max_bytes: usize) -> Result<Option<usize>, EncodeError>
    where
        K: Serialize,
        V: Serialize,
    {
        let Some(copying) = &mut self.copying else { return Ok(None) };
        while piece.len() < max_bytes
            && let Some((key, value)) = self.list.get(copying.pulled)
        {
            piece.put(&**key, value)?;
            copying.pulled += 1;
        }
        while piece.len() < max_bytes
            && let Some(key) = copying.changed.iter().next().cloned()
        {
            match self.index.get(&key) {
                Some(&at) => piece.put(&*key, &self.list[at].1)?,
                None => piece.remove(&*key)?,
            }
            copying.changed.remove(&key);
        }
        Ok(Some(self.list.len() - copying.pulled + copying.changed.len()))
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.copying.as_ref().map_or(0, |copying| copying.changed.len())
    }
}

impl<K: Eq + Hash, V> FromIterator<(K, V)> for Entries<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let list: Vec<_> = all.into_iter().map(|(key, value)| (Arc::new(key), value)).collect();
        let index = list.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        Self { index, list, copying: None }
    }
}
