//! Nodes that provide the probe, and a look at whether they are unharmed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rpc_core::slot::Slot;
use serde_json::{Value, json};
use wherever::NodeBuilder;
use wherever::testing::Cluster;

use super::probe::{OtherClient, ProbeClient, Provider, Watch};
use super::raw::{Answer, Raw, post, post_with};

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) watch: Arc<Watch>,
}

impl World {
    pub(crate) async fn start(nodes: usize) -> Self {
        Self::start_with(nodes, |builder| builder).await
    }

    pub(crate) async fn start_with(
        nodes: usize,
        change: impl Fn(NodeBuilder) -> NodeBuilder + Send + Sync + 'static,
    ) -> Self {
        let watch = Arc::new(Watch::default());
        let (probe, other) = (watch.clone(), watch.clone());
        let cluster = Cluster::builder(nodes)
            .provide_with(move |_| ProbeClient::provider(Provider(probe.clone())))
            .provide_with(move |_| OtherClient::provider(Provider(other.clone())))
            .configure(move |builder, _| change(builder));
        Self { cluster: cluster.start().await, watch }
    }

    pub(crate) fn address(&self, node: usize) -> &str {
        self.cluster.node(node).address()
    }

    pub(crate) async fn connect(&self) -> Raw {
        Raw::connect(self.address(0)).await
    }

    /// A key that `node` owns.
    pub(crate) fn key_of(&self, node: usize) -> String {
        let node = self.cluster.node(node);
        let group = node.wherever().group("default");
        let is_its =
            |key: &String| group.owner(Slot::of_text(key.as_bytes())).is_some_and(|owner| owner.node.id == *node.id());
        (0..).map(|n| format!("key{n}")).find(is_its).unwrap()
    }

    /// How often any method ran.
    pub(crate) fn ran(&self) -> u64 {
        self.watch.ran.load(Ordering::SeqCst)
    }

    /// Sends bytes to the first node on a connection of their own; `None` if it closes without an answer.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> Option<Answer> {
        let mut raw = self.connect().await;
        raw.send(bytes).await;
        raw.answer().await
    }

    /// The reply of `node` to a JSON body.
    pub(crate) async fn reply(&self, node: usize, body: impl AsRef<[u8]>) -> Value {
        self.reply_with(node, "", body).await
    }

    /// The reply of `node` to a JSON body with further header lines, each ended by `\r\n`.
    pub(crate) async fn reply_with(&self, node: usize, headers: &str, body: impl AsRef<[u8]>) -> Value {
        let mut raw = Raw::connect(self.address(node)).await;
        raw.send(post_with(&format!("Content-Type: application/json\r\n{headers}"), body)).await;
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The result of a call of `Probe`, which must have one.
    pub(crate) async fn result(&self, method: &str, params: &str) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"Probe.{method}","params":{params}}}"#);
        let answer = self.send(post(body)).await.expect("an answer");
        let result = answer.body.strip_prefix(r#"{"jsonrpc":"2.0","id":1,"result":"#);
        let result = result.unwrap_or_else(|| panic!("Probe.{method} {params}: {answer:?}"));
        result.strip_suffix('}').unwrap().to_owned()
    }

    /// Checks that the nodes serve on, and that nothing ran but a canary of this check.
    pub(crate) async fn unharmed(&self, what: &str, ran_before: u64) {
        assert_eq!(self.ran(), ran_before, "something ran: {what}");
        let canary = self.key_of(0);
        let reply = self.reply(0, call("echo", &json!([canary]))).await;
        assert_eq!(reply, json!({"jsonrpc": "2.0", "id": 1, "result": canary}), "after {what}");
        assert_eq!(self.ran(), ran_before + 1, "after {what}");
    }

    /// The header lines of a client of ours, with call number `sequence` of its session.
    pub(crate) fn headers(&self, slot: Slot, epoch: u64, sequence: u64) -> String {
        let cluster = self.cluster.node(0).cluster_id();
        format!("x-wherever-call: {SESSION}-{sequence}-0;slot={slot};epoch={epoch};ms=5000;cluster={cluster}\r\n")
    }
}

/// The session of the tests' own client.
pub(crate) const SESSION: &str = "00c0ffee00c0ffee";

/// A request with the id 1.
pub(crate) fn call(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": format!("Probe.{method}"), "params": params}).to_string()
}

/// Waits for a condition that other tasks bring about.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap_or_else(|_| panic!("never: {what}"));
}
