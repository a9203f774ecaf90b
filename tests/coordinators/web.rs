//! What comes to a seed's port from outside: garbage, web pages, bodies without end; and what a joiner makes of a bad seed.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::post;
use futures_util::StreamExt;
use rpc_core::coordinator::wire::{MAX_ASK, PATH, WATCH_PATH};
use rpc_core::coordinator::{Coordinator, CoordinatorError, META, Op};
use rpc_core::transport::http::coordinator::RemoteCoordinator;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::seed::Seed;
use crate::suite::{put, write};

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_web_pages_are_turned_away_and_the_rest_goes_on() {
    let seed = Seed::start(None);
    let client = reqwest::Client::new();
    let ask = |path: &str, body: Vec<u8>| client.post(format!("http://{}{path}", seed.address)).body(body);
    let json = |path: &str, body: &str| ask(path, body.into()).header("content-type", "application/json");
    let deep = "[".repeat(100_000);
    let cases = [
        (json(PATH, "garbage"), 400),
        (json(PATH, "{}"), 400),
        (json(PATH, r#"{"cluster":"c"}"#), 400),
        (json(PATH, r#"{"range":"","grant":7}"#), 400),
        (json(PATH, r#"{"cluster":"c","range":""}"#), 421),
        (json(WATCH_PATH, r#"{"prefix":"","from":1,"cluster":"c"}"#), 421),
        (json(PATH, r#"{"transact":{"compares":[],"ops":[{"put":{"key":"a","value":7}}],"reads":[]}}"#), 400),
        (json(PATH, &deep), 400),
        (json(WATCH_PATH, r#"{"prefix":"","from":-1}"#), 400),
        (json(PATH, &" ".repeat(MAX_ASK + 1)), 413),
        (ask(PATH, br#"{"range":""}"#.to_vec()), 415),
        (json(PATH, r#"{"range":""}"#).header("origin", "http://evil.example"), 403),
        (json(PATH, r#"{"range":""}"#), 200),
    ];
    for (number, (request, status)) in cases.into_iter().enumerate() {
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "case {number}");
    }
    let got = client.get(format!("http://{}{PATH}", seed.address)).send().await.unwrap();
    assert_eq!(got.status().as_u16(), 405);
    assert_eq!(seed.remote().range("").await.unwrap().revision, 0);
}

/// A server with these routes.
async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_holds_none_is_passed_over_for_one_that_does() {
    let seed = Seed::start(None);
    let none = serve(Router::new()).await;
    // Nobody listens at a port that was free a moment ago.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let remote = RemoteCoordinator::new(&[none.clone(), nobody, seed.address.to_string()]).unwrap();
    write(&remote, vec![put("a", "1")]).await;
    assert_eq!(remote.range("").await.unwrap().entries.len(), 1);
    let alone = RemoteCoordinator::new(&[none]).unwrap();
    assert!(matches!(alone.range("").await, Err(CoordinatorError::Unavailable(why)) if why.contains("no coordinator")));
}

fn founded(cluster: &str) -> Op {
    put(META, &format!(r#"{{"format":1,"cluster":"{cluster}"}}"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_s_coordinator_is_asked_nothing_once_the_own_one_is_known() {
    let (mut ours, strangers) = (Seed::start(None), Seed::start(None));
    write(&*strangers.remote(), vec![founded("theirs")]).await;
    let theirs = strangers.remote().grant(Duration::from_secs(60)).await.unwrap();
    let both = [ours.address.to_string(), strangers.address.to_string()];
    let remote = RemoteCoordinator::new(&both).unwrap();
    write(&remote, vec![founded("ours")]).await;
    let lease = remote.grant(Duration::from_secs(60)).await.unwrap();
    assert_eq!(lease, theirs, "the names of leases say nothing");
    remote.bind("ours");
    remote.bind("the first one stays");
    remote.keep_alive(lease).await.unwrap();
    assert!(remote.watch("", 1).await.unwrap().next().await.unwrap().is_ok());
    let before = strangers.remote().range("").await.unwrap();

    ours.stop().await;
    let silent = TcpListener::bind(ours.address).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(remote.transact(Default::default()).await, Err(CoordinatorError::Unavailable(_))));
        assert!(matches!(remote.revoke(lease).await, Err(CoordinatorError::Unavailable(_))));
        assert!(matches!(remote.watch("", 1).await.err(), Some(CoordinatorError::Unavailable(_))));
    }
    drop(silent);
    assert!(matches!(remote.keep_alive(lease).await, Err(CoordinatorError::Unavailable(_))), "nobody listens");
    assert_eq!(strangers.remote().range("").await.unwrap(), before);
    strangers.remote().keep_alive(theirs).await.unwrap();

    // In memory: what was held there is gone, and whoever answers says so.
    ours.start_again();
    assert!(matches!(remote.range("").await, Err(CoordinatorError::Changed(why)) if why.contains("ours")));
    write(&*ours.remote(), vec![founded("a new one")]).await;
    assert!(matches!(remote.keep_alive(lease).await, Err(CoordinatorError::Changed(_))));
    write(&*ours.remote(), vec![founded("ours")]).await;
    remote.range("").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_seed_is_an_error_in_time_and_no_more() {
    let ok = |body: &'static str| post(move || async move { body });
    let endless = || {
        let spaces = futures_util::stream::repeat(" ".repeat(1 << 16));
        Body::from_stream(spaces.then(|chunk| async {
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(chunk)
        }))
        .into_response()
    };
    let hanging = post(|| async { std::future::pending::<&str>().await });
    let moved = post(|| async { (::axum::http::StatusCode::FOUND, [("location", "http://169.254.169.254/")]) });
    for (routes, watch) in [
        (ok("<html>"), ok("<html>\n")),
        (ok("\"keep_alive\""), ok("")),
        (hanging.clone(), hanging),
        (moved.clone(), moved),
        (post(move || async move { endless() }), ok("{\"changes\":{\"revision\":1,\"events\":[{}]}}\n")),
    ] {
        let address = serve(Router::new().route(PATH, routes).route(WATCH_PATH, watch)).await;
        let remote = Arc::new(RemoteCoordinator::new(&[address]).unwrap());
        let begun = Instant::now();
        assert!(matches!(remote.range("").await, Err(CoordinatorError::Unavailable(_))));
        let told = match remote.watch("", 1).await {
            Ok(mut watch) => watch.next().await.unwrap(),
            Err(error) => Err(error),
        };
        assert!(matches!(told, Err(CoordinatorError::Unavailable(_))), "{told:?}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
    for bad in ["", "a/b", "user@host:1", "host:1/path?x"] {
        assert!(RemoteCoordinator::new(&[bad.to_owned()]).is_err(), "{bad}");
    }
    assert!(RemoteCoordinator::new(&[]).is_err());
}
