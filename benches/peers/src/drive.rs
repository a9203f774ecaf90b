//! The client's process: so many calls in flight in a closed loop, each reply checked.

use std::io::{Write, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::measure::Load;
use crate::peers::{Connection, Peer};
use crate::records::{RECORDS, key, payload, version};
use crate::{Failed, usage};

/// Time in which connections are made and caches filled, not counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// Prints `ready` with the calls of the warm-up, waits for a line, and prints calls, nanoseconds, and nanoseconds of CPU.
pub async fn drive(peer: Peer, address: &str, load: Load) -> Result<(), Failed> {
    let connection = Arc::new(peer.connect(address).await?);
    let warm_up = run(&connection, load, WARM_UP).await?;
    println!("ready {warm_up}");
    stdout().flush()?;
    stdin().read_line(&mut String::new())?;
    let (start, cpu) = (Instant::now(), usage::cpu());
    let calls = run(&connection, load, Duration::from_secs_f64(load.seconds)).await?;
    println!("{calls} {} {}", start.elapsed().as_nanos(), (usage::cpu() - cpu).as_nanos());
    Ok(())
}

async fn run(connection: &Arc<Connection>, load: Load, time: Duration) -> Result<u64, Failed> {
    let over = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let loops: Vec<_> = (0..load.in_flight)
        .map(|number| tokio::spawn(call_on(connection.clone(), load, number, over.clone(), calls.clone())))
        .collect();
    tokio::time::sleep(time).await;
    over.store(true, Ordering::Relaxed);
    for one in loops {
        one.await??;
    }
    Ok(calls.load(Ordering::Relaxed))
}

/// One of the loops; each walks the keys from a place of its own.
async fn call_on(
    connection: Arc<Connection>,
    load: Load,
    number: u64,
    over: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
) -> Result<(), Failed> {
    let payload = payload(load.payload);
    let mut next = number * (RECORDS / load.in_flight);
    let mut done = 0;
    while !over.load(Ordering::Relaxed) {
        let key = key(next);
        let record = connection.get(&key, &payload).await?;
        if record.key != key || record.version != version(&key) || record.payload != payload {
            return Err(format!("a wrong reply for {key}: {record:?}").into());
        }
        next += 1;
        done += 1;
    }
    calls.fetch_add(done, Ordering::Relaxed);
    Ok(())
}
