//! `wherever up` with real nodes, and with programs that are none.

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn wherever(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wherever"));
    command.args(args).env_remove("WHEREVER_NODE").stdin(Stdio::null());
    command
}

/// The example, which cargo builds with the tests.
fn who() -> String {
    // target/debug/deps/up-0123456789abcdef and target/debug/examples/who
    let test = std::env::current_exe().expect("known");
    let program: PathBuf = test.ancestors().nth(2).expect("a folder").join("examples").join("who");
    assert!(program.is_file(), "{} is missing: cargo build -p rpc-cli --examples", program.display());
    program.to_str().expect("text").to_owned()
}

fn run(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = wherever(args).output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

/// A running `wherever up --json`, which is told to end if the test fails.
struct Up {
    child: Child,
    events: Lines<BufReader<ChildStdout>>,
}

impl Up {
    fn start(args: &[&str]) -> Self {
        let mut command = wherever(&[&["up", "--json"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("runs");
        let events = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, events }
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.events.next().expect("an event").expect("text")).expect("JSON")
    }

    fn signal(&self, signal: Signal) {
        kill(self.child.id().into(), signal);
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal(Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

fn kill(pid: i64, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("an id")).expect("not 0");
    kill_process(pid, signal).expect("it runs");
}

#[test]
fn real_nodes_are_reached_in_turn_through_one_port() {
    let mut up = Up::start(&["--nodes", "3", "--", &who(), "{listen}", "{nodes}"]);
    let ready = up.next();
    assert_eq!(ready["event"], "ready");
    let (front, nodes) = (ready["front"].as_str().expect("a URL"), ready["nodes"].as_array().expect("nodes"));
    let addresses: Vec<&str> = nodes.iter().map(|node| node["address"].as_str().expect("an address")).collect();
    assert_eq!(addresses.len(), 3);
    let called = |times| -> Vec<String> {
        let call = |_| {
            let (status, out, err) = run(&["call", "Who.name", "--node", front]);
            assert_eq!(status, 0, "{err}");
            serde_json::from_str(&out).expect("text")
        };
        (0..times).map(call).collect()
    };
    assert_eq!(called(6), [addresses.clone(), addresses.clone()].concat());
    // One dies: it is said, and the others go on.
    kill(nodes[1]["pid"].as_i64().expect("a number"), Signal::KILL);
    let ended = up.next();
    assert_eq!((&ended["event"], &ended["node"]), (&"ended".into(), &2.into()));
    assert!(ended["status"].as_str().expect("text").contains("signal: 9"), "{ended}");
    let mut left = called(4);
    left.sort_unstable();
    left.dedup();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(!left.iter().any(|address| address == addresses[1]));
    // The node that the others join ends last.
    up.signal(Signal::INT);
    let events: Vec<Value> = (0..3).map(|_| up.next()).collect();
    assert_eq!(events[0]["event"], "stopping");
    assert_eq!([&events[1]["node"], &events[2]["node"]], [3, 1]);
    assert_eq!(events[2]["status"], "exit status: 0");
    assert_eq!(up.child.wait().expect("ends").code(), Some(0));
}

#[test]
fn lines_are_told_with_the_number_of_their_node() {
    let mut child = wherever(&["up", "--nodes", "2", "--", &who(), "{listen}", "{nodes}"]);
    let mut child = child.stdout(Stdio::piped()).spawn().expect("runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut seen = String::new();
    for line in lines {
        let line = line.expect("text");
        if line.starts_with("ready at http://127.0.0.1:") {
            kill(child.id().into(), Signal::TERM);
        }
        seen += &(line + "\n");
    }
    assert!(child.wait().expect("ends").success(), "{seen}");
    let has = |start: &str, end: &str| seen.lines().any(|line| line.starts_with(start) && line.ends_with(end));
    assert!(has("1 | 127.0.0.1:", " is here") && has("2 | 127.0.0.1:", " is here"), "{seen}");
    assert!(has("2 | ", " has ended") && has("node 2 ended: exit status: 0; 1 of 2 are left", ""), "{seen}");
}

#[test]
fn a_program_that_does_not_become_a_node_is_reported_with_its_last_words() {
    let script = "echo going down >&2; exit 3 # {listen}";
    let (status, out, err) = run(&["up", "--nodes", "1", "--", "sh", "-c", script]);
    assert_eq!(status, 1, "{out}{err}");
    assert!(err.contains("1 | going down\n"), "{err}");
    let said = "error: node 1 ended before it was ready: exit status: 3; its last lines: going down\n";
    assert!(err.ends_with(said), "{err}");
    let script = "echo dumb as a brick {index}; exec sleep 60";
    let (status, _, err) = run(&["up", "--nodes", "2", "--timeout", "1s", "--", "sh", "-c", script]);
    assert_eq!(status, 1);
    assert!(err.contains("node 1 did not answer http://127.0.0.1:") && err.contains("dumb as a brick 1"), "{err}");
    let (status, _, err) = run(&["up", "--", "/no/such/program"]);
    assert!(status == 1 && err.contains("/no/such/program cannot be started: "), "{err}");
}

#[test]
fn a_second_signal_kills_what_does_not_listen_to_the_first() {
    // Never ready, deaf to SIGTERM, and with a child of its own that must not stay behind.
    let script = "trap '' TERM; echo {index}; sleep 600 & wait; while :; do sleep 600; done";
    let mut up = wherever(&["up", "--nodes", "2", "--", "sh", "-c", script]);
    let mut child = up.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let mut wait_for = |start: &str| lines.find(|line| line.starts_with(start)).expect("told");
    let (first, second) = (wait_for(""), wait_for(""));
    assert_ne!(first, second);
    kill(child.id().into(), Signal::INT);
    wait_for("ending the nodes");
    kill(child.id().into(), Signal::INT);
    wait_for("node ");
    assert!(wait_for("node ").ends_with("ended: signal: 9 (SIGKILL); 0 of 2 are left"));
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn a_wrong_command_line_starts_nothing() {
    for args in [&["up"][..], &["up", "--nodes", "0", "--", "true"], &["up", "--port", "65535", "--", "true"]] {
        assert_eq!(run(args).0, 2, "{args:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let (status, _, err) = run(&["up", "--port", &port, "--", "true"]);
    assert!(status == 1 && err.contains("cannot be listened at"), "{err}");
}
