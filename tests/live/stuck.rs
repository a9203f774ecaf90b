//! A slot whose state the target cannot read stays where it is, and holds up no other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rpc_core::cluster::view::ClusterView;
use rpc_core::slot::Slot;
use rpc_core::state::{Content, Pulled, SlotState, StateError};

use crate::ledger::live;

const GROUP: &str = "default";

/// The slot that the second node cannot read, in the half that it is to get.
const UNREADABLE: u16 = 12_000;

/// One entry in each slot.
struct Picky {
    reads_all: bool,
    to_send: Mutex<HashSet<Slot>>,
}

impl SlotState for Picky {
    fn begin_copy(&self, slot: Slot) -> Result<(), StateError> {
        self.to_send.lock().unwrap().insert(slot);
        Ok(())
    }

    fn pull(&self, slot: Slot, _max_bytes: usize) -> Result<Pulled, StateError> {
        let piece = if self.to_send.lock().unwrap().remove(&slot) { "one" } else { "" };
        Ok(Pulled { piece: piece.into(), pending: 0 })
    }

    fn end_copy(&self, slot: Slot) {
        self.to_send.lock().unwrap().remove(&slot);
    }

    fn entries(&self, _slot: Slot) -> Result<u64, StateError> {
        Ok(1)
    }

    fn stage(&self, slot: Slot, _piece: &[u8]) -> Result<(), StateError> {
        if self.reads_all || slot.get() != UNREADABLE {
            return Ok(());
        }
        Err(StateError::Unreadable { state: "picky".to_owned(), slot, why: "it is of version 9".to_owned() })
    }

    fn staged(&self, _slot: Slot) -> Result<u64, StateError> {
        Ok(1)
    }

    fn discard(&self, _slot: Slot) {}

    fn open(&self, _slot: Slot, _epoch: u64, _content: Content) -> Result<(), StateError> {
        Ok(())
    }

    fn close(&self, _slot: Slot) {}

    fn forget(&self, _slot: Slot) {}
}

async fn view(address: &str) -> ClusterView {
    let answer = reqwest::get(format!("http://{address}/wherever/cluster")).await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_cannot_be_read_stays_and_everybody_says_why() {
    let picky = |reads_all| Arc::new(Picky { reads_all, to_send: Mutex::default() });
    let builder = live(1).configure(move |builder, node| builder.state("picky", GROUP, picky(node.index == 0)));
    let mut cluster = builder.start().await;
    cluster.settled(GROUP, &[0]).await;
    let added = cluster.add().await;
    let until = Instant::now() + Duration::from_secs(180);
    let target = cluster.node(added).id().clone();
    for node in [0, added] {
        loop {
            let view = view(cluster.node(node).address()).await;
            let live = view.live.as_ref().unwrap();
            if view.groups[GROUP].slots_of(&target) == 8191 && live.moves.is_empty() && !live.stuck.is_empty() {
                let stuck = &live.stuck[0];
                assert_eq!((live.stuck.len(), &stuck.slots), (1, &vec![Slot::new(UNREADABLE).unwrap()]));
                assert!(stuck.to == target && stuck.tries > 0 && stuck.why.contains("version 9"), "{stuck:?}");
                break;
            }
            assert!(Instant::now() < until, "{live:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
