//! What the types in an annotated trait must be able to do, and the small generic part of every client.

use std::fmt::Display;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Client;
use crate::cluster::NodeId;
use crate::codec::finite::to_json;
use crate::error::{Executed, Kind, RpcError};
use crate::merge::Merge;
use crate::provider::Service;

/// What a method returns: a `Result`, by whatever alias.
#[diagnostic::on_unimplemented(
    message = "an rpc method cannot return `{Self}`",
    label = "must be `Result<T, E>`",
    note = "`T` needs `Serialize + DeserializeOwned + Send + 'static`",
    note = "`E` needs `Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static`; `RpcError` itself will do"
)]
pub trait MethodResult: Send + 'static {
    /// The value.
    type Value: Serialize + DeserializeOwned + Send + 'static;
    /// The service's own error.
    type Failure: Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static;

    /// This as a plain `Result`.
    ///
    /// # Errors
    /// The service's own error, if this is one.
    fn into_result(self) -> Result<Self::Value, Self::Failure>;

    /// A plain `Result` as this.
    fn from_result(result: Result<Self::Value, Self::Failure>) -> Self;

    /// The framework's error as the service's.
    fn refused(error: RpcError) -> Self;
}

impl<T, E> MethodResult for Result<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static,
{
    type Value = T;
    type Failure = E;

    fn into_result(self) -> Self {
        self
    }

    fn from_result(result: Self) -> Self {
        result
    }

    fn refused(error: RpcError) -> Self {
        Err(E::from(error))
    }
}

/// A generated client type.
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
    replies: Vec<(NodeId, Result<Bytes, RpcError>)>,
) -> Result<Bytes, RpcError> {
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
    let unencodable =
        |error| RpcError::new(Kind::Encode, format!("the merged reply cannot be written as JSON: {error}"));
    to_json(&merged).map(Bytes::from).map_err(|error| unencodable(error).with_executed(Executed::Yes))
}

/// Reads what a provider answered.
pub(crate) fn read_value<T: DeserializeOwned>(body: &[u8]) -> Result<T, RpcError> {
    serde_json::from_slice(body).map_err(|error| {
        RpcError::new(Kind::Decode, format!("the method ran, but its reply cannot be read: {error}")).with_source(error)
    })
}
