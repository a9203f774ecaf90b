//! The bound on requests under way to one peer: calls beyond it wait for their turn, and no other peer is touched by that.

use std::time::Duration;

use futures_util::future::join_all;
use rpc_core::client::WhereverBuilder;
use tokio::task::JoinSet;
use wherever::{Executed, HttpSettings, Kind, Wherever};

use super::fake::Deed;
use super::fakes::{Fakes, assert_is, timed};
use super::probe::{Probe as _, ProbeClient};

fn connect(fakes: &Fakes, in_flight_per_peer: usize) -> Wherever {
    let settings = HttpSettings { in_flight_per_peer, ..HttpSettings::default() };
    let addresses = fakes.peers.iter().map(|peer| peer.address.to_string());
    WhereverBuilder::connecting(addresses).unwrap().http(settings).build().unwrap()
}

#[tokio::test]
async fn a_call_whose_turn_never_comes_was_not_sent_and_says_so() {
    let fakes = Fakes::start(2).await;
    fakes[0].does(|_| Deed::Silence);
    let client: ProbeClient = connect(&fakes, 2).client();
    let key = fakes.key_of(0);
    let mut held = JoinSet::new();
    for _ in 0..2 {
        let (client, key) = (client.clone(), key.clone());
        held.spawn(async move { client.write(&key).await });
    }
    while fakes[0].calls() < 2 {
        tokio::task::yield_now().await;
    }
    let errors = join_all((0..50).map(|_| timed(Duration::from_millis(100), client.write(&key)))).await;
    for error in errors {
        assert_is("no turn", &error, Kind::Deadline, Executed::No);
        let says = format!("before its turn came: 2 requests to {} are under way", fakes[0].address);
        assert!(error.message().contains(&says), "{error}");
    }
    assert_eq!(fakes[0].calls(), 2);
    assert_eq!(client.write(&fakes.key_of(1)).await, Ok(1), "another peer's turns are its own");
    // Those who are dropped give their turns back.
    fakes[0].does(super::fake::Asked::ok);
    drop(held);
    assert_eq!(client.write(&key).await, Ok(1));
}

#[tokio::test]
async fn calls_that_wait_for_their_turn_are_sent_in_the_order_in_which_they_came() {
    let fakes = Fakes::start(1).await;
    let client: ProbeClient = connect(&fakes, 1).client();
    assert_eq!(client.write("k").await, Ok(1), "the map is known");
    let answers = join_all((0..100).map(|_| client.write("k"))).await;
    assert!(answers.into_iter().all(|answer| answer == Ok(1)));
    let ids = fakes[0].seen().ids.lock().unwrap();
    let sequences: Vec<u64> = ids.iter().map(|id| id.split('-').nth(1).unwrap().parse().unwrap()).collect();
    assert!(sequences.len() == 101 && sequences.is_sorted(), "{sequences:?}");
}

#[tokio::test]
async fn a_flood_opens_no_more_connections_than_may_be() {
    let fakes = Fakes::start(1).await;
    let client: ProbeClient = connect(&fakes, 3).client();
    let answers = join_all((0..200).map(|_| client.write("k"))).await;
    assert!(answers.into_iter().all(|answer| answer == Ok(1)));
    let connections = fakes[0].seen().connections.load(std::sync::atomic::Ordering::SeqCst);
    // One more for the map, and one for frames, which the peer refuses.
    assert!(connections <= 5, "{connections}");
}
