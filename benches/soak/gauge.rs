//! What a process holds, as the kernel and the runtime see it.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::Failed;

/// What a process holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gauge {
    /// Resident memory, in KiB.
    pub(crate) memory: u64,
    /// Open files, sockets among them.
    pub(crate) files: usize,
    /// Tasks of the runtime.
    pub(crate) tasks: usize,
}

impl Gauge {
    /// This process.
    pub(crate) fn read(runtime: &Handle) -> Result<Self, Failed> {
        let status = fs::read_to_string("/proc/self/status")?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the kernel tells no VmRSS")?;
        Ok(Self {
            memory: memory.trim().trim_end_matches(" kB").parse()?,
            // One of them is the folder that is being read.
            files: fs::read_dir("/proc/self/fd")?.count() - 1,
            tasks: runtime.metrics().num_alive_tasks(),
        })
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, files, tasks } = self;
        write!(out, "{:.1} MiB, {files} files, {tasks} tasks", *memory as f64 / 1024.0)
    }
}
