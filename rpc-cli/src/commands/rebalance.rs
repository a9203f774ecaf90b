//! `wherever rebalance`: the slots are spread by weight, now.

use clap::Args;
use rpc_core::cluster::request::Request;

use crate::failure::Failure;
use crate::follow::{Goal, follow};
use crate::live;
use crate::map;
use crate::node::Node;
use crate::options::Options;
use crate::plan;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
The cluster does this by itself once it is out of balance by more than a little; this asks for the rest, at once.
As few slots move as can. Ctrl-C ends the wait, not the moves.

Examples:
  wherever rebalance --dry-run --node http://127.0.0.1:7001
  wherever rebalance --group urls --node 127.0.0.1:7001
  wherever rebalance --json --timeout 30m";

/// Spread the slots of a group by weight, now
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rebalance {
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

impl Rebalance {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let node = Node::named(options)?.asked_for(options.question_time());
        let before = node.view().await?;
        live::of(&before)?;
        map::group(&before, &self.group)?;
        let dry_run = self.dry_run;
        let plan = node.operate(&Request::Rebalance { group: self.group.clone(), dry_run }).await?;
        plan::announce(screen, &plan)?;
        let mut done = None;
        if !(dry_run || self.no_wait || plan.moves.is_empty()) {
            let goal = Goal::arrival(&before, &self.group, &plan);
            done = Some(follow(&node, &goal, options.follow_time(), screen).await?);
        }
        Ok(plan::conclude(screen, &plan, dry_run, done)?)
    }
}
