//! The retry budget of one peer: retries are a fraction of the calls, so a peer in trouble is not buried under them.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Thousandths of a retry that each call earns: one retry for five calls.
const EARNED_PER_CALL: u64 = 200;

/// Retries that each second earns, so that a rare caller can retry too.
const EARNED_PER_SECOND: u64 = 10;

/// Most retries saved up: what a second of quiet plus a burst of calls may earn.
const MOST_SAVED: u64 = 50;

const THOUSAND: u64 = 1000;

/// A token bucket in thousandths of a retry.
#[derive(Debug)]
pub struct Budget(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    thousandths: u64,
    filled: Instant,
}

impl Budget {
    /// A budget with one second's worth saved.
    pub fn new() -> Self {
        Self(Mutex::new(Bucket { thousandths: EARNED_PER_SECOND * THOUSAND, filled: Instant::now() }))
    }

    /// Earns for one first try.
    pub fn earn(&self) {
        self.with(|bucket| bucket.add(EARNED_PER_CALL));
    }

    /// Spends one retry; false if there is none left.
    pub fn spend(&self) -> bool {
        self.with(|bucket| {
            bucket.refill();
            let enough = bucket.thousandths >= THOUSAND;
            if enough {
                bucket.thousandths -= THOUSAND;
            }
            enough
        })
    }

    fn with<R>(&self, body: impl FnOnce(&mut Bucket) -> R) -> R {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
}
