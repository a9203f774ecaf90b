//! An open loop: calls begin at times drawn beforehand, as callers do who know nothing of each other, and are timed from when they were due.
//! Whoever is slow for a while so pays for all that became due meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::drive::call;
use crate::measure::{Latency, Ran};
use crate::peers::Connection;
use crate::records::payload;
use crate::{Failed, usage};

/// Calls under way beyond which further ones begin late, though they are timed as if they had not: memory is bounded.
const MOST: u64 = 500;

/// How long to wait then before looking again.
const FULL: Duration = Duration::from_micros(200);

/// What the calls of one run share.
struct Run {
    connection: Arc<Connection>,
    payload: String,
    start: Instant,
    under_way: AtomicU64,
}

type Timed = JoinHandle<Result<u64, Failed>>;

/// Begins `rate` calls per second for `time`, and waits for all of them.
pub async fn run(connection: &Arc<Connection>, rate: u64, bytes: usize, time: Duration) -> Result<Ran, Failed> {
    let (start, cpu) = (Instant::now(), usage::cpu());
    let run =
        Arc::new(Run { connection: connection.clone(), payload: payload(bytes), start, under_way: AtomicU64::new(0) });
    let (runtime, running) = (Handle::current(), run.clone());
    let (calls, own) = spawn_blocking(move || begin_all(&runtime, &running, rate, time)).await??;
    let mut took = Vec::with_capacity(calls.len());
    for call in calls {
        took.push(call.await??);
    }
    took.sort_unstable();
    Ok(Ran {
        calls: took.len() as u64,
        nanoseconds: u64::try_from(start.elapsed().as_nanos())?,
        cpu_nanoseconds: u64::try_from((usage::cpu() - cpu).saturating_sub(own).as_nanos())?,
        latency: Some(Latency { p50: share(&took, 0.5), p99: share(&took, 0.99), p999: share(&took, 0.999) }),
    })
}

/// Begins the calls at their times, on a thread of its own, and gives the CPU time that was spent on waiting for them.
fn begin_all(runtime: &Handle, run: &Arc<Run>, rate: u64, time: Duration) -> Result<(Vec<Timed>, Duration), Failed> {
    usage::sleep_exactly()?;
    let cpu = usage::thread_cpu();
    let mut calls = Vec::with_capacity((rate as f64 * time.as_secs_f64() * 1.1) as usize);
    let (mut noise, mut due) = (Noise(0x9E37_79B9_7F4A_7C15), Duration::ZERO);
    loop {
        due += noise.pause(rate);
        if due >= time {
            return Ok((calls, usage::thread_cpu() - cpu));
        }
        if let Some(left) = due.checked_sub(run.start.elapsed()) {
            sleep(left);
        }
        while run.under_way.load(Ordering::Relaxed) >= MOST {
            sleep(FULL);
        }
        run.under_way.fetch_add(1, Ordering::Relaxed);
        let number = calls.len() as u64;
        calls.push(runtime.spawn(timed(run.clone(), number, due)));
    }
}

/// Nanoseconds from when the call was due to when its reply was checked.
async fn timed(run: Arc<Run>, number: u64, due: Duration) -> Result<u64, Failed> {
    let outcome = call(&run.connection, number, &run.payload).await;
    run.under_way.fetch_sub(1, Ordering::Relaxed);
    outcome?;
    Ok(u64::try_from((run.start.elapsed().saturating_sub(due)).as_nanos())?)
}

/// What this share of the calls did not exceed, in microseconds.
fn share(sorted: &[u64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).map_or(0.0, |&nanoseconds| nanoseconds as f64 / 1e3)
}

/// The same random numbers for every peer: xorshift64.
struct Noise(u64);

impl Noise {
    /// The time until the next call: exponentially distributed, as between events that are independent.
    fn pause(&mut self, rate: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let uniform = ((self.0 >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        Duration::from_secs_f64(-uniform.ln() / rate as f64)
    }
}
