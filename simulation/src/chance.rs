//! The only source of randomness in a simulation: a sequence that the seed determines.

use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;

thread_local! {
    // A simulation runs on one thread, and several may run at once.
    static DICE: RefCell<Rng> = const { RefCell::new(Rng::with_seed(0)) };
}

/// Begins the sequence of `seed`.
pub(crate) fn begin(seed: u64) {
    DICE.with_borrow_mut(|dice| dice.seed(seed));
}

/// The next number of the sequence.
pub(crate) fn random() -> u64 {
    DICE.with_borrow_mut(|dice| dice.u64(..))
}

/// A number below `end`, which is not 0.
pub(crate) fn below(end: usize) -> usize {
    DICE.with_borrow_mut(|dice| dice.usize(..end))
}

/// True in so many of a thousand cases.
pub(crate) fn in_thousand(cases: usize) -> bool {
    below(1000) < cases
}

/// A time in this range of milliseconds.
pub(crate) fn millis(range: Range<u64>) -> Duration {
    Duration::from_millis(DICE.with_borrow_mut(|dice| dice.u64(range)))
}

/// One of several.
pub(crate) fn one_of<T>(several: &[T]) -> &T {
    &several[below(several.len())]
}
