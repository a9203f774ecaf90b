//! A provider's stream under guard: polled in its context and slot, under authority, with panics caught.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{self, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::{Hand, Handed, STREAM_LIFE, Yield};
use crate::call::Context;
use crate::error::{Executed, Kind, RpcError};
use crate::provider::guarded::{drop_caught, lapsed, passed, watched};
use crate::provider::here::Here;
use crate::route::cells::OwnedOccupied;
use crate::route::group::{Group, NotHere};
use crate::route::watch::Watch;
use crate::service::MethodResult;
use crate::slot::Slot;

/// How often a stream that waits looks whether it may still run: a lapse of authority, and an order to leave, wake nobody.
const LOOK: Duration = Duration::from_secs(1);

/// A method that streams, and then its stream. Dropping it drops the provider's where it stands.
pub(crate) struct Flow<I: MethodResult> {
    // None once it has ended.
    future: Option<BoxFuture<'static, ()>>,
    hand: Hand<I>,
    context: Option<Box<Context>>,
    surroundings: Option<Surroundings>,
    life: Duration,
    has_begun: bool,
    /// At the deadline of the call, as long as the stream has not begun; then at the end of its life.
    end: Option<Pin<Box<Sleep>>>,
    cancelled: Option<Pin<Box<OwnedNotified>>>,
}

/// What a stream of a node runs under; a local value's has none of it.
pub(crate) struct Surroundings {
    here: Arc<Here>,
    group: Arc<Group>,
    term: u64,
    /// The slot, and the epoch in which the method entered it.
    slot: Option<(Slot, u64)>,
    /// The method's place in the slot, until the stream has begun.
    inside: Option<OwnedOccupied<Group>>,
    watch: Option<Watch>,
    look: Option<Pin<Box<Sleep>>>,
}

/// What came of entering the slot once more.
enum Entered {
    /// The provider may be polled, as long as this is kept.
    Inside(Option<OwnedOccupied<Group>>),
    /// Nobody enters for now.
    Sealed,
    /// The slot is served here no longer.
    Left(RpcError),
}

impl Surroundings {
    /// Those of a method that runs `inside` of `slot`, if it has a key.
    pub(crate) fn of_node(
        here: Arc<Here>,
        group: Arc<Group>,
        slot: Option<Slot>,
        inside: Option<OwnedOccupied<Group>>,
    ) -> Self {
        let slot = slot.map(|slot| (slot, group.epoch(slot)));
        let term = here.authority.term();
        Self { here, group, term, slot, inside, watch: None, look: None }
    }

    /// The stream has begun: it holds its slot no longer, and watches it instead.
    fn step_out(&mut self) {
        self.watch = self.slot.map(|(slot, _)| self.group.watch(slot));
        self.inside = None;
    }

    /// Enters the slot for a poll of the stream; the method itself is inside already.
    fn enter(&self, has_begun: bool) -> Entered {
        let Some((slot, epoch)) = self.slot.filter(|_| has_begun) else { return Entered::Inside(None) };
        match self.group.enter_again(slot, epoch) {
            Ok(Some(occupied)) => Entered::Inside(Some(occupied.into_owned(self.group.clone()))),
            Ok(None) => Entered::Sealed,
            Err(why) => Entered::Left(self.left(slot, why)),
        }
    }

    /// Says where a stream failed.
    pub(crate) fn locate(&self, error: RpcError) -> RpcError {
        // A redirect names the new owner already.
        let error = if error.node().is_some() { error } else { error.at_node(&self.here.id) };
        match self.slot {
            Some((slot, _)) if error.slot().is_none() => error.at_slot(slot, self.group.epoch(slot)),
            _ => error,
        }
    }

    /// That the slot has another owner, if it has.
    fn elsewhere(&self) -> Option<RpcError> {
        let (slot, _) = self.slot?;
        let owner = self.group.owner(slot).filter(|owner| owner.node.id != self.here.id)?;
        Some(self.left(slot, NotHere::Moved(owner)))
    }

    fn left(&self, slot: Slot, why: NotHere) -> RpcError {
        match why {
            NotHere::Moved(owner) => {
                let message = format!("the stream has ended, as slot {slot} belongs to node {} now", owner.node.id);
                RpcError::new(Kind::Moved, message)
                    .at_slot(slot, owner.epoch)
                    .at_node(&owner.node.id)
                    .with_address(owner.node.address.clone())
            }
            _ => RpcError::new(
                Kind::NoOwner,
                format!("the stream has ended, as its node does not serve slot {slot} any more"),
            ),
        }
    }
}

impl<I: MethodResult> Flow<I> {
    /// A method that was let in.
    pub(crate) fn new(
        method: impl FnOnce(Yield<I>) -> BoxFuture<'static, ()>,
        context: Box<Context>,
        surroundings: impl Into<Option<Surroundings>>,
    ) -> Self {
        let (hand, surroundings): (Hand<I>, Option<Surroundings>) = (Hand::default(), surroundings.into());
        let life = surroundings.as_ref().map_or(STREAM_LIFE, |around| around.here.settings.stream_life);
        Self {
            future: Some(method(Yield(hand.clone()))),
            hand,
            context: Some(context),
            surroundings,
            life,
            has_begun: false,
            end: None,
            cancelled: None,
        }
    }

    /// Also stops when `cancel` is notified.
    pub(crate) fn cancelled_by(mut self, cancel: Option<&Arc<Notify>>) -> Self {
        self.cancelled = cancel.map(|cancel| Box::pin(cancel.clone().notified_owned()));
        self
    }

