//! A node that answers what a test tells it to, right or wrong.

#![allow(dead_code, reason = "each file of tests uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Longest that a silent node keeps a connection, so that a test that fails does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the node does with each request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// HTTP 200 with this body.
    Json(String),
    /// These bytes, and the connection is closed.
    Bytes(Vec<u8>),
    /// Nothing, until the other side gives up.
    Silence,
    /// HTTP 200 with a body that does not end.
    Endless,
    /// To a GET the next of these bodies, the last one again and again; to a POST this status line and body.
    Cluster(Vec<String>, &'static str, String),
}

/// A running fake; its thread ends with the test's process.
pub(crate) struct FakeNode {
    /// Its URL.
    pub(crate) url: String,
    /// Request lines, headers and bodies, in order.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl FakeNode {
    /// A node on a port of its own.
    pub(crate) fn that(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A caller that hangs up is what some tests are about.
                let _ = serve(stream, &answer, &seen);
            }
        });
        Self { url, requests }
    }

    /// A node that answers every request with this JSON.
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::that(Answer::Json(body.into()))
    }

    /// A node that answers a call with this result or error member.
    pub(crate) fn reply(member: &str) -> Self {
        Self::json(format!(r#"{{"jsonrpc":"2.0","id":1,{member}}}"#))
    }

    /// A node that answers with this status line and HTML.
    pub(crate) fn html(status: &str) -> Self {
        let page = "<html><h1>\x1b[31mHello</h1></html>";
        let head = format!("HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Type: text/html\r\n");
        Self::that(Answer::Bytes(format!("{head}Content-Length: {}\r\n\r\n{page}", page.len()).into_bytes()))
    }

    /// The only request it got.
    pub(crate) fn request(&self) -> String {
        let requests = self.requests.lock().expect("no panic");
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = read_request(&stream)?;
    let is_get = request.starts_with("GET ");
    let gets = {
        let mut seen = seen.lock().expect("no panic");
        seen.push(request);
        seen.iter().filter(|request| request.starts_with("GET ")).count()
    };
    match answer {
        Answer::Cluster(views, ..) if is_get => write_json(&mut stream, "200 OK", &views[gets.min(views.len()) - 1])?,
        Answer::Cluster(_, status, body) => write_json(&mut stream, status, body)?,
        Answer::Json(body) => write_json(&mut stream, "200 OK", body)?,
        Answer::Bytes(bytes) => stream.write_all(bytes)?,
        Answer::Silence => drop(stream.read(&mut [0])?),
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            let block = vec![b' '; 1 << 16];
            loop {
                stream.write_all(&block)?;
            }
        }
    }
    stream.shutdown(Shutdown::Write)
}

fn write_json(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
    write!(stream, "{head}connection: close\r\n\r\n{body}")
}

fn read_request(stream: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().expect("a number"))];
    reader.read_exact(&mut body)?;
    Ok(head + &String::from_utf8(body).expect("text"))
}
