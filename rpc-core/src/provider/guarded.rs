//! Runs a provider's future under guard: within its authority and deadline, in its context, with panics caught.
//!
//! A call that is ready at its first poll, as most are, pays for none of the machinery: the timer is armed only when the
//! provider has to wait.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep_until};

use super::authority::Authority;
use crate::call::{Context, Deadline};
use crate::error::{Executed, Kind, RpcError};

/// A provider's future and what watches over it. Dropping it drops the provider's future where it stands.
pub(crate) struct Guarded<'a, T> {
    // None once it has ended, so that it is dropped before the slot is left.
    future: Option<BoxFuture<'a, T>>,
    context: Option<Context>,
    authority: &'a Authority,
    timer: Option<Pin<Box<Sleep>>>,
    cancelled: Option<Pin<Box<OwnedNotified>>>,
}

impl<'a, T> Guarded<'a, T> {
    pub(crate) fn new(future: BoxFuture<'a, T>, context: Context, authority: &'a Authority) -> Self {
        Self { future: Some(future), context: Some(context), authority, timer: None, cancelled: None }
    }

    /// Also stops when `cancel` is notified.
    pub(crate) fn cancelled_by(mut self, cancel: Option<&Arc<Notify>>) -> Self {
        self.cancelled = cancel.map(|cancel| Box::pin(cancel.clone().notified_owned()));
        self
    }

    /// Why the future must not be polled again, if so.
    fn stopped(&mut self, cx: &mut task::Context<'_>) -> Option<RpcError> {
        if self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            return Some(passed());
        }
        if self.cancelled.as_mut().is_some_and(|cancelled| cancelled.as_mut().poll(cx).is_ready()) {
            return Some(RpcError::new(Kind::Cancelled, "the caller took the call back while it ran"));
        }
        if !self.authority.holds() {
            let lapsed = RpcError::new(Kind::NoAuthority, "the node's right to execute lapsed during the call");
            return Some(lapsed.with_executed(Executed::Maybe));
        }
        None
    }

    /// Arms the timer; true if the deadline has passed already.
    fn arm(&mut self, cx: &mut task::Context<'_>) -> bool {
        if self.timer.is_some() {
            return false;
        }
        let Some(context) = &mut self.context else { return false };
        let deadline = context.settle();
        let timer = self.timer.insert(Box::pin(sleep_until(deadline.instant().into())));
        timer.as_mut().poll(cx).is_ready()
    }

    /// Drops the provider's future before its end.
    fn end(&mut self) {
        if let Some(future) = self.future.take() {
            Context::enter(&mut self.context, || drop_caught(future));
        }
    }
}

impl<T> Drop for Guarded<'_, T> {
    /// A caller that gives up drops the provider's future in its own context, and hears nothing of a panic in a destructor.
    fn drop(&mut self) {
        self.end();
    }
}

impl<T> Future for Guarded<'_, T> {
    type Output = Result<T, RpcError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(error) = this.stopped(cx) {
            this.end();
            return Poll::Ready(Err(error));
        }
        let Some(mut running) = this.future.take() else {
            return Poll::Ready(Err(RpcError::new(Kind::Internal, "polled after its end")));
        };
        let future = &mut this.future;
        // Unwind safety: after a panic the future is never polled again, and the context is put back by its guard.
        let polled = Context::enter(&mut this.context, || {
            let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
            match polled {
                Ok(Poll::Pending) => *future = Some(running),
                // Dropped where it has ended, while its context is still current.
                _ => drop_caught(running),
            }
            polled
        });
        let answer = match polled {
            Ok(Poll::Pending) if this.arm(cx) => {
                this.end();
                Err(passed())
            }
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(_)) if this.is_late() => {
                let message = "the deadline had passed when the provider was done; its answer is dropped";
                Err(RpcError::new(Kind::Deadline, message).with_executed(Executed::Maybe))
            }
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => {
                forget_panic(payload);
                Err(RpcError::new(Kind::Panicked, "the provider panicked; its node's log has the message"))
            }
        };
        Poll::Ready(answer)
    }
}

impl<T> Guarded<'_, T> {
    /// Whether the value came after the deadline, when nobody at the other end of a wire would wait for it any more. A call
    /// whose deadline was never asked for is young, and spared the clock.
    fn is_late(&self) -> bool {
        self.context.as_ref().and_then(Context::known_deadline).is_some_and(Deadline::has_passed)
    }
}

fn passed() -> RpcError {
    RpcError::new(Kind::Deadline, "the deadline passed while the provider ran; it was stopped at its next await")
        .with_executed(Executed::Maybe)
}

/// Drops a provider's future; a panic in a destructor of the user's is a panic of the provider, not of the node.
fn drop_caught<T>(future: BoxFuture<'_, T>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
        forget_panic(payload);
    }
}

/// Drops a panic's payload; one whose own destructor panics is leaked, since that is all that is left to do with it.
fn forget_panic(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

/// Waits for a detached call until `deadline`; the task goes on without the waiter. `None` waits for its end.
pub(crate) async fn joined<T>(
    task: JoinHandle<Result<T, RpcError>>,
    deadline: Option<Deadline>,
) -> Result<T, RpcError> {
    let finished = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.instant().into(), task).await,
        None => Ok(task.await),
    };
    match finished {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            Err(RpcError::new(Kind::ShuttingDown, "the runtime ended while the call ran")
                .with_executed(Executed::Maybe))
        }
        Err(_) => {
            let message = "the deadline passed; the method goes on to its end, as it is declared to";
            Err(RpcError::new(Kind::Deadline, message).with_executed(Executed::Maybe))
        }
    }
}
