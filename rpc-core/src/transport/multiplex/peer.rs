//! One peer: its connection, made when it is first needed and again when it broke, or plain HTTP where there can be none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout_at};

use super::Settings;
use super::connection::{Connection, Line, NotTaken, Waiting};
use super::dial::{Dialed, dial};
use crate::call::{Call, Caller, Reply, Target};
use crate::error::{Executed, Kind, RpcError};
use crate::service::{MethodDescriptor, is_any_compact};
use crate::stripes::Striped;
use crate::transport::frames::Hello;

/// After a failed attempt the next one is made no sooner than this; longer after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest such pause: what a node that has come back waits at most for its callers.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A connection that broke sooner than this, and answered nothing, counts as a failed attempt: else a node that takes each and drops it would be dialed without end.
const STEADY: Duration = Duration::from_secs(1);

/// So many connections a call may find closed before any of it was written. One is what a node that has just left leaves behind.
const MOST_CLOSED: usize = 3;

/// For so long plain HTTP is spoken after an upgrade was refused, until the next attempt: whatever refused it may have gone.
const PLAIN: Duration = Duration::from_secs(60);

type Dialing = Shared<BoxFuture<'static, Result<Dialed, RpcError>>>;

/// A peer, spoken to by frames or, if it refuses them, by `plain`.
pub struct FramesPeer {
    address: String,
    cluster: Arc<OnceLock<String>>,
    settings: Settings,
    plain: Arc<dyn Caller>,
    jitter: fn() -> u64,
    // Held for a look or a change; never across an await.
    link: Mutex<Link>,
    /// Each thread's way to the connection, found again when that takes no calls any more.
    lines: Striped<Option<Arc<Line>>>,
    /// The last connection was to an end of the same build. It says how arguments are best written before it is known how they go: only the
    /// connection that takes them decides.
    is_same_build: AtomicBool,
}

/// How the peer can be reached.
enum Link {
    /// Nothing is known, or the last attempts failed.
    Down { failures: u32, last: Option<(Instant, RpcError)> },
    /// Somebody dials, and all wait for that.
    Dialing(Dialing, u32),
    /// By this connection, since then, after so many failures.
    Up(Arc<Connection>, Instant, u32),
    /// By plain HTTP, until then.
    Plain(Instant),
}

/// How a call goes out.
enum Way {
    Frames(Arc<Connection>),
    Plain,
}

impl Caller for FramesPeer {
    fn takes_compact(&self, _: &MethodDescriptor, _: &Target) -> bool {
        self.is_same_build.load(Ordering::Relaxed)
    }

    fn call(&self, mut call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        Box::pin(async move {
            let mut closed = 0;
            loop {
                let connection = match self.way(&call).await? {
                    Way::Plain => return self.plain.call(call).await,
                    Way::Frames(connection) => connection,
                };
                if call.params.is_compact() && !connection.is_same_build() {
                    // The node was replaced by one of another build.
                    call = call.into_json()?;
                }
                match connection.call(&call).await {
                    Ok(answer) => return answer,
                    // No try is spent, as none was made.
                    Err(NotTaken(_)) if closed < MOST_CLOSED => closed += 1,
                    Err(NotTaken(error)) => return Err(error),
                }
            }
        })
    }
}

impl FramesPeer {
    /// Sends `call`, if it can be sent now; then nothing is waited for but the reply, at which `waker` is woken. `None` if it cannot, or the peer would
    /// not read it: nothing was sent then, and [`call`](Caller::call) does all that may be needed.
    pub fn begin(&self, call: &Call, waker: &Waker) -> Option<Result<Waiting, RpcError>> {
        let known = self.lines.with(|line| line.clone());
        if let Some(begun) = known.as_ref().and_then(|line| Self::begin_on(line, call, waker)) {
            return Some(begun);
        }
        let line = match &*self.lock() {
            Link::Up(connection, ..) if !known.is_some_and(|known| connection.is_by(&known)) => connection.line(),
            _ => return None,
        };
        let begun = Self::begin_on(&line, call, waker)?;
        // Unless it was forgotten meanwhile.
        let link = self.lock();
        if matches!(&*link, Link::Up(connection, ..) if connection.is_by(&line)) {
            self.lines.with(|known| *known = Some(line));
        }
        Some(begun)
    }

