//! Calls, maps and questions over the simulated network; and the other end, which is a node's own routes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Collected};
use rpc_core::cluster::hand_over::{Answer, Question};
use rpc_core::codec::envelope;
use rpc_core::provider::dedup;
use rpc_core::transport::http::{headers_of, reply};
use rpc_core::transport::peers::Transport;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tower::ServiceExt;
use turmoil::net::{TcpListener, TcpStream};
use wherever::view::ClusterView;
use wherever::{Call, Caller, Executed, Kind, NodeInfo, Reply, RpcError};

use crate::bug::Bug;
use crate::chance;
use crate::wire::{self, Lost};

/// The head of a request to a node.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
}

/// Of a thousand connections, so many are lost while their answer is awaited, and as many just before it is there.
const LOST: usize = 40;

/// After how many milliseconds it is noticed that an answer was lost: long enough for its slot to have moved twice.
const NOTICED: std::ops::Range<u64> = 0..1000;

/// Longest wait for the answer to a question about a move.
const QUESTION: Duration = Duration::from_secs(5);

/// Longest wait for a map.
const VIEW: Duration = Duration::from_secs(1);

/// Sends by the simulated network.
#[derive(Clone, Copy)]
pub(crate) struct SimulatedTransport {
    pub(crate) bug: Option<Bug>,
}

impl Transport for SimulatedTransport {
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller> {
        Arc::new(SimulatedPeer { address: node.address.clone() })
    }

    fn view<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>> {
        Box::pin(async move {
            let body = request(address, Method::GET, "/wherever/cluster", Vec::new(), &[], VIEW).await?;
            serde_json::from_slice(&body).map_err(|error| RpcError::new(Kind::Protocol, error.to_string()))
        })
    }

    fn ask<'a>(&'a self, address: &'a str, question: &'a Question) -> BoxFuture<'a, Result<Answer, RpcError>> {
        Box::pin(async move {
            let asked = serde_json::to_vec(question).unwrap_or_default();
            let body = request(address, Method::POST, "/wherever/move", json(), &asked, QUESTION).await?;
            let answer = Answer::read(body).map_err(|error| RpcError::new(Kind::Protocol, error.to_string()))?;
            Ok(if self.bug == Some(Bug::DedupStays) { without_records(answer) } else { answer })
        })
    }
}

/// What a source would answer that does not copy the records of calls. Since when there have been some goes along all the same: a
/// target that is not told that either knows that it knows nothing, and is safe.
fn without_records(mut answer: Answer) -> Answer {
    for (head, piece) in answer.head.pieces.iter_mut().zip(&mut answer.pieces) {
        if head.state == dedup::NAME
            && let Ok(mut record) = serde_json::from_slice::<serde_json::Value>(piece)
        {
            (record["done"], record["gone"]) = (serde_json::json!([]), serde_json::json!([]));
            *piece = record.to_string().into();
            head.len = piece.len();
        }
    }
    for total in answer.head.totals.iter_mut().flatten().filter(|total| total.state == dedup::NAME) {
        total.entries = 0;
    }
    answer
}

/// One node.
struct SimulatedPeer {
    address: String,
}

impl Caller for SimulatedPeer {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        Box::pin(async move {
            let mut body = Vec::new();
            envelope::write_request(&mut body, call.id.sequence, call.method.full_name, call.params.bytes());
            let headers = headers_of(&call, None);
            let headers = headers.iter().map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            let left = call.deadline.remaining();
            // A connection that is lost is noticed after some time.
            let patience = if chance::in_thousand(LOST) { left.min(chance::millis(5..1500)) } else { left };
            let answer = request(&self.address, Method::POST, "/rpc", headers.collect(), &body, patience).await;
            if call.deadline.has_passed() {
                return Err(RpcError::new(Kind::Deadline, "no answer by the deadline").with_executed(Executed::Maybe));
            }
            let answer = answer?;
            if chance::in_thousand(LOST) {
                sleep(chance::millis(NOTICED).min(call.deadline.remaining())).await;
                return Err(lost("the connection broke before the reply was read".to_owned()));
            }
            let read = reply::read(&answer, call.id.sequence);
            if let Err(error) = &read {
                tracing::debug!(address = self.address, epoch = call.epoch, hops = call.hops, %error, "a node refused a call");
            }
            read
        })
    }
}

fn json() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "application/json".to_owned())]
}

fn lost(why: String) -> RpcError {
    RpcError::new(Kind::ConnectionLost, why).with_executed(Executed::Maybe)
}

async fn request(
    address: &str,
    method: Method,
    path: &str,
    headers: Vec<(String, String)>,
    body: &[u8],
    patience: Duration,
) -> Result<Bytes, RpcError> {
    let asked = Asked { method: method.to_string(), path: path.to_owned(), headers };
    match wire::ask::<u16>(address, &asked, body, patience).await {
        Ok((200, body)) => Ok(body),
        Ok((status, body)) => {
            let message = format!("HTTP {status}: {}", String::from_utf8_lossy(&body));
            Err(RpcError::new(Kind::Unavailable, message).with_executed(Executed::No))
        }
        Err(Lost::Unreached(why)) => Err(RpcError::new(Kind::Unavailable, why).with_executed(Executed::No)),
        Err(Lost::Cut(why)) => Err(lost(why)),
    }
}

/// Answers by `router`, until dropped. A lost connection stops no call, as on a real node.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream, router.clone()));
    }
}

async fn answer(mut stream: TcpStream, router: Router) {
    let Ok((asked, body)) = wire::read::<Asked>(&mut stream).await else { return };
    let mut request = Request::builder().method(&*asked.method).uri(asked.path);
    for (name, value) in asked.headers {
        request = request.header(name, value);
    }
    let Ok(request) = request.body(Body::from(body)) else { return };
    let (status, body) = match router.oneshot(request).await {
        Ok(response) => {
            let status = response.status();
            (status, response.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default())
        }
        Err(never) => match never {},
    };
    let status = if status == StatusCode::NO_CONTENT { 200 } else { status.as_u16() };
    // The asker may be gone.
    let _gone = wire::write(&mut stream, &status, &body).await;
}
