//! Calls as JSON-RPC requests over `POST /rpc`.

mod body;
mod cancel;
pub mod coordinator;
mod hand_over;
mod lines;
pub mod reply;
mod turns;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request, Response, Url};

use self::cancel::{Cancels, TakeBack};
pub use self::lines::LINES;
use self::turns::Turns;
use super::headers::{self, About};
use crate::call::{Call, Caller, Outcome, Reply};
use crate::cluster::hand_over::{Answer, Question};
use crate::cluster::view::ClusterView;
use crate::codec::envelope;
use crate::error::{Executed, Kind, RpcError};
use crate::limits;
use crate::node::NodeInfo;
use crate::transport::peers::Transport;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Headers of most calls: two of ours, and `accept`, `host` and `content-length` below us, for which the map then need not grow.
const USUAL_HEADERS: usize = 6;

/// How connections to peers are made and kept.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// How long an idle connection is kept; must be below the peers' idle timeout.
    pub idle: Duration,
    /// Idle connections kept to one peer.
    pub idle_per_peer: usize,
    /// Requests under way to one peer at once, at least 1. Further calls wait for their turn, in the order in which they came and under
    /// their own deadlines; a call that another one waits for, being nested in it, needs no turn.
    pub in_flight_per_peer: usize,
    /// Largest reply read, in bytes.
    pub max_message: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: limits::CONNECT_TIMEOUT,
            idle: limits::CLIENT_IDLE,
            idle_per_peer: limits::IDLE_PER_PEER,
            in_flight_per_peer: limits::IN_FLIGHT_PER_PEER,
            max_message: limits::MAX_MESSAGE,
        }
    }
}

/// One pool of HTTP/1.1 connections to all peers.
pub struct HttpTransport {
    client: Client,
    cluster: Arc<OnceLock<String>>,
    in_flight_per_peer: usize,
    max_reply: usize,
}

impl HttpTransport {
    /// A transport for the cluster of this id, which may become known later.
    ///
    /// # Errors
    /// [`Kind::Internal`] when the operating system refuses what the client needs.
    pub fn new(settings: &HttpSettings, cluster: Arc<OnceLock<String>>) -> Result<Self, RpcError> {
        let client = client(settings)?;
        let (in_flight_per_peer, max_reply) =
            (settings.in_flight_per_peer, settings.max_message + limits::ENVELOPE_ROOM);
        Ok(Self { client, cluster, in_flight_per_peer, max_reply })
    }
}

/// The client of all connections: it follows nothing, asks nobody else, and tries nothing twice by itself.
fn client(settings: &HttpSettings) -> Result<Client, RpcError> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // Without a number, it copies each request before it sees that it must never repeat it.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(settings.idle)
        .pool_max_idle_per_host(settings.idle_per_peer)
        .referer(false)
        .build()
        .map_err(|error| RpcError::new(Kind::Internal, "the HTTP client cannot be set up").with_source(error))
}

impl Transport for HttpTransport {
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller> {
        Arc::new(HttpPeer {
            client: self.client.clone(),
            url: url(&node.address, "/rpc"),
            cluster: self.cluster.clone(),
            max_reply: self.max_reply,
            turns: Turns::new(self.in_flight_per_peer),
            cancels: Cancels::new(self.client.clone()),
        })
    }

    fn view<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>> {
        Box::pin(async move {
            let url = url(address, "/wherever/cluster")?;
            let response =
                self.client.get(url).send().await.map_err(|error| unsent_or_lost(error).with_executed(Executed::No))?;
            let not_a_node = |why: String| {
                RpcError::new(Kind::Protocol, format!("{address} is no node: {why}")).with_executed(Executed::No)
            };
            if !response.status().is_success() {
                return Err(not_a_node(format!("it answered {} for its map", response.status())));
            }
            let body = body::read(response, self.max_reply).await.map_err(|error| error.with_executed(Executed::No))?;
            let view: ClusterView = serde_json::from_slice(&body)
                .map_err(|error| not_a_node(format!("its map cannot be read: {error}")))?;
            view.check().map_err(not_a_node)?;
            Ok(view)
        })
    }

    fn ask<'a>(&'a self, address: &'a str, question: &'a Question) -> BoxFuture<'a, Result<Answer, RpcError>> {
        Box::pin(hand_over::ask(&self.client, address, question))
    }
}

/// One peer, spoken to by POST.
struct HttpPeer {
    client: Client,
    url: Result<Url, RpcError>,
    cluster: Arc<OnceLock<String>>,
    max_reply: usize,
    turns: Turns,
    cancels: Arc<Cancels>,
}

