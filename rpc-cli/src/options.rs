//! The command line as data.

use std::time::Duration;

use clap::{Arg, Args, Command, CommandFactory, Parser};

use crate::commands;

/// Longest wait for one answer unless told otherwise: the default deadline of a call.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Longest wait for slots to arrive unless told otherwise: gigabytes of state take minutes to copy.
const FOLLOW_TIME: Duration = Duration::from_secs(600);

/// Longest wait for programs to start unless told otherwise; most of it is for machines that are busy compiling.
const START_TIME: Duration = Duration::from_secs(60);

/// How long a node that is watched may be away unless told otherwise: longer than a restart takes.
const ABSENCE: Duration = Duration::from_secs(30);

/// Longest wait that can be asked for: a shell command that takes more than an hour is a mistake in the unit.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// The exit statuses, as `--help` explains them.
pub(crate) const EXIT_STATUSES: &str = "\
Exit status:
    0  done
    1  the provider answered with its own error; a program of `wherever up` failed
    2  the command line is wrong
    3  no node could be reached there, or none that knows its cluster yet
    4  not executed: it was refused, or reached no provider
    5  it failed and may have been executed, or it is not finished yet
   74  standard input or output failed
  130  Ctrl-C ended the wait, not what was waited for
  141  the reader of the output went away";

const EXAMPLES: &str = "\
Examples:
  wherever slot user:42
  wherever services --node http://127.0.0.1:7001
  wherever call UrlStore.get '{\"code\":\"rust\"}' --node http://127.0.0.1:7001
  wherever up --nodes 3 --port 7000 -- ./app
  WHEREVER_NODE=http://127.0.0.1:7001 wherever explain '{user:42}.cart' --json";

/// Where keys live, what a cluster provides, and calls to it from a shell.
#[derive(Debug, Parser)]
#[command(name = "wherever", version, about, after_help = format!("{EXAMPLES}\n\n{EXIT_STATUSES}"))]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: commands::Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Any node of the cluster, such as http://127.0.0.1:7001
    #[arg(long, value_name = "URL", env = "WHEREVER_NODE", hide_env_values = true, global = true)]
    pub(crate) node: Option<String>,
    /// Print one JSON value, on the last line of standard output; errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Longest wait: seconds, or a number with ms, s or m [default: 10s for an answer, 10m for slots to arrive]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, global = true)]
    pub(crate) timeout: Option<Duration>,
}

impl Options {
    /// Longest wait for one answer.
    pub(crate) fn answer_time(&self) -> Duration {
        self.timeout.unwrap_or(ANSWER_TIME)
    }

    /// Longest wait for one answer among many: never longer than a single one is waited for.
    pub(crate) fn question_time(&self) -> Duration {
        self.answer_time().min(ANSWER_TIME)
    }

    /// Longest wait until the cluster has done what it was asked for.
    pub(crate) fn follow_time(&self) -> Duration {
        self.timeout.unwrap_or(FOLLOW_TIME)
    }

    /// Longest wait until programs that were started answer.
    pub(crate) fn start_time(&self) -> Duration {
        self.timeout.unwrap_or(START_TIME)
    }

    /// How long a node that is watched may be away.
    pub(crate) fn absence(&self) -> Duration {
        self.timeout.unwrap_or(ABSENCE)
    }
}

/// The command line as clap reads it.
pub(crate) fn command() -> Command {
    let mut command = CommandLine::command();
    // Every command has taken over the options of all once this is done, so that one can hide some.
    command.build();
    NEEDLESS.iter().fold(command, |command, (name, options)| {
        let needless = |arg: &Arg| options.contains(&arg.get_id().as_str());
        command.mut_subcommand(name, |own| own.mut_args(|arg| if needless(&arg) { arg.hide(true) } else { arg }))
    })
}

/// Options that mean nothing to a command that needs no node.
const NEEDLESS: &[(&str, &[&str])] = &[("slot", &["node", "timeout"]), ("up", &["node"])];

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "write a whole number, such as 10, 10s, 500ms or 2m".to_owned())?;
    let time = match &text[digits.len()..] {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        unit => return Err(format!("{unit:?} is no unit: write ms, s or m")),
    };
    if time.is_zero() || time > LONGEST_TIMEOUT {
        return Err("it must be between 1ms and 60m".to_owned());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        for command in CommandLine::command().get_subcommands() {
            let help = command.clone().render_help().to_string();
            assert!(help.contains("Examples:\n  wherever "), "{help}");
        }
    }

    #[test]
    fn a_command_that_needs_no_node_offers_none() {
        let help = |name| {
            let mut command = command();
            let help = command.find_subcommand_mut(name).expect("there").render_help();
            help.to_string()
        };
        let (slot, nodes) = (help("slot"), help("nodes"));
        assert!(!slot.contains("--node <") && !slot.contains("--timeout"), "{slot}");
        assert!(slot.contains("--json") && nodes.contains("--node <") && nodes.contains("--timeout"), "{nodes}");
    }

    #[test]
    fn a_timeout_has_a_unit_and_bounds() {
        assert_eq!(parse_timeout("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_timeout("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_timeout("60m"), Ok(LONGEST_TIMEOUT));
        for bad in ["", "0", "0ms", "61m", "ms", "-1", "1.5", "1h", "18446744073709551615m", "1 s", "10sé"] {
            assert!(parse_timeout(bad).is_err(), "{bad}");
        }
    }
}
