//! The node, in a process of its own, and how it is asked for its figures: a line in, a line out.

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use wherever::{Node, RpcError, rpc_service};

use crate::Failed;
use crate::gauge::Gauge;
use wherever_benches::{EntriesClient, Provider};

/// A service whose answers come late, by turns of the runtime.
#[rpc_service]
pub(crate) trait Late {
    /// Answers the key after so many turns: after none at once, where it was read, else in a task of its own.
    #[rpc(read)]
    async fn late(&self, key: &str, turns: u32) -> Result<String, RpcError>;
}

#[derive(Default)]
struct Counting {
    running: Arc<AtomicU64>,
}

impl Late for Counting {
    async fn late(&self, key: &str, turns: u32) -> Result<String, RpcError> {
        let _running = Running::begin(&self.running);
        for _ in 0..turns {
            yield_now().await;
        }
        Ok(key.to_owned())
    }
}

/// A method that runs; whether it ends or is dropped.
struct Running(Arc<AtomicU64>);

impl Running {
    fn begin(running: &Arc<AtomicU64>) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the node tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) gauge: Gauge,
    /// Calls that it counts as in flight.
    pub(crate) in_flight: u64,
    /// Methods of [`Late`] that were begun, and neither ended nor dropped.
    pub(crate) running: u64,
}

/// Is the node, until nobody writes to it any more.
pub(crate) async fn serve() -> Result<(), Failed> {
    let late = Counting::default();
    let running = late.running.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let node = Node::builder()
        .advertise(&address)
        .only_given()
        .provide(EntriesClient::provider(Provider))
        .provide(LateClient::provider(late))
        .build()?;
    println!("{address}");
    let (asked, runtime) = (node.clone(), Handle::current());
    // A thread of its own, which costs nothing while nobody asks. The end of the input is the end of the node.
    thread::spawn(move || {
        for _ in stdin().lock().lines() {
            let running = running.load(Ordering::Relaxed);
            let told = Gauge::read(&runtime).map(|gauge| {
                let figures = Figures { gauge, in_flight: asked.view().counts.in_flight, running };
                serde_json::to_string(&figures).unwrap_or_default()
            });
            println!("{}", told.unwrap_or_else(|error| error.to_string()));
            let _ = stdout().flush();
        }
        std::process::exit(0);
    });
    Ok(node.serve(listener).await?)
}

/// The node's process, seen from the other one. It ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start() -> Result<Self, Failed> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("the node has no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("the node has no output")?);
        let mut server = Self { address: String::new(), child, input, output };
        server.address = server.line()?;
        Ok(server)
    }

    pub(crate) fn figures(&mut self) -> Result<Figures, Failed> {
        self.input.write_all(b"\n")?;
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|_| line.into())
    }

    fn line(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("the node has ended".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
