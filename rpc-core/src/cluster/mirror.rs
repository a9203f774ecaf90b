//! What a node knows of the coordinator's records: read once, kept up by a watch, and believed only as far as it makes sense.

mod believable;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use self::believable::{bucket_name, check_node};
use super::records::{
    BEATS, BUCKET_SLOTS, BUCKETS, BadRecord, Beat, Bucket, DRAINS, FENCES, Fence, FenceReason, Holding, Incarnation,
    LEADER, Leader, MAPS, META, MOVES, Meta, Move, NODES, NodeRecord, REBALANCES, Rebalance, WEIGHTS, bucket_of, read,
    weight_key,
};
use crate::coordinator::{Changes, Compare, Entry, Event, Range, Revision};
use crate::limits::MAX_GROUPS;
use crate::node::NodeId;
use crate::slot::Slot;

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen<T> {
    /// What it says.
    pub record: T,
    /// The revision that wrote it: comparing it is how a transaction knows that nothing has changed.
    pub revision: Revision,
    /// When this node first saw it so, on its own clock: whatever it tells had happened by then.
    pub at: Duration,
}

/// A record that was passed over, for the log and the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its key.
    pub key: String,
    /// What is wrong with it.
    pub why: BadRecord,
}

/// A group's map: its buckets by number.
type Map = BTreeMap<u16, Arc<Seen<Bucket>>>;

/// Everything under the coordinator's keys, as one picture of one revision.
///
/// All keys come through one list and one watch, in order; what depends on several keys relies on that. A clone shares the maps,
/// and a change of one bucket copies no other: pictures are made with every beat, and maps are nearly all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    revision: Revision,
    meta: Option<Seen<Meta>>,
    leader: Option<Seen<Leader>>,
    nodes: BTreeMap<NodeId, Seen<NodeRecord>>,
    beats: BTreeMap<NodeId, Seen<Beat>>,
    fences: BTreeMap<Incarnation, Seen<Fence>>,
    weights: BTreeMap<NodeId, (u32, Revision)>,
    drains: BTreeSet<NodeId>,
    maps: BTreeMap<String, Arc<Map>>,
    moves: BTreeMap<(String, String), Arc<Seen<Move>>>,
    rebalances: BTreeMap<String, Seen<Rebalance>>,
    /// By group and bucket: who last held slots that have no owner any more, or only one in an older epoch. Nothing of ours writes that;
    /// hands do. Shared, since it is empty as a rule.
    past: Arc<BTreeMap<(String, u16), Bucket>>,
    /// Keys that exist but cannot be read: nothing is planned on what they cover.
    unreadable: BTreeMap<String, Revision>,
}

impl Mirror {
    /// What a list of all keys, read at `now`, tells. Records that the mirror has seen already keep the time of their first sight.
    pub fn list(&mut self, range: &Range, now: Duration) -> Vec<Problem> {
        let before = std::mem::take(self);
        self.revision = range.revision;
        let mut problems = Vec::new();
        for entry in &range.entries {
            problems.extend(self.put(entry, now));
        }
        self.remember(&before);
        problems
    }

    /// What the watch told at `now`. Changes that were told before are passed over.
    pub fn apply(&mut self, changes: &Changes, now: Duration) -> Vec<Problem> {
        let mut problems = Vec::new();
        for event in &changes.events {
            match event {
                Event::Put(entry) if entry.revision > self.revision => problems.extend(self.put(entry, now)),
                Event::Deleted { key, revision } if *revision > self.revision => {
                    self.outliving(key, |mirror| mirror.remove(key));
                }
                Event::Put(_) | Event::Deleted { .. } => {}
            }
        }
        self.revision = self.revision.max(changes.revision);
        problems
    }

    /// The revision of which this is the picture.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The cluster's own record.
    pub fn meta(&self) -> Option<&Seen<Meta>> {
        self.meta.as_ref()
    }

    /// Who leads.
    pub fn leader(&self) -> Option<&Seen<Leader>> {
        self.leader.as_ref()
    }

    /// The nodes that are there.
    pub fn nodes(&self) -> &BTreeMap<NodeId, Seen<NodeRecord>> {
        &self.nodes
    }

    /// The last beat of the node of this name.
    pub fn beat(&self, node: &NodeId) -> Option<&Seen<Beat>> {
        self.beats.get(node)
    }

