//! Keeps the node's authority: writes its beats, and tells the calls how long they may run.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rpc_core::clock::Clock;
use rpc_core::cluster::authority::{Authority as Machine, Claim, State, Stop};
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
///
/// A beat does not wait for the answer to the one before, so that one that is late or lost does not hold up the next: as long as the coordinator
/// is waited for, answers that come within D less a third of it cost no authority. Each beat is given up after D, so that there are never more
/// than a few.
pub(super) async fn beat(
    coordinator: Arc<dyn Coordinator>,
    clock: Arc<dyn Clock>,
    mut machine: Machine,
    authority: &Authority,
) -> Over {
    let mut unanswered = FuturesUnordered::new();
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
        if let Some(Claim { sent, txn }) = machine.due(now) {
            let (coordinator, patience) = (coordinator.clone(), machine.patience());
            unanswered.push(async move { (sent, timeout(patience, coordinator.transact(txn)).await) });
        }
        let next = machine.next_beat().unwrap_or(now);
        tokio::select! {
            biased;
            Some((sent, answer)) = unanswered.next() => {
                let late = |_| Err(CoordinatorError::Unavailable("no answer to a beat".to_owned()));
                let answer = answer.unwrap_or_else(late);
                if let Err(error) = &answer {
                    tracing::warn!(%error, "a beat was not answered");
                }
                machine.answered(sent, answer.as_ref());
                if let Some(until) = machine.until() {
                    authority.extend(until);
                }
            }
            () = sleep(next.saturating_sub(now).max(Duration::from_millis(1))) => {}
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

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use rpc_core::cluster::authority::Timing;
    use rpc_core::cluster::records::{FORMAT, Incarnation, META, Meta, write};
    use rpc_core::coordinator::embedded::Embedded;
    use rpc_core::coordinator::{Op, Txn};
    use tokio::time::Instant;

    use super::super::fixtures::{Behind, Between};
    use super::*;

    /// The runtime's time, which a test may stop.
    struct Paused(Instant);

    impl Clock for Paused {
        fn now(&self) -> Duration {
            self.0.elapsed()
        }
    }

    /// Takes so long to answer.
    struct Slow(Duration);

    impl Between for Slow {
        fn after(&self) -> BoxFuture<'static, Result<(), CoordinatorError>> {
            let wait = sleep(self.0);
            Box::pin(async move {
                wait.await;
                Ok(())
            })
        }
    }

    /// For how much of a minute a node has no authority whose coordinator takes so long to answer.
    async fn without_authority(answer_after: Duration) -> Duration {
        let clock = Arc::new(Paused(Instant::now()));
        let store = Embedded::in_memory(clock.clone());
        let meta = Meta { format: FORMAT, cluster: "ours".to_owned() };
        let put = Op::Put { key: META.to_owned(), value: write(&meta), lease: None };
        let found = store.transact(Txn { ops: vec![put], ..Txn::default() }).await.expect("it answers");
        let machine = Machine::new(Timing::default(), "a:1".into(), Incarnation(1), "ours", found.revision);
        let authority = Authority::leased(clock.clone());
        let beats = beat(Arc::new(Behind(store, Slow(answer_after))), clock.clone(), machine, &authority);
        let watching = async {
            while !authority.holds() {
                sleep(Duration::from_millis(10)).await;
            }
            let mut without = Duration::ZERO;
            let since = clock.now();
            while clock.now() - since < Duration::from_secs(60) {
                sleep(Duration::from_millis(10)).await;
                without += if authority.holds() { Duration::ZERO } else { Duration::from_millis(10) };
            }
            without
        };
        tokio::select! {
            over = beats => panic!("{over:?}"),
            without = watching => without,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_coordinator_that_answers_each_beat_late_costs_no_authority() {
        for answer_after in [0, 1400, 2600].map(Duration::from_millis) {
            assert_eq!(without_authority(answer_after).await, Duration::ZERO, "{answer_after:?}");
        }
        assert!(without_authority(Duration::from_millis(3900)).await > Duration::from_secs(30), "that is too late");
    }
}
