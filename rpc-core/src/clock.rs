//! Clocks, injected wherever a protocol depends on time, so that models and simulations drive the same code.

use std::time::Duration;

/// A clock that only goes forward, on while the machine is suspended, and never jumps with the time of day.
pub trait Clock: Send + Sync + 'static {
    /// The time since some moment in the past, the same for all readings in one process.
    fn now(&self) -> Duration;
}

/// The kernel's clock since boot. It counts the time in which the machine was suspended, which `std::time::Instant` does not: a
/// node that slept through its lease must notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

impl Clock for BootClock {
    #[inline]
    fn now(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}
