//! The client's process: so many calls in flight in a closed loop, or calls at their times, each reply checked.

use std::io::{Write, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use crate::measure::{Load, Pace, Ran};
use crate::peers::{Connection, Peer};
use crate::records::{RECORDS, key, payload, version};
use crate::{Failed, open, usage};

/// Time in which connections are made and caches filled, not counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// Prints `ready` with the calls of the warm-up, waits for a line, and prints what it [`Ran`].
pub async fn drive(peer: Peer, address: &str, load: Load) -> Result<(), Failed> {
    let connection = Arc::new(peer.connect(address).await?);
    let warm_up = run(&connection, load, WARM_UP).await?;
    println!("ready {}", warm_up.calls);
    stdout().flush()?;
    stdin().read_line(&mut String::new())?;
    let ran = run(&connection, load, Duration::from_secs_f64(load.seconds)).await?;
    println!("{}", serde_json::to_string(&ran)?);
    Ok(())
}

async fn run(connection: &Arc<Connection>, load: Load, time: Duration) -> Result<Ran, Failed> {
    match load.pace {
        Pace::Closed(in_flight) => closed(connection, in_flight, load.payload, time).await,
        Pace::Open(rate) => open::run(connection, rate, load.payload, time).await,
    }
}

async fn closed(connection: &Arc<Connection>, in_flight: u64, bytes: usize, time: Duration) -> Result<Ran, Failed> {
    let (start, cpu) = (Instant::now(), usage::cpu());
    let over = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let loops: Vec<_> = (0..in_flight)
        .map(|number| number * (RECORDS / in_flight))
        .map(|first| tokio::spawn(call_on(connection.clone(), bytes, first, over.clone(), calls.clone())))
        .collect();
    // On a thread of its own: calls that never wait would keep the runtime from its timers.
    spawn_blocking(move || {
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
    })
    .await?;
    for one in loops {
        one.await??;
    }
    Ok(Ran {
        calls: calls.load(Ordering::Relaxed),
        nanoseconds: u64::try_from(start.elapsed().as_nanos())?,
        cpu_nanoseconds: u64::try_from((usage::cpu() - cpu).as_nanos())?,
        latency: None,
    })
}

/// One of the loops; each walks the keys from a place of its own.
async fn call_on(
    connection: Arc<Connection>,
    bytes: usize,
    first: u64,
    over: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
) -> Result<(), Failed> {
    let payload = payload(bytes);
    let mut next = first;
    while !over.load(Ordering::Relaxed) {
        call(&connection, next, &payload).await?;
        next += 1;
    }
    calls.fetch_add(next - first, Ordering::Relaxed);
    Ok(())
}

/// One call, its reply checked.
pub async fn call(connection: &Connection, number: u64, payload: &str) -> Result<(), Failed> {
    let key = key(number);
    let record = connection.get(&key, payload).await?;
    if record.key == key && record.version == version(&key) && record.payload == payload {
        Ok(())
    } else {
        Err(format!("a wrong reply for {key}: {record:?}").into())
    }
}
