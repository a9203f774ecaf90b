//! Peers that are not there, or break off: E1, E2, E4, E5, E10, E13.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rpc_core::client::WhereverBuilder;
use tokio::net::{TcpSocket, TcpStream};
use wherever::{Executed, HttpSettings, Kind, with_deadline};

use super::fake::{Asked, Deed};
use super::fakes::{EPOCH, Fakes, assert_is, timed};
use super::probe::{Probe as _, ProbeClient};

const WAIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_refused_connection_is_known_not_to_have_run() {
    let mut fakes = Fakes::start(2).await;
    let client = fakes.client().await;
    fakes.peers[0].stop().await;
    let began = Instant::now();
    let error = timed(WAIT, client.write(&fakes.key_of(0))).await;
    assert_is("refused", &error, Kind::Unavailable, Executed::No);
    assert_eq!(error.node().unwrap().as_str(), fakes[0].address.to_string());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(client.write(&fakes.key_of(1)).await, Ok(1), "the others are unaffected");
}

#[tokio::test]
async fn after_a_refused_connection_the_map_is_read_again() {
    let mut fakes = Fakes::start(2).await;
    let client = fakes.client().await;
    fakes.peers[0].stop().await;
    fakes.draw(&[(0, 16383, 1, EPOCH + 1)]);
    assert_eq!(client.write(&fakes.key_of(0)).await, Ok(1), "the next owner is found");
    assert_eq!(fakes[1].calls(), 1);
}

#[tokio::test]
async fn a_black_hole_is_given_up_after_the_connect_timeout() {
    let fakes = Fakes::start(1).await;
    // A socket whose queue is full drops further SYNs.
    let hole = TcpSocket::new_v4().unwrap();
    hole.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hole = hole.listen(1).unwrap();
    let address = hole.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
    }
    fakes.draw_with(&[address], &[(0, 16383, 1, EPOCH)]);
    let settings = HttpSettings { connect_timeout: Duration::from_millis(100), ..HttpSettings::default() };
    let builder = WhereverBuilder::connecting([fakes[0].address.to_string()]).unwrap();
    let client: ProbeClient = builder.http(settings).build().unwrap().client();
    let began = Instant::now();
    let error = timed(WAIT, client.write("k")).await;
    assert_is("a black hole", &error, Kind::Unavailable, Executed::No);
    let three_tries = Duration::from_millis(300);
    assert!(began.elapsed() >= three_tries && began.elapsed() < WAIT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_reset_after_the_request_may_have_run() {
    let fakes = Fakes::start(1).await;
    fakes[0].does(|_| Deed::Reset);
    let client = fakes.client().await;
    assert_is("write", &timed(WAIT, client.write("k")).await, Kind::ConnectionLost, Executed::Maybe);
    assert_eq!(fakes[0].calls(), 2, "asked for once more, under the same id");
    assert_is("read", &timed(WAIT, client.read("k")).await, Kind::ConnectionLost, Executed::Maybe);
    assert_eq!(fakes[0].calls(), 2 + 3, "twice is harmless");
    assert_is("put", &timed(WAIT, client.put("k")).await, Kind::ConnectionLost, Executed::Maybe);
    assert_eq!(fakes[0].calls(), 2 + 3 + 3, "twice is harmless");
}

#[tokio::test]
async fn a_refusal_after_a_lost_try_says_why_the_call_may_have_run() {
    let fakes = Fakes::start(1).await;
    let failed = std::sync::atomic::AtomicBool::new(false);
    fakes[0].does(move |asked| {
        if !failed.swap(true, Ordering::SeqCst) {
            return Deed::Reset;
        }
        asked.error(-32004, &serde_json::json!({"kind": "overloaded", "executed": "no"}))
    });
    let error = timed(WAIT, fakes.client().await.write("k")).await;
    assert_is("write", &error, Kind::Overloaded, Executed::Maybe);
    let told = error.message();
    assert!(told.starts_with("scripted") && told.contains("earlier") && told.contains("connection_lost"), "{told}");
}

#[tokio::test]
async fn one_reset_is_healed_where_twice_is_harmless() {
    let fakes = Fakes::start(1).await;
    let failed = std::sync::atomic::AtomicBool::new(false);
    fakes[0].does(move |asked| if failed.swap(true, Ordering::SeqCst) { asked.ok() } else { Deed::Reset });
    assert_eq!(fakes.client().await.read("k").await, Ok(1));
    assert_eq!(fakes[0].calls(), 2);
}

#[tokio::test]
async fn a_connection_closed_unread_is_never_more_than_a_maybe() {
    let fakes = Fakes::start(1).await;
    let client = fakes.client().await;
    fakes[0].slams();
    let before = fakes[0].seen().connections.load(Ordering::SeqCst);
    let error = timed(WAIT, client.write("k")).await;
    assert!(matches!(error.kind(), Kind::ConnectionLost | Kind::Unavailable), "{error}");
    assert_ne!(error.executed(), Executed::Yes);
    // Three tries, and a look at the map after each.
    assert!(fakes[0].seen().connections.load(Ordering::SeqCst) - before <= 6);
    assert_eq!(fakes[0].calls(), 0);
}

#[tokio::test]
async fn a_peer_that_restarts_on_its_port_is_found_again() {
    let mut fakes = Fakes::start(1).await;
    let client = fakes.client().await;
    for _ in 0..5 {
        assert_eq!(client.write("k").await, Ok(1));
        fakes.peers[0].stop().await;
        fakes.peers[0].restart().await;
    }
    assert_eq!(fakes[0].calls(), 5, "each call ran once");
}

#[tokio::test]
async fn a_silent_peer_holds_up_nobody_elses_calls() {
    let fakes = Fakes::start(3).await;
    fakes[0].does(|_| Deed::Silence);
    let client = fakes.client().await;
    let silent = fakes.key_of(0);
    let silent = (0..100).map(|_| with_deadline(Duration::from_secs(2), client.write(&silent)));
    let others = async {
        let began = Instant::now();
        for n in 0..100 {
            assert_eq!(client.write(&fakes.key_of(1 + n % 2)).await, Ok(1));
        }
        began.elapsed()
    };
    let (silent, took) = tokio::join!(futures_util::future::join_all(silent), others);
    assert!(silent.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind() == Kind::Deadline)));
    assert!(took < Duration::from_millis(1900), "{took:?}");
    fakes[0].does(Asked::ok);
}
