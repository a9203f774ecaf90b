//! A coordinator in memory and a cluster of named nodes, for the controller's tests.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::super::mirror::Seen;
use super::super::records::{Beat, Bucket, NodeRecord, NodeState, bucket_key, fence_key, node_key, read};
use super::super::records::{Fence, FenceReason, Holding, Move, Standing, beat_key};
use super::*;
use crate::coordinator::{Changes, Entry, Event};

/// The leader's term in all tests: the first thing written.
pub(crate) const TERM: Revision = 1;

/// Keys, a clock, a mirror that is told everything, and a controller.
pub(crate) struct World {
    pub(crate) keys: BTreeMap<String, (Bytes, Revision)>,
    pub(crate) revision: Revision,
    pub(crate) now: Duration,
    pub(crate) mirror: Mirror,
    pub(crate) reachable_since: Duration,
    pub(crate) controller: Controller,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            keys: BTreeMap::new(),
            revision: 0,
            now: Duration::from_secs(1000),
            mirror: Mirror::default(),
            reachable_since: Duration::ZERO,
            controller: Controller::new(Timing::default(), Pace::default()),
        };
        world.put(LEADER, &Leader { node: "a".into(), incarnation: Incarnation(1) });
        world
    }

    /// Nodes a, b, c… with incarnations 1, 2, 3…, all slots assigned and served.
    pub(crate) fn of(nodes: usize) -> Self {
        let mut world = Self::new();
        for index in 0..nodes {
            world.join(index);
        }
        world.settle();
        world
    }

    pub(crate) fn party(index: usize) -> Party {
        let name = char::from(b'a' + u8::try_from(index).expect("few nodes"));
        Party { node: name.to_string().into(), incarnation: Incarnation(index as u64 + 1) }
    }

    pub(crate) fn join(&mut self, index: usize) {
        self.join_as(&Self::party(index));
    }

    pub(crate) fn join_as(&mut self, party: &Party) {
        let record = NodeRecord {
            id: party.node.clone(),
            incarnation: party.incarnation,
            address: "127.0.0.1:7000".into(),
            weight: 1,
            zone: None,
            build: String::new(),
            groups: vec!["g".into()],
            state: NodeState::Serving,
        };
        self.put(&node_key(&party.node), &record);
        self.put(&beat_key(&party.node), &Beat { incarnation: party.incarnation, beat: 1 });
    }

    pub(crate) fn lose(&mut self, index: usize) {
        let key = node_key(&Self::party(index).node);
        self.keys.remove(&key);
        self.revision += 1;
        self.tell(&key);
    }

    pub(crate) fn fence(&mut self, index: usize, reason: FenceReason) {
        let party = Self::party(index);
        self.put(&fence_key(party.incarnation), &Fence { node: party.node, reason });
    }

    pub(crate) fn put<T: serde::Serialize>(&mut self, key: &str, record: &T) {
        self.revision += 1;
        self.keys.insert(key.to_owned(), (write(record), self.revision));
        self.tell(key);
    }

    /// Writes what cannot be read.
    pub(crate) fn garble(&mut self, key: &str) {
        self.revision += 1;
        let value = Bytes::from_static(b"garbage");
        self.keys.insert(key.to_owned(), (value.clone(), self.revision));
        let event = Event::Put(Entry { key: key.to_owned(), value, revision: self.revision, lease: None });
        let problems = self.mirror.apply(&Changes { revision: self.revision, events: vec![event] }, self.now);
        assert_eq!(problems.len(), 1);
    }

    /// Tells the mirror what has become of a key.
    fn tell(&mut self, key: &str) {
        let (key, revision) = (key.to_owned(), self.revision);
        let event = match self.keys.get(&key) {
            Some((value, revision)) => {
                Event::Put(Entry { key, value: value.clone(), revision: *revision, lease: None })
            }
            None => Event::Deleted { key, revision },
        };
        // The changes of one revision come together in truth; here the mirror is made to take them one by one.
        self.mirror.rewind(revision - 1);
        assert_eq!(self.mirror.apply(&Changes { revision, events: vec![event] }, self.now), vec![]);
    }

    pub(crate) fn transact(&mut self, txn: &Txn) -> bool {
        let holds = |compare: &Compare| match compare {
            Compare::Absent(key) => !self.keys.contains_key(key),
            Compare::Present(key) => self.keys.contains_key(key),
            Compare::Unchanged(key, revision) => self.keys.get(key).is_some_and(|(_, at)| at == revision),
        };
        if !txn.compares.iter().all(holds) {
            return false;
        }
        self.revision += 1;
        for op in &txn.ops {
            match op {
                Op::Put { key, value, .. } => {
                    self.keys.insert(key.clone(), (value.clone(), self.revision));
                    self.tell(key);
                }
                Op::Delete(key) => {
                    self.keys.remove(key);
                    self.tell(key);
                }
            };
        }
        true
    }

    pub(crate) fn plan(&mut self) -> Plan {
        let sight = Sight { mirror: &self.mirror, term: TERM, now: self.now, reachable_since: self.reachable_since };
        self.controller.plan(&sight)
    }

    /// Plans and carries out, once. Every transaction must be applied: nobody else writes.
    pub(crate) fn turn(&mut self) -> Plan {
        let plan = self.plan();
        for action in &plan.actions {
            assert!(self.transact(&action.txn), "{:?}", action.intent);
        }
        plan
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Owners load, targets commit and activate, until nothing is left to do. Returns the intents of every action.
    pub(crate) fn settle(&mut self) -> Vec<Intent> {
        let (mut intents, mut idle) = (Vec::new(), 0);
        for _ in 0..4000 {
            let plan = self.turn();
            let is_idle = plan.actions.is_empty() && !self.serve() && !self.carry_out();
            intents.extend(plan.actions.into_iter().map(|action| action.intent));
            idle = if is_idle { idle + 1 } else { 0 };
            // Longer than any wait of its.
            if idle > 8 {
                return intents;
            }
            if is_idle {
                self.now = plan.look_again;
            }
        }
        panic!("the controller never comes to rest");
    }

    pub(crate) fn serve(&mut self) -> bool {
        let mut is_any = false;
        let is_new = |(_, seen): &(u16, &Seen<Bucket>)| {
            seen.record.runs.iter().any(|run| matches!(run.holding.state, Standing::Recovering { .. }))
        };
        let new: Vec<_> = self.mirror.buckets("g").filter(is_new).map(|(n, seen)| (n, seen.clone())).collect();
        for (number, seen) in new {
            let mine: BTreeMap<Incarnation, Vec<(Slot, u64)>> =
                seen.record.slots().fold(BTreeMap::new(), |mut all, (slot, h)| {
                    all.entry(h.incarnation).or_default().push((slot, h.epoch));
                    all
                });
            for (me, slots) in mine {
                let bucket = self.mirror.bucket("g", number).expect("there").clone();
                if let Some(txn) = super::super::keeper::settle(me, "g", number, &bucket, &slots) {
                    is_any |= self.transact(&txn);
                }
            }
        }
        is_any
    }

    pub(crate) fn carry_out(&mut self) -> bool {
        let mut is_any = false;
        let name = |(group, id, seen): (&str, &str, &Seen<Move>)| MoveName {
            group: group.into(),
            id: id.into(),
            bucket: seen.record.bucket(),
        };
        let names: Vec<_> = self.mirror.moves().map(name).collect();
        for name in names {
            for step in [moves::commit, moves::activate] {
                let seen = moves::Observation::mirrored(&name, &self.mirror);
                is_any |= step(&name, &seen).is_some_and(|txn| self.transact(&txn));
            }
        }
        is_any
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        self.mirror.holdings("g").fold(BTreeMap::new(), |mut counts, (_, holding)| {
            *counts.entry(holding.node.to_string()).or_default() += 1;
            counts
        })
    }

    pub(crate) fn holding(&self, slot: u16) -> Holding {
        self.mirror.holding("g", Slot::new(slot).expect("a slot")).expect("held").clone()
    }

    pub(crate) fn bucket(&self, number: u16) -> Bucket {
        read(&self.keys[&bucket_key("g", number)].0).expect("reads")
    }
}
