//! What a node does with whatever comes over a connection of frames: D18, C9 to C11, D4, and shutdown.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rpc_core::limits::MAX_MESSAGE;
use rpc_core::transport::frames::{
    ByeCode, Hello, Of, write_cancel, write_error, write_failure, write_go_away, write_part, write_ping, write_pong,
    write_reply,
};
use serde_json::json;
use wherever::{Executed, Kind, Limits};

use super::framed::{Framed, Heard, UPGRADE, call_frame, hello_frame};
use super::raw::Raw;
use super::world::{World, eventually};

/// A frame of this kind and these fields.
fn frame(kind: u8, fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fields.len() + 1).unwrap().to_le_bytes();
    [&length[..], &[kind], fields].concat()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// Arguments of a key of so many bytes.
fn long_key(bytes: usize) -> String {
    json!(["k".repeat(bytes)]).to_string()
}

fn in_flight(world: &World) -> u64 {
    world.cluster.node(0).view().counts.in_flight
}

#[tokio::test]
async fn who_does_not_ask_for_frames_is_told_how() {
    let world = World::start(1).await;
    for request in [
        "GET /wherever/frames HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        UPGRADE.replace("wherever-frames\r\n", "websocket\r\n"),
        UPGRADE.replace("Connection: upgrade", "Connection: close"),
        UPGRADE.replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        let answer = world.send(&request).await.unwrap();
        assert_eq!(answer.status, 426, "{request}");
        assert_eq!(answer.header("upgrade").as_deref(), Some("wherever-frames"));
    }
    let page = UPGRADE.replace("\r\n\r\n", "\r\nOrigin: http://elsewhere.example\r\n\r\n");
    assert_eq!(world.send(page).await.unwrap().status, 403);
    world.unharmed("no upgrade", 0).await;
}

