//! A connection against an other end that the test plays.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::limits::MAX_MESSAGE;
use crate::transport::frames::{Frame, Hello, MAX_FRAME, Next, PART, next, write_reply};
use crate::transport::multiplex::fixtures::{NOTHING, call};

/// A connection, and its other end.
async fn pair() -> (Arc<Connection>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    let (far, _) = listener.accept().await.expect("accepted");
    let hello = Hello::new(MAX_MESSAGE, 1000);
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
