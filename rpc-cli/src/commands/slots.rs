//! `wherever slots`: who owns which slots, as a picture or as ranges.

use clap::Args;
use rpc_core::cluster::view::{ClusterView, MoveView};
use rpc_core::node::NodeId;
use serde::Serialize;

use crate::failure::Failure;
use crate::json;
use crate::live;
use crate::map::{Range, SlotMap, State};
use crate::node::Node;
use crate::options::Options;
use crate::picture;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
A picture has colours on a terminal, and letters where there are none or NO_COLOR is set.

Examples:
  wherever slots --node http://127.0.0.1:7001
  wherever slots --node 127.0.0.1:7001 --group urls --ranges
  wherever slots --node 127.0.0.1:7001 --json | jq '.ranges[] | select(.state != \"stable\")'";

/// Show the slot map of a group: a picture, or a table of ranges
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Slots {
    /// The group of which the slots are
    #[arg(long, value_name = "NAME", default_value = "default")]
    group: String,
    /// A table of ranges in place of the picture
    #[arg(long)]
    ranges: bool,
}

impl Slots {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let view = Node::named(options)?.view().await?;
        self.show(screen, &view)
    }

    fn show(&self, screen: &mut Screen<'_>, view: &ClusterView) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Line<'a> {
            cluster: &'a str,
            node: &'a NodeId,
            group: &'a str,
            ranges: Vec<Range<'a>>,
            moves: Vec<&'a MoveView>,
        }
        let map = SlotMap::of(view, &self.group)?;
        let moves: Vec<_> = view.live.iter().flat_map(|live| &live.moves).filter(|m| m.group == self.group).collect();
        if screen.json {
            let ClusterView { cluster, node, .. } = view;
            let line = Line { cluster, node, group: &self.group, ranges: map.ranges(), moves };
            return Ok(json::write_line(screen.out, &line)?);
        }
        if self.ranges {
            screen.table(["FIRST", "LAST", "SLOTS", "NODE", "EPOCH", "STATE"], map.ranges().into_iter().map(row))?;
        } else {
            picture::draw(screen, &map)?;
        }
        for planned in moves {
            writeln!(screen.out, "{}", live::told(planned))?;
        }
        let (moving, recovering) = (map.count_in(State::Moving), map.count_in(State::Recovering));
        if moving + recovering > 0 {
            writeln!(screen.out, "{moving} slots are moving, {recovering} recovering")?;
        }
        Ok(screen.seen_by(&view.node)?)
    }
}

fn row(Range { first, last, slots, node, epoch, state }: Range<'_>) -> [String; 6] {
    [
        first.to_string(),
        last.to_string(),
        slots.to_string(),
        node.map_or_else(|| "nobody".to_owned(), ToString::to_string),
        epoch.map_or_else(String::new, |epoch| epoch.to_string()),
        state.name().to_owned(),
    ]
}
