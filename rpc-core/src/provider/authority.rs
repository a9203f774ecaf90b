//! The node's right to execute, as calls see it: one word, asked before every poll.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// The end of authority that nothing can take away.
const FOREVER: u64 = u64::MAX;

/// Stands for "fenced": no beat brings authority back.
const NEVER: u64 = 0;

/// The first end that a beat can give, so that it differs from [`NEVER`].
const LAPSED: u64 = 1;

/// The node's right to execute. It is asked before every poll, so a node that lost it stops in the middle of its calls.
pub struct Authority {
    /// Until when, in nanoseconds of the clock.
    until: AtomicU64,
    /// Counts the incarnations: what began under one is not polled under the next.
    term: AtomicU64,
    clock: Option<Arc<dyn Clock>>,
}

impl Authority {
    /// Authority that nothing can take away: that of a node in a fixed cluster, or of a local value.
    pub const fn fixed() -> Self {
        Self { until: AtomicU64::new(FOREVER), term: AtomicU64::new(0), clock: None }
    }

    /// Authority that has to be given, and ends by itself on `clock`. None is given yet.
    pub fn leased(clock: Arc<dyn Clock>) -> Self {
        Self { until: AtomicU64::new(LAPSED), term: AtomicU64::new(0), clock: Some(clock) }
    }

    /// Whether the node may execute at this moment.
    #[inline]
    pub fn holds(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until == FOREVER || (until > LAPSED && self.clock.as_ref().is_some_and(|clock| nanos(clock.now()) < until))
    }

    /// The incarnation that executes now.
    #[inline]
    pub fn term(&self) -> u64 {
        self.term.load(Ordering::Acquire)
    }

    /// Whether what began in `term` may be polled at this moment: the incarnation is still the same, and may execute.
    #[inline]
    pub fn holds_in(&self, term: u64) -> bool {
        self.term() == term && self.holds()
    }

    /// How long it still lasts; zero if it does not hold.
    pub fn left(&self) -> Duration {
        let until = self.until.load(Ordering::Acquire);
        match &self.clock {
            None => Duration::MAX,
            Some(clock) => Duration::from_nanos(until.saturating_sub(nanos(clock.now()))),
        }
    }

    /// A new incarnation begins, which has no authority yet. Whatever the old one had begun is not polled again.
    pub fn renew(&self) {
        self.term.fetch_add(1, Ordering::AcqRel);
        self.until.store(LAPSED, Ordering::Release);
    }

    /// Gives authority until `until` on the clock, unless it was taken for ever. It never gets shorter by this.
    pub fn extend(&self, until: Duration) {
        let until = nanos(until).clamp(LAPSED, FOREVER - 1);
        let longer = |known: u64| (known != NEVER && known < until).then_some(until);
        let _older_news = self.until.fetch_update(Ordering::AcqRel, Ordering::Acquire, longer);
    }

    /// Takes authority for ever: this incarnation is fenced, or is done.
    pub fn end(&self) {
        self.until.store(NEVER, Ordering::Release);
    }

    /// Whether it was taken for ever.
    pub fn has_ended(&self) -> bool {
        self.until.load(Ordering::Acquire) == NEVER
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("holds", &self.holds()).finish_non_exhaustive()
    }
}

/// A clock's reading in nanoseconds: enough for five hundred years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(FOREVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that goes when it is told to.
    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Acquire))
        }
    }

    #[test]
    fn authority_lapses_by_itself_and_is_given_again() {
        let clock = Arc::new(Hand::default());
        let authority = Authority::leased(clock.clone());
        assert!(!authority.holds());
        authority.extend(Duration::from_secs(4));
        assert!(authority.holds());
        authority.extend(Duration::from_secs(2));
        clock.0.store(3, Ordering::Release);
        assert!(authority.holds(), "older news do not shorten it");
        clock.0.store(4, Ordering::Release);
        assert!(!authority.holds());
        authority.extend(Duration::from_secs(9));
        assert!(authority.holds());
    }

    #[test]
    fn a_new_incarnation_polls_nothing_of_the_old_one() {
        let authority = Authority::leased(Arc::new(Hand::default()));
        authority.extend(Duration::from_secs(4));
        let term = authority.term();
        assert!(authority.holds_in(term));
        authority.end();
        authority.renew();
        assert!(!authority.holds());
        authority.extend(Duration::from_secs(4));
        assert!(authority.holds() && !authority.holds_in(term));
    }

    #[test]
    fn ended_authority_never_comes_back() {
        let authority = Authority::leased(Arc::new(Hand::default()));
        authority.extend(Duration::from_secs(4));
        authority.end();
        authority.extend(Duration::from_secs(9));
        assert!(!authority.holds() && authority.has_ended());
        assert!(Authority::fixed().holds());
    }
}
