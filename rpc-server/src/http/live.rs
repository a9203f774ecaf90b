//! The routes of a live cluster: a move's questions, and operators' requests.

use ::http::StatusCode;
use ::http::header::CONTENT_TYPE;
use ::http::request::Parts;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rpc_core::cluster::hand_over::Question;
use rpc_core::cluster::request::{Refusal, Request};
use rpc_core::codec::strict;
use serde::de::DeserializeOwned;

use super::answer;
use super::doorman::{TurnedAway, check_body, check_origin};
use crate::memory;
use crate::node::Node;

/// Largest body of these routes, in bytes: names and numbers.
const MAX_BODY: usize = 16 << 10;

/// Answers the target of a move from this node.
pub(super) async fn question(State(node): State<Node>, request: HttpRequest) -> Response {
    let question: Question = match read(&node, request).await {
        Ok(question) => question,
        Err(refused) => return *refused,
    };
    let Some(live) = node.live() else { return nothing_moves() };
    if let Err(error) = node.check_started() {
        return (StatusCode::CONFLICT, error.message().to_owned()).into_response();
    }
    match live.answer(question).await {
        Ok(answer) => ([(CONTENT_TYPE, "application/octet-stream")], Body::from(answer.write())).into_response(),
        Err(why) => (StatusCode::CONFLICT, why).into_response(),
    }
}

/// Carries out an operator's request.
pub(super) async fn operate(State(node): State<Node>, request: HttpRequest) -> Response {
    let request: Request = match read(&node, request).await {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let Some(live) = node.live() else { return nothing_moves() };
    if let Err(error) = node.check_started() {
        return refused(StatusCode::CONFLICT, Refusal { error: error.message().to_owned() });
    }
    match live.operate(&request).await {
        // Text and numbers only, which always encode.
        Ok(plan) => answer::json(serde_json::to_vec(&plan).unwrap_or_default()),
        Err(refusal) => refused(StatusCode::CONFLICT, refusal),
    }
}

async fn read<T: DeserializeOwned>(node: &Node, request: HttpRequest) -> Result<T, Box<Response>> {
    let (parts, body) = request.into_parts();
    let body = checked(node, &parts, body).await.map_err(|away| Box::new(away.into_response()))?;
    strict::from_slice(&body).map_err(|error| {
        let refusal = Refusal { error: format!("the request cannot be read: {error}") };
        Box::new(refused(StatusCode::BAD_REQUEST, refusal))
    })
}

async fn checked(node: &Node, parts: &Parts, body: Body) -> Result<Bytes, TurnedAway> {
    check_origin(parts, node)?;
    check_body(&parts.headers, MAX_BODY)?;
    memory::read(body, MAX_BODY, node.body_memory()).await.map_err(TurnedAway::unread)
}

fn nothing_moves() -> Response {
    let error = "the slots of a fixed cluster never move: see `Node::builder().seed()` and `.join(…)`".to_owned();
    refused(StatusCode::NOT_FOUND, Refusal { error })
}

fn refused(status: StatusCode, refusal: Refusal) -> Response {
    let mut response = answer::json(serde_json::to_vec(&refusal).unwrap_or_default());
    *response.status_mut() = status;
    response
}
