//! Calls from outside, by `counters load`, and what came of them.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde::Deserialize;

use crate::programs::{Program, program};

/// Calls that go on until their time is over.
pub(crate) struct Load(Program);

/// What the program reports, as far as it is checked here; the rest is printed.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) calls: u64,
    pub(crate) acknowledged: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) slots_moved: u64,
    pub(crate) slots_lost: u64,
    pub(crate) violations: Vec<String>,
}

impl Load {
    /// Returns when the calls have begun.
    pub(crate) async fn start(addresses: &[&str], seconds: u64, more: &[&str]) -> Self {
        let mut command = program("examples/counters");
        command.args(["load", "--json", "--nodes", &addresses.join(","), "--seconds", &seconds.to_string()]);
        let mut program = Program::start(command.args(more));
        program.stderr.line("the load begins").await;
        Self(program)
    }

    /// Whether its calls still go on.
    pub(crate) fn is_running(&mut self) -> bool {
        self.0.is_running()
    }

    /// Ends the calls, and checks that nothing was lost, doubled or out of order.
    pub(crate) async fn stop(mut self) -> Report {
        if self.is_running() {
            self.0.signal(Signal::TERM);
        }
        let ended = self.0.end().await;
        let report: Report =
            serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("no report, {error}: {ended:#?}"));
        let shown: Vec<_> = report.violations.iter().take(10).collect();
        assert!(shown.is_empty(), "{} violations: {shown:#?}\n{:?}", report.violations.len(), report.failures);
        assert_eq!(ended.status, Some(0), "{ended:#?}");
        assert!(report.acknowledged > 0, "{report:?}");
        println!("{}", ended.stdout.trim_end());
        report
    }
}

/// What a call hears that ran while its node lost authority.
const LAPSED: &str = "no_authority, executed: maybe";

impl Report {
    /// Checks that callers noticed nothing but a wait, unless nodes say that they lost authority meanwhile: a call that was under way then was told
    /// that it may have run, and no other failed.
    pub(crate) fn without_failures_but_of(self, lapses: usize) -> Self {
        if lapses == 0 {
            return self.without_failures();
        }
        println!("authority lapsed {lapses} times in a planned round");
        assert!(self.failures.keys().all(|failure| failure == LAPSED), "{:?}", self.failures);
        self
    }

    /// Checks that callers noticed nothing but a wait.
    pub(crate) fn without_failures(self) -> Self {
        assert!(self.failures.is_empty(), "{:?}", self.failures);
        assert_eq!(self.calls, self.acknowledged);
        self
    }
}
