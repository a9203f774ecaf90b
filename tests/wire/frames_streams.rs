//! Streams by frames, between one end that keeps to the protocol and one that does not.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::poll_fn;
use rpc_core::call::items::Source;
use rpc_core::call::{Caller, Outcome};
use rpc_core::node::{NodeId, NodeInfo};
use rpc_core::transport::frames::{
    ByeCode, FIRST_CREDIT, ITEM_COST, MAX_CREDIT, Of, write_cancel, write_part, write_stream_begin, write_stream_end,
    write_stream_item, write_window,
};
use rpc_core::transport::http::HttpSettings;
use rpc_core::transport::multiplex::FramesTransport;
use rpc_core::transport::peers::Transport;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wherever::{Build, Executed, Kind, RpcError};

use super::framed::{Framed, Heard, TEXTS, call, call_frame, port};
use super::world::{World, eventually};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// A client that has opened stream 1, of texts of so many bytes.
async fn opened(world: &World, bytes: usize) -> Framed {
    let mut framed = Framed::greet(world).await;
    framed.send(call_frame(world, 1, "texts", &format!(r#"["k",{bytes}]"#))).await;
    assert_eq!(framed.hear().await, Some(Heard::Begin(1)));
    framed
}

/// As many items as come of stream 1 before the node answers a ping.
async fn items(framed: &mut Framed) -> usize {
    let mut items = 0;
    loop {
        match framed.hear_whole().await {
            Some(Heard::Item(1, _)) => items += 1,
            Some(Heard::Pong(_)) => return items,
            other => panic!("{other:?}"),
        }
    }
}

fn ping() -> Vec<u8> {
    written(|out| rpc_core::transport::frames::write_ping(out, [7; 8]))
}

#[tokio::test]
async fn a_node_sends_what_there_is_credit_for_and_no_more() {
    let world = World::start(1).await;
    // Of 936 bytes, and two quotes, and the price of an item: 1,002.
    let each = 936 + 2 + ITEM_COST;
    let mut framed = opened(&world, 936).await;
    let first = FIRST_CREDIT.div_ceil(each);
    eventually("the credit is used up", || world.ran() >= first).await;
    framed.send(ping()).await;
    assert_eq!(items(&mut framed).await as u64, first);
    // What is left below zero has to be made up for.
    framed.send(written(|out| write_window(out, 1, 10 * each))).await;
    let second = (FIRST_CREDIT + 10 * each).div_ceil(each);
    eventually("the credit is used up", || world.ran() >= second).await;
    framed.send(ping()).await;
    assert_eq!(items(&mut framed).await as u64, second - first);
    assert_eq!(world.ran(), second, "nobody asks for what cannot be sent");
    framed.send(written(|out| write_cancel(out, 1))).await;
    match framed.hear().await {
        Some(Heard::Error(1, record)) => assert_eq!((record.kind, record.executed), (Kind::Cancelled, Executed::Maybe)),
        other => panic!("{other:?}"),
    }
    eventually("it is dropped", || world.watch.dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn windows_that_no_peer_gives_end_their_connection_and_others_cost_nothing() {
    let world = World::start(1).await;
    for wrong in [
        written(|out| write_window(out, 1, 0)),
        written(|out| write_window(out, 1, u64::MAX)),
        written(|out| write_window(out, 1, MAX_CREDIT + 1)),
        (0..3).flat_map(|_| written(|out| write_window(out, 1, MAX_CREDIT))).collect(),
        written(|out| write_stream_item(out, 1, false, false, b"1")),
        written(|out| write_stream_begin(out, 1)),
        written(|out| write_stream_end(out, 1, None)),
        written(|out| write_part(out, 1, Of::Item, b"1")),
    ] {
        // An item takes more than all credit, so that none of what is given is used.
        let mut framed = opened(&world, 4_000_000).await;
        framed.send(wrong).await;
        let (code, why) = loop {
            match framed.hear_whole().await {
                Some(Heard::Item(..)) => {}
                Some(Heard::Bye(code, why)) => break (code, why),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(code, ByeCode::Unexpected, "{why}");
    }
    eventually("all streams are dropped", || world.watch.dropped.load(Ordering::SeqCst) == 8).await;
    eventually("no place is taken", || world.cluster.node(0).view().counts.streams == 0).await;
    let mut framed = Framed::greet(&world).await;
    let unknown: Vec<u8> = (0..10_000).flat_map(|n| written(|out| write_window(out, n, 1))).collect();
    framed.send(unknown).await;
    framed.send(call_frame(&world, 9, "echo", r#"["k"]"#)).await;
    assert_eq!(framed.hear().await, Some(Heard::Reply(9, r#""k""#.to_owned())));
}

#[tokio::test]
async fn a_client_that_is_gone_in_the_middle_of_an_item_ends_its_stream() {
    let world = World::start(1).await;
    let framed = opened(&world, 4_000_000).await;
    drop(framed);
    eventually("it is dropped", || world.watch.dropped.load(Ordering::SeqCst) == 1).await;
    eventually("no place is taken", || world.cluster.node(0).view().counts.streams == 0).await;
}

/// A call of a stream at a scripted node, the node's end, and the number of the call.
async fn asked(listener: &TcpListener, address: SocketAddr) -> (JoinHandle<Box<dyn Source>>, Framed, u64) {
    let transport =
        FramesTransport::new(&HttpSettings::default(), Arc::new(OnceLock::new()), Build::Unknown, || 0).unwrap();
    let address = address.to_string();
    let caller: Arc<dyn Caller> =
        transport.caller(&NodeInfo { id: NodeId::from(address.as_str()), address, weight: 1 });
    let asking = tokio::spawn(async move {
        let reply = caller.call(call(&TEXTS, r#"["k",1]"#, Duration::from_secs(50))).await.unwrap();
        match reply.outcome {
            Outcome::Stream(items) => items.take().unwrap(),
            other => panic!("{other:?}"),
        }
    });
    let mut framed = Framed::accept_and_greet(listener).await;
    let request = framed.called().await;
    framed.send(written(|out| write_stream_begin(out, request))).await;
    (asking, framed, request)
}

async fn next(source: &mut Box<dyn Source>) -> Option<Result<Outcome, RpcError>> {
    poll_fn(|cx| source.poll_item(cx, true)).await
}

fn lost(item: Option<Result<Outcome, RpcError>>) -> String {
    match item {
        Some(Err(error)) if (error.kind(), error.executed()) == (Kind::ConnectionLost, Executed::Maybe) => {
            error.message().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_node_that_breaks_the_rules_of_streams_is_left_and_what_came_before_is_delivered() {
    let item = |request, bytes: usize| written(|out| write_stream_item(out, request, false, false, &vec![b'1'; bytes]));
    type Wrong<'a> = (&'a str, Box<dyn Fn(u64) -> Vec<u8>>);
    let cases: [Wrong<'_>; 6] = [
        (
            "beyond its credit",
            Box::new(move |request| [item(request, 65_000), item(request, 900), item(request, 1)].concat()),
        ),
        (
            "parts beyond its credit",
            Box::new(move |request| {
                [item(request, 65_600), written(|out| write_part(out, request, Of::Item, b"1"))].concat()
            }),
        ),
        (
            "behind its end",
            Box::new(move |request| {
                [item(request, 5), written(|out| write_stream_end(out, request, None)), item(request, 5)].concat()
            }),
        ),
        ("two ends", Box::new(|request| [1, 2].map(|_| written(|out| write_stream_end(out, request, None))).concat())),
        ("of no call", Box::new(move |request| item(request + 1, 5))),
        ("a window", Box::new(|request| written(|out| write_window(out, request, 5)))),
    ];
    for (what, wrong) in cases {
        let (listener, address) = port().await;
        let (asking, mut framed, request) = asked(&listener, address).await;
        let mut source = asking.await.unwrap();
        framed.send(item(request, 3)).await;
        assert!(matches!(next(&mut source).await, Some(Ok(Outcome::Value(value))) if value.bytes() == "111"), "{what}");
        framed.send(wrong(request)).await;
        let (code, why) = framed.bye().await;
        assert_eq!(code, ByeCode::Unexpected, "{what}: {why}");
        let last = loop {
            match next(&mut source).await {
                Some(Ok(_)) => {}
                last => break last,
            }
        };
        // A stream that had ended has.
        if !what.contains("end") {
            lost(last);
        }
        assert!(next(&mut source).await.is_none(), "{what}");
    }
}

#[tokio::test]
async fn a_node_that_is_cut_off_in_the_middle_of_an_item_has_sent_none() {
    let (listener, address) = port().await;
    let (asking, mut framed, request) = asked(&listener, address).await;
    let mut source = asking.await.unwrap();
    framed.send(written(|out| write_part(out, request, Of::Item, b"[1,"))).await;
    framed.send(&written(|out| write_stream_item(out, request, false, false, b"2]"))[..5]).await;
    drop(framed);
    lost(next(&mut source).await);
    assert!(next(&mut source).await.is_none());
}

#[tokio::test]
async fn what_is_taken_gives_credit_and_what_is_dropped_is_taken_back() {
    let (listener, address) = port().await;
    let (asking, mut framed, request) = asked(&listener, address).await;
    let mut source = asking.await.unwrap();
    for _ in 0..2 {
        framed.send(written(|out| write_stream_item(out, request, false, false, &vec![b'1'; 20_000]))).await;
        assert!(matches!(next(&mut source).await, Some(Ok(Outcome::Value(_)))));
    }
    assert_eq!(framed.hear().await, Some(Heard::Window(request, 2 * (20_000 + ITEM_COST))));
    drop(source);
    assert_eq!(framed.hear().await, Some(Heard::Cancel(request)));
    // What crosses the cancel is no fault.
    framed.send(written(|out| write_part(out, request, Of::Item, b"1"))).await;
    framed.send(written(|out| write_stream_item(out, request, false, false, b"1"))).await;
    framed.send(written(|out| write_stream_end(out, request, None))).await;
    framed.send(ping()).await;
    // The transport is gone, and with it its connection, once nothing is open on it.
    assert!(matches!(framed.hear().await, Some(Heard::Pong(_)) | None));
}
