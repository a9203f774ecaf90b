//! Where a request comes from: a client of ours, which knows the slot map, or anybody who speaks JSON-RPC.

use std::time::Duration;

use ::http::header::{ACCEPT, HeaderMap, HeaderName};
use bytes::Bytes;
use rpc_core::call::deadline::MAX_DEADLINE;
use rpc_core::call::{CallId, Deadline, Path};
use rpc_core::limits::MAX_HOPS;
use rpc_core::service::MethodDescriptor;
use rpc_core::slot::Slot;
use rpc_core::transport::headers::{self, About};
use rpc_core::transport::http::LINES;
use rpc_core::{Kind, RpcError};
use tokio::time::Instant;

/// What a caller is told to wait for a node that has just started: about as long as it takes to find its cluster.
const JOINING_RETRY_AFTER: Duration = Duration::from_millis(100);

/// What the headers of a request say.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Present for a client of ours.
    pub(super) peer: Option<Peer>,
    /// When the caller stops waiting.
    pub(super) deadline: Deadline,
    /// How an answer can be a stream.
    pub(super) streams: Streams,
    /// W3C trace context.
    pub(super) trace: Option<Bytes>,
}

/// Whether the answer can be a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Streams {
    /// The caller takes lines of JSON.
    Taken,
    /// It does not say so.
    NotTaken,
    /// It asks in a batch, whose answer is one.
    InBatch,
}

impl Streams {
    fn read(headers: &HeaderMap) -> Self {
        let texts = headers.get_all(ACCEPT).iter().filter_map(|text| text.to_str().ok());
        let mut types = texts.flat_map(|text| text.split(',')).map(|kind| kind.split(';').next().unwrap_or_default());
        match types.any(|kind| kind.trim().eq_ignore_ascii_case(LINES)) {
            true => Self::Taken,
            false => Self::NotTaken,
        }
    }

    /// Refuses a method that streams to who cannot take that.
    pub(super) fn check(self, method: &MethodDescriptor, is_notification: bool) -> Result<(), RpcError> {
        let why = match self {
            _ if !method.streams => return Ok(()),
            _ if is_notification => "so it cannot be called as a notification".to_owned(),
            Self::Taken => return Ok(()),
            Self::NotTaken => format!("which this request does not take; send `accept: {LINES}`"),
            Self::InBatch => "which has no place in a batch; call it alone".to_owned(),
        };
        Err(RpcError::new(Kind::InvalidRequest, format!("{} answers with a stream, {why}", method.full_name)))
    }
}

/// What a client of ours says of its call.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) id: CallId,
    pub(super) slot: Option<Slot>,
    pub(super) epoch: u64,
    /// For a retry: the epoch under which the call was first sent.
    pub(super) first_epoch: Option<u64>,
    pub(super) hops: u8,
    pub(super) path: Path,
}

impl Origin {
    /// Reads the headers of a request that came in at `arrival` for a node of `cluster`. A deadline counts from then, `wait`
    /// if the caller names none.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] naming the header that cannot be read; [`Kind::Unauthorised`] for a caller of another cluster,
    /// [`Kind::Recovering`] as long as the node has none.
    pub(super) fn read(headers: &HeaderMap, cluster: &str, arrival: Instant, wait: Duration) -> Result<Self, RpcError> {
        let about = text(headers, &headers::CALL)?.map(About::parse).transpose();
        let about = about.map_err(|error| RpcError::new(Kind::InvalidRequest, error.to_string()))?;
        if let Some(theirs) = about.and_then(|about| about.cluster).filter(|theirs| *theirs != cluster) {
            if cluster.is_empty() {
                // Started again at its address, and called by those who knew it before.
                let message = "this node has not joined its cluster yet";
                return Err(RpcError::new(Kind::Recovering, message).with_retry_after(JOINING_RETRY_AFTER));
            }
            let message =
                format!("this node belongs to cluster {cluster}, the caller to {theirs}: their lists of nodes differ");
            return Err(RpcError::new(Kind::Unauthorised, message));
        }
        let wait = match about.and_then(|about| about.left) {
            Some(left) => Duration::from_millis(left),
            None => text(headers, &headers::DEADLINE)?.map_or(Ok(wait), asked_wait)?,
        };
        let deadline = Deadline::counted_from(arrival, wait);
        let trace = headers.get(headers::TRACE).map(|trace| Bytes::copy_from_slice(trace.as_bytes()));
        // Of a foreign caller both are only checked: what it says of other calls is not believed, but no nonsense is passed over either.
        let (hops, path) = (hops(headers)?, path(headers)?);
        let peer = about.map(|about| Peer {
            id: about.id,
            slot: about.slot,
            epoch: about.epoch.unwrap_or(0),
            first_epoch: about.retry,
            hops,
            path,
        });
        Ok(Self { peer, deadline, streams: Streams::read(headers), trace })
    }
}

/// The milliseconds that a caller asks for; more than fit are cut like any long wait.
fn asked_wait(text: &str) -> Result<Duration, RpcError> {
    if !is_number(text) {
        return Err(unreadable(&headers::DEADLINE));
    }
    Ok(text.parse().map_or(MAX_DEADLINE, Duration::from_millis))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, RpcError> {
    let mut given = headers.get_all(name).iter();
    let first = given.next();
    if given.next().is_some() {
        // Two of them could say different things to different readers.
        return Err(unreadable(name));
    }
    first.map(|value| value.to_str().map_err(|_| unreadable(name))).transpose()
}

fn hops(headers: &HeaderMap) -> Result<u8, RpcError> {
    let Some(text) = text(headers, &headers::HOPS)? else { return Ok(0) };
    let hops = is_number(text).then(|| text.parse().ok()).flatten().ok_or_else(|| unreadable(&headers::HOPS))?;
    if hops > MAX_HOPS {
        let message = format!("the call was passed on {hops} times, more than {MAX_HOPS}: it goes in a circle");
        return Err(RpcError::new(Kind::InvalidRequest, message));
    }
    Ok(hops)
}

fn path(headers: &HeaderMap) -> Result<Path, RpcError> {
    text(headers, &headers::PATH)?.map_or(Ok(Path::root()), Path::parse)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unreadable(name: &HeaderName) -> RpcError {
    RpcError::new(Kind::InvalidRequest, format!("the header {name} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_knows_the_cluster_waits_for_a_node_that_has_yet_to_find_it() {
        let mut headers = HeaderMap::new();
        headers.insert(headers::CALL, "00c0ffee00c0ffee-7-0;cluster=c".parse().unwrap());
        let read = |cluster| Origin::read(&headers, cluster, Instant::now(), Duration::from_secs(1));
        let refused = |cluster| read(cluster).map(drop).map_err(|error| (error.kind(), error.executed()));
        assert_eq!(refused("c"), Ok(()));
        assert_eq!(refused("d"), Err((Kind::Unauthorised, rpc_core::Executed::No)));
        assert_eq!(refused(""), Err((Kind::Recovering, rpc_core::Executed::No)));
    }
}
