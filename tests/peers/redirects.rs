//! Redirects that lead on, astray, in circles or to strangers: H3, H5 to H9, M10.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::client::WhereverBuilder;
use serde_json::json;
use tokio::net::TcpListener;
use wherever::{Executed, HttpSettings, Kind, NodeId};

use super::fake::Asked;
use super::fakes::{EPOCH, Fakes, assert_is, timed};
use super::probe::{Probe as _, ProbeClient};

const WAIT: Duration = Duration::from_secs(5);

/// The first try and five redirects.
const MOST_CALLS: usize = 6;

#[tokio::test]
async fn a_redirect_is_followed_at_once_and_remembered() {
    let fakes = Fakes::start(2).await;
    let (key, to) = (fakes.key_of(0), fakes[1].address.to_string());
    fakes[0].does(move |asked| asked.moved(&to, EPOCH + 1));
    let wherever = fakes.connect().await;
    let client: ProbeClient = wherever.client();
    for _ in 0..10 {
        assert_eq!(client.write(&key).await, Ok(1));
    }
    assert_eq!((fakes[0].calls(), fakes[1].calls()), (1, 10));
    assert_eq!(wherever.counted().redirects, 1);
    assert_eq!(fakes[0].maps() + fakes[1].maps(), 1, "the map is not read again");
}

#[tokio::test]
async fn a_thousand_callers_of_a_moved_slot_read_the_map_at_most_once() {
    let fakes = Fakes::start(2).await;
    let (key, to) = (fakes.key_of(0), fakes[1].address.to_string());
    fakes[0].does(move |asked| asked.moved(&to, EPOCH + 1));
    // A thousand connections at once may take a busy machine longer than a call usually waits for one.
    let settings = HttpSettings { connect_timeout: Duration::from_secs(30), ..HttpSettings::default() };
    let builder = WhereverBuilder::connecting([fakes[0].address.to_string()]).unwrap();
    let client: ProbeClient =
        builder.http(settings).default_deadline(Duration::from_secs(30)).build().unwrap().client();
    client.read(&fakes.key_of(1)).await.expect("the map is read");
    let answers = join_all((0..1000).map(|_| client.write(&key))).await;
    let failed: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} of 1000: {:?}", failed.len(), failed[0]);
    assert_eq!(fakes[1].calls(), 1 + 1000);
    assert!(fakes[0].maps() + fakes[1].maps() <= 2, "one at the start, one more at most");
}

