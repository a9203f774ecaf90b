//! What one incarnation of a node works with, from its joining to its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rpc_core::clock::Clock;
use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::records::{Incarnation, NodeState};
use rpc_core::coordinator::mirror::Mirror;
use rpc_core::coordinator::{Coordinator, Revision};
use rpc_core::node::NodeId;
use rpc_core::route::group::Group;
use rpc_core::transport::peers::Transport;
use tokio::sync::{Notify, watch};

use super::complaints::Complaints;
use super::holder::Holder;
use super::orders::Orders;
use super::picture::{self, Gallery};
use super::planted::Planted;

/// How long a node waits for its own picture to show what a transaction told it. The picture follows within milliseconds; without
/// it nothing is wrong, only later.
const CATCH_UP: Duration = Duration::from_millis(500);

/// One incarnation of a node in a cluster that it has found.
pub(super) struct Joined {
    pub(super) me: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) cluster: String,
    pub(super) coordinator: Arc<dyn Coordinator>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) mirror: Arc<Mirror>,
    pub(super) pictures: Gallery,
    pub(super) wherever: rpc_core::client::Wherever,
    /// One for each group that this node provides services of.
    pub(super) holders: Vec<Arc<Holder>>,
    /// What groups were shown. Held while one is shown more.
    pub(super) routes: Mutex<Routes>,
    pub(super) look: Notify,
    pub(super) state: RwLock<NodeState>,
    /// The moves that operators ordered of this node.
    pub(super) orders: Orders,
    /// What the log has heard of slots that cannot be moved.
    pub(super) complaints: Complaints,
    pub(super) planted: Option<Planted>,
}

/// What groups were shown of the records.
pub(super) struct Routes {
    /// Where nodes answer or answered: some are gone, and slots are theirs still.
    addresses: BTreeMap<NodeId, String>,
    /// The picture that each group was shown last.
    shown: BTreeMap<String, Arc<Picture>>,
}

impl Routes {
    /// Nothing but where this node itself answers: its slots are its own also while its record is lost, and a node that serves them must
    /// know so.
    pub(super) fn of(me: NodeId, address: String) -> Self {
        Self { addresses: BTreeMap::from([(me, address)]), shown: BTreeMap::new() }
    }

    /// Shows `group` what `picture` says of it, if it was not shown that already.
    fn install(&mut self, group: &Group, picture: Arc<Picture>) {
        let before = self.shown.get(group.name());
        // Most changes are beats, and say nothing of where slots are. What a redirect has patched is put right all the same.
        if before.is_some_and(|before| picture.has_same_routes(group.name(), before)) && group.patched() == 0 {
            return;
        }
        for (id, seen) in picture.nodes() {
            self.addresses.insert(id.clone(), seen.record.address.clone());
        }
        picture::install(group, &picture, &self.addresses);
        self.shown.insert(group.name().to_owned(), picture);
    }
}

impl Joined {
    /// The records, as they change.
    pub(super) fn pictures(&self) -> watch::Receiver<Arc<Picture>> {
        self.pictures.look()
    }

    /// The records as they are known now.
    pub(super) fn picture(&self) -> Arc<Picture> {
        self.pictures.latest()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn coordinator(&self) -> &dyn Coordinator {
        &*self.coordinator
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        self.wherever.transport()
    }

    pub(super) fn cluster(&self) -> &str {
        &self.cluster
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Where a node answers.
    pub(super) fn address_of(&self, node: &NodeId) -> Option<String> {
        let picture = self.pictures.latest();
        picture.nodes().get(node).map(|seen| seen.record.address.clone())
    }

    /// Shows `group` what the records say of it.
    pub(super) fn install(&self, group: &Group) {
        // The lock before the picture: an older one must not be shown after a later one.
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.install(group, self.picture());
    }

    /// Waits, briefly, until the picture shows `revision`.
    pub(super) async fn catch_up(&self, revision: Revision) {
        let mut pictures = self.pictures();
        let shown = pictures.wait_for(|picture| picture.revision() >= revision);
        let _late_is_no_matter = tokio::time::timeout(CATCH_UP, shown).await;
    }

    /// Makes the node look at its slots again: something that it had left to a move is its own affair again.
    pub(super) fn look_again(&self) {
        self.look.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use rpc_core::cluster::records::{bucket_key, bucket_of};
    use rpc_core::coordinator::{Entry, Range};
    use rpc_core::slot::Slot;

    use super::*;

    #[test]
    fn a_node_knows_its_own_slots_while_its_record_is_lost() {
        let (me, slot) = (NodeId::new("a"), Slot::of_text(b"foo"));
        let run = format!(
            r#"{{"runs":[{{"first":{slot},"last":{slot},"node":"a","incarnation":"00c0ffee00c0ffee","epoch":7,"state":"stable"}}]}}"#
        );
        let entry = Entry { key: bucket_key("g", bucket_of(slot)), value: run.into(), revision: 3, lease: None };
        let mut picture = Picture::default();
        assert_eq!(picture.list(&Range { revision: 3, entries: vec![entry] }, Duration::ZERO), Vec::new());
        let group = Group::new("g").at(me.clone());
        Routes::of(me, "127.0.0.1:1".to_owned()).install(&group, Arc::new(picture));
        assert_eq!(
            group.owner(slot).map(|owner| (owner.node.address.clone(), owner.epoch)),
            Some(("127.0.0.1:1".to_owned(), 7))
        );
    }
}
