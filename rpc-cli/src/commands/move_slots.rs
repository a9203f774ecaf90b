//! `wherever move`: slots go from one node to another, with their state.

use clap::Args;
use rpc_core::cluster::request::Request;
use rpc_core::slot::Slot;

use crate::failure::Failure;
use crate::follow::{Goal, follow};
use crate::live;
use crate::map;
use crate::node::Node;
use crate::options::Options;
use crate::plan;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
Calls to the slots go on: a caller sees a short pause, no error. The cluster may move them again when it rebalances;
`wherever weight` changes a node's share for good. Ctrl-C ends the wait, not the move.

Examples:
  wherever move --from n1 --to n2 --slots 1000 --node http://127.0.0.1:7001
  wherever move --from 127.0.0.1:7001 --to 127.0.0.1:7002 --slots 1 --group urls --dry-run
  wherever move --from n1 --to n2 --slots 5461 --no-wait --json";

/// Move slots from one node to another, with their state
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Move {
    /// Whose slots: a node's id or address
    #[arg(long, value_name = "NODE")]
    from: String,
    /// Whose they shall be
    #[arg(long, value_name = "NODE")]
    to: String,
    /// How many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(Slot::COUNT)))]
    slots: u32,
    /// The group of which the slots are
    #[arg(long, value_name = "NAME", default_value = "default")]
    group: String,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the slots to arrive
    #[arg(long)]
    no_wait: bool,
}

impl Move {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let node = Node::named(options)?.asked_for(options.question_time());
        let before = node.view().await?;
        live::of(&before)?;
        map::group(&before, &self.group)?;
        let (from, to) = (live::node_named(&before, &self.from)?, live::node_named(&before, &self.to)?);
        let Self { slots, dry_run, .. } = *self;
        let group = self.group.clone();
        let request = Request::Move { group, from: from.to_string(), to: to.to_string(), slots, dry_run };
        let plan = node.operate(&request).await?;
        plan::announce(screen, &plan)?;
        let mut done = None;
        if !(dry_run || self.no_wait || plan.moves.is_empty()) {
            let goal = Goal::arrival(&before, &self.group, &plan);
            done = Some(follow(&node, &goal, options.follow_time(), screen).await?);
        }
        Ok(plan::conclude(screen, &plan, dry_run, done)?)
    }
}
