//! The places for streams on a node: a number of their own, so that streams that live for long keep no calls out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::{Kind, RpcError};

/// What a refused caller is told to wait: streams end less often than calls do.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The streams that calls from the network have opened.
pub struct Places {
    taken: AtomicUsize,
    limit: usize,
}

/// One stream's place; dropping it gives it back.
pub(super) struct StreamPlace(Arc<Places>);

impl Places {
    pub(in crate::provider) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), limit })
    }

    /// How many streams are open.
    pub fn count(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Kind::Overloaded`] when there is none.
    pub(super) fn take(self: &Arc<Self>) -> Result<StreamPlace, RpcError> {
        // The place is taken first, so that its Drop gives it back also when it is refused.
        let before = self.taken.fetch_add(1, Ordering::AcqRel);
        let place = StreamPlace(self.clone());
        if before >= self.limit {
            let message = format!("{} streams are open on this node, as many as it takes", self.limit);
            return Err(RpcError::new(Kind::Overloaded, message).with_retry_after(RETRY_AFTER));
        }
        Ok(place)
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let places = Places::new(1);
        let place = places.take().expect("room");
        assert_eq!(places.take().err().map(|error| error.kind()), Some(Kind::Overloaded));
        assert_eq!(places.count(), 1);
        drop(place);
        assert_eq!(places.count(), 0);
    }
}
