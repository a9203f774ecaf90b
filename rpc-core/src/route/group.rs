//! A group: the nodes that share one slot map, and that map.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::time::{Instant, timeout_at};

use super::cells::{Cells, Occupied, Shut};
use super::coverage::{Changes, Changing, Coverage};
use super::map::{Ownership, SlotMap};
use super::park::Park;
use super::watch::{Watch, Watches};
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
    members: RwLock<Vec<Member>>,
    // How often another node, or the same at another address, took a place in the list; changed while it is held for that.
    edition: AtomicU64,
    // In a program that is no node, no slot ever opens.
    cells: Cells,
    park: Park,
    watches: Arc<Watches>,
    // Slots that a redirect patched, to be believed only until the next map; held for an insert or a removal.
    redirected: Mutex<HashSet<Slot>>,
    // The last map, ascending; held while the next one is taken over.
    installed: Mutex<Vec<Stretch>>,
    changes: Changes,
    is_fixed: bool,
    here: Option<NodeId>,
}

/// A node that is or was of the group.
struct Member {
    // Shared, since every call asks for the owner of its slot.
    info: Arc<NodeInfo>,
    // Whether the last map names it. Others stay, since slots may still point to them.
    is_listed: bool,
}

/// A run of slots in a map that was taken over.
#[derive(Clone, Copy)]
struct Stretch {
    first: u16,
    last: u16,
    entry: Ownership,
}

/// Where a slot is, as far as this process knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The node.
    pub node: Arc<NodeInfo>,
    /// The slot's epoch.
    pub epoch: u64,
}

/// Why a call does not enter a slot here. Nothing was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotHere {
    /// Another node owns the slot.
    Moved(Owner),
    /// Nobody is known to own it.
    NoOwner,
    /// The slot was being handed over for as long as a call may wait.
    Parked,
    /// This node owns the slot, and was loading it for as long as a call may wait.
    Recovering,
    /// As many calls as may wait for the slot already do.
    Full,
}

