//! Keeps the node's authority: writes its beats, and tells the calls how long they may run.

use std::sync::Arc;
use std::time::Duration;

use rpc_core::clock::Clock;
use rpc_core::cluster::authority::{Authority as Machine, State, Stop};
use rpc_core::coordinator::{Coordinator, CoordinatorError};
use rpc_core::provider::authority::Authority;
use tokio::time::{sleep, timeout};

/// Why an incarnation is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// It was fenced: whoever wants goes on as a new one.
    Fenced,
    /// The cluster is not what it was.
    Stopped(String),
}

/// Writes beats for as long as it is polled, and ends when there will be no authority any more.
pub(super) async fn beat(
    coordinator: Arc<dyn Coordinator>,
    clock: Arc<dyn Clock>,
    mut machine: Machine,
    authority: &Authority,
) -> Over {
    loop {
        let now = clock.now();
        match machine.state(now) {
            State::Fenced => {
                authority.end();
                return Over::Fenced;
            }
            State::Stopped(stop) => {
                authority.end();
                return Over::Stopped(why(stop).to_owned());
            }
            _ => {}
        }
        let Some(claim) = machine.due(now) else {
            let next = machine.next_beat().unwrap_or(now);
            sleep(next.saturating_sub(now).max(Duration::from_millis(1))).await;
            continue;
        };
        // A beat that is not answered before the next one is due is given up: a late answer would give little.
        let patience = machine.next_beat().unwrap_or(now).saturating_sub(now);
        let late = || Err(CoordinatorError::Unavailable("no answer to a beat".to_owned()));
        let answer = timeout(patience, coordinator.transact(claim.txn)).await.unwrap_or_else(|_| late());
        if let Err(error) = &answer {
            tracing::warn!(%error, "a beat was not answered");
        }
        machine.answered(claim.sent, answer.as_ref());
        if let Some(until) = machine.until() {
            authority.extend(until);
        }
    }
}

/// A stop, for people.
fn why(stop: Stop) -> &'static str {
    match stop {
        Stop::MetaMissing => "the cluster's own record is gone: the coordinator's data was wiped",
        Stop::MetaChanged => "the cluster's own record was written anew: this is another cluster, or an old backup",
        Stop::CoordinatorChanged => "the coordinator's data is not what it was",
    }
}
