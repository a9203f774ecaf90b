//! What an operator's request came to: the plan that the cluster made of it, and its outcome.

use std::io;
use std::time::Duration;

use rpc_core::cluster::request::{Plan, PlannedMove};
use rpc_core::error::bounded;
use serde::Serialize;

use crate::json;
use crate::live;
use crate::terminal::Screen;

/// Shows the plan to people, before it is followed. Scripts get all of it at the end.
pub(crate) fn announce(screen: &mut Screen<'_>, plan: &Plan) -> io::Result<()> {
    if screen.json {
        return Ok(());
    }
    if !plan.moves.is_empty() {
        let row = |planned: &PlannedMove| [planned.from.clone(), planned.to.clone(), planned.slots.to_string()];
        screen.table(["FROM", "TO", "SLOTS"], plan.moves.iter().map(row))?;
    }
    if !plan.message.is_empty() {
        writeln!(screen.out, "{}", bounded(plan.message.clone()))?;
    }
    if plan.moves.is_empty() && plan.message.is_empty() {
        writeln!(screen.out, "nothing to do")?;
    }
    screen.out.flush()
}

/// The last line: what was done, and how long that took if it was waited for.
pub(crate) fn conclude(screen: &mut Screen<'_>, plan: &Plan, dry_run: bool, done: Option<Done>) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        dry_run: bool,
        #[serde(flatten)]
        plan: &'a Plan,
        /// Absent if nothing was waited for.
        #[serde(skip_serializing_if = "Option::is_none")]
        done: Option<Done>,
    }
    if screen.json {
        return json::write_line(screen.out, &Line { dry_run, plan, done });
    }
    match done {
        Some(done) => {
            let took = live::seconds(Duration::from_millis(done.took_ms));
            writeln!(screen.out, "done: {} slots arrived in {took}", done.slots)
        }
        None if dry_run => writeln!(screen.out, "nothing was done: this was a dry run"),
        None => Ok(()),
    }
}

/// What was waited for and came.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Done {
    /// Slots that arrived.
    pub(crate) slots: u32,
    /// How long that took, in milliseconds.
    pub(crate) took_ms: u64,
}
