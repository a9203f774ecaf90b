//! `wherever`, the command line: where keys live, what a cluster provides, and calls from a shell.
//!
//! It speaks to nodes as any JSON-RPC client would. In the order in which a command runs:
//!
//! - `options`: the command line as data
//! - `commands`: one file per command
//! - `node`, `reply`: the conversation with a node
//! - `live`, `map`: what a cluster's view says about nodes and about slots
//! - `plan`, `follow`: what an operator's request came to, and the way there
//! - `failure`: what went wrong, and the exit status for it
//! - `json`, `terminal`, `picture`, `progress`: what scripts and people see

mod options;

mod commands;

mod node;
mod reply;

mod live;
mod map;

mod follow;
mod plan;

mod failure;
mod json;
mod picture;
mod progress;
mod terminal;

use std::env;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::FromArgMatches;

use crate::failure::{Exit, Failure};
use crate::options::CommandLine;
use crate::terminal::{Paint, Screen};

/// Output gathered before it is written, in bytes: a page of slots for each system call, not a line.
const OUTPUT_BUFFER: usize = 64 << 10;

fn main() -> ExitCode {
    let read = options::command().try_get_matches().and_then(|matches| CommandLine::from_arg_matches(&matches));
    let line = match read {
        Ok(line) => line,
        Err(error) => return unread(&error).into(),
    };
    let json = line.options.json;
    let mut out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    let is_terminal = io::stdout().is_terminal();
    let paint = Paint::for_stream(is_terminal);
    let mut screen = Screen::new(&mut out, json, paint).cut_for(is_terminal);
    let outcome = run(line, &mut screen).and_then(|()| Ok(out.flush()?));
    match outcome {
        Ok(()) => Exit::Done.into(),
        Err(failure) => report(&failure, json, &mut out).into(),
    }
}

fn run(line: CommandLine, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Io(format!("the operating system refuses what the program needs: {error}")))?;
    let outcome = runtime.block_on(commands::run(line, screen));
    // A name look-up that hangs in the C library must not outlive the timeout that gave up on it.
    runtime.shutdown_background();
    outcome
}

/// Shows the help that was asked for, or tells what is wrong with the command line: on standard error as clap does, and scripts as
/// everything else that goes wrong. Where a line cannot be read, `--json` counts wherever it stands.
fn unread(error: &clap::Error) -> Exit {
    if error.use_stderr() && env::args_os().any(|argument| argument == "--json") {
        let rendered = error.render().to_string();
        // What follows is about usage, for people.
        let message = rendered.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let _ = Failure::Usage(message.trim_end().to_owned()).write_json(&mut io::stdout().lock());
    }
    // Nobody may be there to read it.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// Tells scripts on standard output and people on standard error. Nobody is left to hear that either of them is closed.
fn report(failure: &Failure, json: bool, out: &mut dyn Write) -> Exit {
    if json && !matches!(failure, Failure::ClosedPipe | Failure::Told(_)) {
        let _ = failure.write_json(out).and_then(|()| out.flush());
    }
    let paint = Paint::for_stream(io::stderr().is_terminal());
    let _ = failure.write_text(&mut io::stderr().lock(), paint);
    failure.exit()
}
