//! A connection against an other end that the test plays.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::limits::MAX_MESSAGE;
use crate::transport::frames::{Frame, Hello, MAX_FRAME, Next, PART, next, write_go_away, write_reply};
use crate::transport::multiplex::fixtures::{NOTHING, call};

/// A connection, and its other end.
async fn pair() -> (Arc<Connection>, TcpStream) {
    pair_with(1000).await
}

/// The same, with so many turns.
async fn pair_with(turns: usize) -> (Arc<Connection>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    let (far, _) = listener.accept().await.expect("accepted");
    let hello = Hello::new(MAX_MESSAGE, turns);
    let agreed = hello.check(&hello).expect("alike");
    (Arc::new(Connection::begin(near, &[], "the test", agreed)), far)
}

fn is_crowded(connection: &Connection) -> bool {
    connection.shared.lock().is_crowded
}

#[tokio::test]
async fn calls_wait_for_room_and_go_on_when_the_node_reads() {
    let (connection, mut far) = pair().await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.call(&call(&NOTHING, MAX_MESSAGE)).await })
        })
        .collect();
    while !is_crowded(&connection) {
        tokio::task::yield_now().await;
    }
    let short = Call { deadline: crate::call::Deadline::after(Duration::from_millis(100)), ..call(&NOTHING, 0) };
    let late = connection.call(&short).await.expect("the connection is open").expect_err("there is no room");
    assert_eq!((late.kind(), late.executed()), (Kind::Deadline, Executed::No), "{late}");
    assert!(is_crowded(&connection));
    let waiting = connection.shared.lock().outbox.waiting();
    assert!(waiting < shared::MOST_UNWRITTEN + 2 * MAX_MESSAGE, "{waiting} bytes wait");
    // All of them are written once somebody reads: their arguments, and less than a part more for each.
    let (mut read, mut chunk) = (0, vec![0; 1 << 20]);
    while read < 20 * MAX_MESSAGE {
        read += far.read(&mut chunk).await.expect("open");
    }
    assert!(!is_crowded(&connection) && read < 20 * (MAX_MESSAGE + PART));
    assert_eq!(connection.in_flight(), 20);
    // What is taken back makes room as well, and leaves nothing.
    for call in calls {
        call.abort();
        let _aborted = call.await;
    }
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn who_waits_for_room_or_a_turn_is_told_when_the_connection_ends() {
    let (connection, far) = pair().await;
    let calls: Vec<_> = (0..1010)
        .map(|n| {
            let connection = connection.clone();
            let bytes = if n < 10 { MAX_MESSAGE } else { 0 };
            tokio::spawn(async move { connection.call(&call(&NOTHING, bytes)).await })
        })
        .collect();
    while !is_crowded(&connection) {
        tokio::task::yield_now().await;
    }
    drop(far);
    let (mut not_taken, mut unsent, mut lost) = (0, 0, 0);
    for call in calls {
        match call.await.expect("no panic") {
            Err(NotTaken(_)) => not_taken += 1,
            Ok(Err(error)) if error.executed() == Executed::No => unsent += 1,
            Ok(Err(error)) if error.kind() == Kind::ConnectionLost => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(not_taken >= 10 && unsent >= 1, "{not_taken} not taken, {unsent} unsent, {lost} lost");
    assert_eq!(connection.in_flight(), 0);
}

/// The numbers of the next calls that come to the other end, so many.
async fn requests(far: &mut TcpStream, many: usize) -> Vec<u64> {
    let (mut read, mut requests) = (BytesMut::new(), Vec::new());
    while requests.len() < many {
        far.read_buf(&mut read).await.expect("open");
        while let Next::Whole { frame, consumed } = next(&read, MAX_FRAME).expect("a frame") {
            if let Frame::Call(call) = frame {
                requests.push(call.request);
            }
            let _taken = read.split_to(consumed);
        }
    }
    requests
}

#[tokio::test]
async fn a_call_waits_for_those_who_were_woken_with_its_caller_unless_they_do_not_come() {
    const WOKEN: usize = 20;
    let (connection, mut far) = pair().await;
    let call = call(&NOTHING, 10);
    for they_come in [true, false] {
        let mut woken: Vec<_> = (0..WOKEN).map(|_| Box::pin(connection.call(&call))).collect();
        for one in &mut woken {
            assert!(futures_util::poll!(one).is_pending());
        }
        let mut answers = Vec::new();
        for request in requests(&mut far, WOKEN).await {
            write_reply(&mut answers, request, false, &[], b"1");
        }
        far.write_all(&answers).await.expect("open");
        while connection.shared.lock().waiters.fresh() < WOKEN {
            tokio::task::yield_now().await;
        }
        let mut late = Box::pin(connection.call(&call));
        if they_come {
            // Whatever time it took to come here.
            connection.shared.lock().gather(Some(Instant::now() + Duration::from_secs(60)));
            assert!(futures_util::poll!(&mut late).is_pending());
            assert!(connection.shared.lock().held_since.is_some(), "the others are expected");
            for one in &mut woken {
                assert!(futures_util::poll!(one).is_ready());
            }
            assert!(connection.shared.lock().held_since.is_none(), "they have come");
        } else {
            assert!(futures_util::poll!(&mut late).is_pending());
        }
        let late = requests(&mut far, 1);
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), late).await.map(|late| late.len()), Ok(1));
    }
}

