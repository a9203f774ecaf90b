//! The coordinator as the protocols rely on it: some records, one revision, and transactions that are applied whole or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use rpc_core::cluster::mirror::{Mirror, Seen};
use rpc_core::cluster::moves::{MoveName, Observation};
use rpc_core::cluster::records::{
    BEATS, Bucket, FENCES, FORMAT, Holding, Incarnation, LEADER, META, Meta, Move, NODES, NodeRecord, NodeState, Party,
    Standing, fence_key, node_key, read, write,
};
use rpc_core::coordinator::{Compare, Entry, Op, Range, Revision, Txn, TxnOutcome};
use rpc_core::slot::Slot;

/// The revision of `meta`, of `ctl/leader`, and of all else that never changes here.
pub const GIVEN: Revision = 1;

/// The cluster's id.
pub const CLUSTER: &str = "modelled";

/// The records: those that the protocols decode are kept decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coordinator {
    revision: Revision,
    planned: Option<Seen<Move>>,
    bucket: Seen<Bucket>,
    /// Fences and nodes.
    others: BTreeMap<String, (bytes::Bytes, Revision)>,
}

/// The only move.
pub fn name() -> MoveName {
    MoveName { group: "g".to_owned(), id: "1".to_owned(), bucket: 0 }
}

/// The only slot.
pub fn slot() -> Slot {
    Slot::all().next().expect("there is a first slot")
}

/// Node number `index`.
pub fn party(index: usize) -> Party {
    let name = ["a", "b"][index];
    Party { node: name.into(), incarnation: Incarnation(index as u64 + 1) }
}

impl Coordinator {
    /// Node a owns the slot, in epoch 1.
    pub fn new() -> Self {
        let owner = party(0);
        let holding = Holding { node: owner.node, incarnation: owner.incarnation, epoch: 1, state: Standing::Stable };
        let record = Bucket::of([(slot(), holding)]);
        let node = |index| {
            let Party { node: id, incarnation } = party(index);
            let record = NodeRecord {
                id: id.clone(),
                incarnation,
                address: "127.0.0.1:1".to_owned(),
                weight: 1,
                zone: None,
                build: String::new(),
                groups: vec!["g".to_owned()],
                state: NodeState::Serving,
            };
            (node_key(&id), (write(&record), GIVEN))
        };
        Self {
            revision: GIVEN,
            planned: None,
            bucket: Seen { record, revision: GIVEN, at: Duration::ZERO },
            others: [node(0), node(1)].into(),
        }
    }

    /// Carries out a transaction; its outcome reads nothing but fences and `meta`.
    pub fn transact(&mut self, txn: &Txn) -> TxnOutcome {
        let applied = txn.compares.iter().all(|compare| self.holds(compare));
        // A beat changes nothing that anybody here reads.
        let is_beat = |op: &Op| matches!(op, Op::Put { key, .. } if key.starts_with(BEATS));
        if applied && !txn.ops.iter().all(is_beat) {
            self.revision += 1;
            txn.ops.iter().for_each(|op| self.apply(op));
        }
        let reads = txn.reads.iter().filter_map(|key| self.entry(key)).collect();
        TxnOutcome { applied, revision: self.revision, reads }
    }

    /// What there is to read of the move.
    pub fn observe(&self) -> Observation {
        let (revision, planned) = (self.revision, self.planned.clone());
        Observation { revision, planned, bucket: Some(self.bucket.clone()) }
    }

    /// The move's record.
    pub fn planned(&self) -> Option<&Seen<Move>> {
        self.planned.as_ref()
    }

    /// Who holds the slot.
    pub fn holding(&self) -> &Holding {
        self.bucket.record.holding(slot()).expect("the slot always has an owner")
    }

    /// The bucket.
    pub fn bucket(&self) -> &Seen<Bucket> {
        &self.bucket
    }

    /// Whether node `index` is fenced.
    pub fn is_fenced(&self, index: usize) -> bool {
        self.others.contains_key(&fence_key(party(index).incarnation))
    }

    /// The record of node `index` goes: its lease has ended.
    pub fn forget_node(&mut self, index: usize) {
        self.others.remove(&node_key(&party(index).node));
    }

    /// The controller's picture of it all.
    pub fn mirror(&self) -> Mirror {
        let name = name();
        let entry = |key: String, value, revision| Entry { key, value, revision, lease: None };
        let mut entries = vec![entry(name.bucket_key(), write(&self.bucket.record), self.bucket.revision)];
        entries.extend(self.planned.iter().map(|seen| entry(name.key(), write(&seen.record), seen.revision)));
        let others = self.others.iter();
        entries.extend(others.map(|(key, (value, revision))| entry(key.clone(), value.clone(), *revision)));
        let mut mirror = Mirror::default();
        let problems = mirror.list(&Range { revision: self.revision, entries }, Duration::ZERO);
        assert_eq!(problems, vec![], "every record written here makes sense");
        mirror
    }

    fn entry(&self, key: &str) -> Option<Entry> {
        let entry = |value: bytes::Bytes, revision| Entry { key: key.to_owned(), value, revision, lease: None };
        if key == META {
            return Some(entry(write(&Meta { format: FORMAT, cluster: CLUSTER.to_owned() }), GIVEN));
        }
        self.others.get(key).map(|(value, revision)| entry(value.clone(), *revision))
    }

    fn revision_of(&self, key: &str) -> Option<Revision> {
        match key {
            META | LEADER => Some(GIVEN),
            _ if key == name().key() => self.planned.as_ref().map(|seen| seen.revision),
            _ if key == name().bucket_key() => Some(self.bucket.revision),
            _ => self.others.get(key).map(|(_, revision)| *revision),
        }
    }

    fn holds(&self, compare: &Compare) -> bool {
        match compare {
            Compare::Absent(key) => self.revision_of(key).is_none(),
            Compare::Present(key) => self.revision_of(key).is_some(),
            Compare::Unchanged(key, revision) => self.revision_of(key) == Some(*revision),
        }
    }

    fn apply(&mut self, op: &Op) {
        let (revision, at) = (self.revision, Duration::ZERO);
        match op {
            Op::Put { key, value, .. } if *key == name().key() => {
                self.planned = Some(Seen { record: read(value).expect("a move"), revision, at });
            }
            Op::Put { key, value, .. } if *key == name().bucket_key() => {
                self.bucket = Seen { record: read(value).expect("a bucket"), revision, at };
            }
            Op::Put { key, value, .. } => {
                assert!(key.starts_with(FENCES) || key.starts_with(NODES), "{key} is not of this model");
                self.others.insert(key.clone(), (value.clone(), revision));
            }
            Op::Delete(key) if *key == name().key() => self.planned = None,
            Op::Delete(key) => {
                self.others.remove(key);
            }
        }
    }
}

impl Default for Coordinator {
    fn default() -> Self {
        Self::new()
    }
}