    /// The fence of an incarnation. One that cannot be read is a fence all the same, of a node without a name.
    pub fn fence(&self, incarnation: Incarnation) -> Option<&Seen<Fence>> {
        self.fences.get(&incarnation)
    }

    /// Every fence.
    pub fn fences(&self) -> &BTreeMap<Incarnation, Seen<Fence>> {
        &self.fences
    }

    /// The node's share of slots: 0 if it leaves or is drained, else the operator's word, else its own.
    pub fn weight(&self, node: &NodeRecord) -> u32 {
        if self.drains.contains(&node.id) || node.state == super::records::NodeState::Leaving {
            return 0;
        }
        self.weights.get(&node.id).map_or(node.weight, |(weight, _)| *weight)
    }

    /// What compares, in a transaction, that the operator's word on the node's weight is as it is here.
    pub(super) fn same_weight(&self, node: &NodeId) -> Compare {
        let key = weight_key(node);
        let known = self.weights.get(node).map(|(_, revision)| *revision);
        match known.or_else(|| self.unreadable.get(&key).copied()) {
            Some(revision) => Compare::Unchanged(key, revision),
            None => Compare::Absent(key),
        }
    }

    /// Whether an operator drains the node.
    pub fn is_drained(&self, node: &NodeId) -> bool {
        self.drains.contains(node)
    }

