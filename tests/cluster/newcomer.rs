//! A redirect to a node that the caller has not heard of yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use rpc_core::call::Outcome;
use rpc_core::client::WhereverBuilder;
use rpc_core::transport::peers::Transport;
use wherever::view::{ClusterView, CountsView, GroupView, SlotRange, VIEW_FORMAT};
use wherever::{Call, Caller, Kind, NodeId, NodeInfo, Payload, Reply, RpcError, Slot};

use crate::probe::{Probe, ProbeClient};

/// A cluster of one node, in which the next one has just joined and got every slot: the first map that is read does not say so yet.
#[derive(Default)]
struct Joined {
    maps: AtomicUsize,
}

struct Node(&'static str);

impl Caller for Node {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        let slot = call.target.slot().expect("a call with a key");
        let answer = match self.0 {
            "new" => Ok(Reply::new(Outcome::Value(Payload::json("null")))),
            _ => Err(RpcError::new(Kind::Moved, "it has moved").at_slot(slot, 2).at_node(&NodeId::from("new"))),
        };
        Box::pin(async move { answer })
    }
}

impl Transport for Joined {
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller> {
        Arc::new(Node(if node.id.as_str() == "new" { "new" } else { "old" }))
    }

    fn view<'a>(&'a self, _address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>> {
        let is_new = self.maps.fetch_add(1, Ordering::SeqCst) > 0;
        let node = |id: &str| NodeInfo { id: NodeId::from(id), address: format!("{id}:1"), weight: 1 };
        let nodes = if is_new { vec![node("old"), node("new")] } else { vec![node("old")] };
        let (first, last) = (Slot::new(0).unwrap(), Slot::new(16383).unwrap());
        let (owner, epoch) = if is_new { (1, 2) } else { (0, 1) };
        let view = ClusterView {
            format: VIEW_FORMAT,
            cluster: "one".into(),
            node: NodeId::from("old"),
            coordinator: "test".into(),
            live: None,
            groups: BTreeMap::from([(
                "default".into(),
                GroupView { nodes, slots: vec![SlotRange { first, last, node: owner, epoch }] },
            )]),
            services: Vec::new(),
            counts: CountsView::default(),
        };
        Box::pin(async move { Ok(view) })
    }
}

#[tokio::test]
async fn a_redirect_to_a_node_that_has_just_joined_waits_for_a_map_that_names_it() {
    let cluster = Arc::new(Joined::default());
    let builder = WhereverBuilder::connecting(["old:1"]).unwrap().transport(cluster.clone());
    let client: ProbeClient = builder.build().unwrap().client();
    client.nothing("foo").await.expect("the call finds its way");
    assert_eq!(cluster.maps.load(Ordering::SeqCst), 2, "one before the first try, and one after the redirect");
}
