//! All nodes that were started, from the first line they write to the last.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use rustix::process::Signal;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::child::{Child, News};
use super::front::{self, Target};
use super::words::Place;
use crate::failure::Failure;
use crate::json;
use crate::live::seconds;
use crate::terminal::{Paint, Screen};

/// Lines and other news that wait to be told; a program that writes more waits.
const NEWS: usize = 256;

/// Lines of a node kept for the report that it does not start.
const LAST_LINES: usize = 5;

/// Time for nodes to end in order, a little more than they take for their own drain; then they are killed.
const END_TIME: Duration = Duration::from_secs(12);

/// Time for a killed process to be gone.
const KILL_TIME: Duration = Duration::from_secs(2);

/// SIGINT (Ctrl-C) and SIGTERM.
pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    /// Listens from now on: the program no longer ends at these signals by itself.
    ///
    /// # Errors
    /// [`Failure::Io`] if the operating system does not tell of signals.
    pub(super) fn listen() -> Result<Self, Failure> {
        let refused = |error| Failure::Io(format!("the operating system does not tell of signals: {error}"));
        let interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let terminate = signal(SignalKind::terminate()).map_err(refused)?;
        Ok(Self { interrupt, terminate })
    }

    /// Ready at the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What happens, as scripts read it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Ready { front: &'a str, nodes: Vec<Started<'a>> },
    Ended { node: usize, status: &'a str },
    Stopping,
}

#[derive(Serialize)]
struct Started<'a> {
    node: usize,
    address: &'a str,
    pid: u32,
}

/// The nodes, in order; the first is the one that the others join.
pub(super) struct Fleet {
    nodes: Vec<Member>,
    news: mpsc::Receiver<News>,
}

struct Member {
    child: Child,
    address: String,
    was_ready: bool,
    status: Option<String>,
    last_lines: VecDeque<String>,
}

impl Fleet {
    /// Starts all nodes at once: the order in which they come up does not matter to them.
    ///
    /// # Errors
    /// [`Failure::Program`] if the program cannot be started; those that were are killed.
    pub(super) fn start(program: &[String], places: &[Place]) -> Result<Self, Failure> {
        let (tell, news) = mpsc::channel(NEWS);
        let member = |place: &Place| {
            let child = Child::start(program, place, &tell)?;
            let address = place.address.clone();
            Ok(Member { child, address, was_ready: false, status: None, last_lines: VecDeque::new() })
        };
        let nodes = places.iter().map(member).collect::<Result<_, Failure>>()?;
        Ok(Self { nodes, news })
    }

    /// Waits until all nodes are ready, opens the front, and passes their output on until a signal.
    ///
    /// # Errors
    /// [`Failure::Program`] if a node does not become ready within `start_time`, or all have ended.
    pub(super) async fn run(
        &mut self,
        listener: TcpListener,
        start_time: Duration,
        signals: &mut Signals,
        screen: &mut Screen<'_>,
    ) -> Result<(), Failure> {
        let front = format!("http://{}", listener.local_addr()?);
        let mut listener = Some(listener);
        let deadline = Instant::now() + start_time;
        loop {
            tokio::select! {
                biased;
                () = signals.next() => return Ok(()),
                () = until(listener.is_some().then_some(deadline)) => return Err(self.not_ready(start_time)),
                Some(news) = self.news.recv() => self.tell(news, screen)?,
            }
            if listener.is_some() {
                if let Some(ended) = self.nodes.iter().position(|member| member.status.is_some()) {
                    return Err(self.ended_early(ended));
                }
                if self.nodes.iter().all(|member| member.was_ready) {
                    let opened = listener.take().map(|listener| front::run(listener, self.targets()));
                    opened.map(tokio::spawn);
                    self.announce(&front, screen)?;
                }
            } else if self.left() == 0 {
                return Err(Failure::Program("all nodes have ended".to_owned()));
            }
        }
    }

    /// Ends what is left: SIGTERM to the nodes that joined, then to the one that they joined and may say goodbye to; SIGKILL to
    /// what has not ended in time, or to all at a signal.
    ///
    /// # Errors
    /// If the output cannot be written; the processes are ended nonetheless.
    pub(super) async fn end(&mut self, signals: &mut Signals, screen: &mut Screen<'_>) -> Result<(), Failure> {
        if self.left() == 0 {
            return Ok(());
        }
        let mut outcome = self.say(screen, "ending the nodes; Ctrl-C kills them", &Event::Stopping);
        self.nodes.iter().for_each(|member| member.child.close());
        for nodes in [1..self.nodes.len(), 0..1] {
            self.nodes[nodes.clone()].iter().for_each(|member| member.child.signal(Signal::TERM));
            let is_over = |fleet: &Self| fleet.nodes[nodes.clone()].iter().all(|member| member.status.is_some());
            let told = tokio::select! {
                biased;
                () = signals.next() => break,
                told = timeout(END_TIME, self.tell_until(is_over, screen)) => told,
            };
            outcome = outcome.and(told.unwrap_or(Ok(())));
        }
        self.nodes.iter().for_each(|member| member.child.signal(Signal::KILL));
        let told = timeout(KILL_TIME, self.tell_until(|fleet| fleet.left() == 0, screen)).await;
        outcome.and(told.unwrap_or(Ok(())))
    }

