//! `GET /wherever/frames`: a connection that is upgraded from HTTP, and carries the calls of one peer from then on.

mod answers;
mod arguments;
mod calls;
mod place;
mod session;
mod streams;

use ::http::header::{CONNECTION, RETRY_AFTER, UPGRADE};
use ::http::{HeaderMap, HeaderValue, StatusCode, Version};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rpc_core::transport::frames;

use self::session::Session;
use super::doorman::check_origin;
use crate::listener::TimedIo;
use crate::node::Node;

/// Upgrades the connection, unless something speaks against it.
pub(super) async fn upgrade(State(node): State<Node>, mut request: Request) -> Response {
    let asks = request.version() == Version::HTTP_11 && names(request.headers(), &UPGRADE, frames::UPGRADE);
    if !asks || !names(request.headers(), &CONNECTION, "upgrade") {
        let headers = [(UPGRADE, frames::UPGRADE), (CONNECTION, "upgrade")];
        return (StatusCode::UPGRADE_REQUIRED, headers, "this route speaks frames only\n").into_response();
    }
    let upgrading = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    if let Err(turned_away) = check_origin(&parts, &node) {
        return turned_away.into_response();
    }
    if let Some(why) = unready(&node) {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], why).into_response();
    }
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => serve(node, upgraded).await,
            Err(error) => tracing::debug!(%error, "an upgrade to frames failed"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(frames::UPGRADE));
    response
}

/// Whether one of the values of this header, parted by commas, is `value`.
fn names(headers: &HeaderMap, name: &::http::HeaderName, value: &str) -> bool {
    let texts = headers.get_all(name).iter().filter_map(|text| text.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|text| text.trim().eq_ignore_ascii_case(value))
}

/// Why no connection is taken at the moment, if so.
fn unready(node: &Node) -> Option<String> {
    if node.is_leaving() {
        return Some("the node is shutting down\n".to_owned());
    }
    if let Err(error) = node.check_started() {
        return Some(format!("{}\n", error.message()));
    }
    // Who knows the cluster would take an answer without one for that of a stranger.
    node.cluster_id().is_empty().then(|| "this node has not joined its cluster yet\n".to_owned())
}

/// Serves the connection to its end: on our own socket, if our listener has taken it in.
async fn serve(node: Node, upgraded: Upgraded) {
    match upgraded.downcast::<TokioIo<TimedIo>>() {
        Ok(parts) => Session::new(node, parts.io.into_inner(), &parts.read_buf).run().await,
        Err(upgraded) => Session::new(node, TokioIo::new(upgraded), &Bytes::new()).run().await,
    }
}
