//! The routes of a node.

mod answer;
pub mod coordinator;
mod doorman;
mod execute;
mod frames;
mod lines;
mod live;
mod origin;
mod own;
mod rpc;
mod status;
mod waiting;

use axum::Router;
use axum::routing::{get, post};

use crate::node::Node;

/// `/rpc` and `/wherever/*`, without a fallback, to be merged into a program's own router.
pub(crate) fn router(node: Node) -> Router {
    let held = node.embedded().map_or_else(Router::new, |embedded| coordinator::routes(embedded.clone()));
    Router::new()
        .route("/rpc", post(rpc::rpc))
        .route(rpc_core::transport::multiplex::PATH, get(frames::upgrade))
        .route("/wherever/move", post(live::question))
        .route("/wherever/operate", post(live::operate))
        .route("/wherever/cluster", get(status::cluster))
        .route("/wherever/health", get(status::health))
        .route("/wherever/ready", get(status::ready))
        .with_state(node)
        .merge(held)
}

/// What a node that serves alone adds.
pub(crate) fn router_alone(node: Node) -> Router {
    let probes = Router::new().route("/healthz", get(status::health)).route("/readyz", get(status::ready));
    router(node.clone()).merge(probes.with_state(node))
}
