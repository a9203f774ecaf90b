//! The last check before the router: requests whose meaning is not beyond doubt are refused here.
//!
//! hyper already refuses lengths that differ or are no plain number, folded header lines, spaces before a
//! colon and unfinished chunks. If a request has both `Content-Length` and `Transfer-Encoding` it drops the
//! length, reads chunks and closes the connection after the answer (RFC 9112 §6.3), so that nothing behind
//! it is ever taken for a request. What it lets through in doubt is refused here with 400 and a close.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::Service;

use super::activity::Activity;
use super::arrival::Arrival;
use super::body::{AnswerBody, TimedBody};
use super::limits::Limits;

/// The service of one connection.
pub(super) struct Entrance {
    router: Router,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    limits: Arc<Limits>,
    activity: Arc<Activity>,
}

impl Entrance {
    /// The service of a connection between `peer` and, if the socket says so, an address of ours.
    pub(super) fn new(
        router: Router,
        (peer, local): (SocketAddr, Option<SocketAddr>),
        limits: Arc<Limits>,
        activity: Arc<Activity>,
    ) -> Self {
        Self { router, peer, local, limits, activity }
    }
}

impl hyper::service::Service<Request<Incoming>> for Entrance {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        self.activity.request_began();
        let activity = self.activity.clone();
        if let Some(refusal) = doubt(&request, &self.limits) {
            return Answer { activity, state: State::Refused { refusal: Some(refusal) } };
        }
        let limit = self.limits.body_time;
        let mut request = request.map(|incoming| Body::new(TimedBody::new(incoming, limit)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(Arrival::new(self.local, activity.clone()));
        // A router is always ready, and cloning one is a reference count.
        let route = self.router.clone().call(request);
        Answer { activity, state: State::Routed { route } }
    }
}

/// A reason not to take this request, as status and text.
type Refusal = (StatusCode, &'static str);

fn doubt<B>(request: &Request<B>, limits: &Limits) -> Option<Refusal> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.max_uri_bytes {
        return Some((StatusCode::URI_TOO_LONG, "the path is too long"));
    }
    let headers = request.headers();
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() >= Version::HTTP_11 => {
            return Some((BAD, "the Host header is missing"));
        }
        (Some(_), Some(_)) => return Some((BAD, "there are several Host headers")),
        (Some(host), None) if !is_target_at(request, host) => {
            return Some((BAD, "the request target names another host than the Host header"));
        }
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some((BAD, "the only Transfer-Encoding spoken here is a single chunked")),
    }
}

/// Whether a target that names a host (`POST http://host/rpc`) names this one. Proxies go by the target, and our checks by `Host`.
fn is_target_at<B>(request: &Request<B>, host: &HeaderValue) -> bool {
    let named = request.uri().authority();
    named.is_none_or(|named| named.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()))
}

fn refuse((status, why): Refusal) -> Response {
    let mut response = Response::new(Body::from(format!(r#"{{"error":"{why}"}}"#)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

pin_project! {
    /// The answer to one request, still in the making.
    pub(super) struct Answer {
        activity: Arc<Activity>,
        #[pin]
        state: State,
    }
}

pin_project! {
    #[project = StateProj]
    enum State {
        Routed { #[pin] route: RouteFuture<Infallible> },
        Refused { refusal: Option<Refusal> },
    }
}

impl Future for Answer {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.state.project() {
            StateProj::Routed { route } => match ready!(route.poll(cx)) {
                Ok(response) => response,
                Err(never) => match never {},
            },
            StateProj::Refused { refusal } => refuse(refusal.take().expect("hyper polls no answer after it was given")),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            this.activity.upgraded();
        }
        Poll::Ready(Ok(response.map(|body| AnswerBody::new(body, this.activity.clone()))))
    }
}
