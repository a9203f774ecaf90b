//! A call that is sent twice runs once: connections are cut after the request has left, and the caller still gets the first reply.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use wherever::{Executed, Kind, Node, RpcError, Slots, Wherever, rpc_provider, rpc_service};

#[rpc_service(name = "twice.Till")]
trait Till {
    async fn pay(&self, key: String) -> Result<u64, RpcError>;

    #[rpc(detach)]
    async fn pay_anyway(&self, key: String) -> Result<u64, RpcError>;

    #[rpc(idempotent)]
    async fn settle(&self, key: String) -> Result<u64, RpcError>;
}

/// Counts what runs, and lets it end when there is a permit.
struct Drawer {
    values: Slots<String, u64>,
    ran: Arc<AtomicU64>,
    began: Arc<Notify>,
    gate: Arc<Semaphore>,
}

impl Drawer {
    async fn add(&self, key: &String) -> Result<u64, RpcError> {
        self.ran.fetch_add(1, Ordering::SeqCst);
        self.began.notify_one();
        self.gate.acquire().await.unwrap().forget();
        self.values.update(key, 0, |value| {
            *value += 1;
            *value
        })
    }
}

#[rpc_provider(given)]
impl Till for Drawer {
    async fn pay(&self, key: String) -> Result<u64, RpcError> {
        self.add(&key).await
    }

    async fn pay_anyway(&self, key: String) -> Result<u64, RpcError> {
        self.add(&key).await
    }

    async fn settle(&self, key: String) -> Result<u64, RpcError> {
        self.add(&key).await
    }
}

/// One node behind a proxy that cuts connections when it is told to.
struct World {
    client: TillClient,
    ran: Arc<AtomicU64>,
    began: Arc<Notify>,
    gate: Arc<Semaphore>,
    proxy: Arc<Proxy>,
    address: SocketAddr,
}

#[derive(Default)]
struct Proxy {
    /// The next reply is not passed on; its connection is cut instead.
    swallows: AtomicBool,
    /// Cuts all connections at once.
    cut: Notify,
    node: Mutex<Option<SocketAddr>>,
}

impl Proxy {
    async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (caller, _) = listener.accept().await.unwrap();
            let proxy = self.clone();
            tokio::spawn(async move {
                let node = proxy.node.lock().unwrap().unwrap();
                let node = TcpStream::connect(node).await.unwrap();
                let cut = proxy.cut.notified();
                tokio::select! {
                    () = cut => {}
                    _ = proxy.pass(caller, node) => {}
                }
            });
        }
    }

    async fn pass(&self, caller: TcpStream, node: TcpStream) -> std::io::Result<()> {
        let (mut from_caller, mut to_caller) = caller.into_split();
        let (mut from_node, mut to_node) = node.into_split();
        let there = tokio::io::copy(&mut from_caller, &mut to_node);
        let back = async {
            let mut buffer = [0; 4096];
            loop {
                let read = from_node.read(&mut buffer).await?;
                if read == 0 || self.swallows.swap(false, Ordering::SeqCst) {
                    return std::io::Result::Ok(());
                }
                to_caller.write_all(&buffer[..read]).await?;
            }
        };
        tokio::select! {
            done = there => done.map(drop),
            done = back => done,
        }
    }
}

impl World {
    async fn start() -> Self {
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = front.local_addr().unwrap();
        let proxy = Arc::new(Proxy::default());
        tokio::spawn(proxy.clone().run(front));
        let mut world = Self {
            client: Wherever::connect_lazily([address.to_string()]).unwrap().client(),
            ran: Arc::default(),
            began: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            proxy,
            address,
        };
        world.start_node().await;
        world.client = Wherever::connect([address.to_string()]).await.unwrap().client();
        world
    }

    /// Starts a node, the first one or one in the place of the last.
    async fn start_node(&self) {
        let (ran, began, gate) = (self.ran.clone(), self.began.clone(), self.gate.clone());
        let node = Node::builder()
            .only_given()
            .advertise(self.address)
            .provide_with(move |wherever| Drawer { values: wherever.slots("Drawer.values"), ran, began, gate })
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        *self.proxy.node.lock().unwrap() = Some(listener.local_addr().unwrap());
        tokio::spawn(async move { node.serve(listener).await });
    }

    fn ran(&self) -> u64 {
        self.ran.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_reply_that_is_lost_is_asked_for_again_and_nothing_runs_twice() {
    let world = World::start().await;
    world.gate.add_permits(100);
    for expected in 1..=5 {
        world.proxy.swallows.store(true, Ordering::SeqCst);
        assert_eq!(world.client.pay("foo".into()).await, Ok(expected));
        world.proxy.swallows.store(true, Ordering::SeqCst);
        assert_eq!(world.client.pay_anyway("bar".into()).await, Ok(expected));
        assert_eq!(world.ran(), 2 * expected);
    }
}

#[tokio::test]
async fn a_duplicate_of_a_running_call_waits_for_it() {
    let world = World::start().await;
    for detached in [false, true] {
        let client = world.client.clone();
        let paying = tokio::spawn(async move {
            let key = "foo".to_owned();
            if detached { client.pay_anyway(key).await } else { client.pay(key).await }
        });
        world.began.notified().await;
        world.proxy.cut.notify_waiters();
        world.gate.add_permits(1);
        let expected = 1 + u64::from(detached);
        assert_eq!(paying.await.unwrap(), Ok(expected));
        assert_eq!(world.ran(), expected);
    }
}

#[tokio::test]
async fn what_may_run_twice_is_sent_anew() {
    let world = World::start().await;
    world.gate.add_permits(10);
    // Over the connection that is there by then, it is the reply that is lost.
    assert_eq!(world.client.settle("foo".into()).await, Ok(1));
    world.proxy.swallows.store(true, Ordering::SeqCst);
    assert_eq!(world.client.settle("foo".into()).await, Ok(3));
    assert_eq!(world.ran(), 3);
}

#[tokio::test]
async fn a_node_that_has_lost_its_records_says_maybe_and_runs_nothing() {
    let world = World::start().await;
    let client = world.client.clone();
    let paying = tokio::spawn(async move { client.pay("foo".into()).await });
    world.began.notified().await;
    world.start_node().await;
    world.proxy.cut.notify_waiters();
    let error = paying.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.executed()), (Kind::Recovering, Executed::Maybe), "{error}");
    assert_eq!(world.ran(), 1);
}
