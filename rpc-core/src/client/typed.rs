//! What the types in an annotated trait must be able to do, and the small generic part of every client.

use std::any::type_name;

use serde::de::DeserializeOwned;

use super::Client;
use crate::codec::compact::read_compact;
use crate::codec::payload::{Codec, Payload};
use crate::error::{Executed, Kind, RpcError};
use crate::merge::Merge;
use crate::node::NodeId;
use crate::provider::Service;
use crate::service::MethodResult;

/// A generated client type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a client of a service",
    label = "is not a generated client type",
    note = "a field marked `#[rpc_reference]` has the client type itself, such as `UrlStoreClient`; cloning it is one reference count"
)]
pub trait ServiceClient: Clone + Send + Sync + 'static {
    /// The service's object type.
    type Service: Service + ?Sized;

    /// Wraps the generic client.
    fn from_client(client: Client<Self::Service>) -> Self;

    /// The generic client inside.
    fn as_client(this: &Self) -> &Client<Self::Service>;
}

/// Merges the encoded values of all nodes into one; the typed half of a call to all nodes.
///
/// # Errors
/// [`Kind::Decode`] when a node's value cannot be read, [`Kind::Encode`] when the merged one cannot be written.
pub fn merge_replies<R: MethodResult<Value: Merge>>(
    replies: Vec<(NodeId, Result<Payload, RpcError>)>,
) -> Result<Payload, RpcError> {
    // As JSON, unless nobody needed it: the caller asked in the compact codec then.
    let is_compact = replies.iter().flat_map(|(_, reply)| reply).all(Payload::is_compact);
    let mut merged: Option<R::Value> = None;
    let mut absent = Vec::new();
    for (node, reply) in replies {
        match reply {
            Err(error) => absent.push((node, error)),
            Ok(body) => {
                let value = read_value::<R::Value>(&body).map_err(|error| error.at_node(&node))?;
                match &mut merged {
                    None => merged = Some(value),
                    Some(merged) => merged.merge(value),
                }
            }
        }
    }
    let Some(mut merged) = merged else {
        let none = || RpcError::new(Kind::Coverage, "no node was asked");
        return Err(absent.into_iter().next().map_or_else(none, |(_, error)| error));
    };
    absent.into_iter().for_each(|(node, error)| merged.absent(node, error));
    Payload::written(Codec::of(is_compact), &merged)
        .map_err(|error| RpcError::new(Kind::Encode, format!("the merged reply {error}")).with_executed(Executed::Yes))
}

/// Reads what a provider answered.
pub(crate) fn read_value<T: DeserializeOwned>(payload: &Payload) -> Result<T, RpcError> {
    let body = payload.bytes();
    if payload.is_compact() {
        return read_compact(body).map_err(|error| {
            let message = format!("the method ran, but its reply cannot be read as a `{}`: {error}", type_name::<T>());
            RpcError::new(Kind::Decode, message).with_source(error)
        });
    }
    // Looked at once whether it is text, rather than at each of its texts; what is none is left to serde_json, which says where.
    let read = str::from_utf8(body).map_or_else(|_| serde_json::from_slice(body), serde_json::from_str);
    read.map_err(|error| {
        RpcError::new(Kind::Decode, format!("the method ran, but its reply cannot be read: {error}")).with_source(error)
    })
}
