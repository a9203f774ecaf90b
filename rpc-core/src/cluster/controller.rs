//! The controller: what the leader does so that every slot has an owner that is alive.
//!
//! It sees one picture of the coordinator's records and answers with transactions. Each compares the leader's term, so that one
//! that has been replaced without noticing changes nothing. Run them in their order; let the mirror reach the highest revision that
//! they were answered with before asking again. None of them must be applied: what was lost to a race is planned anew.

mod assignment;
mod balance;
mod failover;
mod succession;
mod tend;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::authority::Timing;
use super::mirror::Mirror;
use super::moves::{self, MoveName};
use super::records::{Incarnation, LEADER, Leader, Party, RebalanceReason, fence_key, write};
use crate::coordinator::{Compare, LeaseId, Op, Revision, Txn};
use crate::node::NodeId;
use crate::slot::Slot;
use assignment::{Group, Member};
pub(super) use balance::{move_id, parts_taken};
pub use failover::{fence, silent_from};
pub use succession::Succession;

/// How fast the controller goes about what is not urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// How long a group's members must have stayed the same before slots are assigned or moved: nodes that start together are seen
    /// together, and nothing moves twice.
    pub join: Duration,
    /// Moves in which one node takes part at a time, on either side: copying takes its time and memory from calls.
    pub moves_per_node: usize,
    /// How long a move may take before it is aborted.
    pub move_limit: Duration,
    /// How long the record of a move that is over stays, for its two sides to read.
    pub linger: Duration,
    /// The longest time until the controller looks again, though nothing has changed.
    pub look_again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            join: Duration::from_millis(500),
            moves_per_node: 2,
            move_limit: moves::MOVE,
            linger: Duration::from_secs(1),
            look_again: Duration::from_secs(1),
        }
    }
}

/// What the controller sees.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The records.
    pub mirror: &'a Mirror,
    /// The revision that made this node the leader.
    pub term: Revision,
    /// Now, on this node's clock.
    pub now: Duration,
    /// Since when this node has been in touch with the coordinator without a break: what was listed when the touch came back has been
    /// seen by then, and what has been seen later was written later.
    pub reachable_since: Duration,
}

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The transactions, in this order.
    pub actions: Vec<Action>,
    /// When to ask again at the latest, on the clock of [`Sight::now`].
    pub look_again: Duration,
    /// What should be done and is not, for the log and the operator.
    pub held: Vec<Held>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it is for, for the log.
    pub intent: Intent,
    /// The transaction.
    pub txn: Txn,
}

/// What a transaction is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Slots that have no owner get one.
    Assign {
        /// The group.
        group: String,
        /// How many slots.
        slots: usize,
    },
    /// A node that was not heard of for too long never executes again.
    Fence(Party),
    /// Slots of nodes that cannot execute any more get another owner.
    TakeOver {
        /// The group.
        group: String,
        /// The bucket of the slots.
        bucket: u16,
        /// How many slots.
        slots: usize,
    },
    /// Slots are to move.
    Move {
        /// Which move.
        name: MoveName,
        /// The slots.
        slots: Vec<Slot>,
        /// From there.
        from: Party,
        /// To there.
        to: Party,
    },
    /// A move does not come about.
    Abort(MoveName),
    /// A move is over.
    CleanUp(MoveName),
    /// Slots that are marked as moving, by no move, are marked so no longer.
    Settle(MoveName),
    /// A group's slots begin to be spread anew.
    Rebalance {
        /// The group.
        group: String,
        /// Why.
        reason: RebalanceReason,
    },
    /// A group's slots are spread as they should be.
    Balanced {
        /// The group.
        group: String,
    },
}

/// What should be done and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Too many nodes are lost at once for it to be likely that they are dead: they may be alive behind a partition, with all their
    /// state. An operator must fence those that are dead.
    Majority {
        /// The group.
        group: String,
        /// Nodes lost within one window.
        lost: usize,
        /// Nodes of the group, the lost ones included.
        of: usize,
    },
    /// The coordinator was out of reach until a moment ago, and with it the leases of nodes that are well.
    JustBack {
        /// Until then nobody is fenced.
        until: Duration,
    },
    /// No node of the group takes slots.
    NobodyTakes {
        /// The group.
        group: String,
    },
    /// Nothing is moved while an owner is not there.
    OwnerMissing {
        /// The group.
        group: String,
        /// The owner.
        node: NodeId,
    },
    /// A part of the map exists but cannot be read, and is left alone.
    Unreadable {
        /// Its key.
        key: String,
    },
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority { group, lost, of } => write!(
                f,
                "{lost} of the {of} nodes of group {group:?} are lost at once: fence those that are dead by hand, \
                 or bring them back"
            ),
            Self::JustBack { .. } => f.write_str("the coordinator was out of reach: nobody is given up yet"),
            Self::NobodyTakes { group } => write!(f, "no node of group {group:?} takes slots"),
            Self::OwnerMissing { group, node } => {
                write!(f, "nothing moves in group {group:?} while {node} is not there")
            }
            Self::Unreadable { key } => write!(f, "{key} cannot be read, and its slots are left alone"),
        }
    }
}

