//! The coordinator's records as this node knows them, read anew whenever something changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpc_core::clock::Clock;
use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::view::{GroupView, SlotRange};
use rpc_core::coordinator::mirror::{Mirror, Snapshot};
use rpc_core::coordinator::{Changes, CoordinatorError, Event, Range};
use rpc_core::node::{NodeId, NodeInfo};
use rpc_core::route::group::Group;
use tokio::sync::watch;

/// Follows the mirror's keys, and shows what they say.
pub(super) struct Reader {
    mirror: Arc<Mirror>,
    clock: Arc<dyn Clock>,
    seen: Arc<Snapshot>,
    picture: Picture,
    shown: Gallery,
}

impl Reader {
    /// A reader, and what it shows.
    pub(super) fn new(mirror: Arc<Mirror>, clock: Arc<dyn Clock>) -> (Self, Gallery) {
        let shown = Gallery::default();
        (Self { mirror, clock, seen: Arc::default(), picture: Picture::default(), shown: shown.clone() }, shown)
    }

    /// Reads for as long as it is polled.
    ///
    /// # Errors
    /// Why nothing follows any more: the coordinator's data is not what it was.
    pub(super) async fn run(mut self) -> CoordinatorError {
        loop {
            match self.mirror.changed(self.seen.revision).await {
                Ok(next) => self.take(next),
                Err(stopped) => return stopped,
            }
        }
    }

    fn take(&mut self, next: Arc<Snapshot>) {
        let now = self.clock.now();
        let problems = if self.seen.revision == 0 {
            let entries = next.entries.values().map(|entry| (**entry).clone()).collect();
            self.picture.list(&Range { revision: next.revision, entries }, now)
        } else {
            self.picture.apply(&changes(&self.seen, &next), now)
        };
        for problem in problems {
            tracing::error!(key = ?problem.key, why = %problem.why, "a record of the coordinator is passed over");
        }
        self.seen = next;
        self.shown.show(Arc::new(self.picture.clone()));
    }
}

/// Where a [`Reader`] shows its pictures, to any number of tasks.
///
/// Each task has a channel of its own, so that they are woken in the order in which they came: one channel for all wakes them in a
/// random order, and no simulation would go the same way twice.
#[derive(Clone, Default)]
pub(super) struct Gallery(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    latest: Arc<Picture>,
    // As many as there are tasks; those of tasks that have ended go at the next look.
    looking: Vec<watch::Sender<Arc<Picture>>>,
}

impl Gallery {
    /// The picture that is shown now.
    pub(super) fn latest(&self) -> Arc<Picture> {
        self.lock().latest.clone()
    }

    /// The pictures, from now on.
    pub(super) fn look(&self) -> watch::Receiver<Arc<Picture>> {
        let mut shown = self.lock();
        let (sender, pictures) = watch::channel(shown.latest.clone());
        shown.looking.retain(|looking| !looking.is_closed());
        shown.looking.push(sender);
        pictures
    }

    fn show(&self, picture: Arc<Picture>) {
        let mut shown = self.lock();
        for looking in &shown.looking {
            looking.send_replace(picture.clone());
        }
        shown.latest = picture;
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened between two snapshots.
fn changes(before: &Snapshot, after: &Snapshot) -> Changes {
    // Both are in order, so one look at each key is enough.
    let mut left = after.entries.keys().peekable();
    let gone = before.entries.keys().filter(move |key| {
        while left.next_if(|next| next < key).is_some() {}
        left.next_if(|next| next == key).is_none()
    });
    let gone = gone.map(|key| Event::Deleted { key: key.to_string(), revision: after.revision });
    let written = after.entries.values().filter(|entry| entry.revision > before.revision);
    let written = written.map(|entry| Event::Put((**entry).clone()));
    // No key is both, so their order says nothing.
    Changes { revision: after.revision, events: gone.chain(written).collect() }
}

/// Shows `group` what the picture says of it. Nodes that are gone but still own slots are told with the address in `known`.
pub(super) fn install(group: &Group, picture: &Picture, known: &BTreeMap<NodeId, String>) {
    group.install(&group_view(group.name(), picture, known));
}

fn group_view(name: &str, picture: &Picture, known: &BTreeMap<NodeId, String>) -> GroupView {
    let members = picture.nodes().values().map(|seen| &seen.record);
    let mut nodes: Vec<NodeInfo> = members
        .filter(|node| node.groups.iter().any(|group| group == name))
        .map(|node| NodeInfo { id: node.id.clone(), address: node.address.clone(), weight: picture.weight(node) })
        .collect();
    let mut places: BTreeMap<NodeId, usize> =
        nodes.iter().enumerate().map(|(place, node)| (node.id.clone(), place)).collect();
    let mut slots: Vec<SlotRange> = Vec::new();
    for (_, bucket) in picture.buckets(name) {
        for run in &bucket.record.runs {
            let owner = &run.holding.node;
            let place = match places.get(owner) {
                Some(&place) => place,
                None => {
                    // Gone, or never seen: whoever calls it hears that it is gone, and waits for the next map.
                    let Some(address) = known.get(owner) else { continue };
                    nodes.push(NodeInfo { id: owner.clone(), address: address.clone(), weight: 0 });
                    places.insert(owner.clone(), nodes.len() - 1);
                    nodes.len() - 1
                }
            };
            let range = SlotRange { first: run.first, last: run.last, node: place, epoch: run.holding.epoch };
            match slots.last_mut() {
                Some(last) if last.node == place && last.epoch == range.epoch && is_next(last, &range) => {
                    last.last = range.last;
                }
                _ => slots.push(range),
            }
        }
    }
    GroupView { nodes, slots }
}

fn is_next(before: &SlotRange, after: &SlotRange) -> bool {
    before.last.get() + 1 == after.first.get()
}