    /// The groups that have a map.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        self.maps.keys()
    }

    /// One bucket of a group's map.
    pub fn bucket(&self, group: &str, number: u16) -> Option<&Seen<Bucket>> {
        self.maps.get(group)?.get(&number).map(|seen| &**seen)
    }

    /// All buckets of a group's map.
    pub fn buckets(&self, group: &str) -> impl Iterator<Item = (u16, &Seen<Bucket>)> {
        self.maps.get(group).into_iter().flat_map(|map| map.iter()).map(|(number, seen)| (*number, &**seen))
    }

    /// Whether slots, nodes, moves and wishes are those of an `earlier` picture, of which this is a later clone: only beats, the
    /// leader and the time may be others. False may also say that this picture was listed anew.
    pub(super) fn has_same_groups(&self, earlier: &Self) -> bool {
        fn alike<K: PartialEq, T>(now: &BTreeMap<K, Arc<T>>, before: &BTreeMap<K, Arc<T>>) -> bool {
            let mut pairs = now.iter().zip(before);
            now.len() == before.len() && pairs.all(|(now, before)| now.0 == before.0 && Arc::ptr_eq(now.1, before.1))
        }
        alike(&self.maps, &earlier.maps)
            && alike(&self.moves, &earlier.moves)
            && self.nodes == earlier.nodes
            && self.fences == earlier.fences
            && self.weights == earlier.weights
            && self.drains == earlier.drains
            && self.unreadable == earlier.unreadable
            && self.past == earlier.past
    }

    /// Whether calls of the group go where they went in an `earlier` picture, of which this is a later clone: its map, the nodes and
    /// their weights are the same. False may also say that this picture was listed anew.
    pub fn has_same_routes(&self, group: &str, earlier: &Self) -> bool {
        let has_same_map = match (self.maps.get(group), earlier.maps.get(group)) {
            (Some(map), Some(before)) => Arc::ptr_eq(map, before),
            (map, before) => map.is_none() && before.is_none(),
        };
        has_same_map && self.nodes == earlier.nodes && self.weights == earlier.weights && self.drains == earlier.drains
    }

    /// Who was seen to hold slots of this bucket that nobody holds any more, or only in an older epoch.
    pub fn past(&self, group: &str, number: u16) -> Option<&Bucket> {
        self.past.get(&(group.to_owned(), number))
    }

    /// Who holds a slot.
    pub fn holding(&self, group: &str, slot: Slot) -> Option<&Holding> {
        self.bucket(group, bucket_of(slot))?.record.holding(slot)
    }

    /// Every slot of a group that has an owner.
    pub fn holdings(&self, group: &str) -> impl Iterator<Item = (Slot, &Holding)> {
        self.buckets(group).flat_map(|(_, seen)| seen.record.slots())
    }

    /// A planned move.
    pub fn one_move(&self, group: &str, id: &str) -> Option<&Seen<Move>> {
        self.moves.get(&(group.to_owned(), id.to_owned())).map(|seen| &**seen)
    }

    /// Every planned move: its group, its id, its record.
    pub fn moves(&self) -> impl Iterator<Item = (&str, &str, &Seen<Move>)> {
        self.moves.iter().map(|((group, id), seen)| (group.as_str(), id.as_str(), &**seen))
    }

    /// The wish to spread a group's slots anew.
    pub fn rebalance(&self, group: &str) -> Option<&Seen<Rebalance>> {
        self.rebalances.get(group)
    }

    /// Whether this key exists but cannot be read.
    pub fn is_unreadable(&self, key: &str) -> bool {
        self.unreadable.contains_key(key)
    }

    /// The revision of a key that exists and cannot be read.
    pub fn unreadable(&self, key: &str) -> Option<Revision> {
        self.unreadable.get(key).copied()
    }

    #[cfg(test)]
    pub(super) fn rewind(&mut self, revision: Revision) {
        self.revision = revision;
    }

    fn put(&mut self, entry: &Entry, now: Duration) -> Option<Problem> {
        let taken = self.outliving(&entry.key, |mirror| {
            mirror.remove(&entry.key);
            mirror.take(entry, now)
        });
        let why = taken.err()?;
        self.unreadable.insert(entry.key.clone(), entry.revision);
        Some(Problem { key: entry.key.clone(), why })
    }

    /// Does `change` to what this key says. What a bucket loses by it stays in [`past`](Self::past).
    fn outliving<R>(&mut self, key: &str, change: impl FnOnce(&mut Self) -> R) -> R {
        let place = key.strip_prefix(MAPS).and_then(|rest| bucket_name(rest).ok());
        let before = place.and_then(|(group, number)| self.maps.get(group)?.get(&number).cloned());
        let changed = change(self);
        if let Some((group, number)) = place {
            self.outlive(group, number, before.as_ref().map(|seen| &seen.record));
        }
        changed
    }

    fn outlive(&mut self, group: &str, number: u16, before: Option<&Bucket>) {
        let key = (group.to_owned(), number);
        let past = self.past.get(&key);
        let mut epochs = [0; BUCKET_SLOTS as usize];
        let place = |slot: Slot| slot.index() % usize::from(BUCKET_SLOTS);
        for (slot, holding) in self.bucket(group, number).iter().flat_map(|seen| seen.record.slots()) {
            epochs[place(slot)] = holding.epoch;
        }
        let mut left = BTreeMap::new();
        for (slot, holding) in past.into_iter().chain(before).flat_map(Bucket::slots) {
            if holding.epoch > epochs[place(slot)] {
                epochs[place(slot)] = holding.epoch;
                left.insert(slot, holding.clone());
            }
        }
        if past.is_some() || !left.is_empty() {
            let all = Arc::make_mut(&mut self.past);
            all.remove(&key);
            if !left.is_empty() && all.len() < MAX_GROUPS * usize::from(BUCKETS) {
                all.insert(key, Bucket::of(left));
            }
        }
    }

    fn take(&mut self, entry: &Entry, now: Duration) -> Result<(), BadRecord> {
        let key = entry.key.as_str();
        if key == META {
            self.meta = Some(seen(entry, now)?);
        } else if key == LEADER {
            self.leader = Some(seen(entry, now)?);
        } else if let Some(id) = key.strip_prefix(NODES) {
            let node: Seen<NodeRecord> = seen(entry, now)?;
            check_node(id, &node.record)?;
            self.nodes.insert(id.into(), node);
        } else if let Some(id) = key.strip_prefix(BEATS) {
            self.beats.insert(id.into(), seen(entry, now)?);
        } else if let Some(incarnation) = key.strip_prefix(FENCES) {
            // The key is what fences; a value that cannot be read takes nothing from it, and is taken for the worst reason.
            let record = read(&entry.value).unwrap_or(Fence { node: "".into(), reason: FenceReason::Lost });
            self.fences.insert(incarnation.parse()?, Seen { record, revision: entry.revision, at: now });
        } else if let Some(id) = key.strip_prefix(WEIGHTS) {
            self.weights.insert(id.into(), (read(&entry.value)?, entry.revision));
        } else if let Some(id) = key.strip_prefix(DRAINS) {
            self.drains.insert(id.into());
        } else if let Some(group) = key.strip_prefix(REBALANCES) {
            self.rebalances.insert(group.to_owned(), seen(entry, now)?);
        } else if let Some(rest) = key.strip_prefix(MAPS) {
            let (group, number) = bucket_name(rest)?;
            let bucket: Seen<Bucket> = seen(entry, now)?;
            bucket.record.check(number)?;
            if !self.maps.contains_key(group) && self.maps.len() >= MAX_GROUPS {
                return Err(BadRecord(format!("there are {MAX_GROUPS} groups already")));
            }
            Arc::make_mut(self.maps.entry(group.to_owned()).or_default()).insert(number, Arc::new(bucket));
        } else if let Some(rest) = key.strip_prefix(MOVES) {
            let (group, id) = rest.rsplit_once('/').ok_or_else(|| BadRecord("the key names no move".to_owned()))?;
            let planned: Seen<Move> = seen(entry, now)?;
            planned.record.check()?;
            self.moves.insert((group.to_owned(), id.to_owned()), Arc::new(planned));
        }
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        self.unreadable.remove(key);
        if key == META {
            self.meta = None;
        } else if key == LEADER {
            self.leader = None;
        } else if let Some(id) = key.strip_prefix(NODES) {
            self.nodes.remove(id);
        } else if let Some(id) = key.strip_prefix(BEATS) {
            self.beats.remove(id);
        } else if let Some(incarnation) = key.strip_prefix(FENCES) {
            let _gone = incarnation.parse().map(|incarnation| self.fences.remove(&incarnation));
        } else if let Some(id) = key.strip_prefix(WEIGHTS) {
            self.weights.remove(id);
        } else if let Some(id) = key.strip_prefix(DRAINS) {
            self.drains.remove(id);
        } else if let Some(group) = key.strip_prefix(REBALANCES) {
            self.rebalances.remove(group);
        } else if let Some(rest) = key.strip_prefix(MAPS) {
            if let Ok((group, number)) = bucket_name(rest)
                && let Some(map) = self.maps.get_mut(group)
                && map.contains_key(&number)
            {
                Arc::make_mut(map).remove(&number);
            }
        } else if let Some((group, id)) = key.strip_prefix(MOVES).and_then(|rest| rest.rsplit_once('/')) {
            self.moves.remove(&(group.to_owned(), id.to_owned()));
        }
    }

    /// Takes over the times of first sight from the picture before, for what has not changed since.
    fn remember(&mut self, before: &Self) {
        fn older<K: Ord, T>(now: &mut BTreeMap<K, Seen<T>>, before: &BTreeMap<K, Seen<T>>) {
            for (key, seen) in now {
                if let Some(old) = before.get(key).filter(|old| old.revision == seen.revision) {
                    seen.at = old.at;
                }
            }
        }
        older(&mut self.nodes, &before.nodes);
        older(&mut self.beats, &before.beats);
        older(&mut self.fences, &before.fences);
        self.past = before.past.clone();
        for (group, number) in before.past.keys() {
            self.outlive(group, *number, None);
        }
        for (group, map) in &before.maps {
            map.iter().for_each(|(number, seen)| self.outlive(group, *number, Some(&seen.record)));
        }
        for (key, seen) in &mut self.moves {
            if let Some(old) = before.moves.get(key).filter(|old| old.revision == seen.revision) {
                Arc::make_mut(seen).at = old.at;
            }
        }
    }
}

