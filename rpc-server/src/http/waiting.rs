//! Waiting for a call that runs on a task, and what becomes of the call when its caller hangs up.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rpc_core::{Executed, Kind, RpcError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::execute::Answer;

/// The wait for a call's answer. Losing the connection drops it, but never the call at once: that has started, and runs at most once.
pub(super) struct Waiting {
    // `None` once the answer was given.
    task: Option<JoinHandle<Answer>>,
    patience: Option<Duration>,
}

impl Waiting {
    /// Waits for `task`. If the wait ends before it, it is dropped `patience` later, or goes on to its deadline where there is none.
    pub(super) fn new(task: JoinHandle<Answer>, patience: Option<Duration>) -> Self {
        Self { task: Some(task), patience }
    }
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let task = self.task.as_mut().expect("nobody polls a future after it was ready");
        let joined = ready!(Pin::new(task).poll(cx));
        self.task = None;
        Poll::Ready(joined.unwrap_or_else(|error| {
            tracing::error!(%error, "a call's task ended without an answer");
            Err(RpcError::new(Kind::Internal, "the call's task ended without an answer").with_executed(Executed::Maybe))
        }))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (Some(mut task), Some(patience)) = (self.task.take(), self.patience) else { return };
        // Where no runtime is left, no call runs either.
        let Ok(runtime) = Handle::try_current() else { return };
        // It ends with its call, so that there are never more of these than places among the calls in flight.
        runtime.spawn(async move {
            if tokio::time::timeout(patience, &mut task).await.is_err() {
                task.abort();
            }
        });
    }
}
