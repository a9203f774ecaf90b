//! wherever: a cluster of one node, called by a program that is none, as frames over one connection or by JSON POST.

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

impl Store for Records {
    async fn get(&self, key: &str, payload: &str) -> Result<Record, RpcError> {
        Ok(Self::get(self, key, payload))
    }

    async fn get_once(&self, key: &str, payload: &str) -> Result<Record, RpcError> {
        Ok(Self::get(self, key, payload))
    }
}

pub async fn serve(listener: TcpListener, records: Records) -> Result<(), Failed> {
    Ok(Node::builder().provide(StoreClient::provider(records)).serve(listener).await?)
}

pub struct Connection(StoreClient);

impl Connection {
    /// As every program connects.
    pub async fn by_frames(address: &str) -> Result<Self, Failed> {
        Ok(Self(Wherever::connect([address]).await?.client()))
    }

    /// As a program whose calls meet a proxy that knows HTTP only.
    pub fn by_post(address: &str) -> Result<Self, Failed> {
        Ok(Self(WhereverBuilder::connecting([address])?.frames(false).build()?.client()))
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        Ok(self.0.get(key, payload).await?)
    }

    pub async fn get_once(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        Ok(self.0.get_once(key, payload).await?)
    }
}
