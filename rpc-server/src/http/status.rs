//! What a node tells of itself: alive, ready, and the cluster as it knows it.

use ::http::request::Parts;
use ::http::{StatusCode, header};
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::answer;
use super::doorman::check_origin;
use crate::cluster::Status;
use crate::node::Node;

/// `200` as long as the process answers.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// `200` while calls are taken, `503` before the node is a member of its cluster, while it has no right to execute, and once it is
/// on its way out.
pub(super) async fn ready(State(node): State<Node>) -> Response {
    if node.here().is_leaving() {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "shutting down\n").into_response();
    }
    if let Err(error) = node.check_started() {
        let why = format!("{}\n", error.message());
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], why).into_response();
    }
    if node.status() != Status::Member || !node.here().authority.holds() {
        let why = "not a member of the cluster at the moment\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], why).into_response();
    }
    "ready\n".into_response()
}

/// The cluster's map, services and this node's counts.
pub(super) async fn cluster(State(node): State<Node>, parts: Parts) -> Response {
    if let Err(turned_away) = check_origin(&parts, &node) {
        return turned_away.into_response();
    }
    // Text and numbers only, which always encode.
    answer::json(serde_json::to_vec(&node.view()).unwrap_or_default())
}
