//! A call on its way through the router. The first try is made in place, where the slot's owner and a connection to it are known, as they nearly always
//! are: one box then holds all there is of a call that waits. Whatever else comes is for `Router::go_on`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::acknowledge;
use super::lanes::Way;
use super::router::{Failed, Place, Router};
use crate::call::{Call, Reply, Target};
use crate::error::RpcError;
use crate::transport::multiplex::connection::Waiting;

type Answer = Result<Reply, RpcError>;

/// Becomes the reply. Dropping it takes the call back.
pub(super) struct Routed<'a> {
    router: &'a Router,
    /// Stays where it is for the first try; gone with the rest.
    call: Option<Call>,
    stage: Stage<'a>,
}

enum Stage<'a> {
    /// Nothing is begun.
    Fresh,
    /// The first try waits for its reply.
    First(Arc<Way>, Waiting),
    /// Further ones, or no first one of this kind.
    Rest(BoxFuture<'a, Answer>),
    /// It is answered.
    Over,
}

impl<'a> Routed<'a> {
    #[inline]
    pub(super) fn new(router: &'a Router, call: Call) -> Self {
        Self { router, call: Some(call), stage: Stage::Fresh }
    }

    /// Makes the first try, if it can be made at once: then its call is written down, or cannot be sent at all.
    fn begin(&mut self, waker: &Waker) -> Option<(Arc<Way>, Result<Waiting, RpcError>)> {
        let call = self.call.as_mut()?;
        let Target::Slot(slot) = call.target else { return None };
        let shared = &self.router.0;
        let (way, epoch) = shared.lanes.find(shared, call.method.group, slot)?;
        call.epoch = epoch;
        let begun = way.peer.begin(call, waker)?;
        if begun.is_ok() {
            shared.counts.remote.add();
            way.peer.budget.earn();
            if call.method.is_recorded() {
                acknowledge::note(shared, &way.peer, call.id);
            }
        }
        Some((way, begun))
    }

    #[cold]
    fn go_on(&mut self, failed: Option<Failed>) {
        self.stage = match self.call.take() {
            Some(call) => Stage::Rest(Box::pin(self.router.go_on(call, failed))),
            None => Stage::Over,
        };
    }

    #[cold]
    fn failed(&mut self, error: RpcError) {
        let Stage::First(way, waiting) = std::mem::replace(&mut self.stage, Stage::Over) else { return };
        self.go_on(Some(Failed::at(&way, error, Some(waiting.sent()))));
    }
}

impl Future for Routed<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Fresh => match this.begin(cx.waker()) {
                    Some((way, Ok(waiting))) => {
                        let must_be_polled = waiting.is_short();
                        this.stage = Stage::First(way, waiting);
                        if !must_be_polled {
                            return Poll::Pending;
                        }
                    }
                    Some((way, Err(error))) => this.go_on(Some(Failed::at(&way, error, None))),
                    None => this.go_on(None),
                },
                Stage::First(_, waiting) => match ready!(Pin::new(waiting).poll(cx)) {
                    Ok(reply) => return Poll::Ready(Ok(reply)),
                    Err(error) => this.failed(error),
                },
                Stage::Rest(rest) => {
                    let answer = ready!(rest.as_mut().poll(cx));
                    this.stage = Stage::Over;
                    return Poll::Ready(answer);
                }
                Stage::Over => return Poll::Pending,
            }
        }
    }
}

impl Failed {
    fn at(way: &Way, error: RpcError, sent: Option<Instant>) -> Self {
        let peer = &way.peer;
        Self { error: error.at_node(&peer.node.id), place: Place::Peer(peer.clone()), sent }
    }
}
