//! One end of a connection of frames that says exactly what a test lets it say: a hostile client, or a scripted node.

use std::net::SocketAddr;
use std::time::Duration;

use rpc_core::call::{Call, CallId, Deadline, Path, Target};
use rpc_core::codec::payload::Payload;
use rpc_core::error::ErrorRecord;
use rpc_core::limits::MAX_MESSAGE;
use rpc_core::node::NodeId;
use rpc_core::service::{MethodDescriptor, Routing};
use rpc_core::slot::Slot;
use rpc_core::transport::frames::{
    ByeCode, CallFrame, Frame, GoAway, Hello, MAX_FRAME, Next, Of, Parts, next, read_failure, write_hello, write_part,
    write_reply,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::world::{SESSION, World};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const UPGRADE: &str =
    "GET /wherever/frames HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: wherever-frames\r\n\r\n";

/// One end of a connection.
pub(crate) struct Framed {
    pub(crate) stream: TcpStream,
    inbox: Vec<u8>,
    parts: Parts,
}

/// A frame, as its reader heard it; answers whole, of however many parts.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Hello(Hello),
    Call { request: u64, method: String, params: String },
    Reply(u64, String),
    Failure(u64, String),
    Error(u64, ErrorRecord),
    Part(u64),
    Cancel(u64),
    Ping([u8; 8]),
    Pong([u8; 8]),
    GoAway(String),
    Begin(u64),
    Item(u64, String),
    End(u64, Option<ErrorRecord>),
    Window(u64, u64),
    Bye(ByeCode, String),
}

impl Framed {
    fn new(stream: TcpStream) -> Self {
        Self { stream, inbox: Vec::new(), parts: Parts::new(2 * MAX_MESSAGE, 1000) }
    }

    /// A client that has left HTTP, and said nothing yet.
    pub(crate) async fn upgrade(address: &str) -> Self {
        let mut framed = Self::new(TcpStream::connect(address).await.unwrap());
        framed.send(UPGRADE).await;
        let head = framed.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        framed
    }

    /// A client that was taken for one of ours.
    pub(crate) async fn greet(world: &World) -> Self {
        Self::greet_with(world, &Hello::new(MAX_MESSAGE, 0)).await
    }

    pub(crate) async fn greet_with(world: &World, hello: &Hello) -> Self {
        let mut framed = Self::upgrade(world.address(0)).await;
        framed.send(hello_frame(hello)).await;
        let Some(Heard::Hello(theirs)) = framed.hear().await else { panic!("no hello") };
        assert_eq!(theirs.cluster.as_deref(), Some(world.cluster.node(0).cluster_id()));
        framed
    }

    /// The next client of a scripted node, upgraded.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = timeout(PATIENCE, listener.accept()).await.expect("a client").unwrap();
        stream.set_nodelay(true).unwrap();
        let mut framed = Self::new(stream);
        let head = framed.head().await;
        assert!(head.contains("wherever-frames"), "{head}");
        framed.send("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: wherever-frames\r\n\r\n").await;
        framed
    }

    /// The same, after the hellos.
    pub(crate) async fn accept_and_greet(listener: &TcpListener) -> Self {
        Self::accept_with(listener, &Hello::new(MAX_MESSAGE, 100_000)).await
    }

    pub(crate) async fn accept_with(listener: &TcpListener, hello: &Hello) -> Self {
        let mut framed = Self::accept(listener).await;
        framed.send(hello_frame(hello)).await;
        assert!(matches!(framed.hear().await, Some(Heard::Hello(_))));
        framed
    }

    /// Sends bytes; a peer that refuses early may close before it has them all.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _refused_early = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("the peer reads");
    }

    /// The next frame; `None` if the connection is closed.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        loop {
            if let Next::Whole { frame, consumed } = next(&self.inbox, MAX_FRAME).expect("the peer sends frames") {
                let heard = heard(&frame, &mut self.parts);
                self.inbox.drain(..consumed);
                return Some(heard);
            }
            self.more().await?;
        }
    }

    /// The next frame that is no piece of a large one.
    pub(crate) async fn hear_whole(&mut self) -> Option<Heard> {
        loop {
            match self.hear().await {
                Some(Heard::Part(_)) => {}
                heard => return heard,
            }
        }
    }

    /// The code of the bye that must come next, and that the connection is closed behind it.
    pub(crate) async fn bye(&mut self) -> (ByeCode, String) {
        match self.hear().await {
            Some(Heard::Bye(code, reason)) => {
                assert_eq!(self.hear().await, None, "nothing follows a bye");
                (code, reason)
            }
            other => panic!("{other:?} instead of a bye"),
        }
    }

    /// What a call comes to that arrives next.
    pub(crate) async fn called(&mut self) -> u64 {
        match self.hear_whole().await {
            Some(Heard::Call { request, .. }) => request,
            other => panic!("{other:?} instead of a call"),
        }
    }

    /// The reply to a call whose number this is.
    pub(crate) async fn reply(&mut self, request: u64, value: &str) {
        let mut out = Vec::new();
        write_reply(&mut out, request, false, &[], value.as_bytes());
        self.send(out).await;
    }

    async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.inbox.windows(4).position(|four| four == b"\r\n\r\n") {
                return String::from_utf8(self.inbox.drain(..at + 4).collect()).unwrap();
            }
            self.more().await.expect("a whole head");
        }
    }

    async fn more(&mut self) -> Option<()> {
        let mut chunk = vec![0; 256 << 10];
        match timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("the peer speaks or closes") {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.inbox.extend_from_slice(&chunk[..count]);
                Some(())
            }
        }
    }
}

