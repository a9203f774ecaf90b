//! The port before the nodes: each connection goes to a ready node in turn, byte for byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Most connections at once, each of them two open files: within what a process may have open by default. Others wait to be
/// accepted; nodes close idle connections, so places become free.
const MAX_CONNECTIONS: usize = 400;

/// Longest wait for a node on the same machine to accept a connection.
const DIAL_TIME: Duration = Duration::from_secs(2);

/// Pause after a failed accept: most often there are too many open files, and asking at once would not make them fewer.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A node to pass connections to.
pub(super) struct Target {
    /// Where it listens.
    pub(super) address: String,
    /// Whether it takes connections now.
    pub(super) is_ready: Arc<AtomicBool>,
}

/// Passes connections on until it is dropped. Connections under way go on without it.
pub(super) async fn run(listener: TcpListener, targets: Vec<Target>) {
    let targets: Arc<[Target]> = targets.into();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let turn = AtomicUsize::new(0);
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((mut caller, _)) => {
                let first = turn.fetch_add(1, Ordering::Relaxed);
                let targets = targets.clone();
                tokio::spawn(async move {
                    if let Some(mut node) = dial(&targets, first).await {
                        // Either side may break off; the other sees its connection close.
                        let _ = copy_bidirectional(&mut caller, &mut node).await;
                    }
                    drop(place);
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// A connection to the node whose turn it is, or to the next one that is ready and accepts it.
async fn dial(targets: &[Target], first: usize) -> Option<TcpStream> {
    let in_turn = (0..targets.len()).map(|step| &targets[first.wrapping_add(step) % targets.len()]);
    for target in in_turn.filter(|target| target.is_ready.load(Ordering::Relaxed)) {
        if let Ok(Ok(stream)) = timeout(DIAL_TIME, TcpStream::connect(&target.address)).await {
            return Some(stream);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn target(is_ready: bool) -> (TcpListener, Target) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        (listener, Target { address, is_ready: Arc::new(AtomicBool::new(is_ready)) })
    }

    #[tokio::test]
    async fn connections_go_round_the_nodes_that_are_ready() {
        let ((_a, a), (_b, b), (_c, c)) = (target(true).await, target(false).await, target(true).await);
        let (at_a, at_c) = (a.address.clone(), c.address.clone());
        let targets = [a, b, c];
        for (first, expected) in [(0, &at_a), (1, &at_c), (2, &at_c), (3, &at_a), (usize::MAX, &at_a)] {
            let stream = dial(&targets, first).await.expect("connected");
            assert_eq!(stream.peer_addr().expect("connected").to_string(), *expected, "turn {first}");
        }
    }

    #[tokio::test]
    async fn a_node_that_does_not_accept_is_passed_over() {
        let ((listener, gone), (_b, b)) = (target(true).await, target(true).await);
        drop(listener);
        let at_b = b.address.clone();
        let stream = dial(&[gone, b], 0).await.expect("connected");
        assert_eq!(stream.peer_addr().expect("connected").to_string(), at_b);
        assert!(dial(&[], 0).await.is_none());
    }
}
