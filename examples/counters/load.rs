//! Calls the counters from many workers at once, notes how each call ended, and checks that against what is left in the end.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};
use wherever::{Executed, RpcError, Slot, Wherever};

use crate::check::{self, Called, Counted, End, Listed};
use crate::report::{Report, Times};
use crate::sampler::{Sampled, Sampler};
use crate::service::{Counter as _, CounterClient};

/// How long a last value is asked for before it counts as unreadable.
const LAST_READ: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// Addresses of nodes; one that answers is enough
    #[arg(long, value_delimiter = ',', required = true)]
    nodes: Vec<String>,
    /// For how long, in seconds; SIGINT and SIGTERM end it sooner
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many calls at once
    #[arg(long, default_value_t = 16)]
    workers: usize,
    /// How many counters, and as many lists
    #[arg(long, default_value_t = 1000)]
    keys: usize,
    /// Counts every counter up once and appends to every list before the time begins
    #[arg(long)]
    fill: bool,
    /// Takes it as no violation if keys begin anew whose state the cluster declares lost
    #[arg(long)]
    allow_declared_loss: bool,
    /// Prints the report as JSON
    #[arg(long)]
    json: bool,
}

/// What the workers share.
#[derive(Clone)]
struct Run {
    client: CounterClient,
    /// Keys of this run only, since the check knows of no other calls.
    name: u64,
    began: Instant,
    items: Arc<AtomicU64>,
}

/// A call of one worker.
struct Entry {
    key: usize,
    /// The item, if it appended one.
    item: Option<String>,
    called: Called,
    failure: Option<String>,
}

/// Runs the load; true if the history holds.
pub(crate) async fn run(load: &Load) -> Result<bool, Box<dyn Error>> {
    let client: CounterClient = Wherever::connect(&load.nodes).await?.client();
    let run = Run { client, name: fastrand::u64(..), began: Instant::now(), items: Arc::default() };
    let sampler = Sampler::start(&load.nodes).await;
    let mut histories: Vec<Vec<Entry>> = Vec::new();
    if load.fill {
        let (run, workers) = (&run, load.workers);
        let parts = (0..workers).map(|worker| run.fill((worker..load.keys).step_by(workers)));
        histories.extend(futures_util::future::join_all(parts).await);
        eprintln!("filled {} keys in {:?}", load.keys, run.began.elapsed());
    }
    eprintln!("the load begins");
    let is_over = Arc::new(AtomicBool::new(false));
    let work = |_| tokio::spawn(run.clone().work(load.keys, is_over.clone()));
    let workers: Vec<_> = (0..load.workers).map(work).collect();
    end_of_time(Duration::from_secs(load.seconds)).await?;
    is_over.store(true, Ordering::Relaxed);
    for worker in workers {
        histories.push(worker.await?);
    }
    eprintln!("the load ends");
    let report = run.report(load, &histories, sampler).await?;
    if load.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report:#?}");
    }
    Ok(report.violations.is_empty())
}

impl Run {
    async fn fill(&self, keys: impl Iterator<Item = usize>) -> Vec<Entry> {
        let mut history = Vec::new();
        for key in keys {
            history.push(self.call(key, true).await);
            history.push(self.call(key, false).await);
        }
        history
    }

