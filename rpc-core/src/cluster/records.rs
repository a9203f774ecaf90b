//! What nodes write into the coordinator: the keys, and the records under them.
//!
//! | key | written by | with lease |
//! |---|---|---|
//! | `meta` | the first node | |
//! | `node/<id>` | the node: liveness and what it provides | yes |
//! | `beat/<id>` | the node: its claim to authority | |
//! | `fence/<incarnation>` | the controller, or the node itself when it leaves: never again authority | |
//! | `weight/<id>`, `drain/<id>` | an operator | |
//! | `rebalance/<group>` | an operator; the controller | |
//! | `map/<group>/<bucket>` | the controller; the target of a move; a node that has loaded | |
//! | `mig/<group>/<id>` | the controller; the target of a move; whoever aborts | |
//! | `ctl/leader` | the controller | yes |
//!
//! Records come from outside: whatever cannot be read, is too large or contradicts its key is reported and passed over, never
//! acted upon.

mod incarnation;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::incarnation::Incarnation;
pub use crate::coordinator::META;
use crate::coordinator::bounds::MAX_VALUE;
use crate::error::bounded;
use crate::error::text::MAX_ERROR_TEXT;
use crate::limits::EPOCHS;
use crate::node::NodeId;
use crate::slot::Slot;

/// Version of the records' shape; a node refuses to take part in a cluster of a later one.
pub const FORMAT: u32 = 1;

/// Slots in one bucket of a map: a bucket stays far below what a coordinator takes as one value, and a whole map is few enough
/// keys for one transaction.
pub const BUCKET_SLOTS: u16 = 256;

/// Buckets in one map.
pub const BUCKETS: u16 = Slot::COUNT / BUCKET_SLOTS;

/// Largest record that is read, in bytes: a bucket whose every slot has another owner takes about 40 KiB.
pub const MAX_RECORD: usize = MAX_VALUE;

/// The key of the controller's record.
pub const LEADER: &str = "ctl/leader";
/// Prefix of the records of nodes.
pub const NODES: &str = "node/";
/// Prefix of the beats.
pub const BEATS: &str = "beat/";
/// Prefix of the fences.
pub const FENCES: &str = "fence/";
/// Prefix of the maps.
pub const MAPS: &str = "map/";
/// Prefix of the moves.
pub const MOVES: &str = "mig/";
/// Prefix of the operators' weights.
pub const WEIGHTS: &str = "weight/";
/// Prefix of the operators' drains.
pub const DRAINS: &str = "drain/";
/// Prefix of the wishes to spread a group's slots anew.
pub const REBALANCES: &str = "rebalance/";

/// Most slots in one move: the pause of a move grows with what it seals at once, and so does what an abort has cost.
pub const MAX_MOVE: usize = 64;

/// A record that cannot be acted upon, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRecord(pub String);

/// `meta`: what cluster this is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Meta {
    /// [`FORMAT`].
    pub format: u32,
    /// The cluster's id, random.
    pub cluster: String,
}

/// `node/<id>`: a node that is there. Says nothing about its right to execute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its name.
    pub id: NodeId,
    /// This start of it.
    pub incarnation: Incarnation,
    /// `host:port` to dial.
    pub address: String,
    /// Its share of the slots, relative to the others; an operator's weight goes before it.
    pub weight: u32,
    /// Where it stands: nodes of one zone fail together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The program's build, empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build: String,
    /// The groups whose services it provides.
    pub groups: Vec<String>,
    /// Whether it takes slots.
    pub state: NodeState,
}

/// What a node wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It takes slots.
    Serving,
    /// It is on its way out: its slots are to be moved away.
    Leaving,
}

/// `beat/<id>`: the node claimed authority, for the how-manieth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Beat {
    /// Who.
    pub incarnation: Incarnation,
    /// Counts the claims of this incarnation, from 1.
    pub beat: u64,
}

/// `fence/<incarnation>`: this incarnation has no authority any more, and never gets it back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The node's name.
    pub node: NodeId,
    /// Why, for people.
    pub reason: FenceReason,
}

/// Why an incarnation was fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FenceReason {
    /// It was not heard of for too long.
    Lost,
    /// It left by itself, with nothing of its own running any more.
    Left,
    /// An operator said so.
    Operator,
}

/// `ctl/leader`: who plans. The revision that wrote it is the term, compared in everything the controller writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Leader {
    /// The node.
    pub node: NodeId,
    /// This start of it.
    pub incarnation: Incarnation,
}

/// `map/<group>/<bucket>`: who owns the 256 slots of the bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bucket {
    /// Runs of slots alike, ascending; slots without an owner are in none.
    pub runs: Vec<Run>,
}

