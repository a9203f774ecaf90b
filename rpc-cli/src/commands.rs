//! The commands: each one a file with its arguments and a `run`.

mod bench;
mod call;
mod drain;
mod explain;
mod fence;
mod move_slots;
mod nodes;
mod rebalance;
mod services;
mod slot;
mod slots;
mod up;
mod watch;
mod weight;

use clap::Subcommand;

use crate::failure::Failure;
use crate::options::CommandLine;
use crate::terminal::Screen;

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Slot(slot::Slot),
    Call(call::Call),
    Bench(bench::Bench),
    Services(services::Services),
    Nodes(nodes::Nodes),
    Slots(slots::Slots),
    Explain(explain::Explain),
    Watch(watch::Watch),
    Move(move_slots::Move),
    Rebalance(rebalance::Rebalance),
    Drain(drain::Drain),
    Weight(weight::Weight),
    Fence(fence::Fence),
    Up(up::Up),
}

/// Does what the command line asks for.
pub(crate) async fn run(line: CommandLine, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let options = &line.options;
    match line.command {
        Command::Slot(command) => command.run(screen),
        Command::Call(command) => command.run(options, screen).await,
        Command::Bench(command) => command.run(options, screen).await,
        Command::Services(command) => command.run(options, screen).await,
        Command::Nodes(command) => command.run(options, screen).await,
        Command::Slots(command) => command.run(options, screen).await,
        Command::Explain(command) => command.run(options, screen).await,
        Command::Watch(command) => command.run(options, screen).await,
        Command::Move(command) => command.run(options, screen).await,
        Command::Rebalance(command) => command.run(options, screen).await,
        Command::Drain(command) => command.run(options, screen).await,
        Command::Weight(command) => command.run(options, screen).await,
        Command::Fence(command) => command.run(options, screen).await,
        Command::Up(command) => command.run(options, screen).await,
    }
}
