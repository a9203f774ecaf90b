//! A node's process: its output line by line, whether it is ready, and its end.
//!
//! It has a process group of its own, so that Ctrl-C reaches it only through us and a signal reaches what it has started.
//! Its standard input stays open and empty for as long as we live: a program that watches for its end outlives nobody.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{self, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::words::Place;
use crate::failure::Failure;

/// Longest line passed on in one piece, in bytes: what is longer is no line.
const MAX_LINE: u64 = 16 << 10;

/// Pause between two questions to a node that is not ready yet.
const START_PAUSE: Duration = Duration::from_millis(50);

/// Pause between two questions to a node that is ready: a node that drains gets no new connection after it.
const READY_PAUSE: Duration = Duration::from_secs(1);

/// Longest wait for the rest of a dead process's output: what it started may hold the pipe open for ever.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Signals that wait for the process's task: SIGTERM and SIGKILL are all there are.
const ORDERS: usize = 4;

/// What a process has to tell.
pub(super) enum News {
    /// It wrote a line.
    Line {
        /// Which node, from 0.
        node: usize,
        /// Whether to standard error.
        is_error: bool,
        /// The line, without its end.
        text: String,
    },
    /// It answers as ready for the first time.
    Ready {
        /// Which node, from 0.
        node: usize,
    },
    /// It is gone, and all its output has been told.
    Ended {
        /// Which node, from 0.
        node: usize,
        /// With what status.
        status: String,
    },
}

/// A node that was started.
pub(super) struct Child {
    /// Its process id.
    pub(super) pid: u32,
    /// Whether it takes connections now.
    pub(super) is_ready: Arc<AtomicBool>,
    orders: mpsc::Sender<Signal>,
    probe: JoinHandle<()>,
}

impl Child {
    /// Starts the program at a place.
    ///
    /// # Errors
    /// [`Failure::Program`] if the operating system does not start it.
    pub(super) fn start(program: &[String], place: &Place, news: &mpsc::Sender<News>) -> Result<Self, Failure> {
        let words = place.words(program);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::Program(format!("{} cannot be started: {error}", words[0])))?;
        let pid = child.id().unwrap_or_default();
        let node = place.index - 1;
        let readers = [
            child.stdout.take().map(|pipe| tokio::spawn(pass_on(pipe, node, false, news.clone()))),
            child.stderr.take().map(|pipe| tokio::spawn(pass_on(pipe, node, true, news.clone()))),
        ];
        let (orders, ordered) = mpsc::channel(ORDERS);
        tokio::spawn(live(child, node, ordered, readers, news.clone()));
        let is_ready = Arc::new(AtomicBool::new(false));
        let probe = tokio::spawn(probe(place.address.clone(), node, is_ready.clone(), news.clone()));
        Ok(Self { pid, is_ready, orders, probe })
    }

    /// Sends a signal to the process and what it has started; nothing once it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = self.orders.try_send(signal);
    }

    /// No more connections for it: it has ended, or is about to.
    pub(super) fn close(&self) {
        self.probe.abort();
        self.is_ready.store(false, Ordering::Relaxed);
    }
}

/// The life of a process from its start on. Only this task waits for the process, so its id is nobody else's when it is signalled.
async fn live(
    mut child: process::Child,
    node: usize,
    mut orders: mpsc::Receiver<Signal>,
    readers: [Option<JoinHandle<()>>; 2],
    news: mpsc::Sender<News>,
) {
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    // Waiting would close it.
    let stdin = child.stdin.take();
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            Some(signal) = orders.recv() => {
                let _ = group.map(|group| kill_process_group(group, signal));
            }
        }
    };
    drop(stdin);
    for reader in readers.into_iter().flatten() {
        let _ = timeout(LAST_OUTPUT, reader).await;
    }
    let status = status.map_or_else(|error| error.to_string(), |status: ExitStatus| status.to_string());
    let _ = news.send(News::Ended { node, status }).await;
}

/// Passes a pipe on line by line. A reader that is slow makes the program wait, as it would without us.
async fn pass_on(pipe: impl AsyncRead + Unpin, node: usize, is_error: bool, news: mpsc::Sender<News>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while (&mut pipe).take(MAX_LINE).read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        if news.send(News::Line { node, is_error, text }).await.is_err() {
            return;
        }
    }
}

/// Asks the node again and again whether it is ready.
async fn probe(address: String, node: usize, is_ready: Arc<AtomicBool>, news: mpsc::Sender<News>) {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(READY_PAUSE);
    // Without a client nothing is ever ready, which the start's deadline reports.
    let Ok(client) = client.build() else { return };
    let mut was_ready = false;
    loop {
        let ready = answers_ready(&client, &address).await;
        is_ready.store(ready, Ordering::Relaxed);
        if ready && !was_ready {
            was_ready = true;
            let _ = news.send(News::Ready { node }).await;
        }
        sleep(if ready { READY_PAUSE } else { START_PAUSE }).await;
    }
}

/// A node alone on its port answers at the first path, one in a larger program at the second.
async fn answers_ready(client: &Client, address: &str) -> bool {
    for path in ["/readyz", "/wherever/ready"] {
        match client.get(format!("http://{address}{path}")).send().await.map(|answer| answer.status()) {
            Ok(StatusCode::OK) => return true,
            Ok(StatusCode::NOT_FOUND) => {}
            _ => return false,
        }
    }
    false
}
