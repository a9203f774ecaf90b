//! The methods that every node has by itself: what a session says of its own calls.

use bytes::Bytes;
use rpc_core::call::id::BadCallId;
use rpc_core::call::{CallId, Outcome, Reply};
use rpc_core::codec::envelope::Request;
use rpc_core::codec::payload::Payload;
use rpc_core::codec::strict;
use rpc_core::limits::MAX_BATCH;
use rpc_core::transport::headers::{ANSWERED_METHOD, CANCEL_METHOD};
use rpc_core::{Kind, RpcError};
use serde::{Deserialize, Deserializer};

use super::execute::Answer;
use super::origin::Origin;
use crate::node::Node;

/// What such a method answers; `None` if the request is for a service.
pub(super) fn answer(node: &Node, origin: &Origin, request: &Request<'_>) -> Option<Answer> {
    if !request.method.starts_with("wherever.") {
        return None;
    }
    match &*request.method {
        CANCEL_METHOD => Some(cancel(node, origin, request)),
        ANSWERED_METHOD => Some(answered(node, origin, request)),
        _ => None,
    }
}

/// The arguments of [`CANCEL_METHOD`]: one of the two.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cancel {
    #[serde(deserialize_with = "given")]
    call: Option<String>,
    #[serde(deserialize_with = "given")]
    calls: Option<Vec<String>>,
}

/// A member that is there has a value, and not `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Takes calls back; says whether any of them was running. Only the session that made them may, and it proves itself by its
/// random number.
fn cancel(node: &Node, origin: &Origin, request: &Request<'_>) -> Answer {
    let bad = |why: &str| {
        let message = format!("{CANCEL_METHOD} takes {{\"call\": id}} or {{\"calls\": [id, …]}}: {why}");
        RpcError::new(Kind::BadArguments, message)
    };
    let params: Cancel = strict::from_slice(request.params_json()).map_err(|error| bad(&error.to_string()))?;
    let texts = match params {
        Cancel { call: Some(call), calls: None } => vec![call],
        Cancel { call: None, calls: Some(calls) } => calls,
        _ => return Err(bad("one of the two, and not both")),
    };
    if texts.len() > MAX_BATCH {
        return Err(bad(&format!("{} calls are more than {MAX_BATCH}", texts.len())));
    }
    let named: Vec<CallId> = texts
        .iter()
        .map(|text| text.parse().map_err(|error: BadCallId| bad(&error.to_string())))
        .collect::<Result<_, _>>()?;
    let is_own = |id: &CallId| origin.peer.as_ref().is_some_and(|peer| peer.id.session == id.session);
    if !named.iter().all(is_own) {
        return Err(RpcError::new(Kind::Unauthorised, "only the session that made a call may cancel it"));
    }
    let in_flight = &node.here().in_flight;
    let running = named.iter().filter(|id| in_flight.cancel(id.session, id.sequence)).count();
    Ok(said(running > 0))
}

/// Drops the records of the calls whose answers the session has: its header says up to where. One that is not known here leaves
/// nothing.
fn answered(node: &Node, origin: &Origin, request: &Request<'_>) -> Answer {
    if request.params.is_some() {
        return Err(RpcError::new(Kind::BadArguments, format!("{ANSWERED_METHOD} takes no arguments")));
    }
    let Some(peer) = &origin.peer else {
        let message = format!("{ANSWERED_METHOD} says nothing without the header x-wherever-call");
        return Err(RpcError::new(Kind::InvalidRequest, message));
    };
    node.here().acknowledge(peer.id.session, peer.id.acked);
    Ok(said(true))
}

fn said(it_is: bool) -> Reply {
    Reply::new(Outcome::Value(Payload::json(Bytes::from_static(if it_is { b"true" } else { b"false" }))))
}
