//! Runs a provider's future under guard: within its authority and deadline, in its context, with panics caught.
//!
//! A call that is ready at its first poll, as most are, pays for none of the machinery: the timer is armed, and what guards a
//! call on its own node is built, only when the provider has to wait.

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
    guard: Guard<'a>,
}

/// What watches over a provider's future that has to wait.
pub(crate) struct Guard<'a> {
    context: Option<Box<Context>>,
    authority: &'a Authority,
    term: u64,
    /// What is done at its first poll is in time.
    has_time: bool,
    timer: Option<Pin<Box<Sleep>>>,
    cancelled: Option<Pin<Box<OwnedNotified>>>,
}

impl<'a, T> Guarded<'a, T> {
    pub(crate) fn new(future: BoxFuture<'a, T>, context: Box<Context>, authority: &'a Authority) -> Self {
        let guard = Guard::new(Some(context), authority, authority.term());
        Self { future: Some(future), guard }
    }

    /// Also stops when `cancel` is notified.
    pub(crate) fn cancelled_by(mut self, cancel: Option<&Arc<Notify>>) -> Self {
        self.guard.cancelled = cancel.map(|cancel| Box::pin(cancel.clone().notified_owned()));
        self
    }

    /// Notes whether the call has so much time that nobody need look at the clock if it is done at its first poll.
    pub(crate) fn with_time(mut self, has_time: bool) -> Self {
        self.guard.has_time = has_time;
        self
    }
}

impl<T> Drop for Guarded<'_, T> {
    fn drop(&mut self) {
        self.guard.end(&mut self.future);
    }
}

impl<T> Future for Guarded<'_, T> {
    type Output = Result<T, RpcError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Self { future, guard } = &mut *self;
        guard.poll(future, cx)
    }
}

impl<'a> Guard<'a> {
    /// A guard of what began in `term` of the node's authority.
    pub(crate) fn new(context: Option<Box<Context>>, authority: &'a Authority, term: u64) -> Self {
        Self { context, authority, term, has_time: false, timer: None, cancelled: None }
    }

    /// Polls `future`, if it may still run; takes it once it has ended.
    pub(crate) fn poll<T>(
        &mut self,
        future: &mut Option<BoxFuture<'_, T>>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<T, RpcError>> {
        if let Some(error) = self.stopped(cx) {
            self.end(future);
            return Poll::Ready(Err(error));
        }
        if future.is_none() {
            return Poll::Ready(Err(RpcError::new(Kind::Internal, "polled after its end")));
        }
        match Context::enter(&mut self.context, || watched(future, cx)) {
            Poll::Pending => self.wait(future, cx),
            // What was done without authority counts for nothing: nobody may hear that it was.
            Poll::Ready(Ok(_)) if !self.authority.holds_in(self.term) => Poll::Ready(Err(lapsed())),
            Poll::Ready(answer) if self.has_time && self.timer.is_none() => Poll::Ready(answer),
            Poll::Ready(answer) => {
                Poll::Ready(in_time(answer, self.context.as_ref().and_then(|context| context.known_deadline())))
            }
        }
    }

    /// Why the future must not be polled again, if so.
    fn stopped(&mut self, cx: &mut task::Context<'_>) -> Option<RpcError> {
        if self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            return Some(passed());
        }
        if self.cancelled.as_mut().is_some_and(|cancelled| cancelled.as_mut().poll(cx).is_ready()) {
            return Some(RpcError::new(Kind::Cancelled, "the caller took the call back while it ran"));
        }
        (!self.authority.holds_in(self.term)).then(lapsed)
    }

    /// Arms the timer for a future that has to wait, unless it is armed; stops the future if the deadline has passed already.
    pub(crate) fn wait<T>(
        &mut self,
        future: &mut Option<BoxFuture<'_, T>>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<T, RpcError>> {
        if self.timer.is_some() {
            return Poll::Pending;
        }
        let Some(context) = &mut self.context else { return Poll::Pending };
        let deadline = context.settle();
        let timer = self.timer.insert(Box::pin(sleep_until(deadline.instant())));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.end(future);
        Poll::Ready(Err(passed()))
    }

    /// Drops the provider's future before its end: in its own context, and a panic in a destructor goes no further.
    pub(crate) fn end<T>(&mut self, future: &mut Option<BoxFuture<'_, T>>) {
        if let Some(future) = future.take() {
            Context::enter(&mut self.context, || drop_caught(future));
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.context.take().map(Context::retire);
    }
}

/// Polls `future` for the first time. Without an answer it has to wait, under a [`Guard`] with the context that this returns.
///
/// The caller has just asked the authority itself.
#[inline]
pub(crate) fn first_poll<T>(
    future: &mut Option<BoxFuture<'_, T>>,
    context: Box<Context>,
    cx: &mut task::Context<'_>,
) -> Result<Result<T, RpcError>, Option<Box<Context>>> {
    let mut context = Some(context);
    match Context::enter(&mut context, || watched(future, cx)) {
        Poll::Pending => Err(context),
        Poll::Ready(answer) => Ok(in_time(answer, context.and_then(Context::retire))),
    }
}

/// Polls a provider's future in the current context, with panics caught; once it has ended, it is dropped there too.
#[inline]
pub(super) fn watched<T>(
    future: &mut Option<BoxFuture<'_, T>>,
    cx: &mut task::Context<'_>,
) -> Poll<Result<T, RpcError>> {
    let mut answer = None;
    // Unwind safety: after a panic the future is never polled again. One net for poll and drop: when the destructor of a future
    // that was done panics, its answer stands.
    let caught = catch_unwind(AssertUnwindSafe(|| {
        if let Some(running) = future
            && let Poll::Ready(value) = running.as_mut().poll(cx)
        {
            answer = Some(value);
            *future = None;
        }
    }));
    match (caught, answer) {
        (Ok(()), None) => Poll::Pending,
        (Ok(()), Some(value)) => Poll::Ready(Ok(value)),
        (Err(payload), answer) => Poll::Ready(panicked(payload, future, answer)),
    }
}

#[cold]
fn panicked<T>(
    payload: Box<dyn std::any::Any + Send>,
    future: &mut Option<BoxFuture<'_, T>>,
    answer: Option<T>,
) -> Result<T, RpcError> {
    future.take().into_iter().for_each(drop_caught);
    forget_panic(payload);
    answer.ok_or_else(|| RpcError::new(Kind::Panicked, "the provider panicked; its node's log has the message"))
}

/// Drops a value that came after the deadline: nobody at the other end of a wire would wait for it any more. A call whose deadline
/// was never asked for is young, and spared the clock.
#[inline]
fn in_time<T>(answer: Result<T, RpcError>, deadline: Option<Deadline>) -> Result<T, RpcError> {
    if answer.is_ok() && deadline.is_some_and(Deadline::has_passed) {
        let message = "the deadline had passed when the provider was done; its answer is dropped";
        return Err(RpcError::new(Kind::Deadline, message).with_executed(Executed::Maybe));
    }
    answer
}

pub(super) fn lapsed() -> RpcError {
    RpcError::new(Kind::NoAuthority, "the node's right to execute lapsed during the call")
        .with_executed(Executed::Maybe)
}

pub(super) fn passed() -> RpcError {
    RpcError::new(Kind::Deadline, "the deadline passed while the provider ran; it was stopped at its next await")
        .with_executed(Executed::Maybe)
}

/// Drops a provider's future; a panic in a destructor of the user's is a panic of the provider, not of the node.
pub(super) fn drop_caught<T>(future: BoxFuture<'_, T>) {
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
        Some(deadline) => tokio::time::timeout_at(deadline.instant(), task).await,
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
