//! One request: found, admitted, run here or sent on, and never dropped half-way because a connection was lost.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rpc_core::call::{Call, Reply, Target};
use rpc_core::codec::envelope::Request;
use rpc_core::codec::payload::Payload;
use rpc_core::provider::Incoming;
use rpc_core::provider::in_flight::Place;
use rpc_core::service::MethodDescriptor;
use rpc_core::{Kind, RpcError};

use super::origin::{Origin, Peer};
use super::own;
use super::waiting::Waiting;
use crate::gateway;
use crate::node::Node;

pub(super) type Answer = Result<Reply, RpcError>;

/// What a foreign client of a leaving gateway is told to wait: about the time in which its balancer turns to another node.
const LEAVING_RETRY_AFTER: Duration = Duration::from_millis(250);

/// Runs `request`, whose arguments lie in `body`.
pub(super) async fn execute(node: &Node, origin: &Origin, request: &Request<'_>, body: &Bytes) -> Answer {
    if let Some(answer) = own::answer(node, origin, request) {
        return answer;
    }
    let method = node.catalogue().find(&request.method)?;
    origin.streams.check(method, request.is_notification())?;
    let place = node.here().in_flight.admit()?;
    node.counts().served.add();
    // The bytes stay where they are; only the frame around them was parsed.
    let params = request.params.map_or_else(Bytes::new, |raw| body.slice_ref(raw.get().as_bytes()));
    let params = Payload::json(params);
    match &origin.peer {
        Some(peer) => run_here(node, origin, peer, method, params, place).await,
        None => forward(node, origin, method, params, place).await,
    }
}

/// A call of a client of ours: it knows the map and wants this node.
async fn run_here(
    node: &Node,
    origin: &Origin,
    peer: &Peer,
    method: &'static MethodDescriptor,
    params: Payload,
    mut place: Place,
) -> Answer {
    let cancel = place.list(peer.id, method.is_recorded()).map_err(|error| error.at_node(&node.here().id))?;
    let call = Call {
        method,
        params,
        target: Target::Node(node.here().id.clone(), peer.slot),
        epoch: peer.epoch,
        deadline: origin.deadline,
        id: peer.id,
        first_epoch: peer.first_epoch,
        hops: peer.hops,
        path: peer.path.clone(),
        trace: origin.trace.clone(),
    };
    let incoming = Incoming::from_call(call, node.here().clone()).from_peer().cancelled_by(cancel);
    // Our clients take calls back by their ids, also over another connection.
    run_to_end(node.here().run(incoming), place, None).await
}

/// A call of a foreign client: this node is its gateway, unless it is on its way out.
async fn forward(
    node: &Node,
    origin: &Origin,
    method: &'static MethodDescriptor,
    params: Payload,
    place: Place,
) -> Answer {
    if node.is_leaving() {
        let refused = RpcError::new(Kind::ShuttingDown, "the node is shutting down");
        return Err(refused.with_retry_after(LEAVING_RETRY_AFTER).at_node(&node.here().id));
    }
    let (call, open) = gateway::call(node, method, params, origin.deadline, origin.trace.clone())?;
    let wherever = node.wherever().clone();
    let passed_on = Box::pin(async move {
        let answer = wherever.caller().call(call).await;
        drop(open);
        answer
    });
    // It has no way to take a call back: once it is gone nobody waits any more, and an hour would be held for nothing.
    run_to_end(passed_on, place, Some(node.here().settings.default_deadline)).await
}

/// Polls `future` where it stands, as most calls are ready at once; then moves it to a task, which a lost connection does not drop: not
/// before its deadline, or, if the caller has this `patience`, so much later. Its `place` among the calls in flight goes with it.
async fn run_to_end(mut future: BoxFuture<'static, Answer>, place: Place, patience: Option<Duration>) -> Answer {
    let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    if let Poll::Ready(answer) = first {
        return answer;
    }
    let task = tokio::spawn(async move {
        let answer = future.await;
        drop(place);
        answer
    });
    Waiting::new(task, patience).await
}
