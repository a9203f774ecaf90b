//! `executed` is about the whole call: over all its tries, all its nodes, and what it called in turn.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use rpc_core::client::WhereverBuilder;
use rpc_core::transport::peers::Transport;
use wherever::testing::Cluster;
use wherever::view::{ClusterView, CountsView, GroupView, SlotRange, VIEW_FORMAT};
use wherever::{
    Call, CallId, Caller, Executed, Kind, NodeId, NodeInfo, Reply, RpcError, Slot, Wherever, rpc_service, with_deadline,
};

use crate::probe::{Probe, ProbeClient, ProbeError, Watch, cluster, eventually};

/// A network in which every node fails each call as the test says, in turn, and notes the calls' ids.
#[derive(Default)]
struct Failing {
    errors: Mutex<Vec<RpcError>>,
    asked: Mutex<Vec<CallId>>,
}

struct FailingPeer(Arc<Failing>);

impl Caller for FailingPeer {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        self.0.asked.lock().unwrap().push(call.id);
        let mut errors = self.0.errors.lock().unwrap();
        let error = if errors.len() > 1 { errors.remove(0) } else { errors[0].clone() };
        Box::pin(async move { Err(error) })
    }
}

struct FailingNetwork(Arc<Failing>);

impl Transport for FailingNetwork {
    fn caller(&self, _node: &NodeInfo) -> Arc<dyn Caller> {
        Arc::new(FailingPeer(self.0.clone()))
    }

    fn view<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>> {
        let view = view_of(vec![NodeInfo { id: NodeId::from(address), address: address.to_owned(), weight: 1 }]);
        Box::pin(async move { Ok(view) })
    }
}

/// The view of a cluster in which the first of `nodes` owns everything.
fn view_of(nodes: Vec<NodeInfo>) -> ClusterView {
    let (first, last) = (Slot::new(0).unwrap(), Slot::new(16383).unwrap());
    let node = nodes[0].id.clone();
    let group = GroupView { nodes, slots: vec![SlotRange { first, last, node: 0, epoch: 1 }] };
    ClusterView {
        format: VIEW_FORMAT,
        cluster: "one".into(),
        node,
        coordinator: "test".into(),
        live: None,
        groups: BTreeMap::from([("default".into(), group)]),
        services: Vec::new(),
        counts: CountsView::default(),
    }
}

/// A network of two nodes, of which one refuses every call and the other never answers.
struct HalfSilent;

struct Silent;

impl Caller for Silent {
    fn call(&self, _call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        Box::pin(std::future::pending())
    }
}

impl Transport for HalfSilent {
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller> {
        if node.id.as_str() == "silent" {
            return Arc::new(Silent);
        }
        let refusal = RpcError::new(Kind::UnknownService, "refused");
        Arc::new(FailingPeer(Arc::new(Failing { errors: Mutex::new(vec![refusal]), asked: Mutex::default() })))
    }

    fn view<'a>(&'a self, _address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>> {
        let node = |id: &str, port: u16| NodeInfo { id: id.into(), address: format!("127.0.0.1:{port}"), weight: 1 };
        let view = view_of(vec![node("refusing", 1), node("silent", 2)]);
        Box::pin(async move { Ok(view) })
    }
}

#[tokio::test]
async fn a_read_of_all_nodes_that_ends_early_may_be_running_on_the_others() {
    let builder = WhereverBuilder::connecting(["127.0.0.1:1"]).unwrap().transport(Arc::new(HalfSilent));
    let client: ProbeClient = builder.build().unwrap().client();
    let Err(ProbeError::Rpc(error)) = client.total().await else { panic!("a node refuses") };
    assert_eq!((error.kind(), error.executed()), (Kind::UnknownService, Executed::Maybe));
}

fn failing(errors: Vec<RpcError>) -> (Wherever, Arc<Failing>) {
    let failing = Arc::new(Failing { errors: Mutex::new(errors), asked: Mutex::default() });
    let builder = WhereverBuilder::connecting(["127.0.0.1:1"]).unwrap();
    (builder.transport(Arc::new(FailingNetwork(failing.clone()))).build().unwrap(), failing)
}

