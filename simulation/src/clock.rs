//! A host's clock: simulated time, a little too fast or too slow, as real clocks are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wherever::Clock;

/// Runs from some moment in the past; another host's began at another one.
pub(crate) struct DriftingClock {
    since: Duration,
    // Thousandths by which it is too fast; negative ones by which it is too slow.
    drift: i32,
    latest: AtomicU64,
}

impl DriftingClock {
    pub(crate) fn new(since: Duration, drift: i32) -> Self {
        Self { since, drift, latest: AtomicU64::new(0) }
    }
}

impl Clock for DriftingClock {
    fn now(&self) -> Duration {
        // No time goes by while a host is being taken down, from outside of the simulation.
        let told = turmoil::sim_elapsed().map_or(0, |elapsed| {
            let rate = 1.0 + f64::from(self.drift) / 1000.0;
            (elapsed.as_nanos() as f64 * rate) as u64
        });
        let before = self.latest.fetch_max(told, Ordering::Relaxed);
        self.since + Duration::from_nanos(told.max(before))
    }
}