impl Caller for HttpPeer {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        Box::pin(async move {
            let url = self.url.as_ref().map_err(Clone::clone)?;
            let call = call.into_json()?;
            // Before there is anything to take back: a call that waits for its turn has not been sent.
            let _turn = self.turns.take(url, &call).await?;
            let take_back = TakeBack::armed(&self.cancels, url, &call);
            let answer = tokio::time::timeout_at(call.deadline.instant(), self.exchange(url, &call)).await;
            take_back.disarm();
            answer.unwrap_or_else(|_| Err(too_late(url, &call)))
        })
    }
}

impl HttpPeer {
    async fn exchange(&self, url: &Url, call: &Call) -> Result<Reply, RpcError> {
        let response = self.client.execute(self.request(url, call)).await.map_err(unsent_or_lost)?;
        if let Some(error) = refused(&response) {
            return Err(error);
        }
        if call.method.streams && lines::are_in(&response) {
            return Ok(Reply::new(Outcome::Stream(lines::items(response, self.max_reply))));
        }
        let body = body::read(response, self.max_reply).await?;
        reply::read(&body, call.id.sequence)
    }

    /// The request, put together without reqwest's builder, which would go over the headers once more.
    fn request(&self, url: &Url, call: &Call) -> Request {
        let mut body = Vec::with_capacity(call.params.len() + 96);
        envelope::write_request(&mut body, call.id.sequence, call.method.full_name, call.params.bytes());
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = headers_of(call, self.cluster.get().map(String::as_str));
        *request.body_mut() = Some(body.into());
        request
    }
}

fn too_late(url: &Url, call: &Call) -> RpcError {
    let message = format!(
        "{} had no answer from {} by its deadline; the node may have run it",
        call.method.full_name,
        place_of(url)
    );
    RpcError::new(Kind::Deadline, message).with_executed(Executed::Maybe)
}

/// Host and port, for people.
fn place_of(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// The headers of the request that carries `call` to a node of `cluster`.
pub fn headers_of(call: &Call, cluster: Option<&str>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(USUAL_HEADERS);
    map.insert(CONTENT_TYPE, JSON);
    map.insert(headers::CALL, about(call, cluster).to_value());
    if call.method.streams {
        map.insert(ACCEPT, HeaderValue::from_static(LINES));
    }
    if call.hops > 0 {
        map.insert(headers::HOPS, u64::from(call.hops).into());
    }
    if call.path.depth() > 0
        && let Ok(path) = HeaderValue::from_str(&call.path.to_header())
    {
        map.insert(headers::PATH, path);
    }
    if let Some(trace) = call.trace.clone().and_then(|trace| HeaderValue::from_maybe_shared(trace).ok()) {
        map.insert(headers::TRACE, trace);
    }
    map
}

fn about<'a>(call: &Call, cluster: Option<&'a str>) -> About<'a> {
    let slot = call.target.slot();
    // Rounded up, so that what is left of the last millisecond is not taken from the callee.
    let left = call.deadline.remaining().as_micros().div_ceil(1000);
    About {
        id: call.id,
        slot,
        epoch: slot.map(|_| call.epoch),
        retry: call.first_epoch,
        left: Some(u64::try_from(left).unwrap_or(u64::MAX)),
        cluster,
    }
}

/// `http://address` with `path`. Addresses are checked before they come here, so the error is an internal one.
fn url(address: &str, path: &str) -> Result<Url, RpcError> {
    Url::parse(&format!("http://{address}{path}")).map_err(|error| {
        RpcError::new(Kind::Internal, format!("{address:?} makes no URL: {error}")).with_executed(Executed::No)
    })
}

/// Tells a request that never left from one that may have been read.
fn unsent_or_lost(error: reqwest::Error) -> RpcError {
    let error = error.without_url();
    if error.is_connect() {
        let why = body::deepest(&error);
        return RpcError::new(Kind::Unavailable, format!("the node cannot be reached: {why}")).with_source(error);
    }
    let why = body::deepest(&error);
    RpcError::new(Kind::ConnectionLost, format!("the connection broke before the reply: {why}")).with_source(error)
}

/// The error for a status that says the request never became a call; `None` for one that carries a JSON-RPC reply.
fn refused(response: &Response) -> Option<RpcError> {
    let status = response.status();
    let (kind, executed) = match status.as_u16() {
        200 => return None,
        401 | 403 => (Kind::Unauthorised, Executed::No),
        413 => (Kind::TooLarge, Executed::No),
        503 => (Kind::Overloaded, Executed::No),
        // Refused before anything was read as a call.
        400 | 404 | 405 | 414 | 415 | 431 => (Kind::Protocol, Executed::No),
        _ => (Kind::Protocol, Executed::Maybe),
    };
    Some(
        RpcError::new(kind, format!("the node answered HTTP {status} instead of a JSON-RPC reply"))
            .with_executed(executed),
    )
}
