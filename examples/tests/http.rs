//! Requests as curl would send them, and addresses to send them to.

use std::collections::HashSet;
use std::net::TcpListener;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::program::PATIENCE;

/// Pause between two looks at something that nobody tells of.
const PAUSE: Duration = Duration::from_millis(20);

/// A client that goes nowhere by itself.
pub(crate) fn client() -> Client {
    let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE);
    client.build().expect("a client without TLS can always be made")
}

/// Posts JSON.
pub(crate) async fn post(client: &Client, url: &str, body: &Value) -> Result<Response, reqwest::Error> {
    client.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string()).send().await
}

/// The JSON of an answer.
pub(crate) async fn read(answer: Response) -> Value {
    let body = answer.bytes().await.expect("a whole body");
    serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&body)))
}

/// Calls a method at the node of this address.
pub(crate) async fn call(node: &str, method: &str, params: Value) -> Result<Value, reqwest::Error> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer = post(&client(), &format!("http://{node}/rpc"), &request).await?;
    assert_eq!(answer.status(), 200, "a reply is HTTP 200, whatever it says");
    Ok(read(answer).await)
}

/// Looks again and again, until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            match look().await {
                Some(seen) => return seen,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Waits until nobody listens at `address`.
pub(crate) async fn until_gone(address: &str) {
    let listens = async || tokio::net::TcpStream::connect(address).await.is_ok();
    until(&format!("{address} is closed"), async || (!listens().await).then_some(())).await;
}

/// Addresses on this machine that nobody uses.
pub(crate) fn free_addresses(count: usize) -> Vec<String> {
    let mut found = HashSet::new();
    while found.len() < count {
        // Below the ports that Linux gives to connections, one of which could take the port before the program does.
        let address = format!("127.0.0.1:{}", fastrand::u16(20_000..32_000));
        if TcpListener::bind(&address).is_ok() {
            found.insert(address);
        }
    }
    found.into_iter().collect()
}