#[tokio::test]
async fn a_runtime_that_ends_ends_its_connections() {
    let (listener, runtime) = (
        TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"),
    );
    let address = listener.local_addr().expect("bound");
    let connection = runtime
        .spawn(async move {
            let near = TcpStream::connect(address).await.expect("connected");
            let hello = Hello::new(MAX_MESSAGE, 10);
            Arc::new(Connection::begin(near, &[], "the test", hello.check(&hello).expect("alike")))
        })
        .await
        .expect("no panic");
    let of_it = connection.clone();
    let caller = tokio::spawn(async move { of_it.call(&call(&NOTHING, 0)).await });
    while connection.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    runtime.shutdown_background();
    let error = caller.await.expect("no panic").expect("it was taken").expect_err("nobody answers");
    assert_eq!(error.kind(), Kind::ConnectionLost, "{error}");
    assert!(!connection.is_open());
}

type Calling<'a> = Pin<Box<dyn Future<Output = Result<Answer, NotTaken>> + Send + 'a>>;

/// So many calls that were answered by one read, and whose callers do not come for the answers.
async fn uncollected<'a>(
    connection: &'a Connection,
    far: &mut TcpStream,
    call: &'a Call,
    many: usize,
) -> Vec<Calling<'a>> {
    let mut woken: Vec<Calling<'a>> = (0..many).map(|_| Box::pin(connection.call(call)) as Calling<'a>).collect();
    for one in &mut woken {
        assert!(futures_util::poll!(one).is_pending());
    }
    let mut answers = Vec::new();
    for request in requests(far, many).await {
        write_reply(&mut answers, request, false, &[], b"1");
    }
    far.write_all(&answers).await.expect("open");
    while connection.shared.lock().waiters.fresh() < many {
        tokio::task::yield_now().await;
    }
    woken
}

/// Lets the driver run, at this very instant.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nobody_is_waited_for_any_more_when_the_time_is_over() {
    let (connection, mut far) = pair().await;
    let call = call(&NOTHING, 10);
    let _woken = uncollected(&connection, &mut far, &call, 20).await;
    tokio::time::pause();
    settle().await;
    tokio::time::advance(Duration::from_micros(300)).await;
    let mut late = Box::pin(connection.call(&call));
    assert!(futures_util::poll!(&mut late).is_pending());
    settle().await;
    assert_eq!(connection.shared.lock().outbox.waiting(), 0, "it was written at once");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!connection.shared.lock().is_gathering(), "nothing was read since");
}

