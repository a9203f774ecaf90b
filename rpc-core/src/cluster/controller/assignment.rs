//! Who is there to own slots, who owns them, and the owners of slots that have none: nobody has had them yet, or somebody has taken their
//! record away by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::super::assign::{Weight, assign};
use super::super::authority::Timing;
use super::super::mirror::Mirror;
use super::super::records::{
    BUCKETS, Bucket, Holding, Incarnation, LEADER, Party, Phase, Standing, bucket_key, bucket_of, fence_key, write,
};
use super::{Held, Intent, Plan, Sight, silent_from};
use crate::coordinator::{Compare, Op, Txn};
use crate::limits::EPOCHS;
use crate::node::NodeId;
use crate::slot::Slot;

/// Buckets written by one transaction of a first assignment: with 40 KiB each they stay below the 1.5 MiB that etcd takes.
const BUCKETS_AT_ONCE: usize = 32;

/// Who is told to have lost what slots held when nobody knows whose they were.
const UNKNOWN: &str = "unknown";

/// A node that may own slots of a group: it is there, provides its services, and is not fenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) node: NodeId,
    pub(super) incarnation: Incarnation,
    /// Its share; 0 if its slots are to go away.
    pub(super) weight: Weight,
}

impl Member {
    pub(super) fn party(&self) -> Party {
        Party { node: self.node.clone(), incarnation: self.incarnation }
    }
}

/// A group as it stands.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    /// By name, so that the same nodes give the same assignment.
    pub(super) members: Vec<Member>,
    /// Where each slot is or is going, as an index into `members`; `None` for slots of nobody, or of one who is no member.
    pub(super) current: Vec<Option<u16>>,
    /// Slots that have no owner: nobody has ever had them, or who had them is nowhere to be read.
    pub(super) free: Vec<Slot>,
    /// The owners that are no members: gone, or fenced.
    pub(super) missing: BTreeMap<Incarnation, NodeId>,
    /// Where each slot should be, once somebody has asked.
    wanted: OnceLock<Option<Vec<u16>>>,
}

impl Group {
    pub(super) fn weights(&self) -> Vec<Weight> {
        self.members.iter().map(|member| member.weight).collect()
    }

    /// Where each slot should be; `None` if no member takes slots.
    pub(super) fn wanted(&self) -> Option<&[u16]> {
        self.wanted.get_or_init(|| assign(&self.current, &self.weights()).ok()).as_deref()
    }

    pub(super) fn member(&self, index: u16) -> Option<&Member> {
        self.members.get(usize::from(index))
    }
}

/// Whether exactly this start of the node is there and may execute.
pub(super) fn is_alive(mirror: &Mirror, party: &Party) -> bool {
    let is_there = mirror.nodes().get(&party.node).is_some_and(|seen| seen.record.incarnation == party.incarnation);
    is_there && mirror.fence(party.incarnation).is_none()
}

/// Every group that has a map or a node.
pub(super) fn groups(mirror: &Mirror) -> Vec<Group> {
    let of_nodes = mirror.nodes().values().flat_map(|seen| seen.record.groups.iter());
    let names: BTreeSet<&String> = mirror.groups().chain(of_nodes).collect();
    names.into_iter().map(|name| group(mirror, name)).collect()
}

