//! The accept loop: takes connections in, looks them over from time to time, and ends them at shutdown.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

use super::Drained;
use super::backoff::Backoff;
use super::connection::Host;
use super::limits::Limits;
use super::refusal::Refusals;
use super::table::Table;

/// Time that connections which were cut get to leave the table; a handler that blocks its thread cannot
/// be ended at all and is not waited for.
const CUT_TIME: Duration = Duration::from_secs(1);

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
    let mut refusals = Refusals::default();
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
                        None => refusals.refuse(stream),
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
    let drained = drain(&table, limits.drain_time, sweep).await;
    drop(at_end);
    drained
}

async fn accept<A: Accept>(listener: &mut A, not_before: Option<Instant>) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(not_before) = not_before {
        sleep_until(not_before).await;
    }
    listener.accept().await
}

/// Waits for the requests in flight, while the sweep goes on: a peer that reads no answer ends early.
async fn drain(table: &Table, limit: Duration, mut sweep: Interval) -> Drained {
    let busy = table.drain();
    let deadline = Instant::now() + limit;
    let cut = loop {
        tokio::select! {
            biased;
            () = table.emptied() => break 0,
            () = sleep_until(deadline) => break table.cut_all(),
            _ = sweep.tick() => table.sweep(sweep.period()),
        }
    };
    if cut > 0 {
        tracing::warn!(cut, "requests were cut off at shutdown");
        // What does not leave now is blocking its thread, and its task sees the order when it stops that.
        let _ = timeout(CUT_TIME, table.emptied()).await;
    }
    Drained { finished: busy.saturating_sub(cut), cut }
}

#[cfg(test)]
mod tests {
    use super::{Accept, run};
    use crate::listener::Limits;
    use axum::Router;
    use rustix::io::Errno;
    use std::io;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// Fails in every way there is before each connection.
    struct Faulty {
        listener: TcpListener,
        faults: Vec<Errno>,
    }

    impl Accept for Faulty {
        async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
            match self.faults.pop() {
                Some(fault) => Err(fault.into()),
                None => self.listener.accept().await,
            }
        }
    }

    #[tokio::test]
    async fn a_failed_accept_never_ends_the_loop() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let faults = vec![Errno::CONNABORTED, Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::PROTO, Errno::PERM];
        let faulty = Faulty { listener, faults };
        let limits = Limits::default();
        let loop_task = tokio::spawn(run(faulty, Router::new(), limits, std::future::pending()));
        let mut client = TcpStream::connect(addr).await?;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(!loop_task.is_finished());
        Ok(())
    }
}
