//! Mistakes that a simulation plants, to show that it would find them. No program sets one.

use std::time::Duration;

use rpc_core::cluster::authority::Timing;

/// After so long a source with [`Planted::TimerUnseal`] serves again, whatever became of its move.
const IMPATIENCE: Duration = Duration::from_millis(100);

/// A mistake in the protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A source hands its slots over without sealing them.
    NoSeal,
    /// A source serves its slots again after some time, without having read that its move was aborted.
    TimerUnseal,
    /// The controller gives a fenced node's slots away at once.
    NoWait,
}

/// The timing by which a node that leads waits for others' authority to end.
pub(super) fn timing_to_lead(planted: Option<Planted>, timing: Timing) -> Timing {
    if planted != Some(Planted::NoWait) {
        return timing;
    }
    Timing::new(timing.lease(), Duration::from_millis(30), 0).unwrap_or(timing)
}

/// Ready when a source with [`Planted::TimerUnseal`] has been sealed, and left alone, for long enough; in all others never.
pub(super) async fn impatience(planted: Option<Planted>, is_sealed: bool) {
    if planted == Some(Planted::TimerUnseal) && is_sealed {
        tokio::time::sleep(IMPATIENCE).await;
    } else {
        std::future::pending::<()>().await;
    }
}
