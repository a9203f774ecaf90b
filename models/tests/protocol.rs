//! The protocol holds in every order of events, and each planted mistake is found.

use stateright::{Checker, HasDiscoveries, Model};
use wherever_models::Bug;
use wherever_models::cluster::Protocol;

#[test]
fn every_order_of_events_keeps_the_promises() {
    let checker = Protocol { bug: None, calls: 1 }.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} of them different", checker.state_count(), checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn each_planted_bug_is_found() {
    let promises = [
        "at most one node executes",
        "no call runs twice",
        "no acknowledged call is lost",
        "nothing is lost without a fence",
    ];
    for bug in Bug::ALL {
        let checker = Protocol { bug: Some(bug), calls: 1 }
            .checker()
            .threads(2)
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        let broken = promises.into_iter().find_map(|promise| Some((promise, checker.discovery(promise)?)));
        let (promise, path) = broken.unwrap_or_else(|| panic!("{bug:?} was not found"));
        let steps = path.into_actions();
        println!("{bug:?} breaks {promise:?} in {} steps: {steps:?}", steps.len());
    }
}
