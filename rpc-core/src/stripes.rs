//! Values of which each thread mostly has one for itself, so that calls on many threads do not fight over one cache line: a line that two cores
//! write in turn costs each of them ten times what its own does.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Stripes that belong to one thread each while it lives: as many as one word has bits, and as
/// most runtimes have workers.
const OWN: usize = u32::BITS as usize;

/// Stripes that all further threads share.
const SHARED: usize = 8;

/// Values in a [`Striped`]: fewer, since they are larger than a number, and correct however many threads share one.
const FEW: usize = 16;

/// A number that only grows.
#[derive(Debug)]
pub struct Counter([Stripe<AtomicU64>; OWN + SHARED]);

/// One stripe, alone on its cache line (two of them, for processors that fetch lines in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe<T>(T);

impl Counter {
    /// One more.
    #[inline]
    pub fn add(&self) {
        let seat = seat();
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

/// A value that is there several times, for what is looked at by every call and changes seldom: each thread looks at one of them.
#[derive(Debug)]
pub struct Striped<T>(Box<[Stripe<Mutex<T>>; FEW]>);

impl<T> Striped<T> {
    /// Looks at this thread's value, or changes it. `look` must not come back here.
    #[inline]
    pub fn with<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.0[seat() % FEW].0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes all of them, one after the other.
    pub fn each(&self, mut change: impl FnMut(&mut T)) {
        self.0.iter().for_each(|stripe| change(&mut stripe.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl<T: Default> Default for Striped<T> {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Stripe::default())))
    }
}

thread_local! {
    static SEAT: Seat = Seat::take();
}

/// The index of this thread's stripe; a thread that is ending sits where many do.
#[inline]
fn seat() -> usize {
    SEAT.try_with(|seat| seat.0).unwrap_or(OWN)
}

/// The index of a thread's stripe, the same in all counters.
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
        let striped = Striped::<u64>::default();
        for _ in 0..3 {
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        counter.add();
                        striped.with(|count| *count += 1);
                        all_seated.wait();
                        (1..ADDED).for_each(|_| counter.add());
                        (1..ADDED).for_each(|_| striped.with(|count| *count += 1));
                    });
                }
            });
        }
        let (mut total, mut used) = (0, 0);
        striped.each(|count| {
            total += *count;
            used += usize::from(*count > 0);
        });
        assert_eq!((counter.total(), total), (3 * THREADS as u64 * ADDED, 3 * THREADS as u64 * ADDED));
        assert_eq!(used, FEW, "threads are spread over all values");
    }
}
