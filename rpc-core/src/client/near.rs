//! A call that stays in this process: a plain method call under the same guard as a remote one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::future::BoxFuture;

use super::counts::Counts;
use crate::call::context::ContextBuilder;
use crate::call::deadline::DEFAULT_DEADLINE;
use crate::call::{Context, Deadline, Path};
use crate::error::{Kind, RpcError};
use crate::provider::authority::Authority;
use crate::provider::guarded::{Guarded, joined};
use crate::provider::here::Here;
use crate::provider::verdict::ran;
use crate::route::cells::Occupied;
use crate::route::group::Group;
use crate::service::{MethodDescriptor, MethodResult};
use crate::slot::Slot;

/// The authority over a local value: nobody else can own it.
static LOCAL_VALUE: Authority = Authority::fixed();

/// A call that has its place at a provider in this process.
pub struct Near<'a, S: ?Sized> {
    provider: &'a Arc<S>,
    // Of the context only what is not known from the place: it is built where it stays, because copies of it cost more than a
    // call does.
    method: &'static MethodDescriptor,
    inherited: Inherited,
    place: Option<Place<'a>>,
}

/// What a call inherits from the one it is nested in: the path, and the deadline unless that is the default one.
type Inherited = (Path, Option<Deadline>);

/// The place on this node; a local value has none.
struct Place<'a> {
    here: &'a Arc<Here>,
    group: &'a Arc<Group>,
    slot: Option<Slot>,
    occupied: Option<Occupied<'a>>,
}

impl<'a, S: ?Sized> Near<'a, S> {
    /// A call to a local value.
    pub(super) fn by_value(method: &'static MethodDescriptor, provider: &'a Arc<S>) -> Result<Self, RpcError> {
        Ok(Self { provider, method, inherited: inherited()?, place: None })
    }

    /// A call to this node's own provider, inside its slot.
    pub(super) fn by_node(
        method: &'static MethodDescriptor,
        provider: &'a Arc<S>,
        here: &'a Arc<Here>,
        group: &'a Arc<Group>,
        occupied: Option<(Slot, Occupied<'a>)>,
        counts: &Counts,
    ) -> Result<Self, RpcError> {
        here.admits()?;
        let inherited = inherited()?;
        counts.local.add();
        let (slot, occupied) = occupied.unzip();
        Ok(Self { provider, method, inherited, place: Some(Place { here, group, slot, occupied }) })
    }

    /// The provider.
    pub fn provider(&self) -> &'a S {
        self.provider
    }

    /// The provider, for a task that outlives the call.
    pub fn shared_provider(&self) -> Arc<S> {
        self.provider.clone()
    }

    /// Runs the method. Dropping the future drops the method's where it stands.
    #[inline]
    pub fn run<R: MethodResult>(self, future: BoxFuture<'a, R>) -> Running<'a, R> {
        let Self { method, inherited, place, .. } = self;
        Running { start: Some((method, inherited, future)), waiting: None, place }
    }

    /// Runs the method to its end on a task of its own; the deadline ends only the waiting.
    pub async fn detach<R: MethodResult>(mut self, future: impl Future<Output = R> + Send + 'static) -> R {
        let mut context = context(self.method, self.inherited, self.place.as_ref());
        let deadline = context.settle();
        let context = context.detached();
        let here = self.place.as_ref().map(|place| place.here.clone());
        let occupied = self.place.as_mut().and_then(|place| {
            let occupied = place.occupied.take()?;
            Some(occupied.into_owned(place.group.clone()))
        });
        let tracked = here.as_ref().map(|here| here.in_flight.track());
        let task = tokio::spawn(async move {
            let authority = here.as_ref().map_or(&LOCAL_VALUE, |here| &here.authority);
            let answer = Guarded::new(Box::pin(future), context, authority).await;
            drop((occupied, tracked));
            answer
        });
        match joined(task, Some(deadline)).await {
            Ok(result) => ran(result),
            Err(error) => R::refused(locate(error, self.place.as_ref())),
        }
    }
}

/// A method that runs near. What guards it is made at the first poll, and kept only if the method has to wait: most never do,
/// and a small future is cheap to move into place.
#[must_use = "futures do nothing unless polled"]
pub struct Running<'a, R> {
    start: Option<(&'static MethodDescriptor, Inherited, BoxFuture<'a, R>)>,
    waiting: Option<Box<Guarded<'a, R>>>,
    // Behind the others, so that the method's future is dropped before its slot is left.
    place: Option<Place<'a>>,
}

impl<R: MethodResult> Future for Running<'_, R> {
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<R> {
        let this = self.get_mut();
        let Some((method, inherited, future)) = this.start.take() else { return this.poll_again(cx) };
        let authority = this.place.as_ref().map_or(&LOCAL_VALUE, |place| &place.here.authority);
        let mut guarded = Guarded::new(future, context(method, inherited, this.place.as_ref()), authority);
        match Pin::new(&mut guarded).poll(cx) {
            Poll::Pending => {
                this.waiting = Some(Box::new(guarded));
                Poll::Pending
            }
            Poll::Ready(answer) => Poll::Ready(this.answer(answer)),
        }
    }
}

impl<R: MethodResult> Running<'_, R> {
    #[cold]
    fn poll_again(&mut self, cx: &mut task::Context<'_>) -> Poll<R> {
        let Some(guarded) = &mut self.waiting else {
            return Poll::Ready(R::refused(RpcError::new(Kind::Internal, "polled after its end")));
        };
        match Pin::new(guarded).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(answer) => Poll::Ready(self.answer(answer)),
        }
    }

    #[inline]
    fn answer(&self, answer: Result<R, RpcError>) -> R {
        match answer {
            Ok(result) => ran(result),
            Err(error) => R::refused(locate(error, self.place.as_ref())),
        }
    }
}

fn inherited() -> Result<Inherited, RpcError> {
    Context::with_current(|current| {
        let Some(context) = current else { return Ok((Path::root(), None)) };
        let deadline = context.deadline_of_nested();
        if deadline.has_passed() {
            return Err(RpcError::new(Kind::Deadline, "the deadline had passed before the call started"));
        }
        Ok((context.path_of_nested()?, Some(deadline)))
    })
}

fn context(method: &'static MethodDescriptor, (path, deadline): Inherited, place: Option<&Place<'_>>) -> Context {
    let context = ContextBuilder::new(method, path);
    let Some(&Place { here, group, slot, .. }) = place else {
        return context.deadline(deadline, DEFAULT_DEADLINE).build();
    };
    context
        .deadline(deadline, here.settings.default_deadline)
        .slot(slot, slot.map_or(0, |slot| group.epoch(slot)))
        .node(Some(here.id.clone()))
        .build()
}

/// Says where the call failed.
fn locate(error: RpcError, place: Option<&Place<'_>>) -> RpcError {
    let Some(&Place { here, group, slot, .. }) = place else { return error };
    let error = error.at_node(&here.id);
    match slot {
        Some(slot) => error.at_slot(slot, group.epoch(slot)),
        None => error,
    }
}