fn seen<T: DeserializeOwned>(entry: &Entry, now: Duration) -> Result<Seen<T>, BadRecord> {
    Ok(Seen { record: read(&entry.value)?, revision: entry.revision, at: now })
}

#[cfg(test)]
mod tests {
    use super::super::records::{Standing, bucket_key, fence_key, node_key, write};
    use super::*;

    fn entry(key: &str, value: &[u8], revision: Revision) -> Entry {
        Entry { key: key.to_owned(), value: value.to_vec().into(), revision, lease: None }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn beat(number: u64, revision: Revision) -> Entry {
        entry("beat/a", &write(&Beat { incarnation: Incarnation(1), beat: number }), revision)
    }

    #[test]
    fn a_late_or_doubled_change_is_passed_over() {
        let mut mirror = Mirror::default();
        let _none = mirror.list(&Range { revision: 5, entries: vec![beat(2, 5)] }, at(1));
        let _none = mirror.apply(&Changes { revision: 5, events: vec![Event::Put(beat(1, 4))] }, at(2));
        assert_eq!(mirror.beat(&"a".into()).expect("seen").record.beat, 2);
        let gone = Event::Deleted { key: "beat/a".into(), revision: 3 };
        let _none = mirror.apply(&Changes { revision: 6, events: vec![gone] }, at(2));
        assert!(mirror.beat(&"a".into()).is_some());
        assert_eq!(mirror.revision(), 6);
    }

    #[test]
    fn a_new_list_keeps_the_time_of_first_sight_of_what_has_not_changed() {
        let mut mirror = Mirror::default();
        let _none = mirror.list(&Range { revision: 5, entries: vec![beat(2, 5)] }, at(1));
        let _none = mirror.list(&Range { revision: 9, entries: vec![beat(2, 5)] }, at(7));
        assert_eq!(mirror.beat(&"a".into()).expect("seen").at, at(1));
        let _none = mirror.list(&Range { revision: 9, entries: vec![beat(3, 8)] }, at(8));
        assert_eq!(mirror.beat(&"a".into()).expect("seen").at, at(8));
    }

    #[test]
    fn garbage_is_reported_and_covered_by_nothing() {
        let mut mirror = Mirror::default();
        let bucket = Bucket::of([(
            Slot::new(300).expect("a slot"),
            Holding { node: "a".into(), incarnation: Incarnation(1), epoch: 1, state: Standing::Stable },
        )]);
        let entries = vec![
            entry(&bucket_key("g", 0), &write(&bucket), 1),
            entry("map/g/zz", b"{}", 1),
            entry("mig/g/1", b"[", 1),
            entry(&node_key(&"a".into()), b"{\"id\":\"b\"}", 1),
            entry("fence/xyz", b"", 1),
        ];
        assert_eq!(mirror.list(&Range { revision: 1, entries }, at(0)).len(), 5);
        assert!(mirror.nodes().is_empty() && mirror.moves().next().is_none());
        assert!(mirror.is_unreadable("map/g/00"));
    }

    #[test]
    fn a_fence_that_cannot_be_read_is_a_fence() {
        let mut mirror = Mirror::default();
        let entries = vec![entry(&fence_key(Incarnation(9)), b"\xff", 1)];
        assert!(mirror.list(&Range { revision: 1, entries }, at(0)).is_empty());
        assert_eq!(mirror.fence(Incarnation(9)).map(|seen| seen.record.reason), Some(FenceReason::Lost));
    }

    #[test]
    fn who_held_slots_that_nobody_holds_any_more_is_remembered_until_the_slots_have_gone_on() {
        let slot = Slot::new(300).expect("a slot");
        let held = |epoch| Holding { node: "a".into(), incarnation: Incarnation(1), epoch, state: Standing::Stable };
        let key = bucket_key("g", 1);
        let bucket = |epoch, revision| entry(&key, &write(&Bucket::of([(slot, held(epoch))])), revision);
        let emptied = |revision| entry(&key, b"{\"runs\":[]}", revision);
        let mut mirror = Mirror::default();
        let mut tell = |entry: Entry| {
            let revision = entry.revision;
            let _none = mirror.apply(&Changes { revision, events: vec![Event::Put(entry)] }, at(1));
            mirror.past("g", 1).and_then(|past| past.holding(slot)).map(|holding| holding.epoch)
        };
        assert_eq!(tell(bucket(4, 1)), None);
        assert_eq!(tell(emptied(2)), Some(4));
        assert_eq!(tell(entry(&key, b"garbage", 3)), Some(4));
        assert_eq!(tell(bucket(1, 4)), Some(4), "nobody counts backwards");
        assert_eq!(tell(bucket(5, 5)), None);
        let _none = mirror
            .apply(&Changes { revision: 6, events: vec![Event::Deleted { key: key.clone(), revision: 6 }] }, at(1));
        assert_eq!(mirror.past("g", 1).and_then(|past| past.holding(slot)), Some(&held(5)));
        let _none = mirror.list(&Range { revision: 7, entries: vec![] }, at(1));
        assert_eq!(mirror.past("g", 1).and_then(|past| past.holding(slot)), Some(&held(5)));
        let _none = mirror.list(&Range { revision: 8, entries: vec![bucket(6, 8)] }, at(1));
        assert_eq!(mirror.past("g", 1), None);
        let _none = mirror.list(&Range { revision: 9, entries: vec![] }, at(1));
        assert_eq!(mirror.past("g", 1).and_then(|past| past.holding(slot)), Some(&held(6)));
    }
}
