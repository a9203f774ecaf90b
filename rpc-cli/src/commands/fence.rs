//! `wherever fence`: a node loses its right to execute, for ever.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use rpc_core::cluster::request::Request;
use rpc_core::cluster::view::ClusterView;
use rpc_core::error::bounded;
use rpc_core::node::NodeId;

use crate::failure::Failure;
use crate::live;
use crate::node::Node;
use crate::options::Options;
use crate::plan;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
For a node that is dead or astray while the cluster cannot tell. Its slots go to others as soon as its authority must have
ended; what it alone holds is lost. `wherever drain` loses nothing: prefer it wherever the node still answers.
A fenced process never executes again; started anew, the node may join.

Examples:
  wherever fence n2 --node http://127.0.0.1:7001          asks first
  wherever fence 127.0.0.1:7002 --yes --node 127.0.0.1:7001 --json";

/// Take a node's right to execute for ever; what only it holds is lost
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Fence {
    /// The node: its id or address
    #[arg(value_name = "NODE")]
    fenced: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Fence {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal() && !screen.json;
        if !self.yes && !can_ask {
            return Err(Failure::Usage(
                "fencing loses what only the node holds, and nobody can be asked here: give --yes".to_owned(),
            ));
        }
        let node = Node::named(options)?.asked_for(options.question_time());
        let before = node.view().await?;
        live::of(&before)?;
        let fenced = live::node_named(&before, &self.fenced)?;
        let loss = loss(&before, &fenced);
        if !self.yes {
            confirm(&fenced, &loss, &mut io::stdin().lock(), &mut io::stderr().lock())?;
        } else if !screen.json {
            writeln!(screen.out, "{loss}")?;
        }
        let plan = node.operate(&Request::Fence { node: fenced.to_string() }).await?;
        plan::announce(screen, &plan)?;
        Ok(plan::conclude(screen, &plan, false, None)?)
    }
}

/// What fencing takes away, in a sentence.
fn loss(view: &ClusterView, node: &NodeId) -> String {
    let owned = view.groups.iter().map(|(name, group)| (name, group.slots_of(node))).filter(|(_, slots)| *slots > 0);
    let owned: Vec<String> = owned.map(|(name, slots)| format!("{slots} slots of {name}")).collect();
    bounded(if owned.is_empty() {
        format!(
            "{node} owns no slot: nothing is lost but the calls that it runs now, which may or may not have been executed"
        )
    } else {
        format!(
            "{node} owns {}: others take them over, what it holds in memory only is lost, and calls that it runs now may or \
             may not have been executed",
            owned.join(" and ")
        )
    })
}

/// Lets the user type the node's id, which no habit does.
///
/// # Errors
/// [`Failure::Refused`] if it is something else.
fn confirm(node: &NodeId, loss: &str, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<(), Failure> {
    let shown = bounded(node.to_string());
    let asked = write!(out, "{loss}\nThis cannot be undone. Type the id of the node to fence it ({shown}): ");
    asked.and_then(|()| out.flush()).map_err(|error| Failure::Io(format!("nobody can be asked: {error}")))?;
    let mut answer = String::new();
    input.read_line(&mut answer).map_err(|error| Failure::input(&error))?;
    if answer.trim() == node.as_str() {
        return Ok(());
    }
    Err(Failure::Refused(format!("{shown} was not fenced: its id was not typed")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::live_view;

    #[test]
    fn only_the_id_itself_confirms() {
        let view = live_view();
        let node = "n3".into();
        for (answer, agreed) in [("n3\n", true), (" n3 \r\n", true), ("y\n", false), ("", false), ("n33\n", false)] {
            let mut out = Vec::new();
            let outcome = confirm(&node, &loss(&view, &node), &mut answer.as_bytes(), &mut out);
            assert_eq!(outcome.is_ok(), agreed, "{answer:?}");
            assert!(String::from_utf8(out).expect("text").starts_with("n3 owns 5461 slots of default: others take"));
        }
    }

    #[test]
    fn a_node_without_slots_loses_little() {
        let mut view = live_view();
        view.groups.clear();
        assert!(loss(&view, &"n3".into()).starts_with("n3 owns no slot: nothing is lost but"));
    }
}
