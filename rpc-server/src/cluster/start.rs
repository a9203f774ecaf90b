//! Whether a node of a live cluster was started: one that is only built answers on its routes, and can do nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rpc_core::{Kind, RpcError};

/// What a caller is told to wait: a program may serve its routes a moment before it starts the node.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Whether the node was started, and whether the log has heard that it was not.
#[derive(Debug, Default)]
pub(super) struct Start {
    is_noted: AtomicBool,
    is_missed: AtomicBool,
}

impl Start {
    pub(super) fn note(&self) {
        self.is_noted.store(true, Ordering::Release);
    }

    pub(super) fn check(&self) -> Result<(), RpcError> {
        if self.is_noted.load(Ordering::Acquire) { Ok(()) } else { Err(self.missed()) }
    }

    #[cold]
    fn missed(&self) -> RpcError {
        if !self.is_missed.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                "a request has come to a node that was not started: its program serves the node's routes, and must call `Node::start` \
                 too and keep what that gives; the `serve` methods do it themselves"
            );
        }
        let message = "this node of a live cluster was built and not started: its program has to call `Node::start`";
        RpcError::new(Kind::NoAuthority, message).with_retry_after(RETRY_AFTER)
    }
}