#[tokio::test]
async fn what_the_socket_did_not_take_at_once_is_not_held() {
    const LARGE: usize = 16_000;
    const MANY: usize = 450;
    let (connection, mut far) = pair().await;
    let small = call(&NOTHING, 10);
    let _woken = uncollected(&connection, &mut far, &small, 20).await;
    tokio::time::pause();
    settle().await;
    let large = call(&NOTHING, LARGE);
    let mut more: Vec<_> = (0..MANY).map(|_| Box::pin(connection.call(&large))).collect();
    for one in &mut more {
        assert!(futures_util::poll!(one).is_pending());
    }
    // No timer fires, as no time passes.
    let began = std::time::Instant::now();
    let (mut read, mut chunk) = (0, vec![0; 1 << 20]);
    while read < MANY * LARGE {
        match far.try_read(&mut chunk) {
            Ok(some) => read += some,
            Err(_) => tokio::task::yield_now().await,
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{read} bytes came, and the rest is held");
    }
}

#[tokio::test]
async fn a_node_that_says_often_that_it_leaves_wakes_those_who_wait_once() {
    struct Counted(AtomicUsize);
    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (connection, mut far) = pair().await;
    let call = call(&NOTHING, 10);
    let counted = Arc::new(Counted(AtomicUsize::new(0)));
    let waker = Waker::from(counted.clone());
    let mut cx = Context::from_waker(&waker);
    // A thousand have turns.
    let mut calls: Vec<_> = (0..3000).map(|_| Box::pin(connection.call(&call))).collect();
    for one in &mut calls {
        assert!(one.as_mut().poll(&mut cx).is_pending());
    }
    let mut frames = Vec::new();
    (0..1000).for_each(|_| write_go_away(&mut frames, ""));
    far.write_all(&frames).await.expect("open");
    far.shutdown().await.expect("open");
    // The last call is told when the connection is over: all that was said has been read by then.
    while connection.is_open() || connection.shared.lock().ended.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let woken = counted.0.load(Ordering::Relaxed);
    assert!(woken <= 3000 + 2 * 2000, "{woken} times");
}

/// Answers every call, in bunches of chance, until the other end closes.
async fn echo(mut far: TcpStream, mut random: u64) {
    let (mut read, mut due) = (BytesMut::new(), Vec::new());
    loop {
        let quiet = tokio::time::timeout(Duration::from_micros(200), far.read_buf(&mut read)).await;
        match quiet {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) => {
                while let Next::Whole { frame, consumed } = next(&read, MAX_FRAME).expect("a frame") {
                    if let Frame::Call(call) = frame {
                        due.push(call.request);
                    }
                    let _taken = read.split_to(consumed);
                }
            }
            Err(_) => {}
        }
        if quiet.is_err() || due.len() > (noise(&mut random) % 16) as usize {
            let mut answers = Vec::new();
            due.drain(..).for_each(|request| write_reply(&mut answers, request, false, &[], b"1"));
            if far.write_all(&answers).await.is_err() {
                return;
            }
        }
    }
}

fn noise(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Calls, large ones among them, of whom some change their minds, until then.
async fn call_on(connection: Arc<Connection>, mut random: u64, until: std::time::Instant) {
    while std::time::Instant::now() < until {
        let size = match noise(&mut random) % 64 {
            0 => 200_000,
            1..4 => 20_000,
            _ => 16,
        };
        let call = call(&NOTHING, size);
        if noise(&mut random).is_multiple_of(10) {
            let patience = Duration::from_micros(noise(&mut random) % 1500);
            let _given_up = tokio::time::timeout(patience, connection.call(&call)).await;
            continue;
        }
        let answer = tokio::time::timeout(Duration::from_secs(20), connection.call(&call)).await;
        answer.expect("nobody forgets it").expect("open").expect("answered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_is_forgotten_and_no_turn_lost_whoever_comes_and_goes() {
    for (turns, callers) in [(1000, 64), (16, 64), (1000, 1), (1000, 2), (1, 8), (40, 200)] {
        let (connection, far) = pair_with(turns).await;
        let far = tokio::spawn(echo(far, callers));
        let until = std::time::Instant::now() + Duration::from_millis(300);
        let calls: Vec<_> = (0..callers).map(|seed| tokio::spawn(call_on(connection.clone(), seed, until))).collect();
        for one in calls {
            one.await.expect("no panic");
        }
        assert_eq!(connection.in_flight(), 0);
        {
            let mut state = connection.shared.lock();
            let free = std::iter::from_fn(|| state.turns.take().then_some(())).count();
            assert_eq!(free, turns);
        }
        drop(connection);
        let closed = tokio::time::timeout(Duration::from_secs(20), far).await;
        closed.expect("the connection closes").expect("no panic");
    }
}
