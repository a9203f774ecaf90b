//! The items of a stream as lines of JSON.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, Sleep, sleep};

use super::body::deepest;
use super::reply::FAILURE;
use crate::call::items::Source;
use crate::call::{Items, Outcome};
use crate::codec::payload::Payload;
use crate::error::{ErrorRecord, Executed, Kind, RpcError};

/// The content type of a stream: one JSON object a line.
pub const LINES: &str = "application/x-ndjson";

/// A node says at least something in a third of this; one that does not is gone.
const SILENCE: Duration = Duration::from_secs(30);

/// Whether what was answered is a stream.
pub(super) fn are_in(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(LINES.as_bytes()))
}

/// The items in the body of `response`, no line of which has more than `limit` bytes.
pub(super) fn items(response: Response, limit: usize) -> Items {
    let chunks = unfold(response, |mut response| async {
        let chunk = response.chunk().await.transpose()?;
        Some((chunk.map_err(|error| deepest(&error)), response))
    });
    let silence = Box::pin(sleep(SILENCE));
    Items::new(Lines { chunks: chunks.boxed(), read: BytesMut::new(), looked: 0, limit, has_begun: false, silence })
}

/// A stream that is read line by line. What is not asked for stays in the socket.
struct Lines {
    chunks: BoxStream<'static, Result<Bytes, String>>,
    read: BytesMut,
    /// So much of it has no end of a line.
    looked: usize,
    limit: usize,
    has_begun: bool,
    silence: Pin<Box<Sleep>>,
}

/// What a line says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    #[serde(borrow)]
    Item(&'a RawValue),
    #[serde(borrow)]
    ItemError(Fault<'a>),
    End(bool),
    #[serde(borrow)]
    Error(Fault<'a>),
}

#[derive(Deserialize)]
struct Fault<'a> {
    code: i64,
    message: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The line before the first item.
#[derive(Deserialize)]
struct Begin {
    stream: bool,
}

impl Source for Lines {
    fn poll_item(&mut self, cx: &mut Context<'_>, is_wanted: bool) -> Poll<Option<Result<Outcome, RpcError>>> {
        if !is_wanted {
            return Poll::Pending;
        }
        loop {
            let line = match ready!(self.poll_line(cx)) {
                Ok(line) => line,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            if self.has_begun {
                return Poll::Ready(item(&line));
            }
            match serde_json::from_slice(&line) {
                Ok(Begin { stream: true }) => self.has_begun = true,
                _ => return Poll::Ready(Some(Err(garbage("it does not begin as a stream")))),
            }
        }
    }
}

impl Lines {
    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, RpcError>> {
        loop {
            if let Some(end) = self.read[self.looked..].iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(self.looked + end + 1).freeze();
                self.looked = 0;
                // What is left may be small, and is not to keep a large line alive.
                return Poll::Ready(Ok(line));
            }
            self.looked = self.read.len();
            if self.looked > self.limit {
                let message = format!("an item of the stream has more than {} bytes", self.limit);
                return Poll::Ready(Err(RpcError::new(Kind::TooLarge, message).with_executed(Executed::Maybe)));
            }
            match Pin::new(&mut self.chunks).poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    self.read.extend_from_slice(&chunk);
                    self.silence.as_mut().reset(Instant::now() + SILENCE);
                }
                Poll::Ready(Some(Err(why))) => return Poll::Ready(Err(lost(&why))),
                Poll::Ready(None) => return Poll::Ready(Err(lost("it ended without an end of the stream"))),
                Poll::Pending => {
                    ready!(self.silence.as_mut().poll(cx));
                    return Poll::Ready(Err(lost(&format!("the node has said nothing for {SILENCE:?}"))));
                }
            }
        }
    }
}

fn item(line: &Bytes) -> Option<Result<Outcome, RpcError>> {
    let kept = |raw: &RawValue| Payload::json(line.slice_ref(raw.get().as_bytes()));
    match serde_json::from_slice(line) {
        Ok(Line::Item(value)) => Some(Ok(Outcome::Value(kept(value)))),
        Ok(Line::ItemError(Fault { code: FAILURE, message, data })) => {
            Some(Ok(Outcome::Failure { message, data: kept(data) }))
        }
        Ok(Line::End(true)) => None,
        Ok(Line::Error(fault)) => Some(Err(match serde_json::from_str::<ErrorRecord>(fault.data.get()) {
            Ok(record) => RpcError::from_record(record).at_least(Executed::Maybe),
            Err(_) => garbage(&format!("it ends with error {}: {}", fault.code, fault.message)),
        })),
        Ok(Line::ItemError(_) | Line::End(false)) => Some(Err(garbage("a line is none of a stream"))),
        Err(error) => Some(Err(garbage(&error.to_string()))),
    }
}

fn garbage(why: &str) -> RpcError {
    RpcError::new(Kind::Protocol, format!("the node's stream is not the protocol: {why}"))
        .with_executed(Executed::Maybe)
}

fn lost(why: &str) -> RpcError {
    RpcError::new(Kind::ConnectionLost, format!("the stream broke off: {why}")).with_executed(Executed::Maybe)
}
