//! Times, counted in buckets whose width grows with them: within 1.6 %, from a nanosecond to 19 hours, in 21 KiB.

use std::time::Duration;

/// Buckets for each doubling.
const STEPS: u64 = 64;

/// So many doublings, the first two of them one by one: up to 2^46 ns, which no deadline comes near.
const DOUBLINGS: usize = 41;

/// Counted times.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: Duration,
    longest: Duration,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; DOUBLINGS * STEPS as usize], count: 0, sum: Duration::ZERO, longest: Duration::ZERO }
    }

    pub(super) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let place = place(nanos).min(self.buckets.len() - 1);
        self.buckets[place] += 1;
        self.count += 1;
        self.sum += time;
        self.longest = self.longest.max(time);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn mean(&self) -> Duration {
        self.sum.checked_div(u32::try_from(self.count).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// The time within which so many of a thousand ended.
    pub(super) fn within(&self, of_thousand: u64) -> Duration {
        let wanted = (self.count * of_thousand).div_ceil(1000);
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return Duration::from_nanos(end(place)).min(self.longest);
            }
        }
        self.longest
    }

    /// How many ended within each of these times, but not within the one before.
    pub(super) fn between(&self, ends: &[Duration]) -> Vec<u64> {
        let mut counts = vec![0; ends.len()];
        for (place, count) in self.buckets.iter().enumerate() {
            let time = Duration::from_nanos(end(place)).min(self.longest);
            if let Some(row) = ends.iter().position(|end| time <= *end).or(ends.len().checked_sub(1)) {
                counts[row] += count;
            }
        }
        counts
    }
}

/// Times below 64 ns have a bucket each; above, each doubling has 64.
fn place(nanos: u64) -> usize {
    let doublings = (u64::BITS - nanos.leading_zeros()).saturating_sub(STEPS.ilog2() + 1);
    let within = nanos >> doublings;
    usize::try_from(u64::from(doublings) * STEPS + within).unwrap_or(usize::MAX)
}

/// The longest time of a bucket.
fn end(place: usize) -> u64 {
    let place = place as u64;
    if place < 2 * STEPS {
        return place;
    }
    let doublings = place / STEPS - 1;
    let within = place - doublings * STEPS;
    ((within + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_within_its_bucket_and_a_bucket_is_narrow() {
        for nanos in (0..2000).chain((0..40).flat_map(|n| [(1 << n) - 1, 1 << n, (1 << n) + 1])) {
            let end = end(place(nanos));
            assert!(nanos <= end && end <= nanos + nanos / 60, "{nanos} {end}");
            assert!(place(nanos + 1) == place(nanos) || nanos == end, "{nanos}");
        }
    }

    #[test]
    fn shares_are_those_of_what_was_added() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|millis| histogram.add(Duration::from_millis(millis)));
        for of_thousand in [1, 500, 990, 999] {
            let within = histogram.within(of_thousand).as_micros() as u64;
            assert!((of_thousand * 1000..=of_thousand * 1017).contains(&within), "{of_thousand}: {within}");
        }
        assert_eq!((histogram.within(1000), histogram.count()), (Duration::from_secs(1), 1000));
        assert_eq!(histogram.between(&[Duration::from_millis(250), Duration::from_secs(9)]).iter().sum::<u64>(), 1000);
        assert_eq!(Histogram::new().within(500), Duration::ZERO);
    }
}
