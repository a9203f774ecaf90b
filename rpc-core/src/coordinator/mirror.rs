//! A copy of everything that a coordinator holds, kept up to date.
//!
//! What to do next is decided in `step`, which is pure; the task around it asks the coordinator and waits. A copy never goes back:
//! when the coordinator's data is not what it was (wiped, restored from an old backup, another cluster's), the mirror stops for good
//! and says why, and so must whoever acts upon it.

mod step;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::step::{Do, Input, Reflection};
use super::bounds::{CALL_TIME, WATCH_SILENCE};
use super::{Changes, Coordinator, CoordinatorError, Entry, Revision};
use crate::clock::Clock;

/// Shortest and longest pause before the coordinator is asked again after an error; what lies between doubles, and is jittered.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long the watch may stay behind a revision that is known from elsewhere, before all keys are read instead.
const BEHIND: Duration = Duration::from_secs(1);

/// All keys as they were at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The revision.
    pub revision: Revision,
    /// The keys. They are shared with the snapshots before and after, so that one more costs no more than counts.
    pub entries: BTreeMap<Arc<str>, Arc<Entry>>,
}

impl Snapshot {
    /// The keys that begin with `prefix`, ascending.
    ///
    /// ```
    /// # let snapshot = rpc_core::coordinator::mirror::Snapshot::default();
    /// assert_eq!(snapshot.under("node/").count(), 0);
    /// ```
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Entry> {
        let from = (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded);
        let from = self.entries.range::<str, _>(from).map(|(_, entry)| &**entry);
        from.take_while(move |entry| entry.key.starts_with(prefix))
    }
}

/// How the copy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing was read yet.
    Starting,
    /// It follows.
    Current,
    /// The coordinator does not answer; the copy is as it was.
    Lost(CoordinatorError),
    /// The coordinator's data is not what it was. Nothing follows any more.
    Stopped(CoordinatorError),
}

/// A mirror. Dropping it ends its task.
#[derive(Debug)]
pub struct Mirror {
    view: watch::Receiver<View>,
    list: Arc<Notify>,
    task: JoinHandle<()>,
}

/// What the task shows.
#[derive(Clone, Debug)]
struct View {
    snapshot: Arc<Snapshot>,
    status: Status,
    heard: Option<Duration>,
}

