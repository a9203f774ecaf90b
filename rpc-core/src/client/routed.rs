//! A call on its way through the router. The first try is made in place, where the slot's owner and a connection to it are known, as they nearly always
//! are: one box then holds all there is of a call that waits. Whatever else comes is for [`Router::go_on`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;

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
    stage: Stage<'a>,
}

enum Stage<'a> {
    /// Not begun.
    Fresh(Call),
    /// The first try waits for its reply.
    First(Call, Arc<Way>, Waiting),
    /// Further ones, or no first one of this kind.
    Rest(BoxFuture<'a, Answer>),
    /// It is answered.
    Over,
}

impl<'a> Routed<'a> {
    pub(super) fn new(router: &'a Router, call: Call) -> Self {
        Self { router, stage: Stage::Fresh(call) }
    }

    fn over(&mut self) -> Option<(Call, Arc<Way>)> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::First(call, way, _answered) => Some((call, way)),
            _ => None,
        }
    }
}

impl Future for Routed<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Fresh(call) => {
                    let begun = this.router.begin(call, cx.waker());
                    let Stage::Fresh(call) = std::mem::replace(&mut this.stage, Stage::Over) else { continue };
                    this.stage = match begun {
                        Some((way, Ok(waiting))) => {
                            let must_be_polled = waiting.is_short();
                            this.stage = Stage::First(call, way, waiting);
                            if must_be_polled {
                                continue;
                            }
                            return Poll::Pending;
                        }
                        Some((way, Err(error))) => this.router.rest(call, Some(Failed::at(way, error, None))),
                        None => this.router.rest(call, None),
                    }
                }
                Stage::First(_, _, waiting) => {
                    let sent = waiting.sent();
                    let answer = std::task::ready!(Pin::new(waiting).poll(cx));
                    let was = this.over();
                    match (answer, was) {
                        (Err(error), Some((call, way))) => {
                            this.stage = this.router.rest(call, Some(Failed::at(way, error, Some(sent))));
                        }
                        (answer, _) => return Poll::Ready(answer),
                    }
                }
                Stage::Rest(rest) => {
                    let answer = std::task::ready!(rest.as_mut().poll(cx));
                    this.stage = Stage::Over;
                    return Poll::Ready(answer);
                }
                Stage::Over => return Poll::Pending,
            }
        }
    }
}

impl Router {
    /// The first try, if it can be made at once: its call is written down, or cannot be sent at all.
    fn begin(&self, call: &mut Call, waker: &Waker) -> Option<(Arc<Way>, Result<Waiting, RpcError>)> {
        let Target::Slot(slot) = call.target else { return None };
        let (way, epoch) = self.0.lanes.find(&self.0, call.method.group, slot)?;
        call.epoch = epoch;
        let begun = way.peer.begin(call, waker)?;
        self.0.counts.remote.add();
        way.peer.budget.earn();
        if call.method.is_recorded() {
            acknowledge::note(&self.0, &way.peer, call.id);
        }
        Some((way, begun))
    }

    fn rest(&self, call: Call, failed: Option<Failed>) -> Stage<'_> {
        Stage::Rest(Box::pin(self.go_on(call, failed)))
    }
}

impl Failed {
    fn at(way: Arc<Way>, error: RpcError, sent: Option<tokio::time::Instant>) -> Self {
        let peer = &way.peer;
        Self { error: error.at_node(&peer.node.id), place: Place::Peer(peer.clone()), sent }
    }
}