#[tokio::test]
async fn a_wrong_hello_ends_its_connection_with_the_reason() {
    let world = World::start(1).await;
    let hello = Hello::new(MAX_MESSAGE, 0);
    let cluster = Hello { cluster: Some("another".into()), ..hello.clone() };
    for (what, bytes, code) in [
        ("another version", hello_frame(&Hello { version: 2, ..hello.clone() }), ByeCode::Refused),
        ("another cluster", hello_frame(&cluster), ByeCode::Refused),
        ("tiny frames", hello_frame(&Hello { max_frame: 7, ..hello.clone() }), ByeCode::Refused),
        ("no JSON", frame(1, b"hello"), ByeCode::Malformed),
        ("an array", frame(1, b"[]"), ByeCode::Malformed),
        ("too large", frame(1, &[b' '; 4097]), ByeCode::TooLarge),
        ("none", written(|out| write_ping(out, [0; 8])), ByeCode::Unexpected),
        ("a call", call_frame(&world, 1, "echo", r#"["k"]"#), ByeCode::Unexpected),
        ("plain HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), ByeCode::Malformed),
        ("TLS", vec![0x16, 3, 1, 0, 200, 1, 0, 0], ByeCode::Malformed),
    ] {
        let mut framed = Framed::upgrade(world.address(0)).await;
        framed.send(&bytes).await;
        let (said, reason) = framed.bye().await;
        assert_eq!(said, code, "{what}: {reason}");
        if matches!(what, "plain HTTP" | "TLS") {
            assert!(reason.contains(what), "{reason}");
        }
        world.unharmed(what, world.ran()).await;
    }
}

#[tokio::test]
async fn a_hello_that_never_comes_is_not_waited_for_without_end() {
    let world = World::start(1).await;
    let mut framed = Framed::upgrade(world.address(0)).await;
    // From here on time leaps to whatever is waited for.
    tokio::time::pause();
    let (code, reason) = framed.bye().await;
    assert_eq!(code, ByeCode::Silent, "{reason}");
}

#[tokio::test]
async fn a_bad_frame_ends_its_connection_and_nothing_else() {
    let world = World::start(1).await;
    let mut other = Framed::greet(&world).await;
    let record = wherever::RpcError::new(Kind::Internal, "x");
    for (what, bytes, code) in [
        ("length 0", vec![0, 0, 0, 0], ByeCode::Malformed),
        ("all the memory there is", vec![0xff, 0xff, 0xff, 0xff, 2], ByeCode::TooLarge),
        ("a call of more than a frame", vec![0, 0, 0x10, 0, 2], ByeCode::TooLarge),
        ("a ping of nine bytes", frame(7, &[0; 9]), ByeCode::TooLarge),
        ("an unknown kind", frame(0x2a, &[]), ByeCode::Malformed),
        ("unknown flags", frame(2, &[1, 0x80]), ByeCode::Malformed),
        ("half a field", frame(6, &[0x80]), ByeCode::Malformed),
        ("bytes behind the last field", frame(6, &[1, 2]), ByeCode::Malformed),
        ("a second hello", hello_frame(&Hello::new(MAX_MESSAGE, 0)), ByeCode::Unexpected),
        ("a reply", written(|out| write_reply(out, 1, false, &[], b"1")), ByeCode::Unexpected),
        ("a failure", written(|out| write_failure(out, 1, false, "x", b"1")), ByeCode::Unexpected),
        ("an error", written(|out| write_error(out, 1, record.record())), ByeCode::Unexpected),
        ("a part of an answer", written(|out| write_part(out, 1, Of::Answer, b"1")), ByeCode::Unexpected),
        ("an item", frame(0x0c, &[1, 0]), ByeCode::Unexpected),
        ("a call in the compact codec", compact(&call_frame(&world, 1, "echo", r#"["k"]"#)), ByeCode::Unexpected),
    ] {
        let ran = world.ran();
        let mut framed = Framed::greet(&world).await;
        framed.send(&bytes).await;
        let (said, reason) = framed.bye().await;
        assert_eq!(said, code, "{what}: {reason}");
        world.unharmed(what, ran).await;
        other.send(call_frame(&world, ran, "echo", r#"["k"]"#)).await;
        assert_eq!(other.hear().await, Some(Heard::Reply(ran, r#""k""#.into())), "after {what}");
    }
}

/// A call frame with the flag of the compact codec.
fn compact(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    // Behind length, kind and a small request id.
    frame[6] |= 0x20;
    frame
}

#[tokio::test]
async fn a_frame_that_is_cut_off_runs_nothing() {
    let world = World::start(1).await;
    let frame = call_frame(&world, 1, "echo", r#"["k"]"#);
    for cut in [1, 4, 5, 20, frame.len() - 1] {
        let mut framed = Framed::greet(&world).await;
        framed.send(&frame[..cut]).await;
        drop(framed);
    }
    // Also in the middle of its parts.
    let mut framed = Framed::greet(&world).await;
    let large = call_frame(&world, 1, "echo", &long_key(200_000));
    framed.send(&large[..large.len() - 1]).await;
    drop(framed);
    world.unharmed("half a frame", 0).await;
}

#[tokio::test]
async fn a_number_that_is_in_use_names_no_second_call() {
    let world = World::start(1).await;
    let mut framed = Framed::greet(&world).await;
    framed.send(call_frame(&world, 1, "wait", r#"["k"]"#)).await;
    world.watch.started.notified().await;
    framed.send(call_frame(&world, 1, "echo", r#"["k"]"#)).await;
    let (code, reason) = framed.bye().await;
    assert_eq!(code, ByeCode::Unexpected, "{reason}");
    assert_eq!(world.watch.dropped.load(Ordering::SeqCst), 0, "what runs goes on without its connection");
    world.watch.release.notify_waiters();
    eventually("it has ended", || in_flight(&world) == 0).await;
    world.unharmed("a doubled number", 1).await;
    // A number is free again when its call was answered.
    let mut framed = Framed::greet(&world).await;
    for _ in 0..3 {
        framed.send(call_frame(&world, 1, "echo", r#"["k"]"#)).await;
        assert_eq!(framed.hear().await, Some(Heard::Reply(1, r#""k""#.into())));
    }
}

#[tokio::test]
async fn a_cancelled_call_is_dropped_answered_once_and_known_as_over() {
    let world = World::start(1).await;
    let mut framed = Framed::greet(&world).await;
    framed.send(call_frame(&world, 7, "hang", r#"["k"]"#)).await;
    world.watch.started.notified().await;
    // Twice, and one that nobody knows.
    framed.send(written(|out| [9, 7, 7].into_iter().for_each(|request| write_cancel(out, request)))).await;
    let Some(Heard::Error(7, record)) = framed.hear().await else { panic!("no answer") };
    assert_eq!((record.kind, record.executed), (Kind::Cancelled, Executed::Maybe));
    eventually("the method is dropped", || world.watch.dropped.load(Ordering::SeqCst) == 1).await;
    eventually("its place is free", || in_flight(&world) == 0).await;
    // Asked for again under its id, it does not run again, and is not waited for either.
    framed.send(call_frame(&world, 7, "hang", r#"["k"]"#)).await;
    let Some(Heard::Error(7, record)) = framed.hear().await else { panic!("no answer") };
    assert_eq!(record.executed, Executed::Maybe, "{record:?}");
    // Taken back before it was whole, it gets no answer.
    framed.send(written(|out| write_part(out, 8, Of::Call, b"[\"lost"))).await;
    framed.send(written(|out| write_cancel(out, 8))).await;
    framed.send(call_frame(&world, 8, "echo", r#"["k"]"#)).await;
    assert_eq!(framed.hear().await, Some(Heard::Reply(8, r#""k""#.into())));
    world.unharmed("a cancellation", 2).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_answered_no_further() {
    const CALLS: u64 = 48;
    const SIZE: usize = 1 << 20;
    let world = World::start(1).await;
    let mut framed = Framed::greet(&world).await;
    // In one piece, so that they come with one read.
    let calls = (0..CALLS).flat_map(|request| call_frame(&world, request, "text", &format!(r#"["k",{SIZE}]"#)));
    framed.send(calls.collect::<Vec<_>>()).await;
    eventually("answers wait", || world.ran() >= 8).await;
    let mut before = 0;
    while before != world.ran() {
        before = world.ran();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(before < 36, "{before} answers of 1 MiB are kept for a peer that reads none");
    let mut answered = 0;
    while answered < CALLS {
        match framed.hear_whole().await {
            Some(Heard::Reply(_, text)) => assert_eq!(text.len(), SIZE + 2),
            other => panic!("{other:?}"),
        }
        answered += 1;
    }
    world.unharmed("a slow reader", CALLS).await;
}

#[tokio::test]
async fn what_costs_its_sender_nothing_costs_the_node_no_memory() {
    let world = World::start(1).await;
    // Pings whose answers are read are answered, each.
    let mut framed = Framed::greet(&world).await;
    for round in 0..20 {
        framed.send(written(|out| (0..1000).for_each(|_| write_ping(out, [round; 8])))).await;
        for _ in 0..1000 {
            assert_eq!(framed.hear().await, Some(Heard::Pong([round; 8])));
        }
    }
    // Cancels, pongs and go-aways mean nothing.
    let nothing = written(|out| {
        for request in 0..5000 {
            write_cancel(out, request);
            write_pong(out, [1; 8]);
        }
        write_go_away(out, "for fun");
    });
    for _ in 0..20 {
        framed.send(&nothing).await;
    }
    framed.send(call_frame(&world, 1, "echo", r#"["k"]"#)).await;
    assert_eq!(framed.hear().await, Some(Heard::Reply(1, r#""k""#.into())));
    // Those whose answers are not read end the connection.
    let pings = written(|out| (0..10_000).for_each(|_| write_ping(out, [3; 8])));
    let mut framed = Framed::greet(&world).await;
    let flood = async {
        use tokio::io::AsyncWriteExt;
        while framed.stream.write_all(&pings).await.is_ok() {}
    };
    tokio::time::timeout(Duration::from_secs(8), flood).await.expect("the node hangs up");
    world.unharmed("floods", 1).await;
}

#[tokio::test]
async fn large_answers_do_not_hold_up_small_ones() {
    let world = World::start(1).await;
    let mut framed = Framed::greet(&world).await;
    let large = |request| call_frame(&world, request, "text", &format!(r#"["k",{}]"#, MAX_MESSAGE - 100));
    framed.send((0..3).flat_map(large).collect::<Vec<_>>()).await;
    assert!(matches!(framed.hear().await, Some(Heard::Part(_))), "the first is on its way");
    framed.send(call_frame(&world, 9, "echo", r#"["k"]"#)).await;
    let mut order = Vec::new();
    while order.len() < 4 {
        match framed.hear_whole().await {
            Some(Heard::Reply(request, _)) => order.push(request),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order[0], 9, "{order:?}");
}

#[tokio::test]
async fn arguments_without_memory_are_refused_alone() {
    // As little as may be: one largest message.
    let world = World::start_with(1, |builder| builder.max_body_memory(0)).await;
    let mut framed = Framed::greet(&world).await;
    let [one, two] = [1, 2].map(|request| call_frame(&world, request, "echo", &long_key(3 << 20)));
    let most = one.len() - 1000;
    framed.send(&one[..most]).await;
    framed.send(written(|out| write_ping(out, [0; 8]))).await;
    drop(framed);
    // Its connection is lost, and with it what it held: so nothing is left over for the next.
    eventually("the first is forgotten", || in_flight(&world) == 0).await;
    let mut framed = Framed::greet(&world).await;
    // Piece by piece in turn, so that both are under way.
    let piece = (64 << 10) + 4 + 1 + 1 + 1;
    for (a, b) in one.chunks(piece).zip(two.chunks(piece)) {
        framed.send([a, b].concat()).await;
    }
    let mut refused = 0;
    for _ in 0..2 {
        match framed.hear_whole().await {
            Some(Heard::Reply(_, text)) => assert_eq!(text.len(), (3 << 20) + 2),
            Some(Heard::Error(_, record)) => {
                assert_eq!((record.kind, record.executed), (Kind::Overloaded, Executed::No), "{record:?}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused >= 1, "both were taken");
    let mut framed = Framed::greet(&world).await;
    framed.send(&one).await;
    assert!(matches!(framed.hear_whole().await, Some(Heard::Reply(1, _))), "there is room again");
}

#[tokio::test]
async fn a_reply_that_its_caller_does_not_take_is_an_error_of_that_call() {
    let world = World::start(1).await;
    let mut framed = Framed::greet_with(&world, &Hello::new(65_536, 0)).await;
    framed.send(call_frame(&world, 1, "text", r#"["k",100000]"#)).await;
    let Some(Heard::Error(1, record)) = framed.hear().await else { panic!("no error") };
    assert_eq!((record.kind, record.executed), (Kind::TooLarge, Executed::Yes));
    framed.send(call_frame(&world, 2, "text", r#"["k",60000]"#)).await;
    assert!(matches!(framed.hear_whole().await, Some(Heard::Reply(2, _))));
}

#[tokio::test]
async fn a_leaving_node_answers_what_runs_and_refuses_what_comes_later() {
    let mut world = World::start(1).await;
    let mut framed = Framed::greet(&world).await;
    let [wait, late] =
        ["wait", "echo"].map(|method| call_frame(&world, u64::from(method == "echo"), method, r#"["k"]"#));
    // Neither holds anything up: one that has said nothing, and one that never answers.
    let _silent = Framed::upgrade(world.address(0)).await;
    let _deaf = Framed::greet(&world).await;
    framed.send(wait).await;
    world.watch.started.notified().await;
    let watch = world.watch.clone();
    let began = Instant::now();
    let talk = async {
        assert!(matches!(framed.hear().await, Some(Heard::GoAway(_))));
        let Some(Heard::Ping(token)) = framed.hear().await else { panic!("no ping") };
        framed.send(late).await;
        let Some(Heard::Error(1, record)) = framed.hear().await else { panic!("no refusal") };
        assert_eq!((record.kind, record.executed), (Kind::ShuttingDown, Executed::No));
        watch.release.notify_waiters();
        assert_eq!(framed.hear().await, Some(Heard::Reply(0, r#""k""#.into())));
        framed.send(written(|out| write_pong(out, token))).await;
        assert_eq!(framed.bye().await.0, ByeCode::Done);
    };
    tokio::join!(world.cluster.stop(0), talk);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_makes_room_for_others() {
    let mut limits = Limits::default();
    limits.max_connections = 2;
    let world = World::start_with(1, move |builder| builder.limits(limits.clone())).await;
    let (mut resting, mut busy) = (Framed::greet(&world).await, Framed::greet(&world).await);
    busy.send(call_frame(&world, 1, "wait", r#"["k"]"#)).await;
    world.watch.started.notified().await;
    let mut third = Raw::connect(world.address(0)).await;
    assert!(matches!(resting.hear().await, Some(Heard::GoAway(_))));
    let Some(Heard::Ping(token)) = resting.hear().await else { panic!("no ping") };
    // What crossed the go-away is answered.
    resting.send(call_frame(&world, 5, "echo", r#"["k"]"#)).await;
    assert_eq!(resting.hear().await, Some(Heard::Reply(5, r#""k""#.into())));
    resting.send(written(|out| write_pong(out, token))).await;
    assert_eq!(resting.bye().await.0, ByeCode::Done);
    third.send("GET /wherever/health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(third.answer().await.unwrap().status, 200);
    world.watch.release.notify_waiters();
    assert_eq!(busy.hear().await, Some(Heard::Reply(1, r#""k""#.into())), "who waits for an answer stays");
}

#[tokio::test]
async fn a_peer_that_is_gone_without_a_word_is_given_up() {
    let world = World::start(1).await;
    let mut framed = Framed::greet(&world).await;
    tokio::time::pause();
    assert!(matches!(framed.hear().await, Some(Heard::Ping(_))), "it is asked first");
    assert_eq!(framed.bye().await.0, ByeCode::Silent);
}

#[tokio::test]
async fn a_panic_while_arguments_are_read_ends_its_call_and_no_other() {
    let world = World::start(1).await;
    let mut framed = Framed::greet(&world).await;
    framed.send(call_frame(&world, 1, "wait", r#"["k"]"#)).await;
    world.watch.started.notified().await;
    framed.send(call_frame(&world, 2, "trap", r#"["k",null]"#)).await;
    let Some(Heard::Error(2, record)) = framed.hear().await else { panic!("no error") };
    assert_eq!((record.kind, record.executed), (Kind::Internal, Executed::Maybe), "{record:?}");
    assert!(!record.message.contains("secret"), "{record:?}");
    world.watch.release.notify_waiters();
    assert_eq!(framed.hear().await, Some(Heard::Reply(1, r#""k""#.into())));
    eventually("no place is taken", || in_flight(&world) == 0).await;
    world.unharmed("a trap", 1).await;
}
