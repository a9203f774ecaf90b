//! What clients ask for when all that they know of the slots has become untrue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::future::{BoxFuture, join_all};
use rpc_core::client::WhereverBuilder;
use rpc_core::transport::http::{HttpSettings, HttpTransport};
use rpc_core::transport::peers::Transport;
use wherever::view::ClusterView;
use wherever::{Caller, NodeInfo, RpcError};

use crate::ledger::{Ledger, LedgerClient, live};

const GROUP: &str = "default";

/// The usual way to the nodes, with a count of the maps that are read.
struct CountingMaps {
    http: HttpTransport,
    maps: Arc<AtomicUsize>,
}

impl Transport for CountingMaps {
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller> {
        self.http.caller(node)
    }

    fn view<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>> {
        self.maps.fetch_add(1, Ordering::Relaxed);
        self.http.view(address)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_of_every_slot_costs_a_client_one_map() {
    const CALLERS: usize = 1000;
    let mut cluster = live(1).start().await;
    cluster.settled(GROUP, &[0]).await;
    let maps = Arc::new(AtomicUsize::new(0));
    let http = HttpTransport::new(&HttpSettings::default(), Arc::new(OnceLock::new())).unwrap();
    let seed = [cluster.url(0)];
    let builder = WhereverBuilder::connecting(&seed).unwrap();
    let outside = builder.transport(Arc::new(CountingMaps { http, maps: maps.clone() })).build().unwrap();
    let client: LedgerClient = outside.client();
    let keys: Vec<String> = (0..CALLERS).map(|number| format!("key-{number}")).collect();
    for key in &keys {
        assert_eq!(client.add(key.clone()).await.unwrap(), 1);
    }
    assert_eq!(maps.load(Ordering::Relaxed), 1, "the first call asked where to go");

    let added = cluster.add().await;
    let drain = serde_json::json!({"op": "drain", "node": cluster.node(0).id().as_str()});
    let ordered = reqwest::Client::new().post(format!("{}/wherever/operate", cluster.url(0)));
    let ordered = ordered.header("content-type", "application/json").body(drain.to_string());
    assert!(ordered.send().await.unwrap().status().is_success());
    cluster.settled(GROUP, &[added]).await;

    let answers = join_all(keys.iter().map(|key| client.add(key.clone()))).await;
    for (key, answer) in keys.iter().zip(answers) {
        assert_eq!(answer.unwrap(), 2, "{key} came along");
    }
    for key in &keys {
        assert_eq!(client.total(key.clone()).await.unwrap(), 2);
    }
    assert!(maps.load(Ordering::Relaxed) <= 2, "{} maps were read", maps.load(Ordering::Relaxed));
}