/// A run of slots with one owner, epoch and state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "FlatRun")]
pub struct Run {
    /// First slot.
    pub first: Slot,
    /// Last slot, which belongs to the run.
    pub last: Slot,
    /// The owner and how the slots stand.
    #[serde(flatten)]
    pub holding: Holding,
}

/// A run as it is read: all members at one level, in one pass. Every node reads every bucket that changes, and to flatten is to keep
/// each member as a value first.
#[derive(Deserialize)]
struct FlatRun {
    first: Slot,
    last: Slot,
    node: NodeId,
    incarnation: Incarnation,
    epoch: u64,
    state: StandingName,
    #[serde(default)]
    mig: Option<String>,
    #[serde(default)]
    lost: Option<NodeId>,
    #[serde(default)]
    kept: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StandingName {
    Stable,
    Moving,
    Recovering,
}

impl TryFrom<FlatRun> for Run {
    type Error = BadRecord;

    fn try_from(flat: FlatRun) -> Result<Self, BadRecord> {
        let FlatRun { first, last, node, incarnation, epoch, state, mig, lost, kept } = flat;
        let state = match state {
            StandingName::Stable => Standing::Stable,
            StandingName::Moving => {
                Standing::Moving { mig: mig.ok_or_else(|| BadRecord("slots move by no move".to_owned()))? }
            }
            StandingName::Recovering => Standing::Recovering { lost, kept },
        };
        Ok(Self { first, last, holding: Holding { node, incarnation, epoch, state } })
    }
}

/// Who owns a slot, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holding {
    /// The owner's name.
    pub node: NodeId,
    /// The owner's start: another start of the same node owns nothing of it.
    pub incarnation: Incarnation,
    /// Grows with each change of owner.
    pub epoch: u64,
    /// How the slot stands.
    #[serde(flatten)]
    pub state: Standing,
}

/// How a slot stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Standing {
    /// Served by its owner.
    Stable,
    /// Served by its owner, and about to be handed over by this move.
    Moving {
        /// The move's id.
        mig: String,
    },
    /// Its owner is new, and must load it before it serves.
    Recovering {
        /// The owner before, if there was one: whose state may be lost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<NodeId>,
        /// The new owner still holds a sealed copy of this epoch, which is whole: nobody has served the slot since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<u64>,
    },
}

/// `mig/<group>/<id>`: a planned move of slots of one bucket from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Move {
    /// The slots, ascending, all of one bucket.
    pub slots: Vec<Slot>,
    /// Whose they are.
    pub from: Party,
    /// Whose they shall be.
    pub to: Party,
    /// How far it is.
    pub phase: Phase,
    /// Of an aborted one: why it cannot be tried again at once. Older builds do not write it, and pass it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How many moves of these slots have failed before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
}

/// Why a move failed: its slots, or one of them, could not be copied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// The slot that could not be, if it was one of them: the others of the move can go without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// A sentence, of at most [`MAX_ERROR_TEXT`] bytes.
    pub why: String,
}

impl Failure {
    /// A failure of one slot, or of all.
    pub fn new(slot: Option<Slot>, why: impl Into<String>) -> Self {
        Self { slot, why: bounded(why.into()) }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One side of a move.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Party {
    /// The node's name.
    pub node: NodeId,
    /// This start of it.
    pub incarnation: Incarnation,
}

/// How far a move is. Only `Copy` can be committed or aborted, and each transition is a compare-and-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The target copies; the source serves, or has sealed.
    Copy,
    /// The target owns the slots, one epoch later. The source keeps its sealed copy.
    Committed,
    /// The target serves: the source may drop its copy.
    Active,
    /// Nothing has changed owner. A source that had sealed opens again, after reading this.
    Aborted,
}

/// `rebalance/<group>`: the slots of a group are to be spread anew. It goes when they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rebalance {
    /// Why.
    pub reason: RebalanceReason,
}

/// Why slots are to be spread anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebalanceReason {
    /// An operator wants it.
    Operator,
    /// A node has joined.
    Join,
    /// A weight has changed: small differences are left alone.
    Weight,
    /// Slots of nodes that are gone were given to those that were there at that moment: small differences are left alone.
    Failover,
}

/// The key of a node's record.
pub fn node_key(id: &NodeId) -> String {
    format!("{NODES}{id}")
}

/// The key of a node's beats.
pub fn beat_key(id: &NodeId) -> String {
    format!("{BEATS}{id}")
}

/// The key of a fence.
pub fn fence_key(incarnation: Incarnation) -> String {
    format!("{FENCES}{incarnation}")
}

/// The key of an operator's weight for a node.
pub fn weight_key(id: &NodeId) -> String {
    format!("{WEIGHTS}{id}")
}

/// The key of an operator's drain of a node.
pub fn drain_key(id: &NodeId) -> String {
    format!("{DRAINS}{id}")
}

