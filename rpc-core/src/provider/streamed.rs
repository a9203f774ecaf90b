//! Methods that answer with a stream: how the provider's stream is run, item by item, and when it must end.
//!
//! A stream lives longer than a call, so it holds no place in its slot: it enters the slot for each poll and leaves behind it, so that a
//! hand-over waits for one poll at most. Between two polls it watches: when the slot has left, or the node's authority, it ends with an error
//! that says so. Whatever an error of ours ends had begun, so it may have been executed; the items before it were delivered.

mod flow;
mod places;

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;

pub(crate) use self::flow::{Flow, Surroundings};
pub use self::places::Places;
use super::incoming::{Entry, Incoming};
use crate::call::items::Source;
use crate::call::{Items, Outcome, Reply};
use crate::error::{Executed, RpcError};
use crate::service::MethodResult;
use crate::slot::Slot;

/// Longest life of a stream, unless configured: it outlives a working day, and ends what everybody has forgotten.
pub const STREAM_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Most streams from the network open on one node, unless configured: at 10 KiB of futures and buffers each, 100 MiB.
pub const MAX_STREAMS: usize = 10_000;

/// What a method that streams hands over, one after the other.
pub(crate) enum Handed<I> {
    /// The stream has begun.
    Begun,
    /// There will be none: the error, which is the one that items have.
    Refused(Box<dyn Any + Send>),
    /// An item.
    Item(I),
}

type Hand<I> = Arc<Mutex<Option<Handed<I>>>>;

/// Where a method that streams puts what it has, for generated code to run it. `I` is the stream's item.
pub struct Yield<I>(Hand<I>);

impl<I: Send> Yield<I> {
    /// Runs the method and then its stream, to their ends, within one future: so the stream may borrow from the provider.
    pub async fn run<S, E>(self, method: impl Future<Output = Result<S, E>> + Send)
    where
        S: Stream<Item = I> + Send,
        E: Send + 'static,
    {
        let stream = match method.await {
            Ok(stream) => stream,
            Err(failure) => return self.hand(Handed::Refused(Box::new(failure))).await,
        };
        self.hand(Handed::Begun).await;
        let mut stream = pin!(stream);
        while let Some(item) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            self.hand(Handed::Item(item)).await;
        }
    }

    /// Puts it down, and goes on when it has been taken and more is wanted: nobody polls before.
    async fn hand(&self, handed: Handed<I>) {
        let mut handed = Some(handed);
        poll_fn(|_| match handed.take() {
            Some(handed) => {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handed);
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
    }
}

impl Entry<'_> {
    /// Runs a method that streams, until it has its stream; the items come from there.
    ///
    /// # Errors
    /// As for [`run`](Entry::run), and [`Kind::Overloaded`](crate::Kind::Overloaded), not executed, for a stream too many.
    pub async fn stream<I: MethodResult>(
        self,
        method: impl FnOnce(Yield<I>) -> BoxFuture<'static, ()>,
    ) -> Result<Reply, RpcError> {
        let Self { call, slot, occupied, .. } = self;
        let place = call.here.streams.take().map_err(|error| call.locate(error, slot))?;
        let group = call.group.clone();
        let inside = occupied.map(|occupied| occupied.into_owned(group.clone()));
        let surroundings = Surroundings::of_node(call.here.clone(), group, slot, inside);
        let mut flow = Flow::new(method, call.context(slot), surroundings).cancelled_by(call.cancel.as_ref());
        let outcome = match flow.begin().await {
            Ok(Ok(())) => {
                let call = call.clone();
                Ok(Outcome::Stream(Items::new(Encoded { flow: Some(flow), call, slot, _place: place })))
            }
            Ok(Err(failure)) => {
                call.encode(I::from_result(Err(failure))).and_then(|outcome| call.within_limit(outcome))
            }
            Err(error) => Err(error),
        };
        outcome.map(Reply::new).map_err(|error| call.locate(error, slot))
    }
}

/// A stream of this node's provider, its items encoded.
struct Encoded<I: MethodResult> {
    // None once it has ended.
    flow: Option<Flow<I>>,
    call: Incoming,
    slot: Option<Slot>,
    _place: places::StreamPlace,
}

impl<I: MethodResult> Source for Encoded<I> {
    fn poll_item(&mut self, cx: &mut Context<'_>, is_wanted: bool) -> Poll<Option<Result<Outcome, RpcError>>> {
        let Some(flow) = &mut self.flow else { return Poll::Ready(None) };
        let item = ready!(flow.poll_item(cx, is_wanted));
        let item = item.map(|item| {
            item.and_then(|item| self.call.encode(item)).and_then(|outcome| self.call.within_limit(outcome))
        });
        if !matches!(item, Some(Ok(_))) {
            self.flow = None;
        }
        let locate = |error: RpcError| self.call.locate(error.at_least(Executed::Maybe), self.slot);
        Poll::Ready(item.map(|item| item.map_err(locate)))
    }
}
