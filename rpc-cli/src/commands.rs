//! The commands: each one a file with its arguments and a `run`.

mod call;
mod explain;
mod nodes;
mod services;
mod slot;

use clap::Subcommand;

use crate::failure::Failure;
use crate::options::CommandLine;
use crate::terminal::Screen;

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Slot(slot::Slot),
    Call(call::Call),
    Services(services::Services),
    Nodes(nodes::Nodes),
    Explain(explain::Explain),
}

/// Does what the command line asks for.
pub(crate) async fn run(line: CommandLine, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let options = &line.options;
    match line.command {
        Command::Slot(command) => command.run(screen),
        Command::Call(command) => command.run(options, screen).await,
        Command::Services(command) => command.run(options, screen).await,
        Command::Nodes(command) => command.run(options, screen).await,
        Command::Explain(command) => command.run(options, screen).await,
    }
}
