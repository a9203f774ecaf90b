//! Where a request comes from: a client of ours, which knows the slot map, or anybody who speaks JSON-RPC.

use std::str::FromStr;
use std::time::Duration;

use ::http::header::{HeaderMap, HeaderName};
use bytes::Bytes;
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
    /// When the caller stops waiting, if it said so.
    pub(super) deadline: Option<Deadline>,
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
    /// Reads the headers of a node of `cluster`.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] naming the header that cannot be read; [`Kind::Unauthorised`] for a caller of another cluster.
    pub(super) fn read(headers: &HeaderMap, cluster: &str) -> Result<Self, RpcError> {
        if let Some(theirs) = headers.get(headers::CLUSTER)
            && theirs.as_bytes() != cluster.as_bytes()
        {
            let theirs = String::from_utf8_lossy(theirs.as_bytes());
            let message =
                format!("this node belongs to cluster {cluster}, the caller to {theirs}: their lists of nodes differ");
            return Err(RpcError::new(Kind::Unauthorised, message));
        }
        let millis: Option<u64> = parsed(headers, &headers::DEADLINE)?;
        let deadline = millis.map(|millis| Deadline::after(Duration::from_millis(millis)));
        let trace = headers.get(headers::TRACE).map(|trace| Bytes::copy_from_slice(trace.as_bytes()));
        let peer = parsed(headers, &headers::CALL)?.map(|id| Peer::read(headers, id)).transpose()?;
        Ok(Self { peer, deadline, trace })
    }
}

impl Peer {
    fn read(headers: &HeaderMap, id: CallId) -> Result<Self, RpcError> {
        let slot = parsed::<u16>(headers, &headers::SLOT)?
            .map(|slot| Slot::new(slot).ok_or_else(|| unreadable(&headers::SLOT)))
            .transpose()?;
        let path = match text(headers, &headers::PATH)? {
            Some(path) => Path::parse(path)?,
            None => Path::root(),
        };
        let epoch = parsed(headers, &headers::EPOCH)?.unwrap_or(0);
        let hops = parsed(headers, &headers::HOPS)?.unwrap_or(0);
        if hops > MAX_HOPS {
            let message = format!("the call was passed on {hops} times, more than {MAX_HOPS}: it goes in a circle");
            return Err(RpcError::new(Kind::InvalidRequest, message));
        }
        Ok(Self { id, slot, epoch, hops, path })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, RpcError> {
    headers.get(name).map(|value| value.to_str().map_err(|_| unreadable(name))).transpose()
}

fn parsed<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Result<Option<T>, RpcError> {
    text(headers, name)?.map(|value| value.parse().map_err(|_| unreadable(name))).transpose()
}

fn unreadable(name: &HeaderName) -> RpcError {
    RpcError::new(Kind::InvalidRequest, format!("the header {name} cannot be read"))
}