    /// Passes news on until there is nothing more to wait for. What cannot be written is dropped: the end must not wait for it.
    async fn tell_until(&mut self, is_over: impl Fn(&Self) -> bool, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let mut outcome = Ok(());
        while !is_over(self) {
            let Some(news) = self.news.recv().await else { break };
            outcome = outcome.and(self.tell(news, screen));
        }
        outcome
    }

    fn tell(&mut self, news: News, screen: &mut Screen<'_>) -> Result<(), Failure> {
        match news {
            News::Ready { node } => self.nodes[node].was_ready = true,
            News::Line { node, is_error, text } => {
                let lines = &mut self.nodes[node].last_lines;
                write_line(screen, node, is_error, &text)?;
                lines.push_back(text);
                if lines.len() > LAST_LINES {
                    lines.pop_front();
                }
            }
            News::Ended { node, status } => {
                self.nodes[node].child.close();
                self.nodes[node].status = Some(status.clone());
                let (number, left, all) = (node + 1, self.left(), self.nodes.len());
                let text = format!("node {number} ended: {status}; {left} of {all} are left");
                self.say(screen, &text, &Event::Ended { node: number, status: &status })?;
            }
        }
        Ok(())
    }

    fn announce(&self, front: &str, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let nodes: Vec<Started<'_>> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(position, member)| Started { node: position + 1, address: &member.address, pid: member.child.pid })
            .collect();
        let addresses: Vec<&str> = nodes.iter().map(|node| node.address).collect();
        let text = format!("ready at {front}, before {}", addresses.join(", "));
        self.say(screen, &text, &Event::Ready { front, nodes })
    }

    fn say(&self, screen: &mut Screen<'_>, text: &str, event: &Event<'_>) -> Result<(), Failure> {
        if screen.json {
            json::write_line(screen.out, event)?;
        } else {
            writeln!(screen.out, "{}", screen.paint.bold(text))?;
        }
        Ok(screen.out.flush()?)
    }

    fn targets(&self) -> Vec<Target> {
        let target =
            |member: &Member| Target { address: member.address.clone(), is_ready: member.child.is_ready.clone() };
        self.nodes.iter().map(target).collect()
    }

    fn left(&self) -> usize {
        self.nodes.iter().filter(|member| member.status.is_none()).count()
    }

    fn not_ready(&self, start_time: Duration) -> Failure {
        let late = self.nodes.iter().enumerate().find(|(_, member)| !member.was_ready);
        let (position, member) = late.unwrap_or((0, &self.nodes[0]));
        let (number, time, last) = (position + 1, seconds(start_time), member.last_words());
        let Member { address, .. } = member;
        Failure::Program(format!("node {number} did not answer http://{address}/readyz with 200 in {time}; {last}"))
    }

    fn ended_early(&self, node: usize) -> Failure {
        let member = &self.nodes[node];
        let status = member.status.as_deref().unwrap_or_default();
        Failure::Program(format!("node {} ended before it was ready: {status}; {}", node + 1, member.last_words()))
    }
}

impl Member {
    fn last_words(&self) -> String {
        if self.last_lines.is_empty() {
            return "it wrote nothing".to_owned();
        }
        let lines: Vec<&str> = self.last_lines.iter().map(String::as_str).collect();
        format!("its last lines: {}", lines.join(" / "))
    }
}

/// Ready at the deadline, if there is one.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// A node's line, on the stream on which it was written; all on standard error if scripts read the other.
fn write_line(screen: &mut Screen<'_>, node: usize, is_error: bool, text: &str) -> io::Result<()> {
    let prefix = format!("{} |", node + 1);
    if is_error || screen.json {
        let mut err = io::stderr().lock();
        let paint = Paint::for_stream(err.is_terminal());
        return writeln!(err, "{} {text}", paint.coloured(node, &prefix));
    }
    writeln!(screen.out, "{} {text}", screen.paint.coloured(node, &prefix))?;
    screen.out.flush()
}
