//! Tells nodes which answers have arrived, once there is no further call that would say so on its way: they need not keep them then.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::shared::Shared;
use crate::call::{Call, CallId, Deadline, Path, Target};
use crate::codec::payload::Payload;
use crate::service::{MethodDescriptor, Routing};
use crate::transport::headers::ANSWERED_METHOD;
use crate::transport::peers::Peer;

/// How long a program must have been silent towards a node before that is told: a busy one tells it with its next call, for nothing.
const IDLE: Duration = Duration::from_secs(1);

/// Longest wait for a node to hear it. It is of use, not of need: what is not told is forgotten in time.
const PATIENCE: Duration = Duration::from_secs(1);

/// It runs where it is sent, and leaves nothing.
static ANSWERED: MethodDescriptor = MethodDescriptor {
    service: "wherever",
    group: "default",
    name: "answered",
    full_name: ANSWERED_METHOD,
    routing: Routing::Here,
    params: &[],
    key: &[],
    docs: "",
    read: true,
    idempotent: true,
    streams: false,
    detach: true,
    slot_of: None,
    merge: None,
    compact: None,
};

/// Sees to it that `peer`, to which a call is being sent that it records, hears of the answer's arrival.
pub(super) fn note(shared: &Arc<Shared>, peer: &Peer, id: CallId) {
    peer.owed.sent(id);
    if !shared.acknowledges.load(Ordering::Acquire) {
        begin(shared);
    }
}

/// One task at a time looks after all peers, and ends when nothing is owed to any.
fn begin(shared: &Arc<Shared>) {
    let Ok(runtime) = Handle::try_current() else { return };
    if !shared.acknowledges.swap(true, Ordering::AcqRel) {
        runtime.spawn(Task { shared: Arc::downgrade(shared) }.run());
    }
}

/// Tells every node now, and waits until they have heard it or have had the time to.
pub(super) async fn now(shared: &Shared) {
    let acked = shared.session.acked();
    let due: Vec<Arc<Peer>> = shared.peers.owed().into_iter().filter(|peer| peer.owed.is_due(acked)).collect();
    join_all(due.iter().map(|peer| tell(peer, shared.session.next()))).await;
}

/// Tells every node, in the background, since the last client of this program is gone.
pub(super) fn farewell(shared: &Shared) {
    let Ok(runtime) = Handle::try_current() else { return };
    for peer in shared.peers.owed() {
        let id = shared.session.next();
        runtime.spawn(async move { tell(&peer, id).await });
    }
}

async fn tell(peer: &Peer, id: CallId) {
    let call = Call {
        method: &ANSWERED,
        params: Payload::default(),
        target: Target::Node(peer.node.id.clone(), None),
        epoch: 0,
        deadline: Deadline::after(PATIENCE),
        id,
        first_epoch: None,
        hops: 0,
        path: Path::root(),
        trace: None,
    };
    // Tried once: a node that cannot be told may be gone, or is of a build that does not know of this.
    peer.owed.told(id.acked);
    if let Err(error) = peer.call(call).await {
        tracing::debug!(%error, "a node was not told that its answers have arrived");
    }
}

/// What looks after the peers of clients that it does not keep alive.
struct Task {
    shared: Weak<Shared>,
}

impl Task {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(IDLE).await;
            let Some(shared) = self.shared.upgrade() else { return };
            let acked = shared.session.acked();
            for peer in shared.peers.owed() {
                if peer.owed.is_quiet() && peer.owed.is_due(acked) {
                    tell(&peer, shared.session.next()).await;
                }
            }
            if shared.peers.owed().is_empty() {
                shared.acknowledges.store(false, Ordering::Release);
                // A call that was noted in between saw this task at work: it goes on then.
                if shared.peers.owed().is_empty() || shared.acknowledges.swap(true, Ordering::AcqRel) {
                    self.shared = Weak::new();
                    return;
                }
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // A runtime that ends drops the task half-way; the next call then starts another.
        if let Some(shared) = self.shared.upgrade() {
            shared.acknowledges.store(false, Ordering::Release);
        }
    }
}
