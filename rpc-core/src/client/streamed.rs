//! The stream that a caller holds: of a provider in this process, or of one far away.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use tokio::time::{Sleep, sleep_until};

use super::far::Far;
use super::near::{Near, context};
use super::typed::read_value;
use crate::call::items::{Source, nested};
use crate::call::{Context, Deadline, Outcome};
use crate::codec::args::ArgsWriter;
use crate::codec::finite::EncodeError;
use crate::error::{Executed, Kind, RpcError};
use crate::provider::Yield;
use crate::provider::streamed::{Flow, Surroundings};
use crate::provider::verdict::ran;
use crate::route::cells::Occupied;
use crate::service::MethodResult;

/// The stream that a client's method brings, of items `I`: `Result<T, E>`.
///
/// It is `'static` and holds whatever it needs. What ends it early is its last item: the framework's error, as an `E`. Such an error says
/// `executed: Maybe`, since the method had begun; the items before it were delivered.
///
/// # Cancel safety
/// An item is not lost if the future that waits for it is dropped. Dropping the stream ends the provider's at its next await.
#[must_use = "streams do nothing unless polled"]
pub struct Streamed<I>(Pin<Box<dyn Stream<Item = I> + Send>>);

impl<I> Stream for Streamed<I> {
    type Item = I;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<I>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<I> fmt::Debug for Streamed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").finish_non_exhaustive()
    }
}

/// What is inside.
struct Held<I: MethodResult> {
    origin: Origin<I>,
    /// When the caller's own deadline passes, if it has one.
    until: Option<Pin<Box<Sleep>>>,
}

enum Origin<I: MethodResult> {
    Near(Flow<I>),
    Far(Box<dyn Source>),
    Over,
}

impl<I: MethodResult> Held<I> {
    fn streamed(origin: Origin<I>, until: Option<Deadline>) -> Streamed<I> {
        Streamed(Box::pin(Self { origin, until: until.map(|until| Box::pin(sleep_until(until.instant()))) }))
    }

    fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<I, RpcError>>> {
        let item = match &mut self.origin {
            Origin::Over => return Poll::Ready(None),
            Origin::Near(flow) => flow.poll_item(cx, true).map(|item| item.map(|item| item.map(ran))),
            Origin::Far(source) => source.poll_item(cx, true).map(|item| item.map(|item| item.and_then(read))),
        };
        match (item, &mut self.until) {
            (Poll::Pending, Some(until)) => {
                ready!(until.as_mut().poll(cx));
                let error = RpcError::new(Kind::Deadline, "the caller's deadline passed before the stream had ended");
                Poll::Ready(Some(Err(error.with_executed(Executed::Maybe))))
            }
            (item, _) => item,
        }
    }
}

impl<I: MethodResult> Stream for Held<I> {
    type Item = I;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<I>> {
        let item = ready!(self.poll(cx));
        if !matches!(item, Some(Ok(_))) {
            self.origin = Origin::Over;
        }
        Poll::Ready(item.map(|item| item.unwrap_or_else(I::refused)))
    }
}

// Nothing in it is pinned where it lies, whatever the items are.
impl<I: MethodResult> Unpin for Held<I> {}

fn read<I: MethodResult>(item: Outcome) -> Result<I, RpcError> {
    match item {
        Outcome::Value(body) => read_value(&body).map(|value| I::from_result(Ok(value))),
        Outcome::Failure { data, .. } => read_value(&data).map(|failure| I::from_result(Err(failure))),
        Outcome::Stream(_) => Err(nested()),
    }
}

/// What a method that streams returns: `Result<impl Stream<Item = Result<T, E>>, E>`, as a client gives it.
pub trait StreamResult: Send + 'static {
    /// What the stream yields.
    type Item: MethodResult;

    /// The stream has begun.
    fn streams(stream: Streamed<Self::Item>) -> Self;

    /// The provider's own error in place of a stream.
    fn fails(failure: <Self::Item as MethodResult>::Failure) -> Self;

    /// The framework's.
    fn refused(error: RpcError) -> Self;
}

impl<I: MethodResult> StreamResult for Result<Streamed<I>, I::Failure> {
    type Item = I;

    fn streams(stream: Streamed<I>) -> Self {
        Ok(stream)
    }

    fn fails(failure: I::Failure) -> Self {
        Err(failure)
    }

    fn refused(error: RpcError) -> Self {
        Err(error.into())
    }
}

impl<'a, S: Send + Sync + ?Sized> Near<'a, S> {
    /// Runs a method that streams until it has its stream, which goes on by itself.
    pub fn stream<R: StreamResult>(
        self,
        method: impl FnOnce(Arc<S>, Yield<R::Item>) -> BoxFuture<'static, ()> + Send + 'a,
    ) -> BoxFuture<'a, R> {
        let whole = surrounding_deadline();
        let provider = self.shared_provider();
        let Self { method: descriptor, home, inside, .. } = self;
        let slot = inside.as_ref().map(Occupied::slot);
        let context = match context(descriptor, home, slot) {
            Ok(context) => context,
            Err(error) => return refused(error),
        };
        let surroundings = home.map(|home| {
            let inside = inside.map(|inside| inside.into_owned(home.group.clone()));
            Surroundings::of_node(home.here.clone(), home.group.clone(), slot, inside)
        });
        let mut flow = Flow::new(|out| method(provider, out), context, surroundings);
        Box::pin(async move {
            match flow.begin().await {
                Ok(Ok(())) => R::streams(Held::streamed(Origin::Near(flow), whole)),
                Ok(Err(failure)) => match ran(<R::Item as MethodResult>::from_result(Err(failure))).into_result() {
                    Err(failure) => R::fails(failure),
                    Ok(_) => R::refused(RpcError::new(Kind::Internal, "an error has become a value")),
                },
                Err(error) => R::refused(error),
            }
        })
    }
}

impl<'a> Far<'a> {
    /// Sends the call with the arguments that `write` writes; the items come from there.
    ///
    /// # Cancel safety
    /// Dropping the future takes the call back, as for any other.
    pub fn stream<R: StreamResult>(
        self,
        write: impl Fn(&mut ArgsWriter) -> Result<(), EncodeError>,
    ) -> BoxFuture<'a, R> {
        let whole = surrounding_deadline();
        let sent = match self.begin::<R>(write) {
            Ok(sent) => sent,
            Err(error) => return refused(error),
        };
        Box::pin(async move {
            match sent.outcome().await {
                Ok(Outcome::Stream(items)) => items
                    .take()
                    .map_or_else(R::refused, |source| R::streams(Held::streamed(Origin::Far(source), whole))),
                Ok(Outcome::Failure { data, .. }) => read_value(&data).map_or_else(R::refused, R::fails),
                Ok(Outcome::Value(_)) => R::refused(not_a_stream()),
                Err(error) => R::refused(error),
            }
        })
    }
}

/// A call that goes nowhere.
pub fn refused<'a, R: StreamResult>(error: RpcError) -> BoxFuture<'a, R> {
    Box::pin(std::future::ready(R::refused(error)))
}

fn not_a_stream() -> RpcError {
    let message =
        "the method answers with one value at the node that ran it, and with a stream here: their builds differ";
    RpcError::new(Kind::Protocol, message)
}

/// When whatever surrounds the call must be done, and with it the stream; nothing outside of all calls and deadlines.
fn surrounding_deadline() -> Option<Deadline> {
    Context::with_current(|current| {
        let around = current.filter(|around| !around.is_detached)?;
        let has_one = around.method.is_some() || around.known_deadline().is_some();
        has_one.then(|| around.settle())
    })
}