    fn begin_on(line: &Arc<Line>, call: &Call, waker: &Waker) -> Option<Result<Waiting, RpcError>> {
        if call.params.is_compact() && !line.is_same_build() { None } else { line.begin(call, waker) }
    }

    /// What leads to a former connection would keep its socket open.
    fn forget_lines(&self) {
        self.lines.each(|line| *line = None);
    }

    pub(super) fn new(
        address: &str,
        cluster: Arc<OnceLock<String>>,
        settings: Settings,
        plain: Arc<dyn Caller>,
        jitter: fn() -> u64,
    ) -> Self {
        let link = Mutex::new(Link::Down { failures: 0, last: None });
        Self {
            address: address.to_owned(),
            cluster,
            settings,
            plain,
            jitter,
            link,
            lines: Striped::default(),
            is_same_build: AtomicBool::new(false),
        }
    }

    async fn way(&self, call: &Call) -> Result<Way, RpcError> {
        let (dialing, failures) = {
            let mut link = self.lock();
            match &*link {
                Link::Up(connection, ..) if connection.is_open() => return Ok(Way::Frames(connection.clone())),
                Link::Plain(until) if *until > Instant::now() => return Ok(Way::Plain),
                Link::Down { last: Some((until, error)), .. } if *until > Instant::now() => return Err(error.clone()),
                Link::Dialing(dialing, failures) => (dialing.clone(), *failures),
                Link::Up(connection, since, failures) => {
                    let was_of_use = connection.has_answered() || since.elapsed() >= STEADY;
                    let failures = if was_of_use { 0 } else { failures.saturating_add(1) };
                    // Once may happen: a node has restarted, or left.
                    if failures > 1 {
                        let error = self.unsteady(failures);
                        let last = Some((Instant::now() + self.pause(failures), error.clone()));
                        *link = Link::Down { failures, last };
                        self.forget_lines();
                        return Err(error);
                    }
                    self.begin_to_dial(&mut link, failures)
                }
                Link::Plain(_) => self.begin_to_dial(&mut link, 0),
                Link::Down { failures, .. } => {
                    let failures = *failures;
                    self.begin_to_dial(&mut link, failures)
                }
            }
        };
        match timeout_at(call.deadline.instant(), dialing.clone()).await {
            Ok(dialed) => self.settle(&dialing, failures, dialed),
            Err(_passed) => {
                let message =
                    format!("the deadline of {} passed before {} was connected", call.method.full_name, self.address);
                Err(RpcError::new(Kind::Deadline, message).with_executed(Executed::No))
            }
        }
    }

    /// Begins to dial, in a task of its own: the caller that begins may be gone before the others who wait.
    fn begin_to_dial(&self, link: &mut Link, failures: u32) -> (Dialing, u32) {
        let (address, patience) = (self.address.clone(), self.settings.connect_timeout);
        let cluster = self.cluster.get().filter(|cluster| !cluster.is_empty()).cloned();
        // This end takes no calls on connections that it has made.
        let (limit, build) = (self.settings.max_message, self.settings.build.clone());
        let task = tokio::spawn(async move {
            let build = if is_any_compact() { build.id().await } else { None };
            dial(&address, &Hello { cluster, build, ..Hello::new(limit, 0) }, patience).await
        });
        let dialing = task.map(|ended| {
            ended.unwrap_or_else(|_| {
                Err(RpcError::new(Kind::ShuttingDown, "the runtime ended while a peer was dialed")
                    .with_executed(Executed::No))
            })
        });
        let dialing = dialing.boxed().shared();
        *link = Link::Dialing(dialing.clone(), failures);
        self.forget_lines();
        (dialing, failures)
    }

