//! What a call costs in instructions and in heap allocations, compared with the table that is kept beside the code.
//!
//! ```text
//! cargo run --profile costs -p wherever-benches --bin costs               # compares with benches/costs.md
//! cargo run --profile costs -p wherever-benches --bin costs -- --update   # writes it anew
//! cargo run --profile costs -p wherever-benches --bin costs -- --rounds 10 # how far the figures of several runs lie apart
//! ```
//!
//! - `ways`: the ways that a call can take, each with its program
//! - `callgrind`: runs this program again, in valgrind, and reads what was counted
//! - `table`: the table, and what may differ from it

mod callgrind;
mod table;
mod ways;

use std::process::ExitCode;

use crate::callgrind::Counted;
use crate::table::{Row, Table};
use crate::ways::Way;

/// What went wrong, for the person before the terminal.
type Failed = Box<dyn std::error::Error>;

/// Calls counted: enough that what happens now and then (a buffer that is full, a clock that is read) has its usual share.
const CALLS: u32 = 1000;

const USAGE: &str = "usage: costs [--update | --rounds N]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match &words[..] {
        [] => compare(),
        ["--update"] => update(),
        ["--rounds", rounds] => rounds.parse().map_err(Failed::from).and_then(spread),
        // What runs in valgrind.
        ["run", way] => Way::named(way).ok_or_else(|| USAGE.into()).and_then(|way| way.run(CALLS)),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), Failed> {
    let kept = Table::read()?;
    let now = measured()?;
    let told = kept.differences(&now);
    now.print();
    if let Some(why) = told.uncompared {
        println!("\n{why}");
    }
    if told.differences.is_empty() {
        return Ok(());
    }
    let each = told.differences.join("\n  ");
    Err(format!(
        "a call does not cost what benches/costs.md says:\n  {each}\nIf that is meant, write the table anew and commit it with the change:\n  {}",
        table::UPDATE
    )
    .into())
}

fn update() -> Result<(), Failed> {
    let now = measured()?;
    now.write()?;
    now.print();
    Ok(())
}

/// Prints the least and the most of several runs, as one has to know before a bound is chosen.
fn spread(rounds: usize) -> Result<(), Failed> {
    println!("| call | instructions | | apart | allocations of {CALLS} calls | |\n|---|---|---|---|---|---|");
    for way in Way::ALL {
        let all = (0..rounds.max(1)).map(|_| callgrind::count(way)).collect::<Result<Vec<Counted>, Failed>>()?;
        let bounds = |of: fn(&Counted) -> u64| {
            let (least, most) = (all.iter().map(of).min(), all.iter().map(of).max());
            (least.unwrap_or(0), most.unwrap_or(0))
        };
        let (least, most) = bounds(|counted| counted.instructions);
        let (fewest, greatest) = bounds(|counted| counted.allocations);
        let calls = u64::from(CALLS);
        let apart = (most - least) as f64 * 100.0 / least as f64;
        println!("| {way} | {} | {} | {apart:.2} % | {fewest} | {greatest} |", least / calls, most / calls);
    }
    Ok(())
}

fn measured() -> Result<Table, Failed> {
    let row = |way| callgrind::count(way).map(|counted| Row::new(way, &counted));
    Ok(Table { compiler: table::compiler()?, rows: Way::ALL.into_iter().map(row).collect::<Result<_, _>>()? })
}
