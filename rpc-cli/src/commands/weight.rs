//! `wherever weight`: a node gets another share of the slots.

use clap::Args;
use rpc_core::cluster::request::Request;

use crate::failure::Failure;
use crate::live;
use crate::node::Node;
use crate::options::Options;
use crate::plan;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
A weight counts relative to those of the other nodes and outlives restarts of the node. The slots follow when the cluster
rebalances: `wherever rebalance` has that done at once, `wherever watch` shows it.

Examples:
  wherever weight n2 200 --node http://127.0.0.1:7001
  wherever weight 127.0.0.1:7002 50 --json";

/// Give a node another weight than its own
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Weight {
    /// The node: its id or address
    #[arg(value_name = "NODE")]
    weighed: String,
    /// Its share, relative to the others
    #[arg(value_name = "W")]
    weight: u32,
}

impl Weight {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let node = Node::named(options)?.asked_for(options.question_time());
        let before = node.view().await?;
        live::of(&before)?;
        let weighed = live::node_named(&before, &self.weighed)?;
        let plan = node.operate(&Request::Weight { node: weighed.to_string(), weight: self.weight }).await?;
        plan::announce(screen, &plan)?;
        Ok(plan::conclude(screen, &plan, false, None)?)
    }
}
