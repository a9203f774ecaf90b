//! What a process has used, by its own clocks, and where and how exactly it runs.

use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process since its start, all threads, user and system.
pub fn cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Keeps this process and the ones it starts from now on on the first core. A lone call on idle cores would measure how long the
/// hypervisor takes to wake one.
pub fn use_one_core() -> rustix::io::Result<()> {
    let mut first = CpuSet::new();
    first.set(0);
    sched_setaffinity(None, &first)
}

/// Lets this thread's sleeps end when they are due; the kernel otherwise adds up to fifty microseconds.
pub fn sleep_exactly() -> rustix::io::Result<()> {
    set_current_timer_slack(std::num::NonZeroU64::new(1))
}
