//! The nodes of the demonstration: processes of this same program that never outlive it.
//!
//! A child is killed when its [`Process`] is dropped, which a panic and every way out of `main` do. Where nothing is dropped,
//! because this process was killed, the child's standard input ends, and so does the child.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, select_all, try_join_all};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::task::JoinHandle;

use crate::Failure;

/// Time for a node to answer after its start; most of it is for machines that are busy compiling.
const READY_TIME: Duration = Duration::from_secs(30);

/// How often free ports are looked for: one could be taken by somebody else before its node takes it.
const TRIES: u32 = 3;

/// Pause between two looks whether a node answers.
const READY_PAUSE: Duration = Duration::from_millis(20);

/// Time for a node to end in order, a little more than it takes for its own drain; then it is killed.
const END_TIME: Duration = Duration::from_secs(12);

/// Lines kept of what a node writes to its standard error.
const LAST_LINES: usize = 20;

/// The nodes, in the order of their addresses.
pub(crate) struct Fleet {
    processes: Vec<Process>,
}

struct Process {
    address: String,
    child: Child,
    /// The child ends when this is dropped. It is kept apart from the child, whose `wait` would drop it.
    stdin: Option<ChildStdin>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
}

impl Fleet {
    /// Starts `count` nodes at consecutive ports from `first`, or at free ones, and waits until all of them answer.
    pub(crate) async fn start(count: u16, first: Option<u16>, data: &Path) -> Result<Self, Failure> {
        let mut tries = if first.is_some() { 1 } else { TRIES };
        loop {
            tries -= 1;
            match Self::start_at(&addresses(count, first)?, data).await {
                Err(failure) if tries > 0 => eprintln!("{failure}\nonce more, at other ports"),
                outcome => return outcome,
            }
        }
    }

    /// Starts a node for each address, with its file in a folder of its own in `data`.
    async fn start_at(addresses: &[String], data: &Path) -> Result<Self, Failure> {
        let processes = addresses.iter().enumerate().map(|(position, address)| {
            // The nodes share the slots in the order of their addresses: the same folder holds the same share at each start.
            let folder = data.join(format!("node-{}-of-{}", position + 1, addresses.len()));
            Process::start(address, addresses, &folder)
        });
        let mut fleet = Self { processes: processes.collect::<Result<_, _>>()? };
        let client = reqwest::Client::builder().no_proxy().timeout(READY_TIME).build()?;
        let ready = try_join_all(fleet.processes.iter_mut().map(|process| process.ready(&client))).await;
        if let Err(failure) = ready {
            // The others close their files before anybody opens them again.
            fleet.end().await;
            return Err(failure);
        }
        Ok(fleet)
    }

    /// Where the nodes that have not ended listen.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.processes.iter().map(|process| process.address.clone()).collect()
    }

    /// Waits until a node has ended, which none should, and says which and how. Never ready when none is left.
    ///
    /// # Cancel safety
    /// Dropping it loses at most the last words of a node that has just ended.
    pub(crate) async fn death(&mut self) -> String {
        if self.processes.is_empty() {
            return std::future::pending().await;
        }
        let ends = self.processes.iter_mut().map(|process| Box::pin(process.child.wait()));
        let (status, position, _) = select_all(ends).await;
        self.processes.remove(position).obituary(status.ok()).await
    }

    /// Ends all nodes in order, and kills those that do not.
    pub(crate) async fn end(mut self) {
        join_all(self.processes.iter_mut().map(Process::end)).await;
    }
}

impl Process {
    fn start(address: &str, nodes: &[String], folder: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["node", "--listen", address, "--nodes", &nodes.join(","), "--until-stdin-ends", "--data"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C reaches this process alone, which then ends the nodes.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let last_lines = Arc::default();
        let stderr = child.stderr.take().ok_or("a child without the pipe that it was started with")?;
        let reader = tokio::spawn(keep_last_lines(stderr, Arc::clone(&last_lines)));
        Ok(Self { address: address.to_owned(), child, stdin, last_lines, reader })
    }

    async fn ready(&mut self, client: &reqwest::Client) -> Result<(), Failure> {
        let address = format!("http://{}/wherever/ready", self.address);
        let started = Instant::now();
        loop {
            tokio::select! {
                // First: whoever has taken the node's port may answer in its place, or leave the question open.
                biased;
                status = self.child.wait() => return Err(self.obituary(status.ok()).await.into()),
                answer = client.get(&address).send() => if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return Ok(());
                }
            }
            if started.elapsed() > READY_TIME {
                return Err(format!("node {} is not ready after {READY_TIME:?}", self.address).into());
            }
            tokio::time::sleep(READY_PAUSE).await;
        }
    }

    /// How the node ended and what it said last.
    async fn obituary(&mut self, status: Option<ExitStatus>) -> String {
        // Its pipe ends with it; unless a process of its own holds it, and then this is not worth waiting for.
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.reader).await;
        let status = status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string());
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: String = lines.iter().map(|line| format!("\n  | {line}")).collect();
        format!("node {} ended by itself ({status}); it said last:{lines}", self.address)
    }

    async fn end(&mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(END_TIME, self.child.wait()).await.is_err() {
            eprintln!("node {} does not end and is killed", self.address);
            let _ = self.child.kill().await;
        }
    }
}

/// Reads to the end, so that the node never waits for room in the pipe.
async fn keep_last_lines(stderr: ChildStderr, last: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
}

/// Addresses on this machine for `count` nodes, in the order in which nodes share the slots: consecutive ports from `first`, or
/// free ones.
fn addresses(count: u16, first: Option<u16>) -> Result<Vec<String>, Failure> {
    let mut addresses = match first {
        Some(first) => {
            let last = first.checked_add(count - 1).ok_or("there are not that many ports after the first one")?;
            (first..=last).map(|port| format!("127.0.0.1:{port}")).collect()
        }
        None => {
            // All are held until the last is known, or the same one could come twice.
            let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
            held.iter().map(|held| Ok(held.local_addr()?.to_string())).collect::<Result<Vec<_>, Failure>>()?
        }
    };
    addresses.sort();
    Ok(addresses)
}
