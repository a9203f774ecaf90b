//! What the log has heard of something that fails again and again: it is tried many times a second, and each failure would say the same.

use std::time::Duration;

/// Between two lines that say the same.
const EVERY: Duration = Duration::from_secs(30);

/// The failures of one thing.
#[derive(Default)]
pub(super) struct Complaint {
    /// When it was last said, on the coordinator's clock.
    told: Option<Duration>,
    /// It was said, and its end was not.
    is_open: bool,
    /// Failures since it was last said.
    untold: u64,
}

impl Complaint {
    /// Whether a failure at `now` is to be said, and how many were not since the last one that was.
    pub(super) fn of_failure(&mut self, now: Duration) -> Option<u64> {
        if self.told.is_some_and(|told| now.saturating_sub(told) < EVERY) {
            self.untold += 1;
            return None;
        }
        (self.told, self.is_open) = (Some(now), true);
        Some(std::mem::take(&mut self.untold))
    }

    /// It has worked. Whether that is news. A failure that follows soon is said no sooner for it: near the end of a disk each second write may fail.
    pub(super) fn is_over(&mut self) -> bool {
        std::mem::take(&mut self.is_open)
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
        assert_eq!(complaint.of_failure(Duration::from_secs(31)), None, "too soon to be said, and so is its end");
        assert!(!complaint.is_over());
        assert_eq!(complaint.of_failure(Duration::from_secs(61)), Some(2));
        assert!(complaint.is_over());
    }
}
