//! A program serves its node's routes and forgets to start the node.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use wherever::{Executed, Node, Wherever, with_deadline};

use crate::ledger::{Book, Ledger, LedgerClient};

#[tokio::test]
async fn a_node_that_was_never_started_says_so_to_whoever_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let node = Node::builder().seed().advertise(&address).only_given().provide_with(Book::within).build().unwrap();
    let router = node.router();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let http = reqwest::Client::new();
    let post = async |path: &str, body: Value| {
        let asked = http.post(format!("http://{address}{path}")).header("content-type", "application/json");
        let answer = asked.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "live.Ledger.add", "params": ["k"]});
    let (status, reply) = post("/rpc", call.clone()).await;
    let error = &serde_json::from_str::<Value>(&reply).unwrap()["error"];
    assert_eq!((status, &error["code"], &error["data"]["executed"]), (200, &json!(-32002), &json!("no")), "{reply}");
    assert!(error["message"].as_str().unwrap().contains("Node::start"), "{reply}");
    let question =
        json!({"format": 1, "cluster": "c", "group": "g", "mig": "1", "to": "00c0ffee00c0ffee", "ask": {"pull": 1}});
    for (path, body) in [("/wherever/move", question), ("/wherever/operate", json!({"op": "fence", "node": "a"}))] {
        let (status, why) = post(path, body).await;
        assert!(status == 409 && why.contains("Node::start"), "{path}: {status} {why}");
    }
    let ready = http.get(format!("http://{address}/wherever/ready")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await.unwrap().contains("Node::start"));

    let early: LedgerClient = Wherever::connect_lazily([&address]).unwrap().client();
    let refused = with_deadline(Duration::from_millis(100), early.total("k".to_owned())).await;
    assert_eq!(refused.map_err(|error| error.executed()), Err(Executed::No));

    let membership = node.start();
    let wherever = Wherever::connect([&address]).await.unwrap();
    let client: LedgerClient = wherever.client();
    let added = with_deadline(Duration::from_secs(60), client.add("k".to_owned())).await;
    assert_eq!(added, Ok(1));
    // Who came too early has not taken a node without a cluster for one of a cluster without a name.
    assert_eq!(with_deadline(Duration::from_secs(60), early.total("k".to_owned())).await, Ok(1));
    membership.end().await;
    serving.abort();
}
