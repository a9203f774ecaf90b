//! The server's process: says where it listens, then its CPU time whenever it is asked.

use std::io::{BufRead, Write, stdin, stdout};

use tokio::net::TcpListener;

use crate::peers::Peer;
use crate::{Failed, usage};

pub async fn serve(peer: Peer) -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    // A thread of its own, which costs nothing while nobody asks. The end of the input is the end of the server.
    std::thread::spawn(|| {
        for _ in stdin().lock().lines() {
            println!("{}", usage::cpu().as_nanos());
            let _ = stdout().flush();
        }
        std::process::exit(0);
    });
    peer.serve(listener).await
}
