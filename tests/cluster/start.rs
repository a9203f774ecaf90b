//! Nodes start in any order, and a node that cannot start says everything that is wrong.

use std::sync::Arc;

use tokio::net::TcpListener;
use wherever::{Inject, Kind, Node, RpcError, Wherever, rpc_provider, rpc_service};

use crate::probe::{Probe, ProbeClient, Watch, provider};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_in_which_nodes_start_does_not_matter() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(Some(TcpListener::bind("127.0.0.1:0").await.unwrap()));
        }
        let addresses: Vec<_> = listeners.iter().flatten().map(|listener| listener.local_addr().unwrap()).collect();
        // Nobody answers on the ports of the nodes that have not started.
        let mut held: Vec<Option<TcpListener>> = Vec::new();
        for listener in &mut listeners {
            held.push(listener.take());
        }
        drop(held);
        let watch = Arc::new(Watch::default());
        let mut nodes = Vec::new();
        for index in order {
            let watch = watch.clone();
            let id = addresses[index].to_string();
            let node = Node::builder()
                .nodes(addresses.clone())
                .advertise(addresses[index])
                .only_given()
                .provide_with(move |wherever| ProbeClient::provider(provider(&id, wherever.client(), &watch)))
                .build()
                .unwrap();
            // A client made before the others are up works once they are.
            let client: ProbeClient = node.client();
            let listener = TcpListener::bind(addresses[index]).await.unwrap();
            let serving = node.clone();
            nodes.push((client, tokio::spawn(async move { serving.serve(listener).await })));
        }
        for (client, _) in &nodes {
            for n in 0..20 {
                client.nothing(&format!("key-{n}")).await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
            }
            assert_eq!(client.total().await, Ok(3), "{order:?}");
        }
        nodes.iter().for_each(|(_, serving)| serving.abort());
    }
}

#[tokio::test]
async fn a_client_may_be_made_before_anything_answers() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let refused = Wherever::connect([address.to_string()]).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable);
    assert!(refused.message().contains(&format!("{address}: the node cannot be reached")), "{refused}");
    let wherever = Wherever::connect_lazily([format!("http://{address}/")]).unwrap();
    let client: ProbeClient = wherever.client();
    let node = Node::builder().advertise(address).only_given();
    let watch = Arc::new(Watch::default());
    let node = node.provide_with(move |wherever| ProbeClient::provider(provider("one", wherever.client(), &watch)));
    let listener = TcpListener::bind(address).await.unwrap();
    let serving = tokio::spawn(node.serve(listener));
    client.nothing("foo").await.unwrap();
    serving.abort();
}

#[rpc_service]
trait Stock {
    async fn level(&self, item: String) -> Result<u32, RpcError>;
}

#[rpc_service]
trait Orders {
    async fn order(&self, item: String) -> Result<u32, RpcError>;
}

/// Built from the node: two services that refer to each other.
#[derive(Inject)]
struct Shelf {
    #[rpc_reference]
    orders: OrdersClient,
    capacity: Capacity,
}

#[derive(Clone)]
struct Capacity(u32);

#[rpc_provider]
impl Stock for Shelf {
    async fn level(&self, item: String) -> Result<u32, RpcError> {
        if item == "ask" { self.orders.order("stop".into()).await } else { Ok(self.capacity.0) }
    }
}

#[derive(Inject)]
struct Desk {
    #[rpc_reference]
    stock: StockClient,
}

#[rpc_provider]
impl Orders for Desk {
    async fn order(&self, item: String) -> Result<u32, RpcError> {
        self.stock.level(item).await
    }
}

#[derive(Inject)]
struct Shop {
    #[rpc_reference]
    orders: OrdersClient,
    #[rpc_reference]
    _stock: StockClient,
}

#[tokio::test]
async fn linked_providers_are_found_built_and_refer_to_each_other() {
    let node = Node::builder().advertise("127.0.0.1:7999").with(Capacity(7)).expect::<StockClient>().build().unwrap();
    let shop: Shop = node.inject().unwrap();
    assert_eq!(shop.orders.order("ask".into()).await, Ok(7));
}

