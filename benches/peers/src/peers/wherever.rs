//! wherever: a cluster of one node, called by a program that is none, as frames over one connection or by JSON POST.

use std::sync::Arc;

use rpc_core::client::WhereverBuilder;
use tokio::net::TcpListener;
use wherever::{Node, RpcError, Wherever, rpc_service};

use crate::Failed;
use crate::records::{Record, Records};

#[rpc_service]
pub trait Store {
    #[rpc(read)]
    async fn get(&self, key: &str, payload: &str) -> Result<Record, RpcError>;

    /// The same, taken for a method that must not run twice: its node keeps a record of each call.
    async fn get_once(&self, key: &str, payload: &str) -> Result<Record, RpcError>;
}

/// The same between two processes of one build, which calls need no names for.
#[rpc_service(compact)]
pub trait CompactStore {
    #[rpc(read)]
    async fn get(&self, key: &str, payload: &str) -> Result<Record, RpcError>;
}

impl CompactStore for Records {
    async fn get(&self, key: &str, payload: &str) -> Result<Record, RpcError> {
        Ok(Self::get(self, key, payload))
    }
}

impl Store for Records {
    async fn get(&self, key: &str, payload: &str) -> Result<Record, RpcError> {
        Ok(Self::get(self, key, payload))
    }

    async fn get_once(&self, key: &str, payload: &str) -> Result<Record, RpcError> {
        Ok(Self::get(self, key, payload))
    }
}

pub async fn serve(listener: TcpListener, records: Records) -> Result<(), Failed> {
    let records = Arc::new(records);
    let node = Node::builder().provide(StoreClient::provider_shared(records.clone()));
    Ok(node.provide(CompactStoreClient::provider_shared(records)).serve(listener).await?)
}

pub struct Connection {
    plain: StoreClient,
    compact: CompactStoreClient,
}

impl Connection {
    /// As every program connects.
    pub async fn by_frames(address: &str) -> Result<Self, Failed> {
        Ok(Self::of(&Wherever::connect([address]).await?))
    }

    /// As a program whose calls meet a proxy that knows HTTP only.
    pub fn by_post(address: &str) -> Result<Self, Failed> {
        Ok(Self::of(&WhereverBuilder::connecting([address])?.frames(false).build()?))
    }

    fn of(wherever: &Wherever) -> Self {
        Self { plain: wherever.client(), compact: wherever.client() }
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        Ok(self.plain.get(key, payload).await?)
    }

    pub async fn get_compact(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        Ok(self.compact.get(key, payload).await?)
    }

    pub async fn get_once(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        Ok(self.plain.get_once(key, payload).await?)
    }
}
