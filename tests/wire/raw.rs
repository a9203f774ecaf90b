//! A client that sends exactly the bytes a test says.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Raw {
    stream: TcpStream,
    // What was read beyond the last answer.
    rest: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }
}

impl Raw {
    pub(crate) async fn connect(address: &str) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("the node accepts"), rest: Vec::new() }
    }

    /// Sends bytes; a node that refuses early may close before it has them all.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _refused_early = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("the node reads");
    }

    /// One answer; `None` if the connection closes instead.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.rest.drain(..end).collect()).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.rest.len() < length {
            self.more().await?;
        }
        answer.body = String::from_utf8(self.rest.drain(..length).collect()).unwrap();
        Some(answer)
    }

    /// Ends the sending direction; the node can still answer.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Everything that still comes until the node closes.
    pub(crate) async fn until_closed(&mut self) -> String {
        while self.more().await.is_some() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()
    }

    async fn more(&mut self) -> Option<()> {
        let mut chunk = [0; 16 << 10];
        match timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("the node answers or closes") {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.rest.extend_from_slice(&chunk[..count]);
                Some(())
            }
        }
    }
}

/// `POST /rpc` of `body` with these further header lines, each ended by `\r\n`.
pub(crate) fn post_with(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("POST /rpc HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// `POST /rpc` of a JSON `body`.
pub(crate) fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    post_with("Content-Type: application/json\r\n", body)
}
