//! Calls the counters from many workers at once, notes how each call ended, and checks that against what is left in the end.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use wherever::{Executed, RpcError, Wherever};

use crate::check::{self, Counted, End, Listed};
use crate::service::{Counter as _, CounterClient};

/// How long the last values are asked for, one after the other, before they count as unreadable.
const LAST_READS: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// Addresses of nodes; one that answers is enough.
    #[arg(long, value_delimiter = ',', required = true)]
    nodes: Vec<String>,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many calls at once.
    #[arg(long, default_value_t = 16)]
    workers: usize,
    /// How many counters, and as many lists.
    #[arg(long, default_value_t = 1000)]
    keys: usize,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Report {
    calls: u64,
    acknowledged: u64,
    /// By kind, and whether they ran.
    failures: BTreeMap<String, u64>,
    /// The longest time in which no worker heard of a success, in milliseconds.
    longest_pause_ms: f64,
    /// The longest call that succeeded, in milliseconds.
    longest_call_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    violations: Vec<String>,
}

/// What one worker did, by the number of the key.
#[derive(Default)]
struct History {
    increments: BTreeMap<usize, Vec<End>>,
    appended: BTreeMap<usize, Vec<(String, End)>>,
    failures: BTreeMap<String, u64>,
    /// Of the calls that succeeded: when, since the start, and how long they took.
    succeeded: Vec<(Duration, Duration)>,
}

/// Runs the load; true if the history holds.
pub(crate) async fn run(load: &Load) -> Result<bool, Box<dyn Error>> {
    let client: CounterClient = Wherever::connect(&load.nodes).await?.client();
    // Keys of this run only, since the check knows of no other calls.
    let run = fastrand::u64(..);
    let (began, numbers) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let until = began + Duration::from_secs(load.seconds);
    let workers =
        (0..load.workers).map(|_| tokio::spawn(work(client.clone(), run, load.keys, began, until, numbers.clone())));
    let mut histories = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        histories.push(worker.await?);
    }
    let report = report(&client, run, load.keys, histories).await?;
    if load.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report:#?}");
    }
    Ok(report.violations.is_empty())
}

async fn work(
    client: CounterClient,
    run: u64,
    keys: usize,
    began: Instant,
    until: Instant,
    numbers: Arc<AtomicU64>,
) -> History {
    let mut history = History::default();
    while Instant::now() < until {
        let key = fastrand::usize(..keys);
        let sent = Instant::now();
        let answer = if fastrand::bool() {
            let answer = client.incr(&counter_key(run, key)).await;
            history.increments.entry(key).or_default().push(end(&answer));
            answer
        } else {
            let item = numbers.fetch_add(1, Ordering::Relaxed).to_string();
            let answer = client.append(&list_key(run, key), item.clone()).await;
            history.appended.entry(key).or_default().push((item, end(&answer)));
            answer
        };
        match answer {
            Ok(_) => history.succeeded.push((began.elapsed(), sent.elapsed())),
            Err(error) => {
                *history.failures.entry(format!("{}, executed: {}", error.kind(), error.executed())).or_default() += 1;
            }
        }
    }
    history
}

fn end(answer: &Result<u64, RpcError>) -> End {
    match answer {
        Ok(value) => End::Acknowledged(*value),
        Err(error) if error.executed() == Executed::No => End::NotExecuted,
        Err(_) => End::Unknown,
    }
}

async fn report(client: &CounterClient, run: u64, keys: usize, histories: Vec<History>) -> Result<Report, RpcError> {
    let mut report = times(&histories);
    for history in &histories {
        for (failure, count) in &history.failures {
            *report.failures.entry(failure.clone()).or_default() += count;
        }
    }
    report.calls = report.acknowledged + report.failures.values().sum::<u64>();
    for key in 0..keys {
        let name = counter_key(run, key);
        let increments = histories.iter().filter_map(|history| history.increments.get(&key)).flatten().copied();
        let counted = Counted { increments: increments.collect(), last: last(|| client.get(&name)).await? };
        report.violations.extend(check::counter(&name, &counted));
        let name = list_key(run, key);
        let writers = histories.iter().map(|history| history.appended.get(&key).cloned().unwrap_or_default());
        let listed = Listed { writers: writers.enumerate().collect(), last: last(|| client.read(&name)).await? };
        report.violations.extend(check::list(&name, &listed));
    }
    Ok(report)
}

/// Reads a value in the end, also while the cluster comes to rest.
async fn last<T, F: Future<Output = Result<T, RpcError>>>(read: impl Fn() -> F) -> Result<T, RpcError> {
    let until = Instant::now() + LAST_READS;
    loop {
        match read().await {
            Err(_) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
            answer => return answer,
        }
    }
}

fn times(histories: &[History]) -> Report {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let succeeded = || histories.iter().flat_map(|history| &history.succeeded);
    let mut moments: Vec<_> = succeeded().map(|(at, _)| *at).collect();
    moments.sort_unstable();
    let mut took: Vec<_> = succeeded().map(|(_, took)| *took).collect();
    took.sort_unstable();
    let share = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    let pauses = moments.windows(2).map(|pair| pair[1] - pair[0]);
    Report {
        acknowledged: took.len() as u64,
        longest_pause_ms: ms(pauses.max().unwrap_or_default()),
        longest_call_ms: ms(took.last().copied().unwrap_or_default()),
        p50_ms: ms(share(50)),
        p99_ms: ms(share(99)),
        ..Report::default()
    }
}

fn counter_key(run: u64, key: usize) -> String {
    format!("{run:x}/counter-{key}")
}

fn list_key(run: u64, key: usize) -> String {
    format!("{run:x}/list-{key}")
}
