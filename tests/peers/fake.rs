//! A peer that speaks just enough HTTP to be taken for a node, and then does what its script says.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rpc_core::cluster::view::ClusterView;
use rpc_core::transport::headers::About;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What the peer does with one request.
pub(crate) enum Deed {
    Answer(Vec<u8>),
    AnswerAndClose(Vec<u8>),
    /// Holds the connection and says nothing.
    Silence,
    Reset,
    /// These bytes once, then those again and again until nobody listens.
    Flood(Vec<u8>, Vec<u8>),
    /// One byte every few milliseconds.
    Trickle(Vec<u8>),
}

/// A call as the peer received it.
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn about(&self) -> About<'_> {
        About::parse(self.header("x-wherever-call").unwrap()).unwrap()
    }

    pub(crate) fn slot(&self) -> u16 {
        self.about().slot.expect("a keyed call").get()
    }

    /// A JSON-RPC reply to this call with further members.
    pub(crate) fn reply(&self, members: &Value) -> Deed {
        let mut body = json!({"jsonrpc": "2.0", "id": self.body["id"]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Deed::Answer(http(200, "application/json", body.to_string()))
    }

    pub(crate) fn ok(&self) -> Deed {
        self.reply(&json!({"result": 1}))
    }

    /// An error of ours.
    pub(crate) fn error(&self, code: i32, data: &Value) -> Deed {
        let mut record = json!({"message": "scripted"});
        record.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        self.reply(&json!({"error": {"code": code, "message": "scripted", "data": record}}))
    }

    pub(crate) fn moved(&self, to: &str, epoch: u64) -> Deed {
        let data =
            json!({"kind": "moved", "executed": "no", "slot": self.slot(), "epoch": epoch, "node": to, "address": to});
        self.error(-32001, &data)
    }
}

/// A whole HTTP answer.
pub(crate) fn http(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(crate) type Script = Arc<dyn Fn(&Asked) -> Deed + Send + Sync>;

/// What the peer saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) maps: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    pub(crate) cancels: Mutex<Vec<String>>,
    /// The headers of those who said which answers they have.
    pub(crate) answered: Mutex<Vec<String>>,
    /// The id of each call.
    pub(crate) ids: Mutex<Vec<String>>,
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    stage: Arc<Stage>,
    serving: JoinHandle<()>,
}

pub(crate) struct Stage {
    pub(crate) seen: Seen,
    script: Mutex<Script>,
    slammed: AtomicBool,
    is_deaf: AtomicBool,
    view: Arc<Mutex<Option<ClusterView>>>,
}

impl Fake {
    /// A peer on this listener that tells the cluster's map as `view`.
    pub(crate) fn start(listener: TcpListener, view: Arc<Mutex<Option<ClusterView>>>) -> Self {
        let address = listener.local_addr().unwrap();
        let script: Script = Arc::new(Asked::ok);
        let stage = Arc::new(Stage {
            seen: Seen::default(),
            script: Mutex::new(script),
            slammed: AtomicBool::new(false),
            is_deaf: AtomicBool::new(false),
            view,
        });
        let serving = tokio::spawn(serve(listener, stage.clone()));
        Self { address, stage, serving }
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.stage.seen
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen().calls.load(Ordering::SeqCst)
    }

    pub(crate) fn maps(&self) -> usize {
        self.seen().maps.load(Ordering::SeqCst)
    }

    /// From now on does this with every call.
    pub(crate) fn does(&self, script: impl Fn(&Asked) -> Deed + Send + Sync + 'static) {
        *self.stage.script.lock().unwrap() = Arc::new(script);
    }

    /// From now on closes each connection before reading from it.
    pub(crate) fn slams(&self) {
        self.stage.slammed.store(true, Ordering::SeqCst);
    }

    /// From now on never answers a cancellation.
    pub(crate) fn ignores_cancels(&self) {
        self.stage.is_deaf.store(true, Ordering::SeqCst);
    }

    /// Closes the port and every connection, as an ended process.
    pub(crate) async fn stop(&mut self) {
        self.serving.abort();
        let _aborted = (&mut self.serving).await;
    }

    /// Opens the same port again.
    pub(crate) async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serving = tokio::spawn(serve(listener, self.stage.clone()));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, stage: Arc<Stage>) {
    // Dropped with this task, which ends all connections.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stage.seen.connections.fetch_add(1, Ordering::SeqCst);
        if !stage.slammed.load(Ordering::SeqCst) {
            let stage = stage.clone();
            connections.spawn(async move {
                let _client_gone = converse(stream, &stage).await;
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, stage: &Stage) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let asked = receive(&mut stream).await?;
        if asked.head.starts_with("GET /wherever/cluster ") {
            stage.seen.maps.fetch_add(1, Ordering::SeqCst);
            let view = serde_json::to_string(&*stage.view.lock().unwrap()).unwrap();
            stream.write_all(&http(200, "application/json", view)).await?;
            // Closed, so that a call that follows makes a connection of its own.
            return Ok(());
        }
        let cluster = stage.view.lock().unwrap().as_ref().map(|view| view.cluster.clone());
        // A call of another test, whose peer had this port before; a cancellation names no cluster.
        let is_ours = |named: Option<&str>| named.is_none_or(|named| cluster.as_deref() == Some(named));
        if asked.header("x-wherever-call").is_none() || !is_ours(asked.about().cluster) {
            stream.write_all(&http(403, "application/json", "{}")).await?;
            continue;
        }
        if asked.body["method"] == "wherever.cancel" {
            let calls = asked.body["params"]["calls"].as_array().unwrap();
            stage.seen.cancels.lock().unwrap().extend(calls.iter().map(|id| id.as_str().unwrap().to_owned()));
            if stage.is_deaf.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").await?;
            continue;
        }
        if asked.body["method"] == "wherever.answered" {
            stage.seen.answered.lock().unwrap().push(asked.about().id.to_string());
            if !perform(asked.reply(&json!({"result": true})), stream.get_mut()).await? {
                return Ok(());
            }
            continue;
        }
        stage.seen.calls.fetch_add(1, Ordering::SeqCst);
        stage.seen.ids.lock().unwrap().push(asked.about().id.to_string());
        let script = stage.script.lock().unwrap().clone();
        if !perform(script(&asked), stream.get_mut()).await? {
            return Ok(());
        }
    }
}

/// Does it; says whether the connection goes on.
async fn perform(deed: Deed, stream: &mut TcpStream) -> io::Result<bool> {
    match deed {
        Deed::Answer(bytes) => stream.write_all(&bytes).await?,
        Deed::AnswerAndClose(bytes) => {
            stream.write_all(&bytes).await?;
            return Ok(false);
        }
        Deed::Silence => std::future::pending().await,
        Deed::Reset => {
            stream.set_zero_linger()?;
            return Ok(false);
        }
        Deed::Flood(once, again) => {
            stream.write_all(&once).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
        Deed::Trickle(bytes) => {
            for byte in bytes {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    Ok(true)
}

/// Reads one request with a `Content-Length`.
async fn receive(stream: &mut BufReader<TcpStream>) -> io::Result<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut asked = Asked { head: String::from_utf8(head).unwrap(), body: Value::Null };
    if let Some(length) = asked.header("content-length") {
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await?;
        asked.body = serde_json::from_slice(&body).unwrap();
    }
    Ok(asked)
}