fn heard(frame: &Frame<'_>, parts: &mut Parts) -> Heard {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut whole =
        |of, request, last: &[u8]| parts.finish(of, request, last).unwrap().unwrap_or_else(|| last.to_vec());
    match *frame {
        Frame::Hello(json) => Heard::Hello(Hello::parse(json).unwrap()),
        Frame::Call(CallFrame { request, method, payload, .. }) => {
            let params = text(&whole(Of::Call, request, payload));
            Heard::Call { request, method: method.to_owned(), params }
        }
        Frame::Reply { request, value, .. } => Heard::Reply(request, text(&whole(Of::Answer, request, value))),
        Frame::Failure { request, payload, .. } => {
            Heard::Failure(request, read_failure(&whole(Of::Answer, request, payload)).unwrap().0.to_owned())
        }
        Frame::Error { request, record } => Heard::Error(request, serde_json::from_slice(record).unwrap()),
        Frame::Part { request, of, bytes } => {
            parts.add(of, request, bytes).unwrap();
            Heard::Part(request)
        }
        Frame::Cancel { request } => Heard::Cancel(request),
        Frame::Ping(token) => Heard::Ping(token),
        Frame::Pong(token) => Heard::Pong(token),
        Frame::GoAway(json) => Heard::GoAway(GoAway::parse(json).unwrap().reason),
        Frame::Bye { code, reason } => Heard::Bye(code, reason.to_owned()),
        Frame::StreamBegin { request } => Heard::Begin(request),
        Frame::StreamItem { request, item, .. } => Heard::Item(request, text(&whole(Of::Item, request, item))),
        Frame::StreamEnd { request, error } => {
            Heard::End(request, error.map(|record| serde_json::from_slice(record).unwrap()))
        }
        Frame::Window { request, credit } => Heard::Window(request, credit),
    }
}

pub(crate) fn hello_frame(hello: &Hello) -> Vec<u8> {
    let mut out = Vec::new();
    write_hello(&mut out, hello);
    out
}

/// A call of `Probe` under this number, its arguments in as many parts as they need.
pub(crate) fn call_frame(world: &World, request: u64, method: &str, params: &str) -> Vec<u8> {
    let key: serde_json::Value = serde_json::from_str(params).unwrap();
    let slot = Slot::of_text(key[0].as_str().unwrap().as_bytes());
    let epoch = world.cluster.node(0).wherever().group("default").epoch(slot);
    let id = CallId { session: u64::from_str_radix(SESSION, 16).unwrap(), sequence: request + 1, acked: 0 };
    let name = format!("Probe.{method}");
    let (ahead, last) = rpc_core::transport::frames::in_parts(params.as_bytes());
    let mut out = Vec::new();
    for piece in ahead {
        write_part(&mut out, request, Of::Call, piece);
    }
    let call = call(&ECHO, params, Duration::from_secs(50));
    let frame = CallFrame {
        id,
        slot: Some((slot, epoch)),
        method: &name,
        payload: last,
        ..CallFrame::new(request, &call, 50_000)
    };
    frame.write(&mut out).unwrap();
    out
}

/// What `Probe.echo` is, for those who make calls without a client.
pub(crate) static ECHO: MethodDescriptor = method("echo", "Probe.echo");

/// The same of `Probe.wait`.
pub(crate) static WAIT: MethodDescriptor = method("wait", "Probe.wait");

/// The same of `Probe.texts`.
pub(crate) static TEXTS: MethodDescriptor =
    MethodDescriptor { streams: true, read: false, ..method("texts", "Probe.texts") };

const fn method(name: &'static str, full_name: &'static str) -> MethodDescriptor {
    MethodDescriptor {
        service: "Probe",
        group: "default",
        name,
        full_name,
        routing: Routing::Key,
        params: &["key"],
        key: &["key"],
        docs: "",
        read: true,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: None,
        merge: None,
        compact: None,
    }
}

/// A call with these arguments and so much time.
pub(crate) fn call(method: &'static MethodDescriptor, params: &str, wait: Duration) -> Call {
    use std::sync::atomic::{AtomicU64, Ordering};
    static SEQUENCE: AtomicU64 = AtomicU64::new(1);
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    Call {
        method,
        params: Payload::json(params.to_owned()),
        target: Target::Node(NodeId::from("anybody"), None),
        epoch: 0,
        deadline: Deadline::after(wait),
        id: CallId { session: 7, sequence, acked: 0 },
        first_epoch: None,
        hops: 0,
        path: Path::root(),
        trace: None,
    }
}

/// A port for a scripted node.
pub(crate) async fn port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