/// The key of a bucket.
pub fn bucket_key(group: &str, bucket: u16) -> String {
    format!("{MAPS}{group}/{bucket:02x}")
}

/// The key of a move.
pub fn move_key(group: &str, id: &str) -> String {
    format!("{MOVES}{group}/{id}")
}

/// The bucket of a slot.
pub fn bucket_of(slot: Slot) -> u16 {
    slot.get() / BUCKET_SLOTS
}

/// A record as it is written.
pub fn write<T: Serialize>(record: &T) -> Bytes {
    // Records hold text, numbers and lists only, which always encode.
    serde_json::to_vec(record).unwrap_or_default().into()
}

/// Reads a record.
///
/// # Errors
/// [`BadRecord`] when it is too large or not of this shape.
pub fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, BadRecord> {
    if value.len() > MAX_RECORD {
        return Err(BadRecord(format!("the record has {} bytes, more than {MAX_RECORD}", value.len())));
    }
    serde_json::from_slice(value).map_err(|error| BadRecord(format!("the record cannot be read: {error}")))
}

impl Holding {
    /// The owner.
    pub fn party(&self) -> Party {
        Party { node: self.node.clone(), incarnation: self.incarnation }
    }
}

impl Bucket {
    /// Who holds `slot`.
    pub fn holding(&self, slot: Slot) -> Option<&Holding> {
        self.runs.iter().find(|run| run.first <= slot && slot <= run.last).map(|run| &run.holding)
    }

    /// Every slot of the bucket that has an owner.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, &Holding)> {
        let of_run = |run: &Run| (run.first.get()..=run.last.get()).filter_map(Slot::new);
        self.runs.iter().flat_map(move |run| of_run(run).map(|slot| (slot, &run.holding)))
    }

    /// A bucket of these holdings, given in ascending order of slots.
    pub fn of(holdings: impl IntoIterator<Item = (Slot, Holding)>) -> Self {
        let mut bucket = Self::default();
        for (slot, holding) in holdings {
            bucket.push(slot, slot, Some(holding));
        }
        bucket
    }

    /// The same bucket with `change` applied to these slots, in ascending order; what becomes `None` has no owner any more.
    #[must_use]
    pub fn with(&self, slots: &[Slot], mut change: impl FnMut(Slot, Option<&Holding>) -> Option<Holding>) -> Self {
        let mut changed = slots.to_vec();
        changed.sort_unstable();
        changed.dedup();
        let mut changed = changed.into_iter().peekable();
        let mut next = Self::default();
        for run in &self.runs {
            while let Some(slot) = changed.next_if(|slot| *slot < run.first) {
                next.push(slot, slot, change(slot, None));
            }
            // What is left of the run from here on.
            let mut rest = Some(run.first);
            while let Some(slot) = changed.next_if(|slot| *slot <= run.last) {
                if let (Some(first), Some(last)) = (rest, slot.get().checked_sub(1).and_then(Slot::new)) {
                    next.push(first, last, Some(run.holding.clone()));
                }
                next.push(slot, slot, change(slot, Some(&run.holding)));
                rest = Slot::new(slot.get() + 1);
            }
            if let Some(first) = rest {
                next.push(first, run.last, Some(run.holding.clone()));
            }
        }
        for slot in changed {
            next.push(slot, slot, change(slot, None));
        }
        next
    }

    /// Adds slots after those that are there already; no slots, if `first` is after `last`.
    fn push(&mut self, first: Slot, last: Slot, holding: Option<Holding>) {
        let Some(holding) = holding.filter(|_| first <= last) else { return };
        match self.runs.last_mut() {
            Some(run) if run.last.get() + 1 == first.get() && run.holding == holding => run.last = last,
            _ => self.runs.push(Run { first, last, holding }),
        }
    }

    /// Checks what another process wrote under the key of bucket `number`.
    ///
    /// # Errors
    /// [`BadRecord`] when runs are out of order, overlap, leave the bucket, or have an epoch that no word can hold.
    pub fn check(&self, number: u16) -> Result<(), BadRecord> {
        let bad = |why: &str| Err(BadRecord(format!("bucket {number:02x} {why}")));
        if self.runs.windows(2).any(|pair| pair[0].last >= pair[1].first) {
            return bad("has runs that are out of order or overlap");
        }
        for run in &self.runs {
            if run.first > run.last || bucket_of(run.first) != number || bucket_of(run.last) != number {
                return bad("has a run of slots that are not its own");
            }
            if run.holding.epoch == 0 || run.holding.epoch >= EPOCHS {
                return bad("has an epoch that no slot can have");
            }
        }
        Ok(())
    }
}

impl Move {
    /// A move that is about to begin.
    pub fn new(slots: &[Slot], from: &Party, to: &Party) -> Self {
        let (from, to) = (from.clone(), to.clone());
        Self { slots: slots.to_vec(), from, to, phase: Phase::Copy, failure: None, tries: 0 }
    }

