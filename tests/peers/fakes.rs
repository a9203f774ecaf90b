//! A cluster of scripted peers, with a map that the test draws.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Index;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rpc_core::cluster::view::{ClusterView, CountsView, GroupView, SlotRange, VIEW_FORMAT};
use rpc_core::slot::Slot;
use tokio::net::TcpListener;
use wherever::{Executed, Kind, NodeId, NodeInfo, RpcError, Wherever, with_deadline};

use super::fake::Fake;
use super::probe::ProbeClient;

/// The epoch of every slot at first, so that there are older ones.
pub(crate) const EPOCH: u64 = 5;

pub(crate) struct Fakes {
    pub(crate) peers: Vec<Fake>,
    view: Arc<Mutex<Option<ClusterView>>>,
}

impl Fakes {
    /// As many peers, each with an equal share of the slots.
    pub(crate) async fn start(count: usize) -> Self {
        let view = Arc::new(Mutex::new(None));
        let mut peers = Vec::new();
        for _ in 0..count {
            peers.push(Fake::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), view.clone()));
        }
        let fakes = Self { peers, view };
        let share = usize::from(Slot::COUNT) / count;
        let runs: Vec<_> = (0..count).map(|node| (node * share, (node + 1) * share - 1, node, EPOCH)).collect();
        fakes.draw(&runs);
        fakes
    }

    /// The map that the peers tell from now on: runs of slots with their owner and epoch.
    pub(crate) fn draw(&self, runs: &[(usize, usize, usize, u64)]) {
        self.draw_with(&[], runs);
    }

    /// As [`draw`](Self::draw), with these addresses as further members behind the peers.
    pub(crate) fn draw_with(&self, others: &[SocketAddr], runs: &[(usize, usize, usize, u64)]) {
        let slot = |number: usize| Slot::new(u16::try_from(number).unwrap()).unwrap();
        let slots = runs.iter().map(|&(first, last, node, epoch)| SlotRange {
            first: slot(first),
            last: slot(last),
            node,
            epoch,
        });
        let addresses = self.peers.iter().map(|peer| peer.address).chain(others.iter().copied());
        let nodes = addresses.map(|address| NodeInfo {
            id: NodeId::new(address.to_string()),
            address: address.to_string(),
            weight: 1,
        });
        let group = GroupView { nodes: nodes.collect(), slots: slots.collect() };
        *self.view.lock().unwrap() = Some(ClusterView {
            format: VIEW_FORMAT,
            // Of this test only, so that calls meant for another one's peers are told apart.
            cluster: format!("scripted by {} at {}", std::process::id(), self.peers[0].address),
            node: group.nodes[0].id.clone(),
            coordinator: "fake".to_owned(),
            live: None,
            groups: BTreeMap::from([("default".to_owned(), group)]),
            services: Vec::new(),
            counts: CountsView::default(),
        });
    }

    pub(crate) async fn connect(&self) -> Wherever {
        Wherever::connect(self.peers.iter().map(|peer| peer.address.to_string())).await.expect("a peer tells the map")
    }

    pub(crate) async fn client(&self) -> ProbeClient {
        self.connect().await.client()
    }

    /// A key in the share of this peer.
    pub(crate) fn key_of(&self, peer: usize) -> String {
        let share = usize::from(Slot::COUNT) / self.peers.len();
        let is_its = |key: &String| Slot::of_text(key.as_bytes()).index() / share == peer;
        (0..).map(|n| format!("key{n}")).find(is_its).unwrap()
    }
}

impl Index<usize> for Fakes {
    type Output = Fake;

    fn index(&self, peer: usize) -> &Fake {
        &self.peers[peer]
    }
}

/// The error of a call under a deadline, and that it came neither before its time nor long after the deadline.
pub(crate) async fn timed<T: std::fmt::Debug>(
    wait: Duration,
    call: impl Future<Output = Result<T, RpcError>>,
) -> RpcError {
    /// What a busy machine may be late.
    const LATE: Duration = Duration::from_secs(2);
    let began = Instant::now();
    let error = with_deadline(wait, call).await.expect_err("the peer is at fault");
    assert!(began.elapsed() < wait + LATE, "{:?} after a deadline of {wait:?}", began.elapsed());
    error
}

/// Asserts what kind of error, and whether the call ran.
#[track_caller]
pub(crate) fn assert_is(what: &str, error: &RpcError, kind: Kind, executed: Executed) {
    assert_eq!((error.kind(), error.executed()), (kind, executed), "{what}: {error}");
    assert!(error.message().len() <= 1024, "{what}");
}
