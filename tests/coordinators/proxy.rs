//! A wire between a client and a coordinator that can be slow, or swallow everything without a word.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// A delay that nothing survives: the connection stays open, and nothing passes.
const SWALLOW: u64 = u64::MAX;

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    delay: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let delay = Arc::new(AtomicU64::new(0));
        let accepting = tokio::spawn(accept(listener, port, delay.clone()));
        Self { address, delay, accepting }
    }

    /// From now on, whatever comes from the coordinator comes so much later.
    pub(crate) fn delay(&self, delay: Duration) {
        self.delay.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// From now on, nothing comes through any more.
    pub(crate) fn swallow(&self) {
        self.delay.store(SWALLOW, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, delay: Arc<AtomicU64>) {
    while let Ok((near, _)) = listener.accept().await {
        let delay = delay.clone();
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::spawn(pass(near_in, far_out, Arc::default()));
            pass(far_in, near_out, delay).await;
        });
    }
}

/// Bytes on their way, each with the moment at which they arrive.
const ON_THE_WAY: usize = 1024;

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Arc<AtomicU64>) {
    let (send, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    tokio::spawn(async move {
        while let Some((at, bytes)) = arriving.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 << 10];
    let mut is_dead = false;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let delay = delay.load(Ordering::Relaxed);
        // A stream of which something was lost does not go on later.
        is_dead |= delay == SWALLOW;
        let bytes = buffer[..count].to_vec();
        if !is_dead && send.send((Instant::now() + Duration::from_millis(delay), bytes)).await.is_err() {
            return;
        }
    }
}
