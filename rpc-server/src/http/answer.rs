//! Writes JSON-RPC replies.

use ::http::header::{CONTENT_TYPE, HeaderValue};
use axum::body::Body;
use axum::response::Response;
use rpc_core::call::{Outcome, Reply};
use rpc_core::codec::envelope::{self, Id};
use rpc_core::{Executed, Kind, RpcError};

/// The code of a provider's own error.
pub(super) const FAILURE: i32 = 1;

/// A 200 with this JSON.
pub(super) fn json(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What the provider answered, which is JSON as the call was.
pub(super) fn replied(id: &Id<'_>, reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    match &reply.outcome {
        Outcome::Value(value) if reply.covered.is_empty() => envelope::write_result(&mut out, id, value.bytes()),
        Outcome::Value(value) => {
            // Numbers and field names only, which always encode.
            let covered = serde_json::to_vec(&reply.covered).unwrap_or_else(|_| b"[]".to_vec());
            envelope::write_covered_result(&mut out, id, value.bytes(), &covered);
        }
        Outcome::Failure { message, data } => envelope::write_error(&mut out, id, FAILURE, message, Some(data.bytes())),
        Outcome::Stream(_) => return failed(id, &not_one_value()),
    }
    out
}

/// An error of ours.
pub(super) fn failed(id: &Id<'_>, error: &RpcError) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // Text and numbers only, which always encode.
    let data = serde_json::to_vec(error.record()).ok();
    let code = error.kind().code(error.executed());
    envelope::write_error(&mut out, id, code, error.message(), data.as_deref());
    out
}

/// A batch's replies.
pub(super) fn array(replies: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"[".to_vec();
    for (i, reply) in replies.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(reply);
    }
    out.push(b']');
    out
}

/// A stream where there is room for one value.
fn not_one_value() -> RpcError {
    RpcError::new(Kind::Internal, "the method answers with a stream, which has no place here")
        .with_executed(Executed::Maybe)
}