    /// The bucket of its slots.
    pub fn bucket(&self) -> u16 {
        self.slots.first().map_or(0, |slot| bucket_of(*slot))
    }

    /// Checks what another process wrote.
    ///
    /// # Errors
    /// [`BadRecord`] when it moves nothing, too much, or to itself, or its slots are out of order or of several buckets.
    pub fn check(&self) -> Result<(), BadRecord> {
        let bad = |why: &str| Err(BadRecord(format!("the move {why}")));
        if self.slots.is_empty() || self.slots.len() > MAX_MOVE {
            return bad("has no slots, or too many");
        }
        if self.slots.windows(2).any(|pair| pair[0] >= pair[1]) {
            return bad("has slots that are out of order or stand twice");
        }
        if self.slots.iter().any(|slot| bucket_of(*slot) != self.bucket()) {
            return bad("has slots of several buckets");
        }
        if self.from.incarnation == self.to.incarnation {
            return bad("leads to where it comes from");
        }
        if let Some(Failure { slot, why }) = &self.failure
            && (why.len() > MAX_ERROR_TEXT || slot.is_some_and(|slot| !self.slots.contains(&slot)))
        {
            return bad("failed for too long a reason, or for a slot that is not its own");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(node: &str, epoch: u64) -> Holding {
        Holding { node: node.into(), incarnation: Incarnation(7), epoch, state: Standing::Stable }
    }

    fn slot(number: u16) -> Slot {
        Slot::new(number).expect("a slot")
    }

    #[test]
    fn a_bucket_reads_back_as_it_was_written() {
        let moving = Holding { state: Standing::Moving { mig: "1".into() }, ..holding("a", 3) };
        let bucket = Bucket::of([(slot(0), holding("a", 1)), (slot(1), holding("a", 1)), (slot(9), moving)]);
        assert_eq!(bucket.runs.len(), 2);
        let back: Bucket = read(&write(&bucket)).expect("reads back");
        assert_eq!(back, bucket);
        back.check(0).expect("sound");
    }

    #[test]
    fn a_change_of_some_slots_leaves_the_others() {
        let bucket = Bucket::of((0..256).map(|n| (slot(n), holding("a", 1))));
        let next = bucket.with(&[slot(3), slot(4)], |_, _| Some(holding("b", 2)));
        assert_eq!(next.runs.len(), 3);
        assert_eq!(next.holding(slot(4)), Some(&holding("b", 2)));
        assert_eq!(next.holding(slot(5)), Some(&holding("a", 1)));
    }

    #[test]
    fn slots_without_an_owner_get_one_and_lose_it() {
        let bucket = Bucket::of([(slot(1), holding("a", 1)), (slot(2), holding("a", 1)), (slot(200), holding("b", 1))]);
        let next = bucket.with(&[slot(255), slot(0), slot(2), slot(7)], |slot, holding| match slot.get() {
            2 => None,
            _ => holding.cloned().or(Some(self::holding("a", 1))),
        });
        let owners: Vec<(u16, &str)> =
            next.slots().map(|(slot, holding)| (slot.get(), holding.node.as_str())).collect();
        assert_eq!(owners, [(0, "a"), (1, "a"), (7, "a"), (200, "b"), (255, "a")]);
        assert_eq!(next.runs.len(), 4);
        assert_eq!(next.with(&[], |_, _| None), next);
    }

    #[test]
    fn a_bucket_with_foreign_or_overlapping_slots_is_refused() {
        for runs in [vec![(0, 9), (5, 12)], vec![(300, 301)], vec![(9, 3)]] {
            let run = |(first, last)| Run { first: slot(first), last: slot(last), holding: holding("a", 1) };
            assert!(Bucket { runs: runs.into_iter().map(run).collect() }.check(0).is_err());
        }
        assert!(Bucket::of([(slot(0), holding("a", 0))]).check(0).is_err());
    }

    #[test]
    fn a_bucket_of_256_owners_stays_below_the_bound() {
        let name = "n".repeat(crate::limits::MAX_NODE_ID / 4);
        let bucket = Bucket::of((0..256).map(|n| (slot(n), holding(&format!("{name}{n}"), EPOCHS - 1))));
        assert!(write(&bucket).len() < MAX_RECORD, "{}", write(&bucket).len());
    }

    #[test]
    fn garbage_is_no_record() {
        for bad in ["", "null", "[]", "{\"runs\":7}", "{\"runs\":[{\"first\":99999}]}"] {
            assert!(read::<Bucket>(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read::<Bucket>(&vec![b' '; MAX_RECORD + 1]).is_err());
        assert!("00C0ffee00c0ffee".parse::<Incarnation>().is_err());
    }
}