    async fn work(self, keys: usize, is_over: Arc<AtomicBool>) -> Vec<Entry> {
        let mut history = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            history.push(self.call(fastrand::usize(..keys), fastrand::bool()).await);
        }
        history
    }

    async fn call(&self, key: usize, counts: bool) -> Entry {
        let sent = self.began.elapsed();
        let (item, answer) = if counts {
            (None, self.client.incr(&self.counter(key)).await)
        } else {
            let item = self.items.fetch_add(1, Ordering::Relaxed).to_string();
            (Some(item.clone()), self.client.append(&self.list(key), item).await)
        };
        let called = Called { sent, answered: self.began.elapsed(), end: end(&answer) };
        let failure = answer.err().map(|error| format!("{}, executed: {}", error.kind(), error.executed()));
        Entry { key, item, called, failure }
    }

    async fn report(&self, load: &Load, histories: &[Vec<Entry>], sampler: Sampler) -> Result<Report, Box<dyn Error>> {
        let lasts = self.lasts(load).await?;
        // After the reads: by then the cluster has said what it has lost.
        let sampled = sampler.stop().await?;
        let mut report = self.times(histories, &sampled).report();
        let losses = |name: &str| if load.allow_declared_loss { sampled.losses_of(slot(name)) } else { 0 };
        let mut counters: Vec<Counted> = Vec::new();
        let mut lists: Vec<Listed> = Vec::new();
        for (key, (last, items)) in lasts.into_iter().enumerate() {
            counters.push(Counted { last, losses: losses(&self.counter(key)), ..Counted::default() });
            lists.push(Listed { last: items, losses: losses(&self.list(key)), ..Listed::default() });
        }
        for (writer, entry) in
            (0..).zip(histories).flat_map(|(writer, entries)| entries.iter().map(move |e| (writer, e)))
        {
            match &entry.item {
                None => counters[entry.key].increments.push(entry.called),
                Some(item) => {
                    lists[entry.key].writers.entry(writer).or_default().push((item.clone(), entry.called));
                }
            }
            if let Some(failure) = &entry.failure {
                *report.failures.entry(failure.clone()).or_default() += 1;
            }
        }
        for (key, (counted, listed)) in counters.iter().zip(&lists).enumerate() {
            report.violations.extend(check::counter(&self.counter(key), counted));
            report.violations.extend(check::list(&self.list(key), listed));
        }
        report.calls = report.acknowledged + report.failures.values().sum::<u64>();
        (report.slots_moved, report.slots_lost) = (sampled.moved(), sampled.lost());
        Ok(report)
    }

    /// Every counter and list, as it stands in the end.
    async fn lasts(&self, load: &Load) -> Result<Vec<(u64, Vec<String>)>, RpcError> {
        let read = |key: usize| async move {
            let (counter, list) = (self.counter(key), self.list(key));
            Ok::<_, RpcError>((last(|| self.client.get(&counter)).await?, last(|| self.client.read(&list)).await?))
        };
        let mut reads = futures_util::stream::iter((0..load.keys).map(read)).buffered(load.workers);
        let mut lasts = Vec::new();
        while let Some(read) = reads.next().await {
            lasts.push(read?);
        }
        Ok(lasts)
    }

    fn times(&self, histories: &[Vec<Entry>], sampled: &Sampled) -> Times {
        let mut times = Times::default();
        for entry in histories.iter().flatten() {
            let name = if entry.item.is_some() { self.list(entry.key) } else { self.counter(entry.key) };
            let slot = slot(&name);
            times.add(slot, sampled.has_moved(slot), entry.called);
        }
        times
    }

    fn counter(&self, key: usize) -> String {
        format!("{:x}/counter-{key}", self.name)
    }

    fn list(&self, key: usize) -> String {
        format!("{:x}/list-{key}", self.name)
    }
}

/// Ready when the time is over, or at a signal.
async fn end_of_time(time: Duration) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn slot(name: &str) -> Slot {
    Slot::of_text(name.as_bytes())
}

fn end(answer: &Result<u64, RpcError>) -> End {
    match answer {
        Ok(value) => End::Acknowledged(*value),
        Err(error) if error.executed() == Executed::No => End::NotExecuted,
        Err(_) => End::Unknown,
    }
}

/// Reads a value in the end, also while the cluster comes to rest.
async fn last<T, F: Future<Output = Result<T, RpcError>>>(read: impl Fn() -> F) -> Result<T, RpcError> {
    let until = Instant::now() + LAST_READ;
    loop {
        match read().await {
            Err(_) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
            answer => return answer,
        }
    }
}