fn group(mirror: &Mirror, name: &str) -> Group {
    let nodes = mirror.nodes().values().map(|seen| &seen.record);
    let is_member = |node: &&super::super::records::NodeRecord| {
        mirror.fence(node.incarnation).is_none() && node.groups.iter().any(|group| group == name)
    };
    let members: Vec<Member> = nodes
        .filter(is_member)
        .map(|node| Member { node: node.id.clone(), incarnation: node.incarnation, weight: mirror.weight(node) })
        // What an owner's index can number; more nodes than that own nothing.
        .take(crate::limits::MAX_NODES)
        .collect();
    let index: BTreeMap<Incarnation, u16> = (0..).zip(&members).map(|(index, m)| (m.incarnation, index)).collect();
    let going = going(mirror, name);

    let mut group = Group {
        name: name.to_owned(),
        members,
        current: vec![None; usize::from(Slot::COUNT)],
        free: vec![],
        missing: BTreeMap::new(),
        wanted: OnceLock::new(),
    };
    let mut has_owner = vec![false; usize::from(Slot::COUNT)];
    for run in mirror.buckets(name).flat_map(|(_, seen)| &seen.record.runs) {
        let (slots, holding) = (run.first.index()..=run.last.index(), &run.holding);
        has_owner[slots.clone()].fill(true);
        let owner = index.get(&holding.incarnation).copied();
        if owner.is_none() {
            group.missing.insert(holding.incarnation, holding.node.clone());
        }
        let to = match &holding.state {
            Standing::Moving { mig } => going.get(mig.as_str()).and_then(|to| index.get(to)).copied(),
            _ => None,
        };
        // Slots of a missing owner are nobody's, wherever they were going.
        group.current[slots].fill(owner.and(to).or(owner));
    }
    let unreadable = |slot: &Slot| mirror.is_unreadable(&bucket_key(name, bucket_of(*slot)));
    group.free = Slot::all().filter(|slot| !has_owner[slot.index()] && !unreadable(slot)).collect();
    // Who had them may still execute. One that is a member has them again, and loses nobody's authority; others are given up first.
    let past =
        group.free.iter().filter_map(|slot| past(mirror, name, *slot)).filter(|past| !is_alive(mirror, &past.party()));
    group.missing.extend(past.map(|past| (past.incarnation, past.node.clone())));
    group
}

/// Who held this slot last, if it is known.
fn past<'a>(mirror: &'a Mirror, group: &str, slot: Slot) -> Option<&'a Holding> {
    mirror.past(group, bucket_of(slot))?.holding(slot)
}

/// The targets of a group's moves that are still copying.
fn going<'a>(mirror: &'a Mirror, group: &str) -> BTreeMap<&'a str, Incarnation> {
    let copying = mirror.moves().filter(|(of, _, seen)| *of == group && seen.record.phase == Phase::Copy);
    copying.map(|(_, id, seen)| (id, seen.record.to.incarnation)).collect()
}

/// Gives slots without an owner to members below their share. Nothing else moves by it.
pub(super) fn plan(timing: &Timing, sight: &Sight<'_>, group: &Group, plan: &mut Plan) {
    for number in 0..BUCKETS {
        let key = bucket_key(&group.name, number);
        if sight.mirror.is_unreadable(&key) {
            plan.hold(Held::Unreadable { key });
        }
    }
    if group.free.is_empty() || group.members.is_empty() {
        return;
    }
    let Some(wanted) = group.wanted() else {
        plan.hold(Held::NobodyTakes { group: group.name.clone() });
        return;
    };
    let beginning = Beginning::of(sight.mirror, group, wanted);
    let mut by_bucket: BTreeMap<u16, Vec<Slot>> = BTreeMap::new();
    for slot in &group.free {
        // Failover sees to it that who had it before falls silent, and says when to look again.
        if beginning.may_begin(timing, sight, *slot) {
            by_bucket.entry(bucket_of(*slot)).or_default().push(*slot);
        }
    }
    let by_bucket: Vec<_> = by_bucket.into_iter().collect();
    for buckets in by_bucket.chunks(BUCKETS_AT_ONCE) {
        let slots = buckets.iter().map(|(_, slots)| slots.len()).sum();
        let txn = first_owners(sight, &beginning, buckets);
        plan.act(Intent::Assign { group: group.name.clone(), slots }, txn);
    }
}

/// How slots without an owner begin.
struct Beginning<'a> {
    mirror: &'a Mirror,
    group: &'a Group,
    wanted: &'a [u16],
    /// The highest epoch of any slot of the group.
    highest: u64,
}

impl<'a> Beginning<'a> {
    fn of(mirror: &'a Mirror, group: &'a Group, wanted: &'a [u16]) -> Self {
        let highest = mirror.buckets(&group.name).flat_map(|(_, seen)| &seen.record.runs).map(|run| run.holding.epoch);
        Self { mirror, group, wanted, highest: highest.max().unwrap_or(0) }
    }

