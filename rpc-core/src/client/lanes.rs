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
    /// The edition of its members of which the ways are.
    edition: u64,
    /// By the owners' numbers.
    ways: Vec<Option<Arc<Way>>>,
}

/// A way to a peer. Each call on it counts as one who holds it, and where all threads counted at one place, they would wait for each other.
pub(super) struct Way {
    pub(super) peer: Arc<Peer>,
}

impl Lanes {
    /// The way to the owner of `slot`, and its epoch; `None` if no owner is known, or it is this node.
    pub(super) fn find(&self, shared: &Shared, group: &str, slot: Slot) -> Option<(Arc<Way>, u64)> {
        let known = self.0.with(|lanes| lanes.iter().find(|lane| lane.group.name() == group)?.find(slot));
        known.or_else(|| self.learn(shared, group, slot))
    }

    #[cold]
    fn learn(&self, shared: &Shared, group: &str, slot: Slot) -> Option<(Arc<Way>, u64)> {
        let group = shared.groups.get(group);
        // Before what is of it: so that no way is kept for longer than it is one.
        let edition = group.edition();
        let entry = group.ownership(slot)?;
        let node = group.node(entry.owner)?;
        if !shared.force_remote && shared.here.as_ref().is_some_and(|here| here.id == node.id) {
            return None;
        }
        let way = Arc::new(Way { peer: shared.peers.get(&node) });
        self.0.with(|lanes| {
            let at = lanes.iter().position(|lane| Arc::ptr_eq(&lane.group, &group)).unwrap_or_else(|| {
                lanes.push(Lane { group, edition, ways: Vec::new() });
                lanes.len() - 1
            });
            lanes[at].keep(edition, entry.owner, way.clone());
        });
        Some((way, entry.epoch))
    }
}

impl Lane {
    fn find(&self, slot: Slot) -> Option<(Arc<Way>, u64)> {
        if self.group.edition() != self.edition {
            return None;
        }
        let entry = self.group.ownership(slot)?;
        let way = self.ways.get(usize::from(entry.owner))?.clone()?;
        Some((way, entry.epoch))
    }

    fn keep(&mut self, edition: u64, owner: u16, way: Arc<Way>) {
        if self.edition != edition {
            self.ways.clear();
            self.edition = edition;
        }
        let owner = usize::from(owner);
        if self.ways.len() <= owner {
            self.ways.resize(owner + 1, None);
        }
        self.ways[owner] = Some(way);
    }
}
