//! What the log has heard of something that fails again and again: it is tried many times a second, and each failure would say the same.

use std::time::Duration;

/// Between two lines that say the same.
const EVERY: Duration = Duration::from_secs(30);

/// The failures of one thing.
#[derive(Default)]
pub(super) struct Complaint {
    /// When it was last said, on the coordinator's clock; nothing while all is well.
    told: Option<Duration>,
    /// Failures since then.
    untold: u64,
}

impl Complaint {
    /// Whether a failure at `now` is to be said, and how many were not since the last one that was.
    pub(super) fn of_failure(&mut self, now: Duration) -> Option<u64> {
        if self.told.is_some_and(|told| now.saturating_sub(told) < EVERY) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }

    /// It has worked. Whether that is news.
    pub(super) fn is_over(&mut self) -> bool {
        self.untold = 0;
        self.told.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_lasts_is_said_now_and_then_and_its_end_once() {
        let mut complaint = Complaint::default();
        let mut at = |millis| complaint.of_failure(Duration::from_millis(millis));
        assert_eq!((at(0), at(50), at(29_999)), (Some(0), None, None));
        assert_eq!((at(30_000), at(30_001)), (Some(2), None));
        assert!(complaint.is_over() && !complaint.is_over());
        assert_eq!(complaint.of_failure(Duration::from_secs(31)), Some(0), "it begins anew");
    }
}
