//! Streams for clients that speak JSON-RPC: lines of JSON, from whichever node.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use wherever::testing::Cluster;

use crate::feed::{Watch, cluster, eventually, key_of};

/// Asks node 0 for `method` of a key that `owner` has, and for lines if `accept` names them.
async fn ask(cluster: &Cluster, body: &Value, accept: &str) -> reqwest::Response {
    let request = reqwest::Client::new().post(format!("{}/rpc", cluster.url(0)));
    let request = request.header("content-type", "application/json").header("accept", accept).body(body.to_string());
    request.send().await.unwrap()
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "seven", "method": format!("Feed.{method}"), "params": params})
}

const LINES: &str = "application/json, application/x-ndjson;q=0.5";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_is_a_gateway_for_streams() {
    let cluster = cluster(2, &Arc::default()).start().await;
    for owner in [0, 1] {
        let key = key_of(&cluster, owner);
        let response = ask(&cluster, &request("odd", json!([key])), LINES).await;
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        let body = response.text().await.unwrap();
        let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let no = |number: &str| json!({"item_error": {"code": 1, "message": format!("no {number}"), "data": {"No": number}}});
        let expected = [
            json!({"jsonrpc": "2.0", "id": "seven", "stream": true}),
            json!({"item": 0}),
            no("1"),
            json!({"item": 2}),
            no("3"),
            json!({"item": null}),
            json!({"end": true}),
        ];
        assert_eq!(lines, expected, "owner {owner}");
        let cut = ask(&cluster, &request("panic", json!([key, true])), LINES).await.text().await.unwrap();
        let last: Value = serde_json::from_str(cut.lines().last().unwrap()).unwrap();
        assert_eq!(last["error"]["data"]["kind"], "panicked", "{cut}");
        assert_eq!(last["error"]["data"]["executed"], "maybe");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_take_lines_is_told_before_anything_runs() {
    let watch: Arc<Watch> = Arc::default();
    let cluster = cluster(2, &watch).start().await;
    for owner in [0, 1] {
        let endless = request("endless", json!([key_of(&cluster, owner)]));
        let reply: Value =
            serde_json::from_str(&ask(&cluster, &endless, "application/json").await.text().await.unwrap()).unwrap();
        assert_eq!(
            (&reply["error"]["code"], &reply["error"]["data"]["executed"]),
            (&json!(-32600), &json!("no")),
            "{reply}"
        );
        assert!(reply["error"]["message"].as_str().unwrap().contains("accept: application/x-ndjson"), "{reply}");
        let batch: Value =
            serde_json::from_str(&ask(&cluster, &json!([endless]), LINES).await.text().await.unwrap()).unwrap();
        assert_eq!(batch[0]["error"]["code"], json!(-32600), "{batch}");
        let mut notification = endless;
        notification.as_object_mut().unwrap().remove("id");
        assert_eq!(ask(&cluster, &notification, LINES).await.status(), 204);
    }
    // A refusal of the provider's is an answer like any other.
    let refused: Value =
        serde_json::from_str(&ask(&cluster, &request("refuse", json!(["foo"])), LINES).await.text().await.unwrap())
            .unwrap();
    assert_eq!(refused["error"]["data"], json!({"No": "foo"}));
    assert_eq!(watch.yielded.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_ends_its_stream_wherever_it_runs() {
    let watch: Arc<Watch> = Arc::default();
    let cluster = cluster(2, &watch).start().await;
    for (owner, method) in [(0, "idle"), (1, "idle"), (0, "endless"), (1, "endless")] {
        let mut response = ask(&cluster, &request(method, json!([key_of(&cluster, owner)])), LINES).await;
        assert!(response.chunk().await.unwrap().unwrap().starts_with(b"{\"jsonrpc\""));
        eventually("it runs", || watch.open.load(Ordering::SeqCst) == 1).await;
        drop(response);
        eventually("it is dropped", || watch.open.load(Ordering::SeqCst) == 0).await;
    }
}
