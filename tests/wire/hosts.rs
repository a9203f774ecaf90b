//! Web pages of others must not reach a node: M17.

use super::raw::post;
use super::row::turned_away;
use super::world::World;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"Probe.echo","params":["k"]}"#;

fn with(from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(post(CALL)).unwrap().replace(from, to).into_bytes()
}

#[tokio::test]
async fn web_pages_and_rebound_names_are_turned_away() {
    let world = World::start(1).await;
    let origin = |origin: &str| with("Host:", &format!("Origin: {origin}\r\nHost:"));
    let host = |host: &str| with("Host: localhost", &format!("Host: {host}"));
    world
        .refuses([
            turned_away("a page", origin("https://evil.example"), 403, "web pages"),
            turned_away("no page", origin("null"), 403, "web pages"),
            turned_away("a page of this very address", origin("http://localhost"), 403, "web pages"),
            turned_away("a rebound name", host("evil.example"), 403, "Host"),
            turned_away("a rebound name and port", host("evil.example:80"), 403, "Host"),
            turned_away("a name like an address", host("127.0.0.1.evil.example"), 403, "Host"),
            turned_away("an empty host", host(""), 403, "Host"),
            turned_away(
                "the map for a rebound name",
                "GET /wherever/cluster HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                403,
                "Host",
            ),
        ])
        .await;
    for good in ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:7001", world.address(0)] {
        assert_eq!(world.send(host(good)).await.unwrap().json()["result"], "k", "{good}");
    }
}

#[tokio::test]
async fn a_request_target_with_a_host_names_the_same_as_the_header() {
    let world = World::start(1).await;
    let target = |target: &str| with("POST /rpc", &format!("POST {target}"));
    let other = "another host";
    world
        .refuses([
            turned_away("another name", target("http://evil.example/rpc"), 400, other),
            turned_away("another port", target("http://localhost:1/rpc"), 400, other),
            turned_away("a user", target("http://me@localhost/rpc"), 400, other),
        ])
        .await;
    for good in ["http://localhost/rpc", "http://LOCALHOST/rpc", "/rpc"] {
        assert_eq!(world.send(target(good)).await.unwrap().json()["result"], "k", "{good}");
    }
}

#[tokio::test]
async fn a_browser_is_never_told_that_it_may() {
    let world = World::start(1).await;
    let preflight = "OPTIONS /rpc HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\
                     Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n";
    let answer = world.send(preflight).await.unwrap();
    assert!(answer.status >= 400 && !answer.head.to_lowercase().contains("access-control"), "{answer:?}");
}

#[tokio::test]
async fn an_allowed_origin_and_host_pass() {
    let world =
        World::start_with(1, |builder| builder.allow_origin("https://good.example").allow_host("node.example")).await;
    let good = "Origin: https://good.example\r\nHost: node.example:443";
    world
        .refuses([turned_away(
            "a second origin",
            with("Host: localhost", &format!("{good}\r\nOrigin: null")),
            403,
            "web pages",
        )])
        .await;
    let request = with("Host: localhost", good);
    assert_eq!(world.send(request).await.unwrap().json()["result"], "k");
}

#[tokio::test]
async fn the_socket_decides_about_names_and_not_the_advertised_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let node = wherever::Node::builder().only_given().advertise("node.example:7001");
    let serving = tokio::spawn(node.serve(listener));
    for (host, status) in [("evil.example", 403), ("node.example:7001", 200), ("localhost", 200)] {
        let mut raw = super::raw::Raw::connect(&address).await;
        raw.send(format!("GET /wherever/cluster HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(raw.answer().await.unwrap().status, status, "{host}");
    }
    serving.abort();
}
