//! Simulates clusters, seed after seed, and says which seed to look at.

use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use clap::{Parser, ValueEnum};
use tracing_subscriber::EnvFilter;
use wherever_simulation::{Bug, Options, Report, run};

/// Simulates whole clusters under faults. The same seed gives the same trace.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 50)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Runs one seed only, with its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Plants a mistake, which should be found.
    #[arg(long)]
    bug: Option<Bug>,
    /// With `--seed`: only what came of it, as one line of JSON.
    #[arg(long, requires = "seed")]
    json: bool,
    /// How many to run at once, each in a process of its own; as many as there are processors if not set.
    #[arg(long)]
    threads: Option<usize>,
}

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // `RUST_LOG=rpc_server=debug` shows what the nodes say.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).init();
    if let Some(seed) = arguments.seed {
        let report = run(&Options { seed, bug: arguments.bug, prints: !arguments.json });
        match serde_json::to_string(&report) {
            Ok(line) if arguments.json => println!("{line}"),
            _ => println!("{report:#?}"),
        }
        return if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let began = Instant::now();
    let reports = run_all(&arguments);
    let failed: Vec<&Report> = reports.iter().filter(|report| !report.violations.is_empty()).collect();
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    println!("seeds            {:>12}", reports.len());
    println!("simulated time   {:>12} s", sum(|report| report.simulated.as_secs()));
    println!("time             {:>12.1} s", began.elapsed().as_secs_f64());
    println!("calls            {:>12}", sum(|report| report.calls as u64));
    println!("  failed         {:>12}", sum(|report| report.failures as u64));
    println!("polls            {:>12}", sum(|report| report.polls));
    println!("moves            {:>12}", sum(|report| report.moves));
    println!("declared losses  {:>12}", sum(|report| report.losses as u64));
    println!("failed seeds     {:>12}", failed.len());
    for report in &failed {
        println!("--seed {}: {}", report.seed, report.violations[0]);
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_all(arguments: &Arguments) -> Vec<Report> {
    let (next, end) = (AtomicU64::new(arguments.from), arguments.from + arguments.seeds);
    let reports = Mutex::new((Vec::new(), Instant::now()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let report = run_apart(seed, arguments.bug);
            let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
            if !report.violations.is_empty() {
                println!("--seed {seed} fails: {}", report.violations[0]);
            }
            reports.0.push(report);
            if reports.1.elapsed() > PROGRESS {
                println!("{} of {} seeds", reports.0.len(), arguments.seeds);
                reports.1 = Instant::now();
            }
        }
    };
    let threads = arguments.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner).0;
    reports.sort_by_key(|report| report.seed);
    reports
}

/// Runs a seed in a process of its own, where it goes as it does when it is run alone.
fn run_apart(seed: u64, bug: Option<Bug>) -> Report {
    let run = || -> io::Result<Report> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--json", "--seed", &seed.to_string()]);
        if let Some(bug) = bug.and_then(|bug| bug.to_possible_value()) {
            command.args(["--bug", bug.get_name()]);
        }
        let output = command.stderr(Stdio::inherit()).output()?;
        let line = output.stdout.trim_ascii_end().split(|byte| *byte == b'\n').next_back().unwrap_or_default();
        Ok(serde_json::from_slice(line)?)
    };
    let broken = |error| Report { seed, violations: vec![format!("it broke off: {error}")], ..Report::default() };
    run().unwrap_or_else(broken)
}
