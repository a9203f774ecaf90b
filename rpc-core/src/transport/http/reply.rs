//! Makes a call's outcome of a JSON-RPC reply.

use bytes::Bytes;

use crate::call::{Covered, Outcome, Reply};
use crate::codec::envelope::{self, ErrorBody, Id};
use crate::codec::payload::Payload;
use crate::error::{ErrorRecord, Kind, RpcError};

/// The code of a provider's own error.
pub(crate) const FAILURE: i64 = 1;

/// Reads the reply to request `id`. What is no reply to it may stand for a call that ran.
///
/// # Errors
/// The node's error; [`Kind::Protocol`] for what is not the protocol.
pub fn read(body: &Bytes, id: u64) -> Result<Reply, RpcError> {
    let garbage = |why: String| RpcError::new(Kind::Protocol, format!("the node's reply is not the protocol: {why}"));
    let reply = envelope::parse_reply(body).map_err(|error| garbage(error.to_string()))?;
    if reply.id.as_u64() != Some(id) {
        return Err(match reply.answer {
            // A request that the node could not read is answered without an id.
            Err(error) if reply.id == Id::Null => refused(&error),
            _ => garbage(format!("it answers request {}, this was request {id}", reply.id.as_json())),
        });
    }
    match reply.answer {
        Ok(value) => {
            let covered: Vec<Covered> = match reply.covered {
                Some(covered) => serde_json::from_str(covered.get()).map_err(|error| garbage(error.to_string()))?,
                None => Vec::new(),
            };
            Ok(Reply { outcome: Outcome::Value(Payload::json(body.slice_ref(value.get().as_bytes()))), covered })
        }
        Err(error) if error.code == FAILURE => {
            let data =
                error.data.map_or_else(|| Bytes::from_static(b"null"), |data| body.slice_ref(data.get().as_bytes()));
            Ok(Reply::new(Outcome::Failure { message: error.message.into_owned(), data: Payload::json(data) }))
        }
        Err(error) => Err(refused(&error)),
    }
}

/// The node's error; one without our data is that of a stranger.
fn refused(error: &ErrorBody<'_>) -> RpcError {
    match error.data.map(|data| serde_json::from_str::<ErrorRecord>(data.get())) {
        Some(Ok(record)) => RpcError::from_record(record),
        _ => RpcError::new(Kind::Protocol, format!("the node answered error {}: {}", error.code, error.message)),
    }
}
