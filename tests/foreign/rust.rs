//! Calls the service Echo with jsonrpsee, and says what it got in the words of the other two clients.

use jsonrpsee_core::client::{ClientT, Error};
use jsonrpsee_core::params::{BatchRequestBuilder, ObjectParams};
use jsonrpsee_core::rpc_params;
use jsonrpsee_core::traits::ToRpcParams;
use jsonrpsee_http_client::HttpClient;
use serde::Serialize;
use serde_json::{Value, json};

/// The report of one node.
pub(crate) async fn report(url: &str) -> Result<Value, Error> {
    let client = HttpClient::builder().build(url)?;
    client.notification("Echo.add", rpc_params![3, 4]).await?;
    let value = json!({"text": "é\"\n", "list": [1, -2.5, null, true], "empty": {}});
    Ok(json!({
        "by_position": result(&client, "Echo.add", rpc_params![2, 3]).await?,
        "by_name": result(&client, "Echo.add", named([("b", 3), ("a", 2)])?).await?,
        "list": result(&client, "Echo.concat", rpc_params![["wher", "é", "ver"]]).await?,
        "value": result(&client, "Echo.echo", rpc_params![value]).await?,
        "node": result(&client, "Echo.whoami", rpc_params![]).await?,
        "batch": batch(&client).await?,
        "failure": failure(&client, "Echo.fail", named([("code", 7)])?).await?,
        "unknown_method": code(&client, "Echo.nothing", rpc_params![]).await?,
        "unknown_service": code(&client, "Nothing.add", rpc_params![2, 3]).await?,
        "bad_argument": code(&client, "Echo.add", rpc_params!["2", 3]).await?,
        "missing_argument": code(&client, "Echo.add", named([("a", 2)])?).await?,
        "extra_argument": code(&client, "Echo.add", rpc_params![2, 3, 4]).await?,
    }))
}

/// The batch of the other clients, but for the notification in it, which this one has no way to write.
async fn batch(client: &HttpClient) -> Result<Value, Error> {
    let mut calls = BatchRequestBuilder::new();
    calls.insert("Echo.add", rpc_params![1, 2])?;
    calls.insert("Echo.concat", named([("parts", ["by ", "name"])])?)?;
    calls.insert("Echo.fail", rpc_params![9])?;
    let replies = client.batch_request::<Value>(calls).await?;
    Ok(replies.into_iter().map(|reply| reply.unwrap_or_else(|error| json!(error.code()))).collect())
}

async fn result(client: &HttpClient, method: &str, params: impl ToRpcParams + Send) -> Result<Value, Error> {
    client.request(method, params).await
}

/// The error that a call must end in.
async fn failure(client: &HttpClient, method: &str, params: impl ToRpcParams + Send) -> Result<Value, Error> {
    match client.request::<Value, _>(method, params).await {
        Err(Error::Call(error)) => Ok(json!(error)),
        Err(other) => Err(other),
        Ok(value) => Err(Error::Custom(format!("{method} must fail, and gave {value}"))),
    }
}

async fn code(client: &HttpClient, method: &str, params: impl ToRpcParams + Send) -> Result<Value, Error> {
    Ok(failure(client, method, params).await?["code"].clone())
}

fn named<T: Serialize, const N: usize>(members: [(&str, T); N]) -> Result<ObjectParams, Error> {
    let mut params = ObjectParams::new();
    for (name, value) in members {
        params.insert(name, value)?;
    }
    Ok(params)
}
