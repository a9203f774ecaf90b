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
/// A beat does not wait for the answer to the one before: a coordinator that takes its time, but answers each within D less a third of it, costs
/// nobody his authority. Each is given up after D, so that there are never more than a few. One that fails before is not waited out either.
pub(super) async fn beat(
    coordinator: Arc<dyn Coordinator>,
    clock: Arc<dyn Clock>,
    mut machine: Machine,
    authority: &Authority,
) -> Over {
    let mut unanswered = FuturesUnordered::new();
    let mut lapse = Lapse::default();
    loop {
        let now = clock.now();
        lapse.note(&machine, now);
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
            unanswered.push(async move { (sent, timeout(patience, coordinator.transact_within(txn, patience)).await) });
        }
        let next = machine.next_beat().unwrap_or(now);
        tokio::select! {
            biased;
            Some((sent, answer)) = unanswered.next() => {
                let late = |_| Err(CoordinatorError::Unavailable("no answer to a beat".to_owned()));
                let answer = answer.unwrap_or_else(late);
                if let Err(error) = &answer {
                    lapse.note_failure(error);
                }
                let now = clock.now();
                lapse.note(&machine, now);
                machine.answered(sent, now, answer.as_ref());
                lapse.note(&machine, now);
                if let Some(until) = machine.until() {
                    authority.extend(until);
                }
            }
            () = sleep(next.saturating_sub(now).max(Duration::from_millis(1))) => {}
        }
    }
}

/// What the log has heard of lapses. Each is said, however short it was: calls that ran meanwhile may have failed.
#[derive(Default)]
struct Lapse {
    /// When authority ended, as long as it is away.
    since: Option<Duration>,
}

impl Lapse {
    /// A failed beat is said as long as it explains a lapse to come; during one it is no news.
    fn note_failure(&self, error: &CoordinatorError) {
        match self.since {
            None => tracing::warn!(%error, "a beat was not answered"),
            Some(_) => tracing::debug!(%error, "a beat was not answered"),
        }
    }

    fn note(&mut self, machine: &Machine, now: Duration) {
        match (machine.state(now), self.since) {
            (State::Lapsed, None) => {
                let since = machine.until().unwrap_or(now);
                self.since = Some(since);
                tracing::warn!("authority has lapsed: calls wait until a beat is answered");
            }
            (State::Held { .. }, Some(since)) => {
                self.since = None;
                tracing::warn!(after = ?now.saturating_sub(since), "authority is back");
            }
            _ => {}
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

    /// Fails at once for some seconds of every ten, and otherwise takes a moment to answer.
    struct Breaking(Instant, Duration);

    impl Between for Breaking {
        fn before(&self) -> BoxFuture<'static, Result<(), CoordinatorError>> {
            let is_broken = self.0.elapsed().as_millis() % 10_000 < self.1.as_millis();
            let lost = || Err(CoordinatorError::Unavailable("the connection broke".to_owned()));
            Box::pin(async move { if is_broken { lost() } else { Ok(()) } })
        }

        fn after(&self) -> BoxFuture<'static, Result<(), CoordinatorError>> {
            Slow(Duration::from_millis(30)).after()
        }
    }

    /// For how much of a minute a node has no authority whose coordinator is behind this.
    async fn without_authority(between: impl Between) -> Duration {
        let clock = Arc::new(Paused(Instant::now()));
        let store = Embedded::in_memory(clock.clone());
        let meta = Meta { format: FORMAT, cluster: "ours".to_owned() };
        let put = Op::Put { key: META.to_owned(), value: write(&meta), lease: None };
        let found = store.transact(Txn { ops: vec![put], ..Txn::default() }).await.expect("it answers");
        let machine = Machine::new(Timing::default(), "a:1".into(), Incarnation(1), "ours", found.revision);
        let authority = Authority::leased(clock.clone());
        let beats = beat(Arc::new(Behind(store, between)), clock.clone(), machine, &authority);
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
            assert_eq!(without_authority(Slow(answer_after)).await, Duration::ZERO, "{answer_after:?}");
        }
        let too_late = Slow(Duration::from_millis(3900));
        assert!(without_authority(too_late).await > Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn beats_that_fail_within_two_thirds_of_their_time_cost_no_authority() {
        for broken in [1400, 2000, 2300].map(Duration::from_millis) {
            assert_eq!(without_authority(Breaking(Instant::now(), broken)).await, Duration::ZERO, "{broken:?}");
        }
        assert!(without_authority(Breaking(Instant::now(), Duration::from_secs(6))).await > Duration::from_secs(6));
    }
}
