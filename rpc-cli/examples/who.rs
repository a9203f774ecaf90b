//! A program for `wherever up`: a node of a fixed cluster that tells who it is.
//!
//! ```text
//! wherever up --nodes 3 --port 7000 -- ./who {listen} {nodes}
//! wherever call Who.name --node http://127.0.0.1:7000
//! ```

use std::env;
use std::error::Error;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use wherever::{Inject, Node, RpcError, rpc_provider, rpc_service};

/// Tells who it is.
#[rpc_service]
trait Who {
    /// The address of the node that is asked.
    #[rpc(here)]
    async fn name(&self) -> Result<String, RpcError>;
}

#[derive(Inject)]
struct Myself {
    address: String,
}

#[rpc_provider]
impl Who for Myself {
    async fn name(&self) -> Result<String, RpcError> {
        Ok(self.address.clone())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [_, address, nodes] = &*env::args().collect::<Vec<_>>() else {
        return Err("usage: who HOST:PORT HOST:PORT,…".into());
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let node = Node::builder().nodes(nodes.split(',')).advertise(address).with(address.clone()).build()?;
    println!("{} is here", node.id());
    let shutdown = async move {
        terminate.recv().await;
    };
    node.serve_with_shutdown(TcpListener::bind(address).await?, shutdown).await?;
    println!("{address} has ended");
    Ok(())
}
