//! Three nodes and one trait: each call runs on the node that owns its key.

use std::error::Error;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use wherever::{Inject, Node, RpcError, rpc_provider, rpc_service};

/// Greets people, each of them always from the same node.
#[rpc_service]
trait Greeter {
    async fn hello(&self, name: &str) -> Result<String, RpcError>;
}

#[derive(Inject)]
struct Greetings {
    address: SocketAddr,
}

#[rpc_provider]
impl Greeter for Greetings {
    async fn hello(&self, name: &str) -> Result<String, RpcError> {
        Ok(format!("hello {name}, from {}", self.address))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Here three nodes share a process. Elsewhere each is a process of its own, and all are given the same list.
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await?);
    }
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    let mut nodes = Vec::new();
    for (listener, &address) in listeners.into_iter().zip(&addresses) {
        let node = Node::builder().nodes(&addresses).advertise(address).with(address).build()?;
        nodes.push(node.clone());
        tokio::spawn(async move { node.serve(listener).await });
    }
    // Whoever calls, the same name is greeted from the same node.
    for node in &nodes {
        let greeter: GreeterClient = node.client();
        for name in ["Ann", "Bob", "Eve"] {
            println!("{} calls: {}", node.address(), greeter.hello(name).await?);
        }
    }
    Ok(())
}
