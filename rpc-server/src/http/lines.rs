//! A stream as the body of a response: one item a line.

use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderValue};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use rpc_core::call::items::{Source, nested};
use rpc_core::call::{Items, Outcome};
use rpc_core::codec::envelope::Id;
use rpc_core::transport::http::LINES;
use rpc_core::{Executed, Kind, RpcError};
use serde::Serialize;
use tokio::time::{Instant, Sleep, sleep};

use super::answer::FAILURE;
use crate::node::Node;

/// How often a stream is looked at that has nothing to say.
const LOOK: Duration = Duration::from_secs(1);

/// After so many looks an empty line says that the stream still is: a reader gives one up that has been silent for three times as long.
const SILENT_LOOKS: u32 = 10;

/// After so many looks a node that leaves ends what it only passes on. Its own streams end sooner, and say why.
const LEAVING_LOOKS: u32 = 2;

/// The response whose lines are `items`.
///
/// # Errors
/// Somebody else has taken them.
pub(super) fn response(node: &Node, id: &Id<'_>, items: &Items) -> Result<Response, RpcError> {
    let source = items.take()?;
    let first = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"stream\":true}}\n", id.as_json());
    let look = Box::pin(sleep(LOOK));
    let node = node.clone();
    let lines = Lines { node, first: Some(first.into()), source: Some(source), look, silent: 0, leaving: 0 };
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    Ok(response)
}

/// The lines of a stream. The provider is asked for an item when the one before has been handed on; dropped with the connection, this ends the
/// provider's stream.
struct Lines {
    node: Node,
    first: Option<Bytes>,
    // None once the last line was written.
    source: Option<Box<dyn Source>>,
    look: Pin<Box<Sleep>>,
    /// So many looks have found nothing to say.
    silent: u32,
    /// So many have found that the node leaves.
    leaving: u32,
}

impl Lines {
    /// What there is to say though no item has come.
    fn look(&mut self) -> Option<Bytes> {
        self.silent += 1;
        self.leaving += u32::from(self.node.is_leaving());
        if self.leaving >= LEAVING_LOOKS {
            self.source = None;
            let error = RpcError::new(
                Kind::ShuttingDown,
                "the stream has ended, as the node that passes it on is shutting down",
            );
            return Some(line(Some(Err(error.with_executed(Executed::Maybe)))));
        }
        (self.silent >= SILENT_LOOKS).then(|| Bytes::from_static(b"\n"))
    }
}

impl Stream for Lines {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        if let Poll::Ready(item) = source.poll_item(cx, true) {
            if !matches!(item, Some(Ok(_))) {
                self.source = None;
            }
            self.silent = 0;
            return Poll::Ready(Some(Ok(line(item))));
        }
        while self.look.as_mut().poll(cx).is_ready() {
            self.look.as_mut().reset(Instant::now() + LOOK);
            if let Some(line) = self.look() {
                self.silent = 0;
                return Poll::Ready(Some(Ok(line)));
            }
        }
        Poll::Pending
    }
}

fn line(item: Option<Result<Outcome, RpcError>>) -> Bytes {
    let mut line = Vec::new();
    match item {
        Some(Ok(Outcome::Value(value))) => {
            line.extend_from_slice(b"{\"item\":");
            put_json(&mut line, value.bytes());
        }
        Some(Ok(Outcome::Failure { message, data })) => {
            put_error(&mut line, "item_error", FAILURE, &message, data.bytes());
        }
        Some(Ok(Outcome::Stream(_))) => put_ours(&mut line, &nested()),
        Some(Err(error)) => put_ours(&mut line, &error),
        None => line.extend_from_slice(b"{\"end\":true"),
    }
    line.extend_from_slice(b"}\n");
    line.into()
}

fn put_ours(line: &mut Vec<u8>, error: &RpcError) {
    // Text and numbers only, which always encode.
    let data = serde_json::to_vec(error.record()).unwrap_or_else(|_| b"null".to_vec());
    put_error(line, "error", error.kind().code(error.executed()), error.message(), &data);
}

fn put_error(line: &mut Vec<u8>, member: &str, code: i32, message: &str, data: &[u8]) {
    let mut head = String::new();
    // Writing to text does not fail, and text always encodes.
    let _written = write!(head, "{{\"{member}\":{{\"code\":{code},\"message\":{},\"data\":", json(&message));
    line.extend_from_slice(head.as_bytes());
    put_json(line, data);
    line.push(b'}');
}

/// Appends JSON as a part of a line. An end of a line in it, which a provider's raw JSON may have, can only stand between its words.
fn put_json(line: &mut Vec<u8>, json: &[u8]) {
    line.extend(json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