#[tokio::test]
async fn a_circle_of_redirects_ends_after_five() {
    for rising in [true, false] {
        let fakes = Fakes::start(2).await;
        let [a, b] = [0, 1].map(|peer| fakes[peer].address.to_string());
        let next = move |asked: &Asked| {
            let known: u64 = asked.about().epoch.unwrap();
            if rising { known + 1 } else { EPOCH + 1 }
        };
        fakes[0].does(move |asked| asked.moved(&b, next(asked)));
        fakes[1].does(move |asked| asked.moved(&a, next(asked)));
        let began = Instant::now();
        let error = timed(WAIT, fakes.client().await.write(&fakes.key_of(0))).await;
        assert_is("a circle", &error, Kind::Moved, Executed::No);
        assert!(error.message().contains("5 redirects"), "{error}");
        assert!(error.epoch().is_some_and(|epoch| epoch > EPOCH) && error.message().contains("epoch"), "{error}");
        assert_eq!(fakes[0].calls() + fakes[1].calls(), MOST_CALLS);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_redirect_to_itself_ends_after_five() {
    let fakes = Fakes::start(2).await;
    let itself = fakes[0].address.to_string();
    fakes[0].does(move |asked| asked.moved(&itself, EPOCH + 1));
    assert_is("itself", &timed(WAIT, fakes.client().await.write(&fakes.key_of(0))).await, Kind::Moved, Executed::No);
    assert_eq!((fakes[0].calls(), fakes[1].calls()), (MOST_CALLS, 0));
}

#[tokio::test]
async fn a_redirect_of_an_older_epoch_is_ignored() {
    for epoch in [EPOCH - 1, EPOCH, 0] {
        let fakes = Fakes::start(2).await;
        let to = fakes[1].address.to_string();
        fakes[0].does(move |asked| asked.moved(&to, epoch));
        let error = timed(WAIT, fakes.client().await.write(&fakes.key_of(0))).await;
        assert_is("an old epoch", &error, Kind::Moved, Executed::No);
        assert_eq!((fakes[0].calls(), fakes[1].calls()), (MOST_CALLS, 0), "epoch {epoch}");
        assert!(fakes[0].maps() + fakes[1].maps() <= 3, "the map is read at most once a second");
    }
}

#[tokio::test]
async fn after_an_old_redirect_the_map_decides() {
    let fakes = Fakes::start(2).await;
    let (key, to) = (fakes.key_of(0), fakes[1].address.to_string());
    fakes[0].does(move |asked| asked.moved(&to, EPOCH - 1));
    let client = fakes.client().await;
    fakes.draw(&[(0, 16383, 1, EPOCH + 1)]);
    assert_eq!(client.write(&key).await, Ok(1));
    assert_eq!((fakes[0].calls(), fakes[1].calls()), (1, 1));
}

#[tokio::test]
async fn no_packet_reaches_a_stranger() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stranger = trap.local_addr().unwrap().to_string();
    let fakes = Fakes::start(2).await;
    let member = fakes[1].address.to_string();
    let client = fakes.client().await;
    for (node, address) in [
        (stranger.clone(), stranger.clone()),
        (stranger.clone(), format!("http://{stranger}/")),
        ("file:///etc/passwd".to_owned(), "file:///etc/passwd".to_owned()),
    ] {
        fakes[0].does(move |asked| {
            let data = json!({"kind": "moved", "executed": "no", "slot": asked.slot(), "epoch": 99, "node": node, "address": address});
            asked.error(-32001, &data)
        });
        assert_is("a stranger", &timed(WAIT, client.write(&fakes.key_of(0))).await, Kind::Moved, Executed::No);
    }
    // A member under a stranger's address: the address of the map is the one dialed.
    let data = json!({"kind": "moved", "executed": "no", "epoch": 99, "node": member, "address": stranger});
    fakes[0].does(move |asked| {
        let mut data = data.clone();
        data["slot"] = json!(asked.slot());
        asked.error(-32001, &data)
    });
    assert_eq!(client.write(&fakes.key_of(0)).await, Ok(1));
    assert_eq!(fakes[1].calls(), 1);
    let caught = tokio::time::timeout(Duration::from_millis(1), trap.accept()).await;
    assert!(caught.is_err(), "somebody dialed the stranger");
}

#[tokio::test]
async fn a_redirect_of_another_slot_is_no_redirect() {
    let fakes = Fakes::start(2).await;
    let to = fakes[1].address.to_string();
    fakes[0].does(move |asked| {
        let other = asked.slot() ^ 1;
        asked.error(-32001, &json!({"kind": "moved", "executed": "no", "slot": other, "epoch": 9, "node": to}))
    });
    let error = timed(WAIT, fakes.client().await.write(&fakes.key_of(0))).await;
    assert_is("another slot", &error, Kind::SlotMismatch, Executed::No);
    assert_eq!((fakes[0].calls(), fakes[1].calls()), (1, 0));
}

#[tokio::test]
async fn a_redirect_that_leaves_out_the_half_is_given_to_the_caller() {
    let fakes = Fakes::start(1).await;
    fakes[0].does(|asked| asked.error(-32001, &json!({"kind": "moved", "executed": "no"})));
    assert_is("no owner named", &timed(WAIT, fakes.client().await.write("k")).await, Kind::Moved, Executed::No);
    assert_eq!(fakes[0].calls(), 1);
}

#[tokio::test]
async fn a_client_of_one_node_hears_of_a_move_and_stays() {
    let fakes = Fakes::start(2).await;
    let to = fakes[1].address.to_string();
    fakes[0].does(move |asked| asked.moved(&to, EPOCH + 1));
    let pinned = ProbeClient::on(&fakes.client().await, NodeId::new(fakes[0].address.to_string()));
    assert_is("pinned", &timed(WAIT, pinned.write(&fakes.key_of(0))).await, Kind::Moved, Executed::No);
    assert_eq!((fakes[0].calls(), fakes[1].calls()), (1, 0));
}

#[tokio::test]
async fn a_slot_without_an_owner_is_waited_for_and_never_guessed() {
    let fakes = Fakes::start(2).await;
    fakes.draw(&[(8192, 16383, 1, EPOCH)]);
    let client = fakes.client().await;
    let error = timed(Duration::from_millis(300), client.write(&fakes.key_of(0))).await;
    assert_eq!(error.executed(), Executed::No, "{error}");
    assert!([Kind::NoOwner, Kind::Deadline].contains(&error.kind()), "{error}");
    assert_eq!((fakes[0].calls(), fakes[1].calls()), (0, 0));
    assert_eq!(client.write(&fakes.key_of(1)).await, Ok(1));
}

#[tokio::test]
async fn a_peer_that_says_nobody_owns_the_slot_is_asked_again_with_growing_waits() {
    let fakes = Fakes::start(1).await;
    fakes[0].does(|asked| asked.error(-32003, &json!({"kind": "no_owner", "executed": "no"})));
    let error = timed(Duration::from_millis(500), fakes.client().await.write("k")).await;
    assert_eq!(error.executed(), Executed::No, "{error}");
    let calls = fakes[0].seen().calls.load(Ordering::SeqCst);
    assert!((3..=12).contains(&calls), "{calls} in half a second");
}