/// The leader's planning. It remembers only since when each group's members have been the same: another one that takes over waits a
/// moment longer, and does the same.
#[derive(Clone, Debug)]
pub struct Controller {
    timing: Timing,
    pace: Pace,
    members: BTreeMap<String, (Vec<Member>, Duration)>,
    // What was made of the last picture. Most pictures differ from the one before by a beat, and there are 16384 slots to look at.
    sorted: Option<(Mirror, Vec<Group>)>,
}

impl Controller {
    /// A controller that has seen nothing.
    pub fn new(timing: Timing, pace: Pace) -> Self {
        Self { timing, pace, members: BTreeMap::new(), sorted: None }
    }

    /// What is to be done, given what is seen.
    pub fn plan(&mut self, sight: &Sight<'_>) -> Plan {
        let mut plan = Plan { look_again: sight.now + self.pace.look_again, ..Plan::default() };
        let sorted = self.sorted.take().filter(|(before, _)| sight.mirror.has_same_groups(before));
        let (before, groups) = sorted.unwrap_or_else(|| (sight.mirror.clone(), assignment::groups(sight.mirror)));
        self.members.retain(|name, _| groups.iter().any(|group| group.name == *name));
        failover::plan(&self.timing, sight, &groups, &mut plan);
        tend::plan(&self.pace, sight, &mut plan);
        for group in &groups {
            let settled_at = self.settled_at(group, sight.now);
            if sight.now < settled_at {
                plan.wake(settled_at);
                continue;
            }
            assignment::plan(&self.timing, sight, group, &mut plan);
            balance::plan(&self.pace, sight, group, &mut plan);
        }
        self.sorted = Some((before, groups));
        plan
    }

    /// When the group's members will have stayed the same for long enough.
    fn settled_at(&mut self, group: &Group, now: Duration) -> Duration {
        let known = self.members.entry(group.name.clone()).or_insert_with(|| (group.members.clone(), now));
        if known.0 != group.members {
            *known = (group.members.clone(), now);
        }
        known.1 + self.pace.join
    }
}

impl Plan {
    fn wake(&mut self, at: Duration) {
        self.look_again = self.look_again.min(at);
    }

    fn act(&mut self, intent: Intent, txn: Txn) {
        self.actions.push(Action { intent, txn });
    }

    fn hold(&mut self, held: Held) {
        if !self.held.contains(&held) {
            self.held.push(held);
        }
    }
}

/// Makes `me` the leader, if there is none: `None` if there is one. The term is the revision of the outcome if it was applied, see
/// [`term`].
///
/// A record that cannot be read, or names a start of a node that is not there or is fenced, is nobody's, and has no lease that ends
/// with anybody: it is replaced by one who is there. Whoever led by it, if anybody did, has lost the term with it.
pub fn claim(me: &Party, lease: LeaseId, mirror: &Mirror) -> Option<Txn> {
    let known = mirror.leader().map(|seen| seen.revision).or_else(|| mirror.unreadable(LEADER));
    let (leads, is_there) = (leads(mirror), assignment::is_alive(mirror, me));
    let is_free = match known {
        None => Compare::Absent(LEADER.to_owned()),
        Some(revision) if leads.is_none() && is_there => Compare::Unchanged(LEADER.to_owned(), revision),
        Some(_) => return None,
    };
    let leader = Leader { node: me.node.clone(), incarnation: me.incarnation };
    Some(Txn {
        compares: vec![is_free, Compare::Absent(fence_key(me.incarnation))],
        ops: vec![Op::Put { key: LEADER.to_owned(), value: write(&leader), lease: Some(lease) }],
        reads: vec![LEADER.to_owned()],
    })
}

/// Who leads, and is there and may execute.
pub fn leads(mirror: &Mirror) -> Option<Party> {
    let leader = &mirror.leader()?.record;
    let party = Party { node: leader.node.clone(), incarnation: leader.incarnation };
    assignment::is_alive(mirror, &party).then_some(party)
}

/// The term of `me`, if the mirror shows it as the leader; also what to do after a claim whose outcome is unknown.
pub fn term(me: Incarnation, mirror: &Mirror) -> Option<Revision> {
    mirror.leader().filter(|seen| seen.record.incarnation == me).map(|seen| seen.revision)
}

#[cfg(test)]
pub(super) mod fixtures;
#[cfg(test)]
mod tests;
