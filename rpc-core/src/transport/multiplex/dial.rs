//! How a connection of frames comes about: a TCP connection, an HTTP upgrade, and a hello each way.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::Connection;
use crate::error::{Executed, Kind, RpcError};
use crate::transport::frames::{ByeCode, Frame, Hello, MAX_FRAME, Next, Refusal, UPGRADE as FRAMES, next, write_hello};
use crate::transport::multiplex::PATH;

/// What a caller is told to wait for a node that takes no connections of frames for the moment.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What came of an attempt.
#[derive(Clone)]
pub enum Dialed {
    /// A connection.
    Frames(Arc<Connection>),
    /// There is a server which does not speak frames, or other ones, or something in between that does not: speak HTTP to it. And what it said.
    Refused(String),
}

/// Connects to `address` within `patience`, saying `hello`.
///
/// # Errors
/// [`Kind::Unavailable`] when nobody answers there, [`Kind::Recovering`] from a node that has yet to join its cluster or leaves it,
/// [`Kind::Unauthorised`] from one of another cluster, [`Kind::Protocol`] from what speaks frames and is no node. No call was made.
pub async fn dial(address: &str, hello: &Hello, patience: Duration) -> Result<Dialed, RpcError> {
    let dialed = timeout(patience, connect(address, hello)).await;
    dialed.unwrap_or_else(|_| Err(unavailable(address, &format!("no connection within {patience:?}"))))
}

async fn connect(address: &str, hello: &Hello) -> Result<Dialed, RpcError> {
    let stream = TcpStream::connect(address).await.map_err(|error| unavailable(address, &error.to_string()))?;
    // Fails only if the peer is gone already, which the first read will say as well.
    let _ = stream.set_nodelay(true);
    let answer = upgrade(address, stream).await.map_err(|error| unavailable(address, &error.to_string()))?;
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        StatusCode::SERVICE_UNAVAILABLE => {
            let message = format!("{address} takes no connections yet or any more");
            return Err(RpcError::new(Kind::Recovering, message)
                .with_executed(Executed::No)
                .with_retry_after(RETRY_AFTER));
        }
        // Whoever it was that refused: over plain HTTP the node says itself what it takes.
        status => return Ok(Dialed::Refused(format!("HTTP {status}"))),
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(|error| unavailable(address, &error.to_string()))?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>();
    let parts = parts.map_err(|_| RpcError::new(Kind::Internal, "a connection has become another than it was"))?;
    greet(address, parts.io.into_inner(), &parts.read_buf, hello).await
}

/// Asks for the upgrade. The task of the HTTP connection ends with it.
async fn upgrade(address: &str, stream: TcpStream) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "an upgrade to frames failed");
        }
    });
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = http::Uri::from_static(PATH);
    let headers = request.headers_mut();
    headers.insert(CONNECTION, http::HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, http::HeaderValue::from_static(FRAMES));
    if let Ok(host) = http::HeaderValue::from_str(address) {
        headers.insert(HOST, host);
    }
    sender.send_request(request).await
}

/// The hellos, ours first: the node says nothing to a stranger of another cluster but why.
async fn greet(address: &str, mut stream: TcpStream, rest: &[u8], hello: &Hello) -> Result<Dialed, RpcError> {
    let lost = |error: std::io::Error| unavailable(address, &error.to_string());
    let mut frame = Vec::new();
    write_hello(&mut frame, hello);
    stream.write_all(&frame).await.map_err(lost)?;
    let mut inbox = BytesMut::from(rest);
    loop {
        let read = next(&inbox, MAX_FRAME).map_err(|fault| protocol(address, &fault.to_string()))?;
        let (theirs, length) = match read {
            Next::Whole { frame: Frame::Hello(json), consumed } => {
                (Hello::parse(json).map_err(|fault| protocol(address, &fault.to_string()))?, consumed)
            }
            // Another version, or another cluster: a node of that says so to each call as well.
            Next::Whole { frame: Frame::Bye { code: ByeCode::Refused, reason }, .. } => {
                return Ok(Dialed::Refused(reason.to_owned()));
            }
            Next::Whole { frame: Frame::Bye { reason, .. }, .. } => {
                return Err(unavailable(address, &format!("it hangs up: {reason}")));
            }
            Next::Whole { .. } => return Err(protocol(address, "its first frame is no hello")),
            Next::Short { .. } => {
                if stream.read_buf(&mut inbox).await.map_err(lost)? == 0 {
                    return Err(unavailable(address, "it closed the connection before its hello"));
                }
                continue;
            }
        };
        let agreed = match theirs.check(hello) {
            Ok(agreed) => agreed,
            Err(refusal @ Refusal::Version { .. }) => return Ok(Dialed::Refused(refusal.to_string())),
            Err(refusal) => {
                let message = format!("{address} cannot be spoken to: {refusal}");
                return Err(RpcError::new(Kind::Unauthorised, message).with_executed(Executed::No));
            }
        };
        if agreed.max_in_flight == 0 {
            return Err(protocol(address, "it takes no calls"));
        }
        let rest = inbox.split_off(length);
        return Ok(Dialed::Frames(Arc::new(Connection::begin(stream, &rest, address, agreed))));
    }
}

fn unavailable(address: &str, why: &str) -> RpcError {
    RpcError::new(Kind::Unavailable, format!("{address} cannot be reached: {why}")).with_executed(Executed::No)
}

fn protocol(address: &str, why: &str) -> RpcError {
    RpcError::new(Kind::Protocol, format!("{address} is no node: {why}")).with_executed(Executed::No)
}
