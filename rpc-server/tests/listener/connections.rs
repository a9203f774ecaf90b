//! The number of connections and who gives way.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use rpc_server::listener::Drained;

use crate::raw::{PATIENCE, Raw, SHORT, Served, roomy};

async fn held(served: &Served) -> Raw {
    let mut busy = served.connect().await;
    busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    timeout(PATIENCE, served.seen.held.notified()).await.unwrap();
    busy
}

#[tokio::test]
async fn the_connection_that_waited_longest_gives_way() {
    let mut limits = roomy();
    limits.max_connections = 2;
    let served = Served::start(limits).await;
    let mut busy = held(&served).await;
    let mut slow = served.connect().await;
    slow.send("GET / HTTP/1.1\r\nHost").await;
    served.serves().await;
    assert_eq!(slow.until_closed().await, "");
    served.seen.release.notify_one();
    assert_eq!(busy.answer().await.body, "released");
}

#[tokio::test]
async fn a_connection_too_many_is_refused_while_all_are_busy() {
    let mut limits = roomy();
    limits.max_connections = 2;
    let served = Served::start(limits).await;
    let mut busy = [held(&served).await, held(&served).await];
    assert_eq!(served.connect().await.until_closed().await, "", "a silent one is told nothing");
    // One whose request comes in pieces reads its answer, instead of a reset.
    let mut late = served.connect().await;
    late.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await;
    let answer = late.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"error":"too many connections"}"#));
    late.0.write_all(&[b'x'; 100_000]).await.expect("the rest is still read");
    for busy in &mut busy {
        served.seen.release.notify_one();
        assert_eq!(busy.answer().await.body, "released");
    }
    served.serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_headers_by_the_hundred_shut_nobody_out() {
    let mut limits = roomy();
    limits.max_connections = 100;
    let served = Served::start(limits).await;
    let mut slow = Vec::new();
    for n in 0..400 {
        let mut one = served.connect().await;
        one.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-").await;
        slow.push(one);
        // More often than the places that connections on their way out may hold: a burst beyond those is refused for a moment.
        if n % 8 == 0 {
            served.serves().await;
        }
    }
    served.serves().await;
    for mut gave_way in slow.drain(..250) {
        assert_eq!(gave_way.until_closed().await, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_leave_no_place_taken() {
    let mut limits = roomy();
    limits.max_connections = 32;
    let served = Served::start(limits).await;
    let _busy = [held(&served).await, held(&served).await, held(&served).await];
    for _ in 0..1000 {
        served.serves().await;
    }
}

#[tokio::test]
async fn dropping_the_listener_cuts_every_connection() {
    let served = Served::start(roomy()).await;
    let mut busy = held(&served).await;
    let mut silent = served.connect().await;
    served.task.abort();
    assert_eq!(busy.until_closed().await, "");
    assert_eq!(silent.until_closed().await, "");
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_own_times_until_the_end_of_the_drain() {
    let mut limits = roomy();
    (limits.header_time, limits.idle_time, limits.drain_time) = (SHORT / 4, SHORT / 4, SHORT);
    let mut served = Served::start(limits).await;
    let mut upgraded = served.connect().await;
    upgraded.send("GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
    assert_eq!(upgraded.answer().await.status, 101);
    // Another connection running over the same limit shows that the sweep has passed.
    served.connect().await.until_closed().await;
    upgraded.send("still here").await;
    let mut echoed = [0; 10];
    timeout(PATIENCE, upgraded.0.read_exact(&mut echoed)).await.unwrap().unwrap();
    assert_eq!(&echoed, b"still here");
    served.stop();
    assert_eq!(served.drained().await, Drained { finished: 0, cut: 1 });
    assert_eq!(upgraded.until_closed().await, "");
}

/// Runs itself again in a process that may open 64 files only.
#[test]
fn a_process_out_of_files_serves_again_when_it_has_some() {
    const CHILD: &str = "WHEREVER_TEST_FEW_FILES";
    if std::env::var_os(CHILD).is_some() {
        return run_out_of_files();
    }
    let test = "connections::a_process_out_of_files_serves_again_when_it_has_some";
    let run = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::main(flavor = "current_thread")]
async fn run_out_of_files() {
    let served = Served::start(roomy()).await;
    let mut open = Vec::new();
    // Blocking connects on the only thread: every file is taken before the first accept.
    while let Ok(stream) = std::net::TcpStream::connect(served.addr) {
        open.push(stream);
    }
    assert!(open.len() > 16 && open.len() < 64, "{}", open.len());
    // The first accept fails. With one file free, the loop takes connections by closing older ones.
    tokio::task::yield_now().await;
    drop(open);
    served.serves().await;
}
