//! When a caller stops waiting: an instant of the monotonic clock, never a wall-clock time.

use std::time::Duration;

use tokio::time::Instant;

/// Deadline of a call that neither its caller nor its context gave one.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// Longest deadline accepted; a longer one is cut to it. An hour outlives any sane call and keeps every sum of instants finite.
pub const MAX_DEADLINE: Duration = Duration::from_secs(3600);

/// The moment after which nobody waits for the reply any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `wait` from now, at most [`MAX_DEADLINE`].
    pub fn after(wait: Duration) -> Self {
        Self::counted_from(Instant::now(), wait)
    }

    /// `wait` from `start`, at most [`MAX_DEADLINE`]; for who has read the clock already.
    pub fn counted_from(start: Instant, wait: Duration) -> Self {
        Self(start + wait.min(MAX_DEADLINE))
    }

    /// The moment itself.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// What is left; zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.remaining_at(Instant::now())
    }

    /// As [`remaining`](Self::remaining), for who has read the clock already.
    pub fn remaining_at(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// The earlier of two.
    #[must_use]
    pub fn or_earlier(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| self.min(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_wait_is_cut_instead_of_overflowing() {
        assert!(Deadline::after(Duration::MAX).remaining() <= MAX_DEADLINE);
        assert!(Deadline::after(Duration::ZERO).has_passed());
    }
}
