//! A group: the nodes that share one slot map, and that map.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::cells::{Cells, Occupied};
use super::map::{Ownership, SlotMap};
use crate::call::Covered;
use crate::cluster::view::{GroupView, SlotRange};
use crate::limits::MAX_NODES;
use crate::node::{NodeId, NodeInfo};
use crate::slot::Slot;

/// One group as this process sees it. On a node it also holds the node's own slot cells.
pub struct Group {
    name: String,
    map: SlotMap,
    // Indices in `map` point into this list, so it only ever grows. Held for a look-up or a push, never across an await.
    members: RwLock<Vec<NodeInfo>>,
    // In a program that is no node, no slot ever opens.
    cells: Cells,
    // Slots that a redirect patched, to be believed only until the next map; held for an insert or a removal.
    redirected: Mutex<HashSet<Slot>>,
    is_fixed: bool,
}

/// Where a slot is, as far as this process knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The node.
    pub node: NodeInfo,
    /// The slot's epoch.
    pub epoch: u64,
}

impl Group {
    /// A group about which nothing is known yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            map: SlotMap::new(),
            members: RwLock::default(),
            cells: Cells::new(),
            redirected: Mutex::default(),
            is_fixed: false,
        }
    }

    /// The same group on a node of a fixed cluster, whose owners never change, whatever a redirect claims.
    #[must_use]
    pub fn fixed(mut self) -> Self {
        self.is_fixed = true;
        self
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Enters `slot` on this node; `None` if this node does not serve it.
    #[inline]
    pub fn enter(&self, slot: Slot) -> Option<Occupied<'_>> {
        self.cells.enter(slot).ok()
    }

    /// The owner of `slot`.
    pub fn owner(&self, slot: Slot) -> Option<Owner> {
        let entry = self.map.get(slot)?;
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        let node = members.get(usize::from(entry.owner))?.clone();
        Some(Owner { node, epoch: entry.epoch })
    }

    /// The epoch of `slot`; 0 if nobody owns it.
    #[inline]
    pub fn epoch(&self, slot: Slot) -> u64 {
        self.map.epoch(slot)
    }

    /// All nodes of the group, in the order in which they became known.
    pub fn members(&self) -> Vec<NodeInfo> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The member of this id.
    pub fn member(&self, id: &NodeId) -> Option<NodeInfo> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).iter().find(|node| node.id == *id).cloned()
    }

    /// Takes over the news in `view`: newer epochs, and whatever it says of slots that a redirect had patched. With `here`, also
    /// opens this node's slots.
    pub fn install(&self, view: &GroupView, here: Option<&NodeId>) {
        let indices = self.index_of(&view.nodes);
        let redirected = std::mem::take(&mut *self.redirected.lock().unwrap_or_else(PoisonError::into_inner));
        for range in &view.slots {
            let (Some(&owner), Some(node)) = (indices.get(range.node), view.nodes.get(range.node)) else { continue };
            let next = Ownership { owner, epoch: range.epoch };
            for slot in (range.first.get()..=range.last.get()).filter_map(Slot::new) {
                if redirected.contains(&slot) {
                    self.map.set(slot, next);
                } else if self.map.advance(slot, next) && here == Some(&node.id) {
                    self.cells.open(slot);
                }
            }
        }
    }

    /// Patches the one slot that a redirect spoke of; false if that was no news, names a stranger, or cannot be.
    pub fn follow(&self, slot: Slot, owner: &NodeId, epoch: u64) -> bool {
        if self.is_fixed {
            return false;
        }
        let index = {
            let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
            members.iter().position(|node| node.id == *owner).and_then(|index| u16::try_from(index).ok())
        };
        let is_news = index.is_some_and(|owner| self.map.advance(slot, Ownership { owner, epoch }));
        if is_news {
            // A redirect may lie: the next map, which a member tells of its own accord, overrules it.
            self.redirected.lock().unwrap_or_else(PoisonError::into_inner).insert(slot);
        }
        is_news
    }

    /// The runs of slots that `node` owns.
    pub fn covered_by(&self, node: &NodeId) -> Vec<Covered> {
        let mine =
            |range: &SlotRange, members: &[NodeInfo]| members.get(range.node).is_some_and(|info| info.id == *node);
        let view = self.view();
        let ranges = view.slots.iter().filter(|range| mine(range, &view.nodes));
        ranges.map(|range| Covered { first: range.first, last: range.last, epoch: range.epoch }).collect()
    }

    /// The group as it is told to others.
    pub fn view(&self) -> GroupView {
        let nodes = self.members();
        let mut slots: Vec<SlotRange> = Vec::new();
        for slot in Slot::all() {
            let Some(entry) = self.map.get(slot) else { continue };
            let node = usize::from(entry.owner);
            match slots.last_mut() {
                Some(run) if run.node == node && run.epoch == entry.epoch && run.last.get() + 1 == slot.get() => {
                    run.last = slot;
                }
                _ => slots.push(SlotRange { first: slot, last: slot, node, epoch: entry.epoch }),
            }
        }
        GroupView { nodes, slots }
    }

    /// The index of each of `nodes` among the members; new ones are added at the end.
    fn index_of(&self, nodes: &[NodeInfo]) -> Vec<u16> {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let by_id: HashMap<NodeId, usize> = members.iter().enumerate().map(|(i, node)| (node.id.clone(), i)).collect();
        let mut indices = Vec::with_capacity(nodes.len());
        for node in nodes {
            let index = match by_id.get(&node.id) {
                Some(&index) => {
                    members[index] = node.clone();
                    index
                }
                None if members.len() < MAX_NODES => {
                    members.push(node.clone());
                    members.len() - 1
                }
                None => break,
            };
            indices.push(u16::try_from(index).unwrap_or(u16::MAX));
        }
        indices
    }
}

impl AsRef<Cells> for Group {
    fn as_ref(&self) -> &Cells {
        &self.cells
    }
}

/// All groups of one process; each is made when it is first asked for.
pub struct Groups {
    // Few and looked up by every call: comparing names costs less than hashing one.
    by_name: RwLock<BTreeMap<String, Arc<Group>>>,
    most: usize,
    make: Box<dyn Fn(&str) -> Group + Send + Sync>,
}

impl Groups {
    /// At most `most` groups, each made by `make`.
    pub fn new(most: usize, make: impl Fn(&str) -> Group + Send + Sync + 'static) -> Self {
        Self { by_name: RwLock::default(), most, make: Box::new(make) }
    }

    /// The group of this name. Beyond the bound it is made anew for each asker and kept by nobody else.
    pub fn get(&self, name: &str) -> Arc<Group> {
        if let Some(group) = self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return group.clone();
        }
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if by_name.len() >= self.most && !by_name.contains_key(name) {
            return Arc::new((self.make)(name));
        }
        by_name.entry(name.to_owned()).or_insert_with(|| Arc::new((self.make)(name))).clone()
    }

    /// All groups made so far, by name.
    pub fn all(&self) -> Vec<Arc<Group>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
