//! The ways that calls went before: which peer owns a slot, without a lock, a search or a count that threads share.

use std::sync::Arc;

use super::shared::Shared;
use crate::route::group::Group;
use crate::slot::Slot;
use crate::stripes::Striped;
use crate::transport::peers::Peer;

/// The peers that own slots, as far as calls of some threads have asked. A cache of the groups and the peers, no more: what it does not know, or what
/// has changed, is looked up there.
#[derive(Default)]
pub(super) struct Lanes(Striped<Vec<Lane>>);

/// The peers of one group.
struct Lane {
    group: Arc<Group>,
    /// Of which its ways are.
    edition: Edition,
    /// By the owners' numbers.
    ways: Vec<Option<Arc<Way>>>,
}

/// That of a group's members, and that of all peers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Edition(u64, u64);

/// A way to a peer. Each call on it counts as one who holds it, and where all threads counted at one place, they would wait for each other.
pub(super) struct Way {
    pub(super) peer: Arc<Peer>,
}

impl Edition {
    fn of(group: &Group, shared: &Shared) -> Self {
        Self(group.edition(), shared.peers.edition())
    }
}

impl Lanes {
    /// The way to the owner of `slot`, and its epoch; `None` if no owner is known, or it is this node.
    pub(super) fn find(&self, shared: &Shared, group: &str, slot: Slot) -> Option<(Arc<Way>, u64)> {
        let known = self.0.with(|lanes| lanes.iter().find(|lane| lane.group.name() == group)?.find(shared, slot));
        known.or_else(|| self.learn(shared, group, slot))
    }

    #[cold]
    fn learn(&self, shared: &Shared, group: &str, slot: Slot) -> Option<(Arc<Way>, u64)> {
        let group = shared.groups.get(group);
        // Before what is of it: so that no way is kept for longer than it is one.
        let edition = Edition::of(&group, shared);
        let entry = group.ownership(slot)?;
        let node = group.node(entry.owner)?;
        if !shared.force_remote && shared.here.as_ref().is_some_and(|here| here.id == node.id) {
            return None;
        }
        let way = Arc::new(Way { peer: shared.peers.get(&node) });
        self.0.with(|lanes| {
            let at = lanes.iter().position(|lane| lane.group.name() == group.name()).unwrap_or_else(|| {
                lanes.push(Lane { group: group.clone(), edition, ways: Vec::new() });
                lanes.len() - 1
            });
            lanes[at].keep(group, edition, entry.owner, way.clone());
        });
        Some((way, entry.epoch))
    }
}

impl Lane {
    fn find(&self, shared: &Shared, slot: Slot) -> Option<(Arc<Way>, u64)> {
        if Edition::of(&self.group, shared) != self.edition {
            return None;
        }
        let entry = self.group.ownership(slot)?;
        let way = self.ways.get(usize::from(entry.owner))?.clone()?;
        Some((way, entry.epoch))
    }

    fn keep(&mut self, group: Arc<Group>, edition: Edition, owner: u16, way: Arc<Way>) {
        // Beyond the bound of groups, each who asks for one has another.
        if self.edition != edition || !Arc::ptr_eq(&self.group, &group) {
            self.ways.clear();
            (self.group, self.edition) = (group, edition);
        }
        let owner = usize::from(owner);
        if self.ways.len() <= owner {
            self.ways.resize(owner + 1, None);
        }
        self.ways[owner] = Some(way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::builder::WhereverBuilder;
    use crate::cluster::view::{GroupView, SlotRange};
    use crate::node::{NodeId, NodeInfo};
    use crate::route::groups::Groups;

    fn slot(number: u16) -> Slot {
        Slot::new(number).expect("a slot")
    }

    fn view(addresses: [&str; 2]) -> GroupView {
        let node =
            |(name, address): (&str, &str)| NodeInfo { id: NodeId::new(name), address: address.to_owned(), weight: 1 };
        let run = |first, node| SlotRange { first: slot(first), last: slot(first + 99), node, epoch: 1 };
        let nodes = ["a", "b"].into_iter().zip(addresses).map(node).collect();
        GroupView { nodes, slots: vec![run(0, 0), run(100, 1)] }
    }

    fn shared(most_groups: usize) -> Arc<Shared> {
        let make = |name: &str| {
            let group = Group::new(name);
            group.install(&view(["a:1", "b:1"]));
            group
        };
        WhereverBuilder::of_groups(Groups::new(most_groups, make)).build().expect("built").shared.clone()
    }

    fn peer(shared: &Shared, of: u16) -> Arc<Peer> {
        shared.lanes.find(shared, "g", slot(of)).expect("it is owned").0.peer.clone()
    }

    #[test]
    fn a_group_beyond_the_bound_leaves_one_lane() {
        let shared = shared(0);
        for _ in 0..100 {
            for number in [5, 105] {
                assert!(shared.lanes.find(&shared, "g", slot(number)).is_some());
            }
        }
        let mut lanes = 0;
        shared.lanes.0.each(|of_thread| lanes += of_thread.len());
        assert_eq!(lanes, 1);
    }

    #[test]
    fn no_lane_keeps_a_peer_that_was_made_anew() {
        let shared = shared(1);
        let (a, b) = (peer(&shared, 5), peer(&shared, 105));
        assert!(Arc::ptr_eq(&a, &peer(&shared, 5)), "it is known");
        let group = shared.groups.get("g");
        group.install(&view(["a:1", "b:2"]));
        assert_eq!(peer(&shared, 105).node.address, "b:2");
        // Another group may be behind, and ask for it where it was; then it is made anew once more.
        assert_eq!(shared.peers.get(&b.node).node.address, "b:1");
        let again = peer(&shared, 105);
        assert_eq!(again.node.address, "b:2");
        assert!(Arc::ptr_eq(&again, &shared.peers.get(&again.node)), "all others find the same");
    }
}
