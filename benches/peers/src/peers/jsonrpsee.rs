//! jsonrpsee: a registered method over HTTP, as its documentation shows; no batches, which the caller would have to gather.

use ::jsonrpsee_core::client::ClientT;
use ::jsonrpsee_core::params::ObjectParams;
use ::jsonrpsee_http_client::HttpClient;
use ::jsonrpsee_server::types::ErrorObjectOwned;
use ::jsonrpsee_server::{RpcModule, ServerBuilder, ServerConfig};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::Failed;
use crate::records::{Record, Records};

const METHOD: &str = "Store.get";

/// As many as there are calls in flight: each has one of its own.
const CONNECTIONS: u32 = 10_000;

#[derive(Deserialize)]
struct Get<'a> {
    key: &'a str,
    payload: &'a str,
}

pub async fn serve(listener: TcpListener, records: Records) -> Result<(), Failed> {
    let mut module = RpcModule::new(records);
    module.register_method(METHOD, |params, records, _| {
        let get: Get<'_> = params.parse()?;
        Ok::<_, ErrorObjectOwned>(records.get(get.key, get.payload))
    })?;
    let config = ServerConfig::builder().max_connections(CONNECTIONS).http_only().build();
    let server = ServerBuilder::with_config(config).build_from_tcp(listener.into_std()?)?;
    server.start(module).stopped().await;
    Ok(())
}

pub struct Connection(HttpClient);

impl Connection {
    pub fn new(address: &str) -> Result<Self, Failed> {
        let client = HttpClient::builder().max_concurrent_requests(CONNECTIONS as usize);
        Ok(Self(client.set_tcp_no_delay(true).build(format!("http://{address}"))?))
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        let mut params = ObjectParams::new();
        params.insert("key", key)?;
        params.insert("payload", payload)?;
        Ok(self.0.request(METHOD, params).await?)
    }
}
