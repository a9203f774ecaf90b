//! A call that stays in this process: a plain method call under the same guard as a remote one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::future::BoxFuture;

use super::counts::Counts;
use super::under_way::UnderWay;
use crate::call::deadline::DEFAULT_DEADLINE;
use crate::call::{Context, Path};
use crate::error::{Kind, RpcError};
use crate::provider::authority::Authority;
use crate::provider::guarded::{Guard, Guarded, first_poll, joined};
use crate::provider::here::Here;
use crate::provider::verdict::ran;
use crate::route::cells::Occupied;
use crate::route::group::Group;
use crate::service::{MethodDescriptor, MethodResult};
use crate::slot::Slot;

/// The authority over a local value: nobody else can own it.
static LOCAL_VALUE: Authority = Authority::fixed();

/// A call that has its place at a provider in this process. It is moved some times on its way to where it runs: so it holds
/// five words, and no copy of what can be looked up.
pub struct Near<'a, S: ?Sized> {
    provider: &'a Arc<S>,
    pub(super) method: &'static MethodDescriptor,
    // A local value has none.
    pub(super) home: Option<&'a Home>,
    pub(super) inside: Option<Occupied<'a>>,
}

/// This node, and the group of which the provider is.
pub(super) struct Home {
    pub(super) here: Arc<Here>,
    pub(super) group: Arc<Group>,
}

impl<'a, S: ?Sized> Near<'a, S> {
    /// A call to a local value.
    #[inline]
    pub(super) fn by_value(method: &'static MethodDescriptor, provider: &'a Arc<S>) -> Result<Self, RpcError> {
        Context::admits_nested()?;
        Ok(Self { provider, method, home: None, inside: None })
    }

    /// A call to this node's own provider, inside its slot.
    #[inline]
    pub(super) fn by_node(
        method: &'static MethodDescriptor,
        provider: &'a Arc<S>,
        home: &'a Home,
        inside: Option<Occupied<'a>>,
        counts: &Counts,
    ) -> Result<Self, RpcError> {
        home.here.admits()?;
        Context::admits_nested()?;
        counts.local.add();
        Ok(Self { provider, method, home: Some(home), inside })
    }

    /// The provider, for a task that outlives the call.
    pub fn shared_provider(&self) -> Arc<S> {
        self.provider.clone()
    }

    /// Runs the method. Dropping the future drops the method's where it stands.
    #[inline]
    pub fn run<R: MethodResult>(self, method: impl FnOnce(&'a S) -> BoxFuture<'a, R>) -> UnderWay<'a, R> {
        let Self { provider, method: descriptor, home, inside } = self;
        UnderWay::Near(Running { future: Some(method(provider)), guard: None, method: descriptor, home, inside })
    }

    /// Runs the method to its end on a task of its own; the deadline ends only the waiting.
    pub fn detach<R: MethodResult>(self, future: impl Future<Output = R> + Send + 'static) -> UnderWay<'a, R>
    where
        S: Send + Sync,
    {
        UnderWay::Boxed(Box::pin(self.detached(future)))
    }

    async fn detached<R: MethodResult>(mut self, future: impl Future<Output = R> + Send + 'static) -> R {
        let slot = self.inside.as_ref().map(Occupied::slot);
        let mut context = match context(self.method, self.home, slot) {
            Ok(context) => context,
            Err(error) => return R::refused(error),
        };
        let deadline = context.settle();
        let context = context.detached();
        let here = self.home.map(|home| home.here.clone());
        let inside = self.inside.take().zip(self.home).map(|(inside, home)| inside.into_owned(home.group.clone()));
        let tracked = here.as_ref().map(|here| here.in_flight.track());
        let task = tokio::spawn(async move {
            let authority = here.as_ref().map_or(&LOCAL_VALUE, |here| &here.authority);
            let answer = Guarded::new(Box::pin(future), context, authority).await;
            drop((inside, tracked));
            answer
        });
        match joined(task, Some(deadline)).await {
            Ok(result) => ran(result),
            Err(error) => R::refused(locate(error, self.home, slot)),
        }
    }
}

/// A method that runs near. Its guard is made only if it has to wait, which most never do.
#[must_use = "futures do nothing unless polled"]
pub struct Running<'a, R> {
    // None once it has ended.
    future: Option<BoxFuture<'a, R>>,
    guard: Option<Box<Guard<'a>>>,
    method: &'static MethodDescriptor,
    home: Option<&'a Home>,
    // Behind the method's future, so that this is dropped before its slot is left.
    inside: Option<Occupied<'a>>,
}

