//! The retry budget of one peer: retries are a fraction of the calls, so a peer in trouble is not buried under them.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::stripes::Counter;

/// Thousandths of a retry that each call earns: one retry for five calls.
const EARNED_PER_CALL: u64 = 200;

/// Retries that each second earns, so that a rare caller can retry too.
const EARNED_PER_SECOND: u64 = 10;

/// Most retries saved up: what a second of quiet plus a burst of calls may earn.
const MOST_SAVED: u64 = 50;

const THOUSAND: u64 = 1000;

/// A token bucket in thousandths of a retry.
#[derive(Debug)]
pub struct Budget {
    /// First tries. What they earn is added up when a retry is asked for: every call counts itself, and few ask.
    calls: Counter,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    thousandths: u64,
    /// So many of the first tries are in it.
    counted: u64,
    filled: Instant,
}

impl Budget {
    /// A budget with one second's worth saved.
    pub fn new() -> Self {
        let bucket = Bucket { thousandths: EARNED_PER_SECOND * THOUSAND, counted: 0, filled: Instant::now() };
        Self { calls: Counter::default(), bucket: Mutex::new(bucket) }
    }

    /// Earns for one first try.
    #[inline]
    pub fn earn(&self) {
        self.calls.add();
    }

    /// Spends one retry; false if there is none left.
    pub fn spend(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.count(self.calls.total());
        bucket.refill();
        let enough = bucket.thousandths >= THOUSAND;
        if enough {
            bucket.thousandths -= THOUSAND;
        }
        enough
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl Bucket {
    fn add(&mut self, thousandths: u64) {
        self.thousandths = (self.thousandths + thousandths).min(MOST_SAVED * THOUSAND);
    }

    fn count(&mut self, calls: u64) {
        let more = calls.saturating_sub(self.counted);
        self.counted = calls;
        self.add(more.saturating_mul(EARNED_PER_CALL));
    }

    fn refill(&mut self) {
        let passed = u64::try_from(self.filled.elapsed().as_millis()).unwrap_or(u64::MAX);
        if passed > 0 {
            self.filled = Instant::now();
            // A millisecond earns as many thousandths as a second earns retries.
            self.add(passed.saturating_mul(EARNED_PER_SECOND));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_failures_earns_a_fifth_of_itself_in_retries() {
        let budget = Budget::new();
        let spent = (0..1000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        let spent = spent.count();
        assert!((200..=260).contains(&spent), "{spent}");
    }

    #[test]
    fn a_long_quiet_saves_no_more_than_a_burst_may_spend() {
        let budget = Budget::new();
        (0..100_000).for_each(|_| budget.earn());
        let spent = (0..1000).filter(|_| budget.spend()).count();
        assert!((50..=60).contains(&spent), "{spent}");
    }
}
