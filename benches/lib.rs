//! What the measurements of calls share: the services, and the same thing by hand.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use wherever::{Node, RpcError, StartError, rpc_service};

/// A service that does next to nothing, so that what remains is the way to it.
#[rpc_service]
pub trait Lengths {
    /// The length of `key`.
    #[rpc(read)]
    async fn length(&self, key: &str) -> Result<usize, RpcError>;
}

/// A service whose calls carry something there and back, so that encoding and sending have their share.
#[rpc_service]
pub trait Entries {
    /// An entry of this key.
    #[rpc(read)]
    async fn get(&self, key: &str, payload: &str) -> Result<Entry, RpcError>;

    /// The same, by a method that must not run twice: its node keeps a record of each call.
    async fn put(&self, key: &str, payload: &str) -> Result<Entry, RpcError>;
}

/// The same between ends of one build, whose calls need no names.
#[rpc_service(compact)]
pub trait CompactEntries {
    /// An entry of this key.
    #[rpc(read)]
    async fn get(&self, key: &str, payload: &str) -> Result<Entry, RpcError>;
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The key asked for.
    pub key: String,
    /// A number.
    pub version: u64,
    /// The payload that came.
    pub payload: String,
}

/// The trait that a program without the framework would write to call a provider it does not know.
pub trait DirectLengths: Send + Sync {
    /// The length of `key`.
    fn length<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<usize, RpcError>>;
}

/// The provider of all of them.
pub struct Provider;

impl Lengths for Provider {
    async fn length(&self, key: &str) -> Result<usize, RpcError> {
        Ok(key.len())
    }
}

impl Entries for Provider {
    async fn get(&self, key: &str, payload: &str) -> Result<Entry, RpcError> {
        Ok(Entry { key: key.to_owned(), version: 7, payload: payload.to_owned() })
    }

    async fn put(&self, key: &str, payload: &str) -> Result<Entry, RpcError> {
        Entries::get(self, key, payload).await
    }
}

impl CompactEntries for Provider {
    async fn get(&self, key: &str, payload: &str) -> Result<Entry, RpcError> {
        Entries::get(self, key, payload).await
    }
}

impl DirectLengths for Provider {
    fn length<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<usize, RpcError>> {
        Box::pin(async move { Ok(key.len()) })
    }
}

/// A cluster of one node, which owns every slot.
///
/// # Errors
/// None that the caller could cause.
pub fn node() -> Result<Node, StartError> {
    Node::builder().advertise("127.0.0.1:7001").only_given().provide(LengthsClient::provider(Provider)).build()
}

/// A node of a live cluster of its own: what it executes, it executes under authority that it has to renew.
///
/// # Errors
/// None that the caller could cause.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn live_node() -> Result<Node, StartError> {
    let node = Node::builder().advertise("127.0.0.1:7002").seed();
    node.only_given().provide(LengthsClient::provider(Provider)).build()
}

/// The provider behind a plain `Arc<dyn …>`.
#[must_use]
pub fn direct() -> Arc<dyn DirectLengths> {
    Arc::new(Provider)
}

/// Keys of sixteen bytes, in as many slots.
#[must_use]
pub fn keys() -> Vec<String> {
    const KEYS: usize = 256;
    (0..KEYS).map(|number| format!("record-{number:09}")).collect()
}
