//! JSON-RPC clients that nobody here wrote call the example `echo` on each node of a cluster, and all get the same answers.
//!
//! The Python and the JavaScript one are installed by `tests/foreign/setup`.

mod rust;
#[path = "../../examples/echo/service.rs"]
mod service;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use wherever::testing::Cluster;

use service::{Echo, EchoClient, Probe};

/// For all calls of one client to three nodes on a busy machine, the interpreter's start included: they take a second.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_gets_the_same_answers_from_any_node() {
    let python = installed("python/bin/python");
    let client = here().join("python/client.py");
    judge(async |urls| run(Command::new(python).arg(client).args(urls)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_client_gets_the_same_answers_from_any_node() {
    let modules = installed("javascript/node_modules");
    installed("javascript/installed.json");
    let client = here().join("javascript/client.js");
    judge(async |urls| run(Command::new("node").env("NODE_PATH", modules).arg(client).args(urls)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_client_gets_the_same_answers_from_any_node() {
    judge(async |urls| {
        let mut reports = Vec::new();
        for url in urls {
            reports.push(rust::report(&url).await.expect("every call ends as it must"));
        }
        reports
    })
    .await;
}

/// Starts a cluster, gives its URLs to the client, and compares what it reports for each.
async fn judge(client: impl AsyncFnOnce(Vec<String>) -> Vec<Value>) {
    let cluster = Cluster::builder(3).provide_with(|_| Probe).start().await;
    let urls = (0..3).map(|node| format!("{}/rpc", cluster.url(node))).collect();
    let reports = tokio::time::timeout(PATIENCE, client(urls)).await.expect("the client ends in time");
    assert_eq!(reports.len(), 3, "one report for each node");
    for (node, report) in cluster.nodes().zip(reports) {
        assert_eq!(report, right_answers(node.address()));
    }
    // The key 2 has one owner: the two nodes that are not it have passed the call on to it.
    let passed_on = cluster.nodes().filter(|node| node.wherever().counted().remote > 0).count();
    assert!(passed_on >= 2, "{passed_on} nodes passed calls on");
    assert_eq!(cluster.client::<EchoClient>(0).add(1, 1).await, Ok(2), "the cluster serves on");
}

fn right_answers(node: &str) -> Value {
    json!({
        "by_position": 5,
        "by_name": 5,
        "list": "wheréver",
        "value": {"text": "é\"\n", "list": [1, -2.5, null, true], "empty": {}},
        "node": node,
        "batch": [3, "by name", 1],
        "failure": {"code": 1, "message": "failed with code 7, as asked", "data": {"failed": {"code": 7}}},
        "unknown_method": -32601,
        "unknown_service": -32601,
        "bad_argument": -32602,
        "missing_argument": -32602,
        "extra_argument": -32602,
    })
}

/// Runs a client to its end, and reads the report that it printed for each node.
async fn run(client: &mut Command) -> Vec<Value> {
    let output = client.kill_on_drop(true).output().await.expect("the interpreter starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    said.lines().map(|line| serde_json::from_str(line).expect("each line is a report")).collect()
}

/// A path of what `setup` installs.
fn installed(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder in the target folder");
    let installed = target.join("foreign").join(path);
    assert!(installed.exists(), "{} is not there: run tests/foreign/setup first", installed.display());
    installed
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign")
}
