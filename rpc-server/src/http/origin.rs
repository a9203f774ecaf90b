//! Where a request comes from: a client of ours, which knows the slot map, or anybody who speaks JSON-RPC.

use std::str::FromStr;
use std::time::{Duration, Instant};

use ::http::header::{HeaderMap, HeaderName};
use bytes::Bytes;
use rpc_core::call::deadline::MAX_DEADLINE;
use rpc_core::call::{CallId, Deadline, Path};
use rpc_core::limits::MAX_HOPS;
use rpc_core::slot::Slot;
use rpc_core::transport::headers;
use rpc_core::{Kind, RpcError};

/// What the headers of a request say.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Present for a client of ours.
    pub(super) peer: Option<Peer>,
    /// When the caller stops waiting.
    pub(super) deadline: Deadline,
    /// W3C trace context.
    pub(super) trace: Option<Bytes>,
}

/// What a client of ours says of its call.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) id: CallId,
    pub(super) slot: Option<Slot>,
    pub(super) epoch: u64,
    pub(super) hops: u8,
    pub(super) path: Path,
}

impl Origin {
    /// Reads the headers of a request that came in at `arrival` for a node of `cluster`. A deadline counts from then, `wait`
    /// if the caller names none.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] naming the header that cannot be read; [`Kind::Unauthorised`] for a caller of another cluster.
    pub(super) fn read(headers: &HeaderMap, cluster: &str, arrival: Instant, wait: Duration) -> Result<Self, RpcError> {
        if let Some(theirs) = headers.get(headers::CLUSTER)
            && theirs.as_bytes() != cluster.as_bytes()
        {
            let theirs = String::from_utf8_lossy(theirs.as_bytes());
            let message =
                format!("this node belongs to cluster {cluster}, the caller to {theirs}: their lists of nodes differ");
            return Err(RpcError::new(Kind::Unauthorised, message));
        }
        let wait = text(headers, &headers::DEADLINE)?.map_or(Ok(wait), asked_wait)?;
        let deadline = deadline(arrival, wait);
        let trace = headers.get(headers::TRACE).map(|trace| Bytes::copy_from_slice(trace.as_bytes()));
        let peer = parsed(headers, &headers::CALL)?.map(|id| Peer::read(headers, id)).transpose()?;
        Ok(Self { peer, deadline, trace })
    }
}

impl Peer {
    fn read(headers: &HeaderMap, id: CallId) -> Result<Self, RpcError> {
        let slot = number(headers, &headers::SLOT)?
            .map(|slot: u16| Slot::new(slot).ok_or_else(|| unreadable(&headers::SLOT)))
            .transpose()?;
        let path = match text(headers, &headers::PATH)? {
            Some(path) => Path::parse(path)?,
            None => Path::root(),
        };
        let epoch = number(headers, &headers::EPOCH)?.unwrap_or(0);
        let hops = number(headers, &headers::HOPS)?.unwrap_or(0);
        if hops > MAX_HOPS {
            let message = format!("the call was passed on {hops} times, more than {MAX_HOPS}: it goes in a circle");
            return Err(RpcError::new(Kind::InvalidRequest, message));
        }
        Ok(Self { id, slot, epoch, hops, path })
    }
}

/// `wait` from `arrival`, cut to [`MAX_DEADLINE`].
pub(super) fn deadline(arrival: Instant, wait: Duration) -> Deadline {
    Deadline::after(wait.min(MAX_DEADLINE).saturating_sub(arrival.elapsed()))
}

/// The milliseconds that a caller asks for; more than fit are cut like any long wait.
fn asked_wait(text: &str) -> Result<Duration, RpcError> {
    if !is_number(text) {
        return Err(unreadable(&headers::DEADLINE));
    }
    Ok(text.parse().map_or(MAX_DEADLINE, Duration::from_millis))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, RpcError> {
    headers.get(name).map(|value| value.to_str().map_err(|_| unreadable(name))).transpose()
}

fn parsed<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Result<Option<T>, RpcError> {
    text(headers, name)?.map(|value| value.parse().map_err(|_| unreadable(name))).transpose()
}

/// As [`parsed`], without the sign that Rust's integers would take.
fn number<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Result<Option<T>, RpcError> {
    match text(headers, name)? {
        Some(text) if !is_number(text) => Err(unreadable(name)),
        _ => parsed(headers, name),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unreadable(name: &HeaderName) -> RpcError {
    RpcError::new(Kind::InvalidRequest, format!("the header {name} cannot be read"))
}
