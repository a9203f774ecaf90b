//! Ten thousand slow peers against one listener: half of them stop within the header, half within the body.
//!
//! `cargo run --release -p rpc-server --example slow_connections [COUNT]` starts the server as a second
//! process (each may open its own files), holds COUNT connections (default 10,000) and measures requests of a
//! well-behaved client meanwhile. It ends with status 1 if one of those fails or a slow peer is not closed.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use rpc_server::listener::{HEADER_TIME, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The listener's own limit, twice its sweep, and a second for a loaded machine.
const CLOSED_WITHIN: Duration = HEADER_TIME.saturating_add(Duration::from_secs(2));

const HALF_HEADER: &[u8] = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-";
const HALF_BODY: &[u8] = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";

#[tokio::main]
async fn main() -> io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve_echo().await,
        Some(count) => attack(count.parse().map_err(io::Error::other)?).await,
        None => attack(10_000).await,
    }
}

async fn serve_echo() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    serve(listener, Router::new().route("/echo", post(|body: Bytes| async { body }))).await
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn attack(count: usize) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let mut server = Server(Command::new(program).arg("serve").stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    let stdout = server.0.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
    BufReader::new(stdout).read_line(&mut line)?;
    let addr: SocketAddr = line.trim().parse().map_err(io::Error::other)?;

    let mut slow = Vec::with_capacity(count);
    let mut times = Vec::new();
    for n in 0..count {
        slow.push(tokio::spawn(until_closed(addr, n % 2 == 0)));
        if n % 100 == 0 {
            times.push(good_request(addr).await?);
        }
    }
    while slow.iter().any(|peer| !peer.is_finished()) {
        times.push(good_request(addr).await?);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut longest = Duration::ZERO;
    for peer in slow {
        longest = longest.max(peer.await.map_err(io::Error::other)??);
    }
    times.sort();
    let (middle, worst) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{count} slow peers closed, the last after {longest:.1?}");
    println!("{} requests meanwhile: p50 {middle:.1?}, p99 {worst:.1?}", times.len());
    Ok(())
}

/// Stops in the middle of a request and waits to be closed; how long that took.
async fn until_closed(addr: SocketAddr, header: bool) -> io::Result<Duration> {
    let mut stream = TcpStream::connect(addr).await?;
    let _ = stream.write_all(if header { HALF_HEADER } else { HALF_BODY }).await;
    let sent = Instant::now();
    // A reset closes as well as an end does.
    let _ = timeout(CLOSED_WITHIN, stream.read_to_end(&mut Vec::new())).await?;
    Ok(sent.elapsed())
}

async fn good_request(addr: SocketAddr) -> io::Result<Duration> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(addr).await?;
    let request = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\necho";
    stream.write_all(request).await?;
    let mut answer = String::new();
    timeout(CLOSED_WITHIN, stream.read_to_string(&mut answer)).await??;
    if answer.ends_with("echo") { Ok(began.elapsed()) } else { Err(io::Error::other(answer)) }
}