    /// Whether nobody else can be executing in the slot.
    fn may_begin(&self, timing: &Timing, sight: &Sight<'_>, slot: Slot) -> bool {
        past(self.mirror, &self.group.name, slot).is_none_or(|past| {
            is_alive(self.mirror, &past.party())
                || silent_from(timing, self.mirror, past.incarnation, &past.node) <= sight.now
        })
    }

    /// The slot's owner, in its first epoch. A slot that had one comes back to it, if it is there: others would begin while it has yet to
    /// hear that the slot was taken from it. What was held is lost even so: what others may have made of it meanwhile was not seen.
    fn first(&self, number: u16, slot: Slot) -> Option<Holding> {
        let past = past(self.mirror, &self.group.name, slot);
        let again = past.and_then(|past| self.group.members.iter().find(|it| it.incarnation == past.incarnation));
        let owner = again.or_else(|| self.group.member(*self.wanted.get(slot.index())?))?;
        let (epoch, lost) = if self.was_never(number) {
            (1, None)
        } else {
            let lost = past.map_or_else(|| UNKNOWN.into(), |past| past.node.clone());
            (self.highest_known(number).saturating_add(1), Some(lost))
        };
        let state = Standing::Recovering { lost, kept: None };
        Some(Holding { node: owner.node.clone(), incarnation: owner.incarnation, epoch, state })
    }

    /// Whether the bucket has not been written yet. Those of one transaction come together: one that is missing among others was
    /// removed. Of a whole step nothing may be there because the leader was lost before it.
    fn was_never(&self, number: u16) -> bool {
        let exists = |number: u16| {
            let (name, key) = (&self.group.name, bucket_key(&self.group.name, number));
            let is_known = self.mirror.bucket(name, number).is_some() || self.mirror.past(name, number).is_some();
            is_known || self.mirror.is_unreadable(&key)
        };
        let first = number - number % BUCKETS_AT_ONCE as u16;
        !(first..first + BUCKETS_AT_ONCE as u16).any(exists)
    }

    /// An epoch above which this slot can begin: no lower than any that was seen of its bucket or is of its group. A node that has served
    /// it in a later one raises it ([`keeper`](super::super::keeper)).
    fn highest_known(&self, number: u16) -> u64 {
        let past = self.mirror.past(&self.group.name, number);
        let of_bucket = past.into_iter().flat_map(|past| &past.runs).map(|run| run.holding.epoch).max().unwrap_or(0);
        let epochs = [of_bucket.max(self.highest), of_bucket, 0];
        // An epoch that leaves no room for others is no epoch of ours.
        epochs.into_iter().find(|epoch| epoch + 2 < EPOCHS).unwrap_or(0)
    }
}

fn first_owners(sight: &Sight<'_>, beginning: &Beginning<'_>, buckets: &[(u16, Vec<Slot>)]) -> Txn {
    let mut txn = Txn { compares: vec![Compare::Unchanged(LEADER.to_owned(), sight.term)], ..Txn::default() };
    let mut owners = BTreeSet::new();
    for (number, slots) in buckets {
        let name = &beginning.group.name;
        let key = bucket_key(name, *number);
        let seen = sight.mirror.bucket(name, *number);
        let next = seen.map_or(Bucket::default(), |seen| seen.record.clone()).with(slots, |slot, holding| {
            let first = beginning.first(*number, slot)?;
            owners.insert(first.incarnation);
            Some(holding.cloned().unwrap_or(first))
        });
        txn.compares.push(match seen {
            Some(seen) => Compare::Unchanged(key.clone(), seen.revision),
            None => Compare::Absent(key.clone()),
        });
        txn.ops.push(Op::Put { key, value: write(&next), lease: None });
    }
    // As many owners as a transaction can compare; one of the rest that was fenced in between is failed over later.
    txn.compares.extend(owners.into_iter().take(64).map(|owner| Compare::Absent(fence_key(owner))));
    txn
}