#[tokio::test]
async fn a_given_provider_goes_before_a_linked_one() {
    struct Fixed;
    impl Stock for Fixed {
        async fn level(&self, _item: String) -> Result<u32, RpcError> {
            Ok(99)
        }
    }
    let node = Node::builder().advertise("127.0.0.1:7999").provide(StockClient::provider(Fixed)).build().unwrap();
    assert_eq!(node.client::<StockClient>().level("x".into()).await, Ok(99));
    let desk = Desk { stock: node.client() };
    let local = OrdersClient::local(desk);
    assert_eq!(local.order("x".into()).await, Ok(99));
}

#[tokio::test]
async fn a_node_that_cannot_start_says_all_that_is_wrong() {
    struct Nothing;
    let error = Node::builder()
        .nodes(["127.0.0.1:1", "127.0.0.1:2"])
        .advertise("127.0.0.1:2")
        .provide(Nothing)
        .expect::<ProbeClient>()
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot build Shelf") && text.contains("Capacity"), "{text}");
    assert!(text.contains("Nothing is not marked") && text.contains("no provider of Probe"), "{text}");
    assert_eq!(error.problems().len(), 3, "{text}");
    for (builder, part) in [
        (Node::builder(), ".advertise("),
        (Node::builder().advertise("0.0.0.0:80"), "cannot be dialed"),
        (Node::builder().advertise("127.0.0.1:3").nodes(["127.0.0.1:1", "127.0.0.1:2"]), "not in the list"),
        (Node::builder().nodes(["a:1", "a:1"]).advertise("a:1"), "twice"),
        (Node::builder().advertise("http://a:1"), "host:port"),
        (
            Node::builder().advertise("a:1").with(Capacity(1)).without::<Shelf>().expect::<StockClient>(),
            "no provider of Stock",
        ),
    ] {
        let text = builder.build().unwrap_err().to_string();
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_given_different_lists_refuse_each_other() {
    let (a, b) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (at_a, at_b) = (a.local_addr().unwrap(), b.local_addr().unwrap());
    let build = |nodes: Vec<(std::net::SocketAddr, u32)>, at: std::net::SocketAddr| {
        let watch = Arc::new(Watch::default());
        let builder = Node::builder().nodes(nodes).advertise(at).only_given();
        builder
            .provide_with(move |wherever| ProbeClient::provider(provider("x", wherever.client(), &watch)))
            .build()
            .unwrap()
    };
    let first = build(vec![(at_a, 0), (at_b, 1)], at_a);
    let second = build(vec![(at_a, 1), (at_b, 1)], at_b);
    let serving = tokio::spawn(async move { second.serve(b).await });
    let Err(crate::probe::ProbeError::Rpc(error)) = first.client::<ProbeClient>().nothing("foo").await else {
        panic!()
    };
    assert_eq!((error.kind(), error.executed()), (Kind::Unauthorised, wherever::Executed::No));
    assert!(error.message().contains("their lists of nodes differ"), "{error}");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_ends_finishes_its_calls_and_refuses_new_ones() {
    let watch = Arc::new(Watch::default());
    let mut cluster = crate::probe::cluster(2, &watch).force_remote().start().await;
    let clients: Vec<ProbeClient> = (0..2).map(|index| cluster.client(index)).collect();
    let owner = clients[0].place("foo").await.unwrap().0;
    let owner = cluster.nodes().position(|node| node.id().as_str() == owner).unwrap();
    let caller = clients[1 - owner].clone();
    let waiting = tokio::spawn(async move { caller.wait("foo").await });
    watch.started.notified().await;
    let node = cluster.node(owner).clone();
    let ending = async {
        let release = async {
            crate::probe::eventually("the node is leaving", || node.is_leaving()).await;
            watch.release.notify_waiters();
        };
        tokio::join!(cluster.stop(owner), release);
    };
    ending.await;
    assert_eq!(waiting.await.unwrap(), Ok(()), "the running call has finished");
}
