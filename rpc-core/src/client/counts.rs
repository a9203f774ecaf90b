//! Counters that calls on many threads can bump without fighting over one cache line.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::cluster::view::CountsView;

/// Stripes that belong to one thread each while it lives: as many as one word has bits, and as
/// most runtimes have workers.
const OWN: usize = u32::BITS as usize;

/// Stripes that all further threads share.
const SHARED: usize = 8;

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
    /// The counts at this moment, of a node with so many calls in flight and streams open.
    pub fn view(&self, (in_flight, streams): (usize, usize)) -> CountsView {
        CountsView {
            local: self.local.total(),
            remote: self.remote.total(),
            redirects: self.redirects.total(),
            retries: self.retries.total(),
            served: self.served.total(),
            in_flight: in_flight as u64,
            streams: streams as u64,
        }
    }
}

/// A number that only grows.
pub struct Counter([Stripe; OWN + SHARED]);

/// One stripe, alone on its cache line (two of them, for processors that fetch lines in pairs).
#[derive(Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

impl Counter {
    /// One more.
    #[inline]
    pub fn add(&self) {
        let seat = SEAT.try_with(|seat| seat.0).unwrap_or(OWN);
        let count = &self.0[seat].0;
        if seat < OWN {
            // Nobody else writes here, so this needs no atomic addition, which costs as much as 20 plain instructions.
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        } else {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The sum of all stripes.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Stripe::default()))
    }
}

thread_local! {
    static SEAT: Seat = Seat::take();
}

/// The index of this thread's stripe, the same in all counters.
struct Seat(usize);

/// Bit `n` is set while a thread has stripe `n` to itself.
static TAKEN: AtomicU32 = AtomicU32::new(0);

impl Seat {
    #[cold]
    fn take() -> Self {
        static LATE: AtomicUsize = AtomicUsize::new(0);
        let lowest_free = |taken: u32| (taken != u32::MAX).then(|| taken | (taken + 1));
        // Acquire: sees all that the thread which had the stripe before has counted.
        match TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, lowest_free) {
            Ok(taken) => Self(taken.trailing_ones() as usize),
            Err(_) => Self(OWN + LATE.fetch_add(1, Ordering::Relaxed) % SHARED),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.0 < OWN {
            TAKEN.fetch_and(!(1 << self.0), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn threads_that_come_and_go_lose_no_count() {
        const THREADS: usize = OWN + SHARED + 1;
        const ADDED: u64 = 1000;
        let (counter, all_seated) = (Counter::default(), Barrier::new(THREADS));
        for _ in 0..3 {
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        counter.add();
                        all_seated.wait();
                        (1..ADDED).for_each(|_| counter.add());
                    });
                }
            });
        }
        assert_eq!(counter.total(), 3 * THREADS as u64 * ADDED);
    }
}