impl Group {
    /// A group about which nothing is known yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            map: SlotMap::new(),
            members: RwLock::default(),
            edition: AtomicU64::new(0),
            changes: Changes::default(),
            cells: Cells::new(),
            park: Park::default(),
            watches: Arc::default(),
            redirected: Mutex::default(),
            installed: Mutex::default(),
            is_fixed: false,
            here: None,
        }
    }

    /// The same group on the node `here`.
    #[must_use]
    pub fn at(mut self, here: NodeId) -> Self {
        self.here = Some(here);
        self
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

    /// Enters `slot` on this node, or waits, but not after `until`, while it is handed over or loaded. `is_nested` says that a call
    /// waits for this one which the hand-over waits for.
    ///
    /// # Errors
    /// [`NotHere`], with where to go if that is known.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place among those waiting.
    pub async fn admit(&self, slot: Slot, until: Instant, is_nested: bool) -> Result<Occupied<'_>, NotHere> {
        if let Some(decided) = self.try_admit(slot, is_nested) {
            return decided;
        }
        let parked = self.park.enter(slot).map_err(|_| NotHere::Full)?;
        let woken = timeout_at(until, parked.until(|| self.try_admit(slot, is_nested))).await;
        woken.unwrap_or_else(|_| Err(if self.cells.is_sealed(slot) { NotHere::Parked } else { NotHere::Recovering }))
    }

    /// `None` as long as a call has to wait.
    fn try_admit(&self, slot: Slot, is_nested: bool) -> Option<Result<Occupied<'_>, NotHere>> {
        let entered = if is_nested { self.cells.enter_nested(slot) } else { self.cells.enter(slot) };
        match entered {
            Ok(occupied) => Some(Ok(occupied)),
            Err(Shut::Sealed) => None,
            Err(Shut::Closed) => match self.owner(slot) {
                // It is ours and not open yet; in a fixed cluster it never will be anything else.
                Some(owner) if Some(&owner.node.id) == self.here.as_ref() && !self.is_fixed => None,
                Some(owner) => Some(Err(NotHere::Moved(owner))),
                None => Some(Err(NotHere::NoOwner)),
            },
        }
    }

    /// Serves `slot` from now on.
    pub fn open(&self, slot: Slot) {
        self.cells.open(slot);
        self.park.wake(slot);
        self.watches.wake(slot);
    }

    /// Lets no call into `slot` any more; those that come wait. False if it was not open.
    pub fn seal(&self, slot: Slot) -> bool {
        self.cells.seal(slot)
    }

    /// Waits until no call runs in the sealed `slot`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn drained(&self, slot: Slot) {
        self.cells.drained(slot).await;
    }

    /// Stops to serve `slot`. Whoever waits for it looks again where it is: tell the new owner first.
    pub fn close(&self, slot: Slot) {
        self.cells.close(slot);
        self.park.wake(slot);
        self.watches.wake(slot);
    }

    /// Begins to watch whether `slot` is opened or closed here.
    pub fn watch(&self, slot: Slot) -> Watch {
        self.watches.begin(slot)
    }

    /// Enters `slot` for what began there in `epoch` and goes on from time to time; `None` while the slot is sealed, which ends in one way or
    /// the other.
    ///
    /// # Errors
    /// [`NotHere`]: this node does not serve the slot any more, or not in that epoch.
    pub fn enter_again(&self, slot: Slot, epoch: u64) -> Result<Option<Occupied<'_>>, NotHere> {
        match self.cells.enter(slot) {
            Ok(occupied) if self.epoch(slot) == epoch => Ok(Some(occupied)),
            Err(Shut::Sealed) => Ok(None),
            Ok(_) | Err(Shut::Closed) => Err(self.owner(slot).map_or(NotHere::NoOwner, |owner| {
                // Ours, and not open or of another epoch: what began in it has nothing to go on with.
                if Some(&owner.node.id) == self.here.as_ref() { NotHere::Recovering } else { NotHere::Moved(owner) }
            })),
        }
    }

    /// Whether calls may run in `slot` here.
    pub fn is_open(&self, slot: Slot) -> bool {
        self.cells.is_open(slot)
    }

    /// Whether calls still run in `slot`, which is being handed over.
    pub fn is_draining(&self, slot: Slot) -> bool {
        self.cells.is_sealed(slot) && self.cells.is_open(slot)
    }

    /// How many calls wait for a slot.
    pub fn parked(&self) -> usize {
        self.park.waiting()
    }

    /// The owner of `slot`.
    pub fn owner(&self, slot: Slot) -> Option<Owner> {
        let entry = self.map.get(slot)?;
        Some(Owner { node: self.node(entry.owner)?, epoch: entry.epoch })
    }

    /// The owner of `slot` as a number, which stands for the same node at the same address as long as the [edition](Self::edition) is the same.
    #[inline]
    pub fn ownership(&self, slot: Slot) -> Option<Ownership> {
        self.map.get(slot)
    }

    /// The node of this number, also one that has left.
    pub fn node(&self, number: u16) -> Option<Arc<NodeInfo>> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.get(usize::from(number)).map(|member| member.info.clone())
    }

    /// Which edition of its members this is. Read it before them: what was read later is of it, or of a newer one.
    #[inline]
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// The epoch of `slot`; 0 if nobody owns it.
    #[inline]
    pub fn epoch(&self, slot: Slot) -> u64 {
        self.map.epoch(slot)
    }

    /// The nodes of the group, in the order in which they became known.
    pub fn members(&self) -> Vec<NodeInfo> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.iter().filter(|member| member.is_listed).map(|member| NodeInfo::clone(&member.info)).collect()
    }

    /// The node of this id, also one that has left.
    pub fn member(&self, id: &NodeId) -> Option<Arc<NodeInfo>> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.iter().find(|member| member.info.id == *id).map(|member| member.info.clone())
    }

    /// Takes over the news in `view`: who is of the group, newer epochs, and whatever it says of slots that a redirect had
    /// patched. In a fixed cluster it also opens this node's slots.
    ///
    /// What the last view said already is passed over in runs: a map changes slot by slot, and is told whole.
    pub fn install(&self, view: &GroupView) {
        let indices = self.index_of(&view.nodes);
        let stretches = view.slots.iter().filter_map(|range| {
            let entry = Ownership { owner: *indices.get(range.node)?, epoch: range.epoch };
            Some(Stretch { first: range.first.get(), last: range.last.get(), entry })
        });
        let next: Vec<Stretch> = stretches.collect();
        // Held to the end: two maps that are taken over at once must not each pass over what only the other one has said.
        let mut installed = self.installed.lock().unwrap_or_else(PoisonError::into_inner);
        let redirected = std::mem::take(&mut *self.redirected.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in redirected {
            let at = next.partition_point(|stretch| stretch.last < slot.get());
            if let Some(stretch) = next.get(at).filter(|stretch| stretch.first <= slot.get()) {
                self.map.set(slot, stretch.entry);
                self.park.wake(slot);
            }
        }
        let mut known = installed.iter().copied().peekable();
        for stretch in &next {
            let mut first = stretch.first;
            while first <= stretch.last {
                while known.next_if(|known| known.last < first).is_some() {}
                let (last, is_known) = match known.peek() {
                    Some(known) if known.first <= first => (known.last, known.entry == stretch.entry),
                    Some(known) => (known.first - 1, false),
                    None => (stretch.last, false),
                };
                let last = last.min(stretch.last);
                if !is_known {
                    (first..=last).filter_map(Slot::new).for_each(|slot| self.advance(slot, stretch.entry));
                }
                first = last + 1;
            }
        }
        *installed = next;
    }

    /// Takes `next` for `slot` if it is news.
    fn advance(&self, slot: Slot, next: Ownership) {
        if !self.map.advance(slot, next) {
            return;
        }
        if self.is_fixed && self.here.is_some() && self.here == self.node(next.owner).map(|node| node.id.clone()) {
            self.cells.open(slot);
        }
        self.park.wake(slot);
    }

    /// Takes in what this node has read with its own eyes: `owner` has `slot` since this epoch. Older than what is known, it is passed
    /// over. False if the owner is not known.
    pub fn learn(&self, slot: Slot, owner: &NodeId, epoch: u64) -> bool {
        let index = self.index(owner);
        let is_news = index.is_some_and(|owner| self.map.advance(slot, Ownership { owner, epoch }));
        if index.is_some() {
            // What a redirect said of the slot counts no more: the next map may be older than what was read.
            self.redirected.lock().unwrap_or_else(PoisonError::into_inner).remove(&slot);
        }
        if is_news {
            self.park.wake(slot);
        }
        index.is_some()
    }

    fn index(&self, node: &NodeId) -> Option<u16> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.iter().position(|member| member.info.id == *node).and_then(|index| u16::try_from(index).ok())
    }

    /// Patches the one slot that a redirect spoke of; false if that was no news, names a stranger, or cannot be.
    pub fn follow(&self, slot: Slot, owner: &NodeId, epoch: u64) -> bool {
        if self.is_fixed {
            return false;
        }
        let index = self.index(owner);
        let is_news = index.is_some_and(|owner| self.map.advance(slot, Ownership { owner, epoch }));
        if is_news {
            // A redirect may lie: the next map, which a member tells of its own accord, overrules it.
            self.redirected.lock().unwrap_or_else(PoisonError::into_inner).insert(slot);
        }
        is_news
    }

    /// How many slots redirects have patched since the last map.
    pub fn patched(&self) -> usize {
        self.redirected.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// This node begins to change which slots it serves, or what is held of them. Whoever goes through all of them meanwhile must know.
    pub fn changing(&self) -> Changing<'_> {
        self.changes.begin()
    }

    /// What a call to all nodes that begins now will speak for, if it is [confirmed](Self::confirm) when it has run.
    pub fn coverage(&self, node: &NodeId) -> Coverage {
        self.changes.cover(|| self.open_runs(node))
    }

    /// What a call to all nodes has covered; nothing if slots came or went while it ran.
    pub fn confirm(&self, coverage: Coverage) -> Vec<Covered> {
        self.changes.confirm(coverage)
    }

    /// The runs of slots that `node`, which is this one, owns and serves. What a sealed slot holds is hidden once it has drained.
    fn open_runs(&self, node: &NodeId) -> Vec<Covered> {
        let mut runs: Vec<Covered> = Vec::new();
        for owned in self.owned_by(node) {
            let mut run: Option<Covered> = None;
            for slot in (owned.first.get()..=owned.last.get()).filter_map(Slot::new) {
                if self.cells.is_open(slot) {
                    run.get_or_insert(Covered { first: slot, ..owned }).last = slot;
                } else {
                    runs.extend(run.take());
                }
            }
            runs.extend(run);
        }
        runs
    }

    /// The runs of slots that `node` owns.
    pub fn owned_by(&self, node: &NodeId) -> Vec<Covered> {
        let mine =
            |range: &SlotRange, members: &[NodeInfo]| members.get(range.node).is_some_and(|info| info.id == *node);
        let view = self.view();
        let ranges = view.slots.iter().filter(|range| mine(range, &view.nodes));
        ranges.map(|range| Covered { first: range.first, last: range.last, epoch: range.epoch }).collect()
    }

    /// The group as it is told to others.
    pub fn view(&self) -> GroupView {
        let stretches = self.stretches();
        // Owners that have left are told too: their slots point to them until somebody else has them.
        let (nodes, indices) = self.listed_or_owning(&stretches);
        let mut slots: Vec<SlotRange> = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let (Some(&node), Some(first), Some(last)) =
                (indices.get(&stretch.entry.owner), Slot::new(stretch.first), Slot::new(stretch.last))
            else {
                continue;
            };
            slots.push(SlotRange { first, last, node, epoch: stretch.entry.epoch });
        }
        GroupView { nodes, slots }
    }

    /// The map in runs of slots of one owner and epoch, ascending.
    fn stretches(&self) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for slot in Slot::all() {
            let Some(entry) = self.map.get(slot) else { continue };
            match stretches.last_mut() {
                Some(run) if run.entry == entry && run.last + 1 == slot.get() => run.last = slot.get(),
                _ => stretches.push(Stretch { first: slot.get(), last: slot.get(), entry }),
            }
        }
        stretches
    }

    /// The nodes to tell of, and the place of each among them by its index in the map.
    fn listed_or_owning(&self, stretches: &[Stretch]) -> (Vec<NodeInfo>, HashMap<u16, usize>) {
        let owning: HashSet<u16> = stretches.iter().map(|stretch| stretch.entry.owner).collect();
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        let told =
            (0..=u16::MAX).zip(members.iter()).filter(|(index, member)| member.is_listed || owning.contains(index));
        let (mut nodes, mut indices) = (Vec::new(), HashMap::new());
        for (index, member) in told {
            indices.insert(index, nodes.len());
            nodes.push(NodeInfo::clone(&member.info));
        }
        (nodes, indices)
    }

    /// The index of each of `nodes` among the members; new ones are added at the end, and the others count as gone.
    fn index_of(&self, nodes: &[NodeInfo]) -> Vec<u16> {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let by_id: HashMap<NodeId, usize> =
            members.iter().enumerate().map(|(i, member)| (member.info.id.clone(), i)).collect();
        members.iter_mut().for_each(|member| member.is_listed = false);
        let mut indices = Vec::with_capacity(nodes.len());
        for node in nodes {
            let info = || Arc::new(node.clone());
            let index = match by_id.get(&node.id) {
                Some(&index) => {
                    let member = &mut members[index];
                    member.is_listed = true;
                    if *member.info != *node {
                        member.info = info();
                        self.edition.fetch_add(1, Ordering::Release);
                    }
                    index
                }
                None if members.len() < MAX_NODES => {
                    members.push(Member { info: info(), is_listed: true });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::view::SlotRange;

    #[test]
    fn an_older_map_takes_back_a_redirect_but_not_what_was_read() {
        let node = |name: &str| NodeInfo { id: NodeId::new(name), address: name.to_owned(), weight: 1 };
        let (first, last) = (Slot::all().next().expect("a slot"), Slot::all().next_back().expect("a slot"));
        let slots = vec![SlotRange { first, last, node: 0, epoch: 3 }];
        let older = GroupView { nodes: vec![node("a:1"), node("b:1")], slots };
        let (group, b) = (Group::new("g").at(NodeId::new("b:1")), NodeId::new("b:1"));
        group.install(&older);
        assert!(group.follow(first, &b, 4) && group.follow(last, &b, 4));
        assert!(group.learn(first, &b, 4));
        group.install(&older);
        assert_eq!((group.epoch(first), group.epoch(last)), (4, 3));
    }

    #[test]
    fn a_later_map_changes_what_differs_and_nothing_else() {
        let slot = |number: u16| Slot::new(number).expect("a slot");
        let node = |name: &str| NodeInfo { id: NodeId::new(name), address: name.to_owned(), weight: 1 };
        let view = |runs: &[(u16, u16, usize, u64)]| {
            let run = |&(first, last, node, epoch)| SlotRange { first: slot(first), last: slot(last), node, epoch };
            GroupView { nodes: vec![node("a:1"), node("b:1")], slots: runs.iter().map(run).collect() }
        };
        let group = Group::new("g");
        group.install(&view(&[(0, 99, 0, 1), (110, 199, 1, 1)]));
        let second = view(&[(0, 49, 0, 1), (50, 149, 1, 2), (150, 199, 1, 1)]);
        group.install(&second);
        assert_eq!(group.view(), second);
        assert!(group.follow(slot(7), &NodeId::new("b:1"), 9));
        group.install(&second);
        assert_eq!(group.view(), second, "a redirect counts only until the next map");
        group.install(&view(&[(0, 199, 0, 1)]));
        assert_eq!(group.view(), second, "older epochs are no news");
        let (edition, mut moved) = (group.edition(), second);
        moved.nodes.push(node("c:1"));
        group.install(&moved);
        assert_eq!(group.edition(), edition, "every number stands for the same node still");
        moved.nodes[1].address = "b:2".to_owned();
        group.install(&moved);
        assert_ne!(group.edition(), edition);
        let owner = group.ownership(slot(120)).and_then(|entry| group.node(entry.owner)).expect("b owns it");
        assert_eq!(owner.address, "b:2");
    }
}
