//! `POST /rpc`: read, parse, execute each request, reply.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use ::http::StatusCode;
use ::http::header::{CONNECTION, HeaderValue};
use ::http::request::Parts;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::join_all;
use rpc_core::call::{Deadline, Outcome, Reply};
use rpc_core::codec::envelope::{self, BadRequest, Id, Message, Unparsed};
use rpc_core::limits;
use rpc_core::{Executed, Kind, RpcError};
use tokio::time::{Instant, timeout_at};

use super::doorman::{TurnedAway, check_body, check_origin};
use super::origin::{Origin, Streams};
use super::{answer, execute, lines};
use crate::listener::Arrival;
use crate::memory;
use crate::node::Node;

/// Serves one body: a request or a batch of them.
pub(super) async fn rpc(State(node): State<Node>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (arrival, wait) = (parts.extensions.get::<Arrival>(), node.here().settings.default_deadline);
    let at = arrival.map_or_else(Instant::now, Arrival::at);
    let origin = node.check_started().and_then(|()| Origin::read(&parts.headers, node.cluster_id(), at, wait));
    let deadline = origin.as_ref().map_or_else(|_| Deadline::counted_from(at, wait), |origin| origin.deadline);
    let read = async {
        let _nobody_works_yet = arrival.map(Arrival::await_body);
        read(&parts, body, &node).await
    };
    let mut read = pin!(read);
    // Most bodies came with their header, and need no timer.
    let read = match poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await {
        Poll::Ready(read) => Ok(read),
        Poll::Pending => timeout_at(deadline.instant(), read).await,
    };
    match read {
        Ok(Ok(body)) => serve(&node, origin, &body).await,
        Ok(Err(turned_away)) => turned_away.into_response(),
        Err(_passed) => late(),
    }
}

/// The answer to a body that was not there before its deadline.
fn late() -> Response {
    let error = RpcError::new(Kind::Deadline, "the deadline passed before the body was there");
    let mut response = answer::json(answer::failed(&Id::Null, &error));
    // What is left of the body is no request.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn read(parts: &Parts, body: Body, node: &Node) -> Result<Bytes, TurnedAway> {
    check_origin(parts, node)?;
    let limit = node.max_message() + limits::ENVELOPE_ROOM;
    check_body(&parts.headers, limit)?;
    memory::read(body, limit, node.body_memory()).await.map_err(TurnedAway::unread)
}

async fn serve(node: &Node, origin: Result<Origin, RpcError>, body: &Bytes) -> Response {
    match envelope::parse(body, limits::MAX_BATCH) {
        Err(unparsed) => answer::json(answer::failed(&Id::Null, &refused(&unparsed))),
        Ok(Message::One(request)) => match one(node, &origin, request, body, None).await {
            Some(Said::Json(reply)) => answer::json(reply),
            Some(Said::Lines(response)) => response,
            None => StatusCode::NO_CONTENT.into_response(),
        },
        Ok(Message::Batch(requests)) => batch(node, origin, requests, body).await,
    }
}

async fn batch<'a>(
    node: &Node,
    origin: Result<Origin, RpcError>,
    requests: Vec<Result<envelope::Request<'a>, BadRequest<'a>>>,
    body: &'a Bytes,
) -> Response {
    let origin = origin.and_then(|origin| match origin.peer {
        None => Ok(Origin { streams: Streams::InBatch, ..origin }),
        Some(_) => {
            Err(RpcError::new(Kind::InvalidRequest, "the header x-wherever-call names one call, a batch has several"))
        }
    });
    let room = AtomicUsize::new(node.max_message().saturating_mul(limits::BATCH_REPLIES));
    let replies = requests.into_iter().map(|request| one(node, &origin, request, body, Some(&room)));
    let replies = join_all(replies).await;
    let json = |said| match said {
        Said::Json(json) => Some(json),
        // Refused in batches.
        Said::Lines(_) => None,
    };
    let replies: Vec<Vec<u8>> = replies.into_iter().flatten().filter_map(json).collect();
    if replies.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    answer::json(answer::array(&replies))
}

/// The reply to one request; none to a notification. A batch has `room` for its replies.
async fn one<'a>(
    node: &Node,
    origin: &Result<Origin, RpcError>,
    request: Result<envelope::Request<'a>, BadRequest<'a>>,
    body: &Bytes,
    room: Option<&AtomicUsize>,
) -> Option<Said> {
    let request = match request {
        Ok(request) => request,
        Err(bad) => {
            let error = RpcError::new(Kind::InvalidRequest, bad.to_string());
            return Some(Said::Json(answer::failed(&bad.id, &error)));
        }
    };
    let result = match origin {
        Ok(origin) => execute::execute(node, origin, &request, body).await,
        Err(error) => Err(error.clone()),
    };
    if request.is_notification() {
        if let Err(error) = result {
            tracing::debug!(%error, "a notification failed");
        }
        return None;
    }
    Some(Said::Json(match result {
        Ok(Reply { outcome: Outcome::Stream(items), .. }) => match lines::response(node, &request.id, &items) {
            Ok(response) => return Some(Said::Lines(response)),
            Err(error) => answer::failed(&request.id, &error),
        },
        Ok(reply) => {
            let reply = answer::replied(&request.id, &reply);
            match room.map_or(Ok(()), |room| take(room, reply.len())) {
                Ok(()) => reply,
                Err(error) => answer::failed(&request.id, &error),
            }
        }
        Err(error) => answer::failed(&request.id, &error),
    }))
}

/// The answer to a request.
enum Said {
    Json(Vec<u8>),
    /// A stream.
    Lines(Response),
}

/// Takes a reply's bytes from the room of its batch; errors of ours are small and take none.
fn take(room: &AtomicUsize, bytes: usize) -> Result<(), RpcError> {
    let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
    taken.map(drop).map_err(|left| {
        let message = format!("the reply has {bytes} bytes, and the other replies of this batch leave room for {left}");
        RpcError::new(Kind::TooLarge, message).with_executed(Executed::Yes)
    })
}

fn refused(unparsed: &Unparsed) -> RpcError {
    let kind = match unparsed {
        Unparsed::Parse(_) => Kind::Parse,
        Unparsed::Invalid(_) => Kind::InvalidRequest,
    };
    RpcError::new(kind, unparsed.to_string())
}
