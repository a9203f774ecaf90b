//! Programs under test: found, started, listened to, signalled, and never left behind.

use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::until::PATIENCE;

/// The command for a program of this workspace.
///
/// # Panics
/// If it was not built, saying how to.
pub(crate) fn program(path: &str) -> Command {
    let folder = std::env::var_os("CHAOS_PROGRAMS").map(PathBuf::from).unwrap_or_else(|| {
        let this = std::env::current_exe().expect("a test knows its own file");
        // target/debug/deps/chaos-0123456789abcdef
        this.ancestors().nth(2).expect("a test lies in two folders").to_owned()
    });
    let program = folder.join(path);
    assert!(
        program.is_file(),
        "{} is missing: cargo build -p wherever-examples --example counters --example echo -p rpc-cli",
        program.display()
    );
    Command::new(program)
}

/// Killed when dropped. If the test has failed by then, what the program said last is shown.
pub(crate) struct Program {
    name: String,
    child: Child,
    pub(crate) stdout: Said,
    pub(crate) stderr: Said,
}

/// The whole life of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts it without any input.
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = format!("{:?}", command.as_std());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let stdout = Said::from(child.stdout.take().expect("a pipe, as asked"));
        let stderr = Said::from(child.stderr.take().expect("a pipe, as asked"));
        Self { name, child, stdout, stderr }
    }

    /// Sends it a signal, as `kill` does.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
        kill_process(id, signal).expect("a child can be signalled");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Waits for its end and for its last words.
    pub(crate) async fn end(&mut self) -> Ended {
        let end = async {
            let status = self.child.wait().await.expect("a child can be waited for");
            Ended { status: status.code(), stdout: self.stdout.all().await, stderr: self.stderr.all().await }
        };
        timeout(PATIENCE, end).await.unwrap_or_else(|_| panic!("{} does not end", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}\n{}{}", self.name, self.stdout.latest(), self.stderr.latest());
        }
    }
}

/// Lines of a failed program that are shown.
const SHOWN: usize = 25;

/// What is read from one pipe.
pub(crate) struct Said(watch::Receiver<String>);

impl Said {
    fn from(pipe: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (more, said) = watch::channel(String::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                more.send_modify(|all| {
                    all.push_str(&line);
                    all.push('\n');
                });
            }
        });
        Self(said)
    }

    /// Waits for a line that contains `part`.
    pub(crate) async fn line(&mut self, part: &str) -> String {
        let find = |all: &str| all.lines().find(|line| line.contains(part)).map(str::to_owned);
        let found = timeout(PATIENCE, self.0.wait_for(|all| find(all).is_some())).await;
        let all = found.unwrap_or_else(|_| panic!("{part:?} was not said in time"));
        find(&all.unwrap_or_else(|_| panic!("{part:?} was never said"))).expect("it was just found")
    }

    /// How many lines with this part were said so far.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.0.borrow().lines().filter(|line| line.contains(part)).count()
    }

    /// The lines with one of these parts.
    pub(crate) fn with(&self, parts: &[&str]) -> Vec<String> {
        self.0.borrow().lines().filter(|line| parts.iter().any(|part| line.contains(part))).map(str::to_owned).collect()
    }

    fn latest(&self) -> String {
        let all = self.0.borrow();
        let lines: Vec<&str> = all.lines().collect();
        let latest = &lines[lines.len().saturating_sub(SHOWN)..];
        latest.iter().map(|line| format!("{line}\n")).collect()
    }

    async fn all(&mut self) -> String {
        while self.0.changed().await.is_ok() {}
        self.0.borrow().clone()
    }
}
