//! Whose turn it is to send to one peer: each request under way is a connection, and a flood of calls must not open thousands of them.

use reqwest::Url;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::place_of;
use crate::call::Call;
use crate::error::{Executed, Kind, RpcError};

/// The turns of one peer.
pub(super) struct Turns {
    // First come, first served: while anybody waits, a turn that is given back goes to the first of them.
    free: Semaphore,
    most: usize,
}

impl Turns {
    /// At most so many at once, and one at least.
    pub(super) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Semaphore::new(most), most }
    }

    /// Waits until it is the turn of `call` to the peer at `url`, at most until its deadline. Dropping the turn gives it back.
    ///
    /// A call that a running call waits for needs none: `None`. Otherwise chains of calls between two nodes could hold all turns in both
    /// directions, and each would wait for a turn that another chain holds, until their deadlines. How many of them there are is bounded by the
    /// calls that run.
    ///
    /// # Errors
    /// [`Kind::Deadline`], not executed, when the deadline passed before.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the queue.
    pub(super) async fn take(&self, url: &Url, call: &Call) -> Result<Option<SemaphorePermit<'_>>, RpcError> {
        if call.path.depth() > 0 {
            return Ok(None);
        }
        if let Ok(turn) = self.free.try_acquire() {
            return Ok(Some(turn));
        }
        match tokio::time::timeout_at(call.deadline.instant(), self.free.acquire()).await {
            Ok(turn) => Ok(turn.ok()),
            Err(_passed) => Err(self.too_late(url, call)),
        }
    }

    fn too_late(&self, url: &Url, call: &Call) -> RpcError {
        let message = format!(
            "the deadline of {} passed before its turn came: {} requests to {} are under way, as many as may be",
            call.method.full_name,
            self.most,
            place_of(url)
        );
        RpcError::new(Kind::Deadline, message).with_executed(Executed::No)
    }
}
