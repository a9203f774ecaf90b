//! Counters that calls on many threads can bump without fighting over one cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::cluster::view::CountsView;

/// Stripes of one counter: more than that many threads rarely count at the same instant.
const STRIPES: usize = 16;

/// What a client runtime counts.
#[derive(Default)]
pub struct Counts {
    /// Calls that stayed in this process.
    pub local: Counter,
    /// Calls sent to another node.
    pub remote: Counter,
    /// Redirects followed.
    pub redirects: Counter,
    /// Further tries.
    pub retries: Counter,
    /// Calls served for others.
    pub served: Counter,
}

impl Counts {
    /// The counts at this moment.
    pub fn view(&self, in_flight: usize) -> CountsView {
        CountsView {
            local: self.local.total(),
            remote: self.remote.total(),
            redirects: self.redirects.total(),
            retries: self.retries.total(),
            served: self.served.total(),
            in_flight: in_flight as u64,
        }
    }
}

/// A number that only grows.
#[derive(Default)]
pub struct Counter([Stripe; STRIPES]);

/// One stripe, alone on its cache line (two of them, for processors that fetch lines in pairs).
#[derive(Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl Counter {
    /// One more.
    #[inline]
    pub fn add(&self) {
        self.0[stripe()].0.fetch_add(1, Ordering::Relaxed);
    }

    /// The sum of all stripes.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

#[inline]
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    STRIPE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        }
        mine.get()
    })
}
