//! `wherever services`: what can be called.

use clap::Args;
use rpc_core::cluster::view::{ClusterView, MethodView, ServiceView};
use rpc_core::node::NodeId;
use serde::Serialize;

use crate::failure::Failure;
use crate::json;
use crate::node::Node;
use crate::options::Options;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
RUNS says where: key (at the owner of the key), any (on any node), all (on every node, merged), here (on the node asked).
HERE says whether the node asked provides the service itself.

Examples:
  wherever services --node http://127.0.0.1:7001
  wherever services --node 127.0.0.1:7001 --json | jq -r '.services[].name'";

/// List the services that a node knows, and their methods
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Services {}

impl Services {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let view = Node::named(options)?.view().await?;
        show(screen, &view)
    }
}

fn show(screen: &mut Screen<'_>, view: &ClusterView) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        node: &'a NodeId,
        services: &'a [ServiceView],
    }
    if screen.json {
        return Ok(json::write_line(screen.out, &Line { node: &view.node, services: &view.services })?);
    }
    let rows = view.services.iter().flat_map(|service| service.methods.iter().map(move |method| row(service, method)));
    Ok(screen.table(["METHOD", "RUNS", "KEY", "MARKS", "GROUP", "HERE", "SUMMARY"], rows)?)
}

fn row(service: &ServiceView, method: &MethodView) -> [String; 7] {
    [
        format!("{}.{}({})", service.name, method.name, method.params.join(", ")),
        method.routing.clone(),
        method.key.join(", "),
        method.marks.join(", "),
        service.group.clone(),
        if service.provided { "yes" } else { "no" }.to_owned(),
        method.summary.clone(),
    ]
}