    /// Runs the method until it has its stream, or refuses to stream.
    ///
    /// # Errors
    /// Ours, as of any method.
    pub(crate) async fn begin(&mut self) -> Result<Result<(), I::Failure>, RpcError> {
        match poll_fn(|cx| self.poll(cx, true)).await {
            Some(Ok(Handed::Begun)) => {
                self.has_begun = true;
                self.end = Some(Box::pin(sleep_until(Instant::now() + self.life)));
                // Nothing waits for the whole of it: its own calls have deadlines of their own.
                self.context = self.context.take().map(Context::detached);
                if let Some(around) = &mut self.surroundings {
                    around.step_out();
                }
                Ok(Ok(()))
            }
            Some(Ok(Handed::Refused(failure))) => {
                self.stop();
                let refused = |_| RpcError::new(Kind::Internal, "the method fails with another error than its items");
                failure.downcast().map(|failure| Err(*failure)).map_err(refused)
            }
            Some(Err(error)) => Err(error),
            Some(Ok(Handed::Item(_))) | None => {
                Err(RpcError::new(Kind::Internal, "the method ended without a stream").with_executed(Executed::Maybe))
            }
        }
    }

    /// The next item, as [`Source::poll_item`](crate::call::items::Source::poll_item) says.
    pub(crate) fn poll_item(
        &mut self,
        cx: &mut task::Context<'_>,
        is_wanted: bool,
    ) -> Poll<Option<Result<I, RpcError>>> {
        self.poll(cx, is_wanted).map(|handed| match handed? {
            Ok(Handed::Item(item)) => Some(Ok(item)),
            Ok(Handed::Begun | Handed::Refused(_)) => None,
            Err(error) => Some(Err(error.at_least(Executed::Maybe))),
        })
    }

    /// What the method hands over next; nothing once it is over.
    fn poll(&mut self, cx: &mut task::Context<'_>, is_wanted: bool) -> Poll<Option<Result<Handed<I>, RpcError>>> {
        if self.future.is_none() {
            return Poll::Ready(None);
        }
        if let Some(error) = self.stopped(cx) {
            self.stop();
            return Poll::Ready(Some(Err(self.located(error))));
        }
        let entered = match self.surroundings.as_ref().map(|around| around.enter(self.has_begun)) {
            Some(Entered::Left(error)) => {
                self.stop();
                return Poll::Ready(Some(Err(error.at_least(Executed::Maybe))));
            }
            // What is sealed is opened or closed, and that is heard.
            Some(Entered::Sealed) => return self.wait(cx),
            Some(Entered::Inside(inside)) if is_wanted => inside,
            None if is_wanted => None,
            _ => return self.wait(cx),
        };
        let polled = Context::enter(&mut self.context, || watched(&mut self.future, cx));
        drop(entered);
        if self.surroundings.as_ref().is_some_and(|around| !around.here.authority.holds_in(around.term)) {
            // What was done without authority counts for nothing.
            self.stop();
            return Poll::Ready(Some(Err(self.located(lapsed()))));
        }
        let handed = self.hand.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (handed, polled) {
            (Some(handed), _) => Poll::Ready(Some(Ok(handed))),
            (None, Poll::Pending) => self.wait(cx),
            (None, Poll::Ready(Ok(()))) => Poll::Ready(None),
            (None, Poll::Ready(Err(error))) => Poll::Ready(Some(Err(self.located(error)))),
        }
    }

    /// Why the provider must not be polled again, if so.
    fn stopped(&mut self, cx: &mut task::Context<'_>) -> Option<RpcError> {
        if self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready()) {
            return Some(if self.has_begun { self.outlived() } else { passed() });
        }
        if self.cancelled.as_mut().is_some_and(|cancelled| cancelled.as_mut().poll(cx).is_ready()) {
            return Some(RpcError::new(Kind::Cancelled, "the caller took the call back while it ran"));
        }
        let around = self.surroundings.as_mut()?;
        if let Some(watch) = &mut around.watch {
            // Before the slot is looked at.
            watch.listen(cx);
        }
        // A node on its way out still knows where its slots went.
        if !around.here.authority.holds_in(around.term) {
            return Some(around.elsewhere().unwrap_or_else(lapsed));
        }
        let shuts_down = || RpcError::new(Kind::ShuttingDown, "the stream has ended, as its node is shutting down");
        let must_leave = self.has_begun && around.here.is_leaving();
        must_leave.then(|| around.elsewhere().unwrap_or_else(shuts_down))
    }

    /// Lets what can end the stream wake it.
    fn wait<T>(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<T, RpcError>>> {
        if let (None, Some(context)) = (&self.end, &mut self.context) {
            let mut end = Box::pin(sleep_until(context.settle().instant()));
            if end.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            self.end = Some(end);
        }
        if let Some(around) = &mut self.surroundings {
            let look = around.look.get_or_insert_with(|| Box::pin(sleep(LOOK)));
            while look.as_mut().poll(cx).is_ready() {
                look.as_mut().reset(Instant::now() + LOOK);
            }
        }
        Poll::Pending
    }

    fn outlived(&self) -> RpcError {
        let message = format!("the stream has lived for {:?}, as long as one may; open it again", self.life);
        RpcError::new(Kind::Deadline, message)
    }

    fn located(&self, error: RpcError) -> RpcError {
        let error = error.at_least(Executed::Maybe);
        match &self.surroundings {
            Some(around) => around.locate(error),
            None => error,
        }
    }

    /// Drops the provider's future before its end, in its own context.
    fn stop(&mut self) {
        if let Some(future) = self.future.take() {
            Context::enter(&mut self.context, || drop_caught(future));
        }
        // An item that nobody took. Taken out first: its destructor is the user's code.
        let _untaken = self.hand.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<I: MethodResult> Drop for Flow<I> {
    fn drop(&mut self) {
        self.stop();
        self.context.take().map(Context::retire);
    }
}
