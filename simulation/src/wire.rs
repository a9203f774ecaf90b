//! How simulated hosts speak to each other: one question and one answer on a connection, each a head and a body with their lengths.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use turmoil::net::TcpStream;

/// Where every node listens.
pub(crate) const PORT: u16 = 7000;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Nothing was sent.
    Unreached(String),
    /// Something was, and may have been read.
    Cut(String),
}

/// A connection to `address`, which is a host's name and a port.
pub(crate) async fn connect(address: &str) -> Result<TcpStream, Lost> {
    let unreached = |why: String| Lost::Unreached(format!("{address}: {why}"));
    let (host, port) = address.split_once(':').ok_or_else(|| unreached("no port".to_owned()))?;
    let port: u16 = port.parse().map_err(|_| unreached("no port".to_owned()))?;
    match timeout(CONNECT, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(unreached(error.to_string())),
        Err(_) => Err(unreached("no connection in time".to_owned())),
    }
}

/// Asks, and waits for the answer for `patience`.
pub(crate) async fn ask<H: DeserializeOwned>(
    address: &str,
    head: &impl Serialize,
    body: &[u8],
    patience: Duration,
) -> Result<(H, Bytes), Lost> {
    let mut stream = connect(address).await?;
    let cut = |error: io::Error| Lost::Cut(format!("{address}: {error}"));
    let exchange = async {
        write(&mut stream, head, body).await?;
        read(&mut stream).await
    };
    match timeout(patience, exchange).await {
        Ok(answer) => answer.map_err(cut),
        Err(_) => Err(Lost::Cut(format!("{address}: no answer in {patience:?}"))),
    }
}

/// Writes a head and a body.
pub(crate) async fn write(stream: &mut TcpStream, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    let mut frame = Vec::with_capacity(8 + head.len() + body.len());
    for part in [&head[..], body] {
        frame.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    frame.extend_from_slice(&head);
    frame.extend_from_slice(body);
    stream.write_all(&frame).await
}

/// Reads a head and a body.
pub(crate) async fn read<H: DeserializeOwned>(stream: &mut TcpStream) -> io::Result<(H, Bytes)> {
    let mut lengths = [0; 2];
    for length in &mut lengths {
        *length = stream.read_u32().await? as usize;
    }
    let mut frame = vec![0; lengths[0] + lengths[1]];
    stream.read_exact(&mut frame).await?;
    let body = frame.split_off(lengths[0]);
    Ok((serde_json::from_slice(&frame)?, body.into()))
}
