//! A seed node's port with a coordinator behind it, which can be killed and started again in the same place.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rpc_core::clock::BootClock;
use rpc_core::coordinator::embedded::Embedded;
use rpc_core::transport::http::coordinator::RemoteCoordinator;
use rpc_server::coordinator::RedbJournal;
use tokio::runtime::{Builder, Runtime};

/// A seed in a runtime of its own: when that is gone, so are all its connections, as if the process had been killed.
pub(crate) struct Seed {
    pub(crate) address: SocketAddr,
    file: Option<PathBuf>,
    running: Option<(Runtime, Arc<Embedded>)>,
}

impl Seed {
    /// A seed at any free port; with a file, or in memory.
    pub(crate) fn start(file: Option<PathBuf>) -> Self {
        let mut seed = Self { address: ([127, 0, 0, 1], 0).into(), file, running: None };
        seed.start_again();
        seed
    }

    /// Starts at the same port as before, and from the same file, if any.
    pub(crate) fn start_again(&mut self) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let guard = runtime.enter();
        let embedded = match &self.file {
            None => Embedded::in_memory(Arc::new(BootClock)),
            Some(file) => open(file),
        };
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let routes = rpc_server::http::coordinator::routes(embedded.clone());
        runtime.spawn(async move { axum::serve(listener, routes).await });
        drop(guard);
        self.running = Some((runtime, embedded));
    }

    /// Kills it; what it has answered is on its disk, if it has one.
    pub(crate) async fn stop(&mut self) {
        let (runtime, embedded) = self.running.take().unwrap();
        // Waits for its tasks to be gone, and the port with them.
        let down = move || runtime.shutdown_timeout(Duration::from_secs(10));
        tokio::task::spawn_blocking(down).await.unwrap();
        embedded.close().await;
    }

    /// The way to it.
    pub(crate) fn remote(&self) -> Arc<RemoteCoordinator> {
        Arc::new(RemoteCoordinator::new(&[self.address.to_string()]).unwrap())
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if let Some((runtime, _)) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}

/// A coordinator on this file.
pub(crate) fn open(file: &std::path::Path) -> Arc<Embedded> {
    let journal = RedbJournal::open(file).unwrap();
    Embedded::with_journal(Arc::new(BootClock), Box::new(journal)).unwrap()
}