impl<R: MethodResult> Future for Running<'_, R> {
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<R> {
        let this = self.get_mut();
        // The first poll comes in the same poll of the caller's task as the taking of the place: nothing is asked twice.
        let polled = if this.guard.is_none() && this.future.is_some() {
            let term = this.authority().term();
            match context(this.method, this.home, this.slot()) {
                Ok(context) => match first_poll(&mut this.future, context, cx) {
                    Ok(answer) => Poll::Ready(answer),
                    Err(context) => this.wait(context, term, cx),
                },
                Err(error) => return Poll::Ready(R::refused(error)),
            }
        } else {
            this.poll_again(cx)
        };
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(result)) => Poll::Ready(ran(result)),
            Poll::Ready(Err(error)) => Poll::Ready(R::refused(locate(error, this.home, this.slot()))),
        }
    }
}

impl<'a, R> Running<'a, R> {
    #[inline]
    fn authority(&self) -> &'a Authority {
        self.home.map_or(&LOCAL_VALUE, |home| &home.here.authority)
    }

    #[inline]
    fn slot(&self) -> Option<Slot> {
        self.inside.as_ref().map(Occupied::slot)
    }

    #[cold]
    fn wait(
        &mut self,
        context: Option<Box<Context>>,
        term: u64,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<R, RpcError>> {
        let guard = Guard::new(context, self.authority(), term);
        self.guard.insert(Box::new(guard)).wait(&mut self.future, cx)
    }

    #[cold]
    fn poll_again(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<R, RpcError>> {
        match &mut self.guard {
            Some(guard) => guard.poll(&mut self.future, cx),
            None => Poll::Ready(Err(RpcError::new(Kind::Internal, "polled after its end"))),
        }
    }
}

impl<R> Drop for Running<'_, R> {
    /// A caller that gives up drops the method's future in its own context.
    #[inline]
    fn drop(&mut self) {
        if let Some(guard) = &mut self.guard {
            guard.end(&mut self.future);
        }
    }
}

/// The context of a call of `method`, nested in the current one.
#[inline]
pub(super) fn context(
    method: &'static MethodDescriptor,
    home: Option<&Home>,
    slot: Option<Slot>,
) -> Result<Box<Context>, RpcError> {
    let (path, deadline) = Context::with_current(|current| match current {
        None => (Ok(Path::root()), None),
        Some(outer) => (outer.path_of_nested(), Some(outer.deadline_of_nested())),
    });
    let ancestors = path?;
    // Filled where it stays, in one piece: a context that is put together step by step is copied at each.
    let mut context = Context::blank();
    let spare = context.origin.take();
    *context = Context {
        deadline,
        default_wait: Some(home.map_or(DEFAULT_DEADLINE, |home| home.here.settings.default_deadline)),
        method: Some(method),
        ancestors,
        is_detached: false,
        slot,
        epoch: home.zip(slot).map_or(0, |(home, slot)| home.group.epoch(slot)),
        node: home.map(|home| home.here.name()),
        origin: spare,
    };
    Ok(context)
}

/// Says where the call failed.
#[cold]
fn locate(error: RpcError, home: Option<&Home>, slot: Option<Slot>) -> RpcError {
    let Some(Home { here, group }) = home else { return error };
    let error = error.at_node(&here.id);
    match slot {
        Some(slot) => error.at_slot(slot, group.epoch(slot)),
        None => error,
    }
}
