//! `wherever drain`: a node gives its slots away and gets no new ones, until that is undone.

use clap::Args;
use rpc_core::cluster::request::Request;

use crate::failure::Failure;
use crate::follow::{Goal, follow};
use crate::live;
use crate::node::Node;
use crate::options::Options;
use crate::plan;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
A drained node stays in the cluster, takes calls for others, and can be stopped without anybody noticing.
The order stands until --undo, even if the wait for it is ended.

Examples:
  wherever drain n2 --node http://127.0.0.1:7001
  wherever drain 127.0.0.1:7002 --node 127.0.0.1:7001 --no-wait
  wherever drain n2 --undo --node 127.0.0.1:7001";

/// Move all slots away from a node and give it no new ones; or end that
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Drain {
    /// The node: its id or address
    #[arg(value_name = "NODE")]
    drained: String,
    /// Give it slots again
    #[arg(long)]
    undo: bool,
    /// Do not wait until it has no slot left
    #[arg(long)]
    no_wait: bool,
}

impl Drain {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let node = Node::named(options)?.asked_for(options.question_time());
        let before = node.view().await?;
        live::of(&before)?;
        let drained = live::node_named(&before, &self.drained)?;
        let plan = node.operate(&Request::Drain { node: drained.to_string(), on: !self.undo }).await?;
        plan::announce(screen, &plan)?;
        let mut done = None;
        if !(self.undo || self.no_wait) {
            let goal = Goal::empty(&before, &drained);
            done = Some(follow(&node, &goal, options.follow_time(), screen).await?);
        }
        Ok(plan::conclude(screen, &plan, false, done)?)
    }
}
