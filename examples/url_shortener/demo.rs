//! The demonstration: starts nodes, loads them, checks them, reports, and serves until Ctrl-C.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::launch::Fleet;
use crate::load::load;
use crate::report::Report;
use crate::{Failure, end};

/// Wrong answers told one by one; of more, only the number.
const WRONG_SHOWN: usize = 10;

/// `url_shortener` without a command.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// End after the report, with exit status 1 if any answer was wrong.
    #[arg(long)]
    once: bool,
    /// Print the report as one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// The addresses to load, one a line.
    #[arg(long, value_name = "FILE")]
    urls: Option<PathBuf>,
    /// How many nodes to start.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    nodes: u16,
    /// The first node's port, the others following; free ones if not given.
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Where to keep the nodes' files; in a temporary folder, removed at the end, if not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs the demonstration, or as much of it as there is before a signal.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let mut signalled = Box::pin(end::signalled()?);
    let urls = read_urls(options.urls.as_deref())?;
    // Declared before the nodes, and so removed after they have ended.
    let temporary = tempfile::tempdir()?;
    let data = options.data.as_deref().unwrap_or(temporary.path());

    let mut fleet = tokio::select! {
        fleet = Fleet::start(options.nodes, options.port, data) => fleet?,
        () = &mut signalled => return Ok(ExitCode::FAILURE),
    };
    let addresses = fleet.addresses();
    let found = tokio::select! {
        found = check(&addresses, &urls, options.json) => found,
        death = fleet.death() => Err(death.into()),
        () = &mut signalled => Err("interrupted before all addresses were checked".into()),
    };
    if found.is_ok() && !options.once {
        eprintln!("\nOpen any node, Ctrl-C ends them:");
        addresses.iter().for_each(|address| eprintln!("  http://{address}/"));
        serve(&mut fleet, signalled).await;
    }
    fleet.end().await;
    found
}

/// Loads and checks the nodes, and prints the report.
async fn check(addresses: &[String], urls: &[String], json: bool) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let loaded = load(addresses, urls).await?;
    let took = started.elapsed();
    let report = Report::gather(addresses, urls.len(), loaded, took).await?;
    report.mistakes().iter().take(WRONG_SHOWN).for_each(|wrong| eprintln!("wrong: {wrong}"));
    println!("{}", if json { report.json()? } else { report.table() });
    Ok(if report.mistakes().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for the signal. Nodes that end before it are told of; the others serve on.
async fn serve(fleet: &mut Fleet, signalled: impl Future<Output = ()>) {
    tokio::pin!(signalled);
    loop {
        tokio::select! {
            death = fleet.death() => eprintln!("{death}"),
            () = &mut signalled => return,
        }
    }
}

/// The addresses to load: one a line, empty lines and those that start with # left out.
fn read_urls(file: Option<&Path>) -> Result<Vec<String>, Failure> {
    // Where the program was compiled, so that it can be started from any folder.
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/urls.txt");
    let file = file.unwrap_or(&examples);
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}