#[tokio::test]
async fn a_refusal_does_not_undo_what_an_earlier_try_may_have_done() {
    let lost = RpcError::new(Kind::ConnectionLost, "lost");
    let refused = RpcError::new(Kind::Unavailable, "refused");
    let (wherever, failing) = failing(vec![lost, refused]);
    let Err(ProbeError::Rpc(error)) = wherever.client::<ProbeClient>().count_up("foo").await else {
        panic!("it fails")
    };
    assert_eq!((error.kind(), error.executed()), (Kind::Unavailable, Executed::Maybe));
    let asked = failing.asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert_ne!(asked[0].sequence, asked[1].sequence, "the first try may be running under its id");
    assert_eq!(asked[1].sequence, asked[2].sequence, "a try that was refused left its id free");
}

#[tokio::test]
async fn what_may_have_run_is_asked_for_once_more_under_its_id() {
    let (wherever, failing) = failing(vec![RpcError::new(Kind::ConnectionLost, "lost")]);
    let Err(ProbeError::Rpc(error)) = wherever.client::<ProbeClient>().count_once("foo").await else {
        panic!("it fails")
    };
    assert_eq!(error.executed(), Executed::Maybe);
    let asked = failing.asked.lock().unwrap();
    assert_eq!(asked.len(), 2, "asked for once more");
    assert_eq!(asked[0], asked[1], "under its id, by which the owner knows it");
}

#[rpc_service]
trait Ledger {
    async fn post(&self, account: String) -> Result<(), RpcError>;
    #[rpc(all)]
    async fn close(&self) -> Result<u64, RpcError>;
}

struct Book {
    client: LedgerClient,
    posted: Arc<AtomicUsize>,
}

impl Ledger for Book {
    async fn post(&self, account: String) -> Result<(), RpcError> {
        self.posted.fetch_add(1, Ordering::SeqCst);
        if account == "dead" {
            Err(RpcError::new(Kind::Unavailable, "as a nested call to a dead node"))
        } else {
            self.client.post("dead".into()).await
        }
    }

    async fn close(&self) -> Result<u64, RpcError> {
        Ok(self.posted.fetch_add(1, Ordering::SeqCst) as u64)
    }
}

fn ledger(posted: &Arc<AtomicUsize>) -> wherever::testing::ClusterBuilder {
    let posted = posted.clone();
    Cluster::builder(3)
        .provide_with(move |node| LedgerClient::provider(Book { client: node.client(), posted: posted.clone() }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_ran_is_not_told_as_unexecuted_because_of_what_it_called() {
    for force in [false, true] {
        let posted = Arc::new(AtomicUsize::new(0));
        let builder = ledger(&posted);
        let cluster = if force { builder.force_remote() } else { builder }.start().await;
        let error = cluster.client::<LedgerClient>(0).post("alive".into()).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (Kind::Unavailable, Executed::Maybe));
        assert_eq!(posted.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_to_all_that_some_nodes_ran_may_have_been_executed() {
    let posted = Arc::new(AtomicUsize::new(0));
    let mut cluster = ledger(&posted).start().await;
    cluster.kill(2).await;
    let error = cluster.client::<LedgerClient>(0).close().await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (Kind::Unavailable, Executed::Maybe));
    assert_eq!(posted.load(Ordering::SeqCst), 2, "a write to all nodes is heard to its end on the others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_sends_what_any_node_can_run_elsewhere() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(2, &watch).start().await;
    let client: ProbeClient = cluster.client(0);
    cluster.node(0).leave();
    assert_eq!(client.any().await.unwrap(), cluster.node(1).id().as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_nobody_knows_is_refused_at_once() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(1, &watch).start().await;
    let pinned = ProbeClient::on(&cluster.client(0), "nobody:1");
    let start = Instant::now();
    let Err(ProbeError::Rpc(error)) = pinned.nothing("foo").await else { panic!("there is no such node") };
    assert_eq!((error.kind(), error.executed()), (Kind::NoOwner, Executed::No));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_destructor_does_not_reach_the_caller_who_gave_up() {
    let watch = Arc::new(Watch::default());
    for force in [false, true] {
        let builder = cluster(1, &watch);
        let cluster = if force { builder.force_remote() } else { builder }.start().await;
        let client: ProbeClient = cluster.client(0);
        let gave_up = tokio::spawn(async move {
            let call = client.panics_in_drop("foo");
            drop(tokio::time::timeout(Duration::from_millis(50), call).await);
        });
        gave_up.await.expect("the caller lives");
        eventually("no call is in flight", || cluster.node(0).wherever().counted().in_flight == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_nested_in_a_detached_one_have_the_usual_deadline() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(1, &watch).start().await;
    let left =
        with_deadline(Duration::from_secs(2), cluster.client::<ProbeClient>(0).time_left_detached("k".into())).await;
    assert!((8_000..=10_000).contains(&left.unwrap()));
}
