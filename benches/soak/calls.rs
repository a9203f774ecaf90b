//! Very many calls over one connection. Nothing may be more at their end than it was after the first of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;
use wherever::Wherever;
use wherever_benches::{Entries, EntriesClient, keys};

use crate::Failed;
use crate::gauge::Gauge;
use crate::server::{Figures, Server};

/// Callers at a time, each with its next call as soon as it has its answer.
const CALLERS: usize = 256;

/// Bytes of a payload, of which a call has as many again in its answer.
const PAYLOAD: usize = 64;

/// The bytes of every [`SELDOM`]th call: more than a frame holds, so that it goes in parts.
const LARGE: usize = 200 << 10;

/// Every so manieth call is a large one.
const SELDOM: u64 = 10_000;

/// Every so manieth call is to a method that must not run twice, so that the node keeps a record of it.
const RECORDED: u64 = 4;

/// Looks at both ends.
const LOOKS: u64 = 50;

/// How often it is looked whether the next look is due.
const PAUSE: Duration = Duration::from_millis(20);

/// By how much the memory of a process may be more at the end than after a fifth of the calls, in KiB. An allocator's caches and fragments vary
/// by a few MiB; among fifty million calls, a single byte that each leaves behind is 48.
const SLACK: u64 = 16 << 10;

/// The two ends at one moment.
struct Look {
    done: u64,
    client: Gauge,
    node: Figures,
}

pub(crate) async fn run(calls: u64) -> Result<(), Failed> {
    let mut server = Server::start()?;
    let cluster = Wherever::connect([&server.address]).await?;
    let client: EntriesClient = cluster.client();
    let (begun, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(caller(client.clone(), begun.clone(), done.clone(), calls));
    }
    let start = Instant::now();
    let mut looks = Vec::new();
    for share in 1..=LOOKS {
        let due = calls * share / LOOKS;
        while done.load(Ordering::Relaxed) < due {
            while let Some(ended) = callers.try_join_next() {
                ended??;
            }
            sleep(PAUSE).await;
        }
        let look = Look {
            done: done.load(Ordering::Relaxed),
            client: Gauge::read(&Handle::current())?,
            node: server.figures()?,
        };
        let rate = look.done as f64 / start.elapsed().as_secs_f64();
        println!("{:>10} calls, {rate:.0}/s | client: {} | node: {}", look.done, look.client, look.node.gauge);
        looks.push(look);
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    cluster.acknowledge().await;
    let left = server.figures()?;
    if left.in_flight != 0 {
        return Err(format!("{} calls are in flight, and all are answered", left.in_flight).into());
    }
    judge(&looks)?;
    println!("{calls} calls, each with its own answer; nothing grew");
    Ok(())
}

/// Calls until there were enough of all callers together. Each checks that its answer is its own.
async fn caller(client: EntriesClient, begun: Arc<AtomicU64>, done: Arc<AtomicU64>, calls: u64) -> Result<(), Failed> {
    let keys = keys();
    loop {
        let number = begun.fetch_add(1, Ordering::Relaxed);
        if number >= calls {
            return Ok(());
        }
        let key = &keys[number as usize % keys.len()];
        let mut payload = number.to_string();
        let length = if number.is_multiple_of(SELDOM) { LARGE } else { PAYLOAD };
        payload.extend(std::iter::repeat_n('x', length - payload.len()));
        let answer = match number % RECORDED {
            0 => client.put(key, &payload).await,
            _ => client.get(key, &payload).await,
        };
        let entry = answer.map_err(|error| format!("call {number}: {error}"))?;
        if entry.key != *key || entry.payload != payload {
            return Err(format!("call {number} heard another's answer: {}", entry.key).into());
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// A figure of a look: its name, by how much it may be more, and which it is.
type Figure<'a> = (&'a str, u64, &'a dyn Fn(&Look) -> u64);

/// Compares the last fifth of the looks with the second.
fn judge(looks: &[Look]) -> Result<(), Failed> {
    let fifth = looks.len() / 5;
    let (early, late) = (&looks[fifth..2 * fifth], &looks[looks.len() - fifth..]);
    let most = |looks: &[Look], of: &dyn Fn(&Look) -> u64| looks.iter().map(of).max().unwrap_or(0);
    let figures: [Figure<'_>; 6] = [
        ("KiB of the client", SLACK, &|look| look.client.memory),
        ("KiB of the node", SLACK, &|look| look.node.gauge.memory),
        ("files of the client", 0, &|look| look.client.files as u64),
        ("files of the node", 0, &|look| look.node.gauge.files as u64),
        // Calls that wait have tasks; there are never more of those than callers.
        ("tasks of the client", CALLERS as u64, &|look| look.client.tasks as u64),
        ("tasks of the node", CALLERS as u64, &|look| look.node.gauge.tasks as u64),
    ];
    for (what, slack, of) in figures {
        let (before, after) = (most(early, of), most(late, of));
        if after > before + slack {
            let done = looks.last().map_or(0, |look| look.done);
            return Err(format!("{what} grew from {before} to {after} in {done} calls").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(of: impl Fn(u64) -> (u64, usize)) -> Vec<Look> {
        let look = |n| {
            let (memory, files) = of(n);
            let gauge = Gauge { memory, files, tasks: 5 };
            Look { done: n, client: gauge, node: Figures { gauge, in_flight: 0, running: 0 } }
        };
        (0..LOOKS).map(look).collect()
    }

    #[test]
    fn what_grows_from_look_to_look_is_found_and_a_start_that_takes_memory_is_not() {
        assert!(judge(&looks(|n| (20_000 + 30_000 * n.min(5), 12))).is_ok());
        assert!(judge(&looks(|n| (20_000 + 1000 * n, 12))).is_err());
        assert!(judge(&looks(|n| (20_000, 12 + n as usize / 40))).is_err());
    }
}
