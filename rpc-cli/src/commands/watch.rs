//! `wherever watch`: the cluster as it changes, until Ctrl-C.

use std::time::Duration;

use clap::Args;
use rpc_core::cluster::view::{ClusterView, CountsView, LiveView};
use rpc_core::node::NodeId;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::commands::nodes::{self, Member};
use crate::failure::Failure;
use crate::follow::interrupted;
use crate::json;
use crate::live;
use crate::map::{Range, SlotMap};
use crate::node::Node;
use crate::options::Options;
use crate::picture;
use crate::terminal::{Canvas, Paint, Screen};

/// Pause between two looks: what changes faster no eye follows.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Longest wait for one of many answers: the next question is more use than the end of this one.
const QUESTION: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
On a terminal the picture is drawn anew each second. Elsewhere, and with --json, there is output for each change only.
With --json each line is {groups, ranges, live, …}, or {unreachable} while the node does not answer.
--timeout says how long the node may be away before the program ends [default: 30s].

Examples:
  wherever watch --node http://127.0.0.1:7001
  wherever watch --node 127.0.0.1:7001 --group urls --timeout 5m
  wherever watch --node 127.0.0.1:7001 --json | jq -c '.live.moves'";

/// Show nodes, slots and moves as they change, until Ctrl-C
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    /// The group of which the slots are shown
    #[arg(long, value_name = "NAME", default_value = "default")]
    group: String,
}

impl Watch {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let node = Node::named(options)?.asked_for(QUESTION);
        let canvas = Canvas::on(screen);
        let outcome = tokio::select! {
            biased;
            () = interrupted() => Ok(()),
            outcome = self.watch(&node, options.absence(), screen, canvas.as_ref()) => outcome,
        };
        if let Some(canvas) = canvas {
            canvas.leave(screen)?;
        }
        outcome
    }

    /// Looks again and again. Ends only with a failure.
    async fn watch(
        &self,
        node: &Node,
        absence: Duration,
        screen: &mut Screen<'_>,
        canvas: Option<&Canvas>,
    ) -> Result<(), Failure> {
        let mut seen: Option<ClusterView> = None;
        let mut away_since: Option<Instant> = None;
        loop {
            match node.view().await {
                Ok(view) => {
                    let news = away_since.take().is_some() || seen.as_ref().is_none_or(|seen| differ(seen, &view));
                    self.show(screen, canvas, &view, None, news)?;
                    seen = Some(view);
                }
                // What never answered may not be there at all.
                Err(failure) if seen.is_none() => return Err(failure),
                Err(failure) => {
                    let news = away_since.is_none();
                    let away = away_since.get_or_insert_with(Instant::now).elapsed();
                    if away >= absence {
                        return Err(failure);
                    }
                    let message = format!("no answer for {}: {}", live::seconds(away), failure.sentence());
                    if let Some(seen) = &seen {
                        self.show(screen, canvas, seen, Some(&message), news)?;
                    }
                }
            }
            sleep(LOOK_PAUSE).await;
        }
    }

    /// Shows the cluster, or the last that was known of it and why there is no more.
    fn show(
        &self,
        screen: &mut Screen<'_>,
        canvas: Option<&Canvas>,
        view: &ClusterView,
        trouble: Option<&str>,
        news: bool,
    ) -> Result<(), Failure> {
        if let Some(canvas) = canvas {
            let drawn = self.drawn(view, trouble, screen.paint)?;
            canvas.redraw(screen, &drawn)?;
        } else if news && screen.json {
            self.write_line(screen, view, trouble)?;
        } else if news {
            let text = match trouble {
                Some(trouble) => format!("{trouble}\n"),
                None => self.drawn(view, None, screen.paint)? + "\n",
            };
            screen.out.write_all(text.as_bytes())?;
        }
        Ok(screen.out.flush()?)
    }

    fn drawn(&self, view: &ClusterView, trouble: Option<&str>, paint: Paint) -> Result<String, Failure> {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false, paint).cut_for(true);
        nodes::show(&mut screen, view)?;
        writeln!(screen.out)?;
        picture::draw(&mut screen, &SlotMap::of(view, &self.group)?)?;
        if let Some(trouble) = trouble {
            writeln!(screen.out, "{}", paint.red(trouble))?;
        }
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    fn write_line(&self, screen: &mut Screen<'_>, view: &ClusterView, trouble: Option<&str>) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Line<'a> {
            node: &'a NodeId,
            group: &'a str,
            members: Vec<Member<'a>>,
            ranges: Vec<Range<'a>>,
            live: Option<&'a LiveView>,
        }
        #[derive(Serialize)]
        struct Trouble<'a> {
            unreachable: &'a str,
        }
        if let Some(unreachable) = trouble {
            return Ok(json::write_line(screen.out, &Trouble { unreachable })?);
        }
        let ranges = SlotMap::of(view, &self.group)?.ranges();
        let members = nodes::members(view, &self.group);
        let line = Line { node: &view.node, group: &self.group, members, ranges, live: view.live.as_ref() };
        Ok(json::write_line(screen.out, &line)?)
    }
}

/// Whether there is something to tell: more than the passing of time and calls.
fn differ(a: &ClusterView, b: &ClusterView) -> bool {
    let still = |view: &ClusterView| {
        let mut view = view.clone();
        view.counts = CountsView::default();
        if let Some(live) = &mut view.live {
            (live.authority_ms, live.parked, live.revision) = (0, 0, 0);
        }
        view
    };
    still(a) != still(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::live_view;

    #[test]
    fn time_and_calls_are_no_news() {
        let view = live_view();
        let mut later = view.clone();
        later.counts.local = 7;
        let live = later.live.as_mut().expect("live");
        (live.authority_ms, live.revision) = (17, 18);
        assert!(!differ(&view, &later));
        later.live.as_mut().expect("live").nodes[0].state = "draining".to_owned();
        assert!(differ(&view, &later));
    }

    #[test]
    fn a_page_has_nodes_slots_and_trouble() {
        let watch = Watch { group: "default".to_owned() };
        let text = watch.drawn(&live_view(), Some("no answer for 3.0 s"), Paint::NONE).expect("drawn");
        for part in ["NODE ", "serving", "authority of n1: held", "    0  AAAA", "no answer for 3.0 s\n"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
