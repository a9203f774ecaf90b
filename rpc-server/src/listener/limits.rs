//! The limits of one listener: every time, count and size a peer could otherwise stretch without end.

use std::time::Duration;

/// Time for one request header, from its first byte (for the first one: from the accept) to its last.
/// A header is one or two packets; ten seconds forgive three lost ones on a bad line.
pub const HEADER_TIME: Duration = Duration::from_secs(10);

/// Time a connection may rest between two requests. Clients of ours keep theirs for less, so that it is
/// the client who closes and no call meets a connection closing under it.
pub const IDLE_TIME: Duration = Duration::from_secs(60);

/// Time for one whole request body, counted from the first moment the handler had to wait for it.
/// The largest message (4 MiB) fits at 420 kB/s; it is also the default deadline of a call.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// Time one write may stand still because the peer reads nothing.
pub const WRITE_STALL: Duration = Duration::from_secs(10);

/// Time that requests in flight get to finish at shutdown; the default deadline of a call.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Headers of one request. Browsers behind two proxies send about thirty.
pub const MAX_HEADERS: usize = 64;

/// Bytes of one request header, its first line included.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Bytes of a request's path and query; what common proxies pass on.
pub const MAX_URI_BYTES: usize = 8 * 1024;

/// Connections at once, if the process may open enough files. At about 10 kB each, idle ones cost 100 MB.
pub const MAX_CONNECTIONS: usize = 10_240;

/// What one listener allows its peers. Start from [`Limits::default`] and set what should differ:
///
/// ```
/// let mut limits = rpc_server::listener::Limits::default();
/// limits.max_connections = 500;
/// ```
///
/// Times are checked by one sweep over all connections instead of a timer for each, so a connection is
/// closed up to two sweeps late (a sweep is an eighth of the shortest time, at most half a second) and
/// never early.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Time for a request header: [`HEADER_TIME`]. A connection that runs over is closed without a word.
    pub header_time: Duration,
    /// Rest between two requests: [`IDLE_TIME`].
    pub idle_time: Duration,
    /// Time for a whole request body: [`BODY_TIME`]. A body that runs over ends with an error and its
    /// connection closes after the answer. Raise it for routes that take large uploads.
    pub body_time: Duration,
    /// Time without progress in a write: [`WRITE_STALL`].
    pub write_stall: Duration,
    /// Time for requests in flight at shutdown: [`DRAIN_TIME`].
    pub drain_time: Duration,
    /// Headers of one request, more are answered 431: [`MAX_HEADERS`].
    pub max_headers: usize,
    /// Bytes of one header, more are answered 431: [`MAX_HEADER_BYTES`].
    pub max_header_bytes: usize,
    /// Bytes of path and query, more are answered 414: [`MAX_URI_BYTES`].
    pub max_uri_bytes: usize,
    /// Connections at once: the smaller of [`MAX_CONNECTIONS`] and three quarters of the files this process
    /// may open (`RLIMIT_NOFILE`), the last quarter being for its own calls, logs and stores. For a moment,
    /// while others are being closed to make room, a sixteenth (at least 16) more, and up to 64 that are
    /// told that there is none.
    pub max_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_time: HEADER_TIME,
            idle_time: IDLE_TIME,
            body_time: BODY_TIME,
            write_stall: WRITE_STALL,
            drain_time: DRAIN_TIME,
            max_headers: MAX_HEADERS,
            max_header_bytes: MAX_HEADER_BYTES,
            max_uri_bytes: MAX_URI_BYTES,
            max_connections: connections_by_files(),
        }
    }
}

impl Limits {
    /// How often the connections are looked over.
    pub(super) fn sweep_every(&self) -> Duration {
        const SHARE: u32 = 8;
        const SHORTEST: Duration = Duration::from_millis(5);
        const LONGEST: Duration = Duration::from_millis(500);
        let times = [self.header_time, self.idle_time, self.write_stall];
        let shortest = times.into_iter().min().unwrap_or(LONGEST);
        (shortest / SHARE).clamp(SHORTEST, LONGEST)
    }
}

fn connections_by_files() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let ours = files.map_or(u64::MAX, |files| (files / 4 * 3).max(1));
    usize::try_from(ours).unwrap_or(usize::MAX).min(MAX_CONNECTIONS)
}
