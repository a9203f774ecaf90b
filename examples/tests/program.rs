//! A program under test: started, listened to, waited for, and never left behind.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// For one step of a test, on a machine that is busy compiling; on a quiet one the longest takes four seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when dropped. If the test has failed by then, everything that the program said is shown.
pub(crate) struct Program {
    name: String,
    child: Child,
    /// What it wrote to its standard output so far.
    pub(crate) stdout: Said,
    /// What it wrote to its standard error so far.
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

/// The command for an example, to which arguments can be added.
///
/// # Panics
/// If it was not built, saying how to.
pub(crate) fn example(name: &str) -> Command {
    let this = std::env::current_exe().expect("a test knows its own file");
    // target/debug/deps/examples-0123456789abcdef and target/debug/examples/hello
    let profile = this.ancestors().nth(2).expect("a test lies in two folders");
    let program: PathBuf = profile.join("examples").join(name);
    assert!(program.is_file(), "{} is missing: cargo build -p wherever-examples --examples", program.display());
    Command::new(program)
}

/// Runs a program to its end, which must come in time.
pub(crate) async fn run(command: &mut Command) -> Ended {
    Program::start(command).end().await
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

    /// Its process; only while nobody has waited for its end.
    pub(crate) fn id(&self) -> Pid {
        self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs")
    }

    /// Sends it a signal, as `kill` does.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).expect("a child can be signalled");
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
            let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
            eprintln!("--- {}\n--- stdout:\n{stdout}--- stderr:\n{stderr}---", self.name);
        }
    }
}

/// What is read from one pipe.
pub(crate) struct Said(watch::Receiver<String>);

impl Said {
    fn from(pipe: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (more, said) = watch::channel(String::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                more.send_modify(|all| *all = format!("{all}{line}\n"));
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

    fn so_far(&self) -> String {
        self.0.borrow().clone()
    }

    async fn all(&mut self) -> String {
        while self.0.changed().await.is_ok() {}
        self.so_far()
    }
}
