//! The accept loop: takes connections in, looks them over from time to time, and ends them at shutdown.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::Drained;
use super::backoff::{Backoff, LogGate};
use super::connection::Host;
use super::limits::Limits;
use super::table::Table;

/// Time that connections which were cut get to leave the table; a handler that blocks its thread cannot
/// be ended at all and is not waited for.
const CUT_TIME: Duration = Duration::from_secs(1);

const OVERLOADED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 32\r\n\r\n{\"error\":\"too many connections\"}";

/// Where connections come from: a socket, or a test that fails on purpose.
pub(super) trait Accept: Send {
    /// The next connection. Must be cancel safe: a connection is either returned or still in the backlog.
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        TcpListener::accept(self)
    }
}

/// Cuts what is left when the loop ends, also when its future is dropped: nobody would keep the times of
/// connections that outlive it.
struct CutAtEnd(Arc<Table>);

impl Drop for CutAtEnd {
    fn drop(&mut self) {
        self.0.cut_all();
    }
}

pub(super) async fn run<A: Accept>(
    mut listener: A,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) -> Drained {
    let host = Host::new(router, &limits);
    let table = Arc::new(Table::new(limits.clone()));
    let at_end = CutAtEnd(table.clone());
    let sweep_every = limits.sweep_every();
    let mut sweep = interval(sweep_every);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut backoff = Backoff::default();
    let mut refusals = LogGate::default();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            _ = sweep.tick(), if !table.is_empty() => table.sweep(sweep_every),
            accepted = accept(&mut listener, backoff.until()) => match accepted {
                Ok((stream, peer)) => {
                    backoff.succeeded();
                    match table.admit() {
                        Some(place) => host.welcome(stream, peer, place),
                        None => refuse(stream, &mut refusals),
                    }
                }
                Err(error) => {
                    if backoff.failed(&error) {
                        table.make_room();
                    }
                }
            },
        }
    }
    drop(listener);
    let drained = drain(&table, limits.drain_time).await;
    drop(at_end);
    drained
}

async fn accept<A: Accept>(
    listener: &mut A,
    not_before: Option<Instant>,
) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(not_before) = not_before {
        sleep_until(not_before).await;
    }
    listener.accept().await
}

/// Answers 503 with one write that does not wait, then closes.
fn refuse(stream: TcpStream, log: &mut LogGate) {
    log.warn(|missed| tracing::warn!(missed, "connection refused: all are busy"));
    let Ok(mut stream) = stream.into_std() else {
        return;
    };
    // Best effort: reading what came already keeps the close from resetting the answer away.
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write(OVERLOADED);
    let _ = stream.shutdown(Shutdown::Write);
}

async fn drain(table: &Table, limit: Duration) -> Drained {
    let busy = table.drain();
    let cut = match timeout(limit, table.emptied()).await {
        Ok(()) => 0,
        Err(_) => table.cut_all(),
    };
    if cut > 0 {
        tracing::warn!(cut, "requests were cut off at shutdown");
        let _ = timeout(CUT_TIME, table.emptied()).await;
    }
    Drained {
        finished: busy.saturating_sub(cut),
        cut,
    }
}
