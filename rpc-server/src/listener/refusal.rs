//! How connections are refused that find no place: with a 503 that the peer can read.
//!
//! Closing while the peer's request is on its way makes the kernel reset the connection, and the answer is lost with it: a
//! client of ours would take the call for one that may have run. So the request is awaited, answered, and what is left of it
//! thrown away, for a bounded time and by a bounded number of tasks.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::backoff::LogGate;

/// Connections being refused with patience at once; further ones may lose their answer. They stand over the limit of
/// connections, so they are few.
const PATIENT: usize = 64;

/// Time for the peer's first bytes, and as long again to read the answer: a round trip and a lost packet.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of the request thrown away; a larger one ends in a reset.
const LINGER_BYTES: u64 = 1024 * 1024;

/// Bytes read before the answer.
const FIRST_BYTES: usize = 1024;

const OVERLOADED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 32\r\n\r\n{\"error\":\"too many connections\"}";

pub(super) struct Refusals {
    log: LogGate,
    patient: Arc<Semaphore>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { log: LogGate::default(), patient: Arc::new(Semaphore::new(PATIENT)) }
    }
}

impl Refusals {
    /// Refuses a connection without holding up the accept loop.
    pub(super) fn refuse(&mut self, stream: TcpStream) {
        self.log.warn(|missed| tracing::warn!(missed, "connection refused: all are busy"));
        let Ok(permit) = self.patient.clone().try_acquire_owned() else {
            return refuse_at_once(stream);
        };
        tokio::spawn(async move {
            if let Err(error) = refuse(stream).await {
                tracing::debug!(%error, "a refused connection ended");
            }
            drop(permit);
        });
    }
}

/// Answers the request once it has begun, and reads on until the peer closes. A silent peer is closed without a word: a client
/// takes an answer before its request for nonsense, and the close of a connection that it keeps for later for what it is.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    // Read and not only awaited: readiness may be announced before there is anything.
    match timeout(PATIENCE, stream.read(&mut [0; FIRST_BYTES])).await {
        Ok(Ok(1..)) => {}
        Ok(Err(error)) => return Err(error),
        Ok(Ok(0)) | Err(_) => return Ok(()),
    }
    let leave = async {
        stream.write_all(OVERLOADED).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    timeout(PATIENCE, leave).await.map_or(Ok(()), |left| left.map(drop))
}

/// Answers a request that is here already, with one write that does not wait; then closes.
fn refuse_at_once(stream: TcpStream) {
    let Ok(mut stream) = stream.into_std() else {
        return;
    };
    // Best effort: reading what came already keeps the close from resetting the answer away.
    if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
        let _ = stream.write(OVERLOADED);
    }
    let _ = stream.shutdown(Shutdown::Write);
}
