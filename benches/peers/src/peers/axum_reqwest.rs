//! Bare axum and reqwest: the same JSON bodies as wherever's, handled by a route and nothing else. No deadlines, no
//! cancellation, no limits on connections, no headers of its own, no slots.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::Failed;
use crate::records::{Record, Records};

#[derive(Serialize, Deserialize)]
struct Request<T> {
    jsonrpc: T,
    method: T,
    params: Params<T>,
    id: u64,
}

#[derive(Serialize, Deserialize)]
struct Params<T> {
    key: T,
    payload: T,
}

#[derive(Serialize, Deserialize)]
struct Reply<T> {
    jsonrpc: T,
    result: Record,
    id: u64,
}

pub async fn serve(listener: TcpListener, records: Records) -> Result<(), Failed> {
    use axum::serve::ListenerExt;
    let router = Router::new().route("/rpc", post(get)).with_state(Arc::new(records));
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

async fn get(State(records): State<Arc<Records>>, Json(request): Json<Request<String>>) -> Json<Reply<&'static str>> {
    let result = records.get(&request.params.key, &request.params.payload);
    Json(Reply { jsonrpc: "2.0", result, id: request.id })
}

pub struct Connection {
    client: Client,
    url: Url,
    next: AtomicU64,
}

impl Connection {
    pub fn new(address: &str) -> Result<Self, Failed> {
        let client = Client::builder().no_proxy().http1_only().tcp_nodelay(true).build()?;
        Ok(Self { client, url: Url::parse(&format!("http://{address}/rpc"))?, next: AtomicU64::new(1) })
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let request = Request { jsonrpc: "2.0", method: "Store.get", params: Params { key, payload }, id };
        let response = self.client.post(self.url.clone()).json(&request).send().await?.error_for_status()?;
        let reply: Reply<String> = response.json().await?;
        if reply.id == id { Ok(reply.result) } else { Err("a reply to another request".into()) }
    }
}