impl Mirror {
    /// Starts to copy everything that `coordinator` holds.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(coordinator: Arc<dyn Coordinator>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let begin = View { snapshot: Arc::default(), status: Status::Starting, heard: None };
        let (shown, view) = watch::channel(begin);
        let list = Arc::new(Notify::new());
        let follower = Follower { coordinator, clock, shown, list: list.clone(), failures: 0 };
        Arc::new(Self { view, list, task: tokio::spawn(follower.run()) })
    }

    /// The copy as it is: one reference count.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.view.borrow().snapshot.clone()
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.view.borrow().status.clone()
    }

    /// When the coordinator was last heard of, on the clock given to [`spawn`](Self::spawn).
    pub fn heard(&self) -> Option<Duration> {
        self.view.borrow().heard
    }

    /// Waits until everything was read once.
    ///
    /// # Errors
    /// What it stopped for.
    ///
    /// # Cancel safety
    /// Loses nothing.
    pub async fn listed(&self) -> Result<Arc<Snapshot>, CoordinatorError> {
        self.until(|view| view.heard.is_some()).await
    }

    /// Waits for a copy that is newer than `seen`.
    ///
    /// # Errors
    /// What it stopped for.
    ///
    /// # Cancel safety
    /// Loses nothing.
    pub async fn changed(&self, seen: Revision) -> Result<Arc<Snapshot>, CoordinatorError> {
        self.until(|view| view.snapshot.revision > seen).await
    }

    /// Waits until the copy holds everything up to `revision`, which the caller knows from a transaction; at most for `limit`.
    ///
    /// # Errors
    /// [`CoordinatorError::Unavailable`] when it does not within `limit`; or what it stopped for.
    ///
    /// # Cancel safety
    /// Loses nothing.
    pub async fn caught_up_to(&self, revision: Revision, limit: Duration) -> Result<Arc<Snapshot>, CoordinatorError> {
        let caught_up = async {
            loop {
                match timeout(BEHIND, self.until(|view| view.snapshot.revision >= revision)).await {
                    Ok(reached) => return reached,
                    // The watch may hang: what is known to be there can be read.
                    Err(_behind) => self.list.notify_one(),
                }
            }
        };
        timeout(limit, caught_up).await.unwrap_or_else(|_| {
            let why = format!("its changes up to revision {revision} have not come within {limit:?}");
            Err(CoordinatorError::Unavailable(why))
        })
    }

    /// Waits until the status is another one than `seen`.
    ///
    /// # Cancel safety
    /// Loses nothing.
    pub async fn status_changed(&self, seen: &Status) -> Status {
        let mut view = self.view.clone();
        // The task shows why it stops before it ends.
        let changed = view.wait_for(|view| view.status != *seen).await.map(|view| view.status.clone());
        changed.unwrap_or_else(|_| seen.clone())
    }

    async fn until(&self, reached: impl Fn(&View) -> bool) -> Result<Arc<Snapshot>, CoordinatorError> {
        let mut view = self.view.clone();
        let view = view.wait_for(|view| reached(view) || matches!(view.status, Status::Stopped(_))).await;
        match view.as_deref() {
            Ok(View { status: Status::Stopped(why), .. }) => Err(why.clone()),
            Ok(view) => Ok(view.snapshot.clone()),
            Err(_) => Err(CoordinatorError::Unavailable("the mirror has ended".to_owned())),
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Watch = BoxStream<'static, Result<Changes, CoordinatorError>>;

/// The task: does what `step` says.
struct Follower {
    coordinator: Arc<dyn Coordinator>,
    clock: Arc<dyn Clock>,
    shown: watch::Sender<View>,
    list: Arc<Notify>,
    failures: u32,
}

impl Follower {
    async fn run(mut self) {
        let mut reflection = Reflection::default();
        let mut next = Do::List;
        let mut watch = None;
        loop {
            let input = match next {
                Do::List => {
                    watch = None;
                    self.list().await
                }
                Do::Watch(from) => match within(self.coordinator.watch("", from)).await {
                    Ok(stream) => {
                        watch = Some(stream);
                        Input::Opened
                    }
                    Err(error) => Input::Failed(error),
                },
                Do::Listen => self.listen(&mut watch).await,
                Do::Stop(why) => return self.show(&reflection, Some(Status::Stopped(why))),
            };
            next = self.take(&mut reflection, input).await;
        }
    }

    /// Steps, shows what came of it, and pauses after an error.
    async fn take(&mut self, reflection: &mut Reflection, input: Input) -> Do {
        let failed = match &input {
            Input::Failed(error) => Some(error.clone()),
            _ => None,
        };
        let told = matches!(input, Input::Listed(_) | Input::Told(_));
        let next = reflection.step(input);
        match failed {
            // Not lost: it only asks to read all keys again. The first time at once.
            Some(CoordinatorError::Compacted { .. }) if self.failures == 0 => self.failures = 1,
            Some(error) if !matches!(next, Do::Stop(_)) => {
                tracing::debug!(%error, "the coordinator is asked again");
                self.show(reflection, Some(Status::Lost(error)));
                sleep(self.pause()).await;
                self.failures = self.failures.saturating_add(1);
            }
            _ if told && !matches!(next, Do::Stop(_)) => {
                // A list alone is no sign that watches work.
                if matches!(next, Do::Listen) {
                    self.failures = 0;
                }
                self.show(reflection, Some(Status::Current));
            }
            _ => (),
        }
        next
    }

    fn show(&self, reflection: &Reflection, status: Option<Status>) {
        let now = self.clock.now();
        self.shown.send_if_modified(|view| {
            let status = status.unwrap_or_else(|| view.status.clone());
            let is_news = view.status != status || !Arc::ptr_eq(&view.snapshot, reflection.snapshot());
            if status == Status::Current {
                view.heard = Some(now);
            }
            (view.status, view.snapshot) = (status, reflection.snapshot().clone());
            is_news
        });
    }

    async fn list(&self) -> Input {
        match within(self.coordinator.range("")).await {
            Ok(range) => Input::Listed(range),
            Err(error) => Input::Failed(error),
        }
    }

    async fn listen(&self, watch: &mut Option<Watch>) -> Input {
        let Some(stream) = watch else { return Input::Behind };
        tokio::select! {
            biased;
            told = timeout(WATCH_SILENCE, stream.next()) => match told {
                Ok(Some(Ok(changes))) => Input::Told(changes),
                Ok(Some(Err(error))) => Input::Failed(error),
                Ok(None) => Input::Failed(CoordinatorError::Unavailable("its watch has ended".to_owned())),
                Err(_) => Input::Failed(CoordinatorError::Unavailable(format!("its watch is silent for {WATCH_SILENCE:?}"))),
            },
            () = self.list.notified() => Input::Behind,
        }
    }

    /// Doubles with each failure; between half of it and all of it, so that nodes that failed together do not come back together.
    fn pause(&self) -> Duration {
        let whole = PAUSE.0.saturating_mul(1 << self.failures.min(10)).min(PAUSE.1);
        // The low digits of a clock that no two machines share are random enough for this, and the same in a simulation.
        let dice = self.clock.now().as_nanos() as u64;
        let dice = (dice ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 54;
        whole.mul_f64(0.5 + dice as f64 / 2048.0)
    }
}

/// A call of the coordinator under a time limit of our own, in case its own fails.
async fn within<T>(call: impl Future<Output = Result<T, CoordinatorError>>) -> Result<T, CoordinatorError> {
    let late = || CoordinatorError::Unavailable(format!("no answer within {:?}", 2 * CALL_TIME));
    timeout(2 * CALL_TIME, call).await.unwrap_or_else(|_| Err(late()))
}
