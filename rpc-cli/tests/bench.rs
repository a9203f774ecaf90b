//! `wherever bench` against real nodes, each call counted where it runs.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use wherever::{Node, RpcError, rpc_service};

#[rpc_service(name = "bench.Tally")]
trait Tally {
    async fn count(&self, key: String, by: u64) -> Result<u64, RpcError>;
    #[rpc(any)]
    async fn refuse(&self, _why: String) -> Result<(), RpcError>;
}

#[derive(Clone, Default)]
struct Counted(Arc<AtomicU64>);

impl Tally for Counted {
    async fn count(&self, _key: String, by: u64) -> Result<u64, RpcError> {
        Ok(self.0.fetch_add(by, Ordering::Relaxed))
    }

    async fn refuse(&self, why: String) -> Result<(), RpcError> {
        Err(RpcError::new(wherever::Kind::Internal, why))
    }
}

/// A cluster of three nodes in this process: the address of one, and what all of them have counted.
fn cluster() -> (String, Counted, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("starts");
    let counted = Counted::default();
    let listeners: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let addresses: Vec<String> =
        listeners.iter().map(|listener| listener.local_addr().expect("bound").to_string()).collect();
    for (listener, address) in listeners.into_iter().zip(&addresses) {
        let node = Node::builder()
            .nodes(addresses.clone())
            .advertise(address)
            .provide(TallyClient::provider(counted.clone()))
            .build()
            .expect("builds");
        listener.set_nonblocking(true).expect("a socket");
        runtime.spawn(async move { node.serve(tokio::net::TcpListener::from_std(listener)?).await });
    }
    (format!("http://{}", addresses[0]), counted, runtime)
}

fn bench(node: &str, args: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wherever"));
    command.args(["bench", "--node", node, "--json"]).args(args).stdin(Stdio::null());
    let output = command.output().expect("runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.lines().count(), 1, "{text} {}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("no signal"), serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn every_call_reaches_the_owner_of_its_key_and_is_counted_once() {
    let (node, counted, _runtime) = cluster();
    for transport in ["frames", "post"] {
        let before = counted.0.load(Ordering::Relaxed);
        let params = r#"{"key":"user-{i%100}","by":1}"#;
        let args = ["bench.Tally.count", params, "--seconds", "0.3", "--warm-up", "0", "--in-flight", "8"];
        let (status, report) = bench(&node, &[&args[..], &["--transport", transport]].concat());
        assert_eq!((status, &report["failed"]), (0, &0.into()), "{report}");
        let ran = counted.0.load(Ordering::Relaxed) - before;
        assert_eq!(report["calls"], ran, "{report}");
        assert!(ran > 0 && report["p50_us"].as_f64() <= report["longest_us"].as_f64(), "{report}");
    }
}

#[test]
fn an_open_loop_makes_the_calls_that_are_due() {
    let (node, _counted, _runtime) = cluster();
    let args = ["bench.Tally.count", r#"["k{random%9}",1]"#, "--rate", "200", "--seconds", "0.5", "--warm-up", "0"];
    let (status, report) = bench(&node, &args);
    assert_eq!((status, &report["calls"], &report["failed"]), (0, &100.into(), &0.into()), "{report}");
}

#[test]
fn failures_are_counted_by_kind_and_the_exit_status_says_the_worst() {
    let (node, counted, _runtime) = cluster();
    let quick = ["--seconds", "0.1", "--warm-up", "0", "--in-flight", "2"];
    let (status, report) = bench(&node, &[&["bench.Tally.refuse", r#"["no"]"#], &quick[..]].concat());
    assert_eq!((status, &report["failures"][0]["kind"]), (1, &"provider".into()), "{report}");
    let (status, report) = bench(&node, &[&["bench.Tally.count", r#"{"key":"a"}"#], &quick[..]].concat());
    assert_eq!((status, &report["failures"][0]["executed"]), (4, &"no".into()), "{report}");
    assert_eq!(counted.0.load(Ordering::Relaxed), 0);
    let (status, report) = bench(&node, &["bench.Tally.nope", "{}"]);
    assert_eq!((status, &report["error"]["exit"]), (4, &4.into()), "{report}");
    let (status, _) = bench(&node, &["bench.Tally.count", "{i}"]);
    assert_eq!(status, 2);
    let (status, _) = bench("http://127.0.0.1:1", &["bench.Tally.count", "{}"]);
    assert_eq!(status, 3);
}
