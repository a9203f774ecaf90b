//! What to do when an accept fails: log it once a second, wait a little, never give up.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// First pause after a failed accept; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Longest pause: within a second of descriptors being free again, connections are taken.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// So many connections in a row may be gone before they were accepted until that counts as a fault too.
const GONE_IN_A_ROW: u32 = 64;

/// Time between two warnings of one kind.
const LOG_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Backoff {
    gone: u32,
    pause: Duration,
    until: Option<Instant>,
    log: LogGate,
}

impl Backoff {
    /// Before this time nothing should be accepted.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn succeeded(&mut self) {
        self.gone = 0;
        self.pause = Duration::ZERO;
        self.until = None;
    }

    /// Notes a failed accept; true if this process lacks descriptors or memory, so that closing a
    /// connection would help.
    pub(super) fn failed(&mut self, error: &io::Error) -> bool {
        if is_gone(error) {
            self.gone += 1;
            if self.gone < GONE_IN_A_ROW {
                tracing::debug!(%error, "a connection was gone before it was accepted");
                return false;
            }
        }
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.until = Some(Instant::now() + self.pause);
        self.log.warn(|missed| tracing::warn!(%error, missed, "accept failed"));
        is_shortage(error)
    }
}

/// The connection failed, not the listener: `accept(2)` hands on errors of the peer's network.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
    )
}

fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    shortages.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Lets one warning a second through and counts the others.
#[derive(Default)]
pub(super) struct LogGate {
    last: Option<Instant>,
    missed: u64,
}

impl LogGate {
    /// Calls `log` with the number of warnings held back since the last one, unless that was just now.
    pub(super) fn warn(&mut self, log: impl FnOnce(u64)) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < LOG_EVERY) {
            self.missed += 1;
            return;
        }
        log(self.missed);
        self.missed = 0;
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, GONE_IN_A_ROW, LONGEST_PAUSE, LogGate};
    use std::io;
    use tokio::time::{Instant, advance};

    fn no_files() -> io::Error {
        io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error())
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_one_second_and_end_with_a_success() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            assert!(backoff.failed(&no_files()));
            let latest = Instant::now() + LONGEST_PAUSE;
            assert!(backoff.until().is_some_and(|until| until <= latest));
        }
        assert_eq!(backoff.until(), Some(Instant::now() + LONGEST_PAUSE));
        backoff.succeeded();
        assert_eq!(backoff.until(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_left_costs_no_pause_unless_it_goes_on_for_ever() {
        let mut backoff = Backoff::default();
        let gone = io::Error::from(io::ErrorKind::ConnectionAborted);
        for _ in 1..GONE_IN_A_ROW {
            assert!(!backoff.failed(&gone));
            assert_eq!(backoff.until(), None);
        }
        backoff.failed(&gone);
        assert!(backoff.until().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_warnings_becomes_one_a_second() {
        let mut gate = LogGate::default();
        let mut logged = Vec::new();
        for _ in 0..10 {
            gate.warn(|missed| logged.push(missed));
        }
        advance(LONGEST_PAUSE).await;
        gate.warn(|missed| logged.push(missed));
        assert_eq!(logged, [0, 9]);
    }
}