    /// Takes note of what came of `dialing`, if nobody has done so.
    fn settle(&self, dialing: &Dialing, failures: u32, dialed: Result<Dialed, RpcError>) -> Result<Way, RpcError> {
        let mut link = self.lock();
        let is_first = matches!(&*link, Link::Dialing(current, _) if current.ptr_eq(dialing));
        match dialed {
            Ok(Dialed::Frames(connection)) => {
                if is_first {
                    self.is_same_build.store(connection.is_same_build(), Ordering::Relaxed);
                    *link = Link::Up(connection.clone(), Instant::now(), failures);
                }
                Ok(Way::Frames(connection))
            }
            Ok(Dialed::Refused(why)) => {
                if is_first {
                    tracing::debug!(address = self.address, why, "frames are refused: calls go by plain HTTP");
                    self.is_same_build.store(false, Ordering::Relaxed);
                    *link = Link::Plain(Instant::now() + PLAIN);
                }
                Ok(Way::Plain)
            }
            Err(error) => {
                if is_first {
                    let last = Some((Instant::now() + self.pause(failures), error.clone()));
                    *link = Link::Down { failures: failures.saturating_add(1), last };
                }
                Err(error)
            }
        }
    }

    /// The pause after so many failures before this one: doubled with each, and up to half of it shorter, so that callers of many programs do
    /// not come at once.
    fn pause(&self, failures: u32) -> Duration {
        let longest = (FIRST_PAUSE * 2_u32.saturating_pow(failures.min(16))).min(LONGEST_PAUSE);
        let share = u32::try_from((self.jitter)() % 512).unwrap_or_default();
        longest - longest * share / 1024
    }

    fn unsteady(&self, times: u32) -> RpcError {
        let message = format!("{} drops each connection at once, {times} times by now", self.address);
        RpcError::new(Kind::Unavailable, message).with_executed(Executed::No)
    }

    fn lock(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::net::TcpListener;

    use super::*;
    use crate::build::Build;
    use crate::transport::multiplex::fixtures::{NOTHING, call};

    struct NoPlain;

    impl Caller for NoPlain {
        fn call(&self, _call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
            Box::pin(async { Err(RpcError::new(Kind::Internal, "nobody speaks HTTP here")) })
        }
    }

    fn peer(address: &str, jitter: fn() -> u64) -> FramesPeer {
        let settings =
            Settings { connect_timeout: Duration::from_secs(2), max_message: 1 << 20, build: Build::Unknown };
        FramesPeer::new(address, Arc::default(), settings, Arc::new(NoPlain), jitter)
    }

    #[test]
    fn the_pause_doubles_up_to_a_bound_and_the_noise_takes_off_up_to_half() {
        let pauses =
            |jitter| [0, 1, 4, 5, 40, u32::MAX].map(|failures| peer("nowhere", jitter).pause(failures).as_millis());
        assert_eq!(pauses(|| 0), [10, 20, 160, 250, 250, 250]);
        assert_eq!(pauses(|| 511), [5, 10, 80, 125, 125, 125]);
    }

    /// How often a node that does this with each connection is dialed in a second of calls every five milliseconds.
    async fn dials(of: impl AsyncFn(tokio::net::TcpStream)) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let peer = peer(&listener.local_addr().expect("bound").to_string(), || 0);
        let dials = AtomicUsize::new(0);
        let serving = async {
            while let Ok((stream, _)) = listener.accept().await {
                dials.fetch_add(1, Ordering::Relaxed);
                of(stream).await;
            }
        };
        let calling = async {
            for _ in 0..200 {
                let error = peer.call(call(&NOTHING, 0)).await.expect_err("nobody answers");
                assert!(matches!(error.kind(), Kind::Unavailable | Kind::ConnectionLost), "{error}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = serving => {}
            () = calling => {}
        }
        dials.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_closes_each_connection_is_dialed_ever_less_often() {
        let dials = dials(async |stream| drop(stream)).await;
        // After 0, 10, 30, 70, 150, 310 ms, and then each quarter of a second.
        assert!((6..=10).contains(&dials), "{dials} dials");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_greets_and_then_closes_is_dialed_ever_less_often_too() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let dials = dials(async |mut stream| {
            let mut hello = Vec::from("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: wherever-frames\r\n\r\n");
            crate::transport::frames::write_hello(&mut hello, &Hello::new(1 << 20, 10));
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await;
            let _written = stream.write_all(&hello).await;
            let _read = stream.read(&mut request).await;
        })
        .await;
        assert!((5..=12).contains(&dials), "{dials} dials");
    }
}
