//! The real program against nodes that answer well, badly or not at all: both streams and the exit status.

mod fake;

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use fake::{Answer, FakeNode};
use rpc_core::cluster::fixed::FixedNodes;
use rpc_core::cluster::view::{ClusterView, CountsView, MethodView, ServiceView, VIEW_FORMAT};
use serde_json::{Value, json};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wherever"));
    command.args(args).env_remove("WHEREVER_NODE").env("HTTP_PROXY", "http://127.0.0.1:1");
    command
}

/// The program's exit status and both streams.
struct Ran {
    status: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The one value on standard output.
    fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        serde_json::from_str(&self.out).expect("JSON")
    }

    /// Asserts that neither stream can move a terminal's cursor.
    fn is_harmless(&self) {
        let unsafe_in_a_terminal = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!self.out.contains(unsafe_in_a_terminal), "{:?}", self.out);
        assert!(!self.err.contains(unsafe_in_a_terminal), "{:?}", self.err);
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("no signal"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

fn run(args: &[&str]) -> Ran {
    program(args).stdin(Stdio::null()).output().expect("runs").into()
}

fn run_with_input(args: &[&str], input: &[u8]) -> Ran {
    let mut child =
        program(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("ends");
    writer.join().expect("no panic");
    output.into()
}

fn view() -> ClusterView {
    let nodes = FixedNodes::new(["127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"]).expect("good");
    ClusterView {
        format: VIEW_FORMAT,
        cluster: nodes.cluster_id(),
        node: nodes.nodes()[0].id.clone(),
        coordinator: "fixed".to_owned(),
        live: None,
        groups: [("default".to_owned(), nodes.slots())].into(),
        services: vec![ServiceView {
            name: "UrlStore".to_owned(),
            group: "default".to_owned(),
            provided: true,
            methods: vec![MethodView {
                name: "get".to_owned(),
                routing: "key".to_owned(),
                params: vec!["code".to_owned()],
                key: vec!["code".to_owned()],
                marks: vec!["read".to_owned()],
                summary: "The address behind a code.".to_owned(),
            }],
        }],
        counts: CountsView::default(),
    }
}

fn node_with(view: &ClusterView) -> FakeNode {
    FakeNode::json(serde_json::to_string(view).expect("encodes"))
}

#[test]
fn slot_prints_the_number_and_asks_nobody() {
    let ran = run(&["slot", "foo"]);
    assert_eq!((ran.status, ran.out.as_str(), ran.err.as_str()), (0, "12182\n", ""));
    assert_eq!(run(&["slot", ""]).out, "0\n");
    assert_eq!(run(&["slot", "--", "--stdin"]).status, 0);
    assert_eq!(run(&["slot", "foo", "--json"]).json(), json!({"key": "foo", "slot": 12182}));
    let ran = run_with_input(&["slot", "--stdin"], b"foo\n\xff{bar}\n\nfoo");
    assert_eq!((ran.status, ran.out.as_str()), (0, "12182\n5061\n0\n12182\n"));
}

#[test]
fn slot_answers_each_line_before_the_next_is_written() {
    let mut child = program(&["slot", "--stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs");
    let (mut stdin, mut stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    for (key, slot) in [("foo\n", "12182\n"), ("bar\n", "5061\n")] {
        stdin.write_all(key.as_bytes()).expect("writes");
        let mut answer = vec![0; slot.len()];
        stdout.read_exact(&mut answer).expect("reads");
        assert_eq!(answer, slot.as_bytes());
    }
    drop(stdin);
    assert!(child.wait().expect("ends").success());
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let mut child = program(&["slot", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut stdin = child.stdin.take().expect("piped");
    drop(child.stdout.take());
    // Ends when the program does, as nobody reads the rest.
    while stdin.write_all(&b"foo\n".repeat(10_000)).is_ok() {}
    let ran = Ran::from(child.wait_with_output().expect("ends"));
    assert_eq!((ran.status, ran.err.as_str()), (141, ""));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let ran = Ran::from(program(&["slot", "foo"]).stdout(full).stderr(Stdio::piped()).output().expect("runs"));
    assert_eq!(ran.status, 74);
    assert!(ran.err.contains("standard output cannot be written"), "{}", ran.err);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for args in [
        &["slot"][..],
        &["slot", "a", "--stdin"],
        &["slot", "a", "--timeout", "0"],
        &["frobnicate"],
        &["services"],
        &["services", "--node", "https://127.0.0.1:1"],
        &["services", "--node", "http://me:secret@127.0.0.1:1"],
        &["call", "get", "{}", "--node", "127.0.0.1:1"],
        &["call", "a.b", "7", "--node", "127.0.0.1:1"],
        &["call", "a.b", "{", "--node", "127.0.0.1:1"],
        &["call", "a.b", "{}"],
    ] {
        let ran = run(args);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{args:?}: {}", ran.err);
        assert!(ran.err.starts_with("error:") || ran.err.contains("Usage:"), "{args:?}: {}", ran.err);
        assert!(!ran.err.contains("secret"), "{args:?}: {}", ran.err);
    }
    let ran = run(&["services", "--json"]);
    assert!(ran.err.contains("--node") && ran.err.contains("WHEREVER_NODE"), "{}", ran.err);
    assert_eq!(ran.json()["error"]["exit"], 2);
}

#[test]
fn the_node_may_come_from_the_environment() {
    let node = node_with(&view());
    let ran = Ran::from(program(&["services"]).env("WHEREVER_NODE", &node.url).output().expect("runs"));
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(node.request().starts_with("GET /wherever/cluster HTTP/1.1\r\n"));
}

#[test]
fn services_are_a_table_for_people_and_one_value_for_scripts() {
    let ran = run(&["services", "--node", &node_with(&view()).url]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["METHOD", "RUNS", "KEY", "MARKS", "GROUP", "HERE", "SUMMARY"]);
    assert_eq!(rows[1][..6], ["UrlStore.get(code)", "key", "code", "read", "default", "yes"]);
    let value = run(&["services", "--json", "--node", &node_with(&view()).url]).json();
    assert_eq!(value["node"], "127.0.0.1:7001");
    assert_eq!(value["services"], serde_json::to_value(view().services).expect("encodes"));
}

#[test]
fn nodes_share_the_slots() {
    let ran = run(&["nodes", "--node", &node_with(&view()).url]);
    assert_eq!((ran.status, ran.out.lines().count()), (0, 6), "{}", ran.err);
    let asked: Vec<&str> = ran.out.lines().filter(|line| line.ends_with('*')).collect();
    assert!(matches!(&*asked, [line] if line.starts_with("127.0.0.1:7001 ")), "{}", ran.out);
    assert!(ran.out.ends_with("\nas 127.0.0.1:7001 sees it; nothing else was contacted\n"), "{}", ran.out);
    let value = run(&["nodes", "--json", "--node", &node_with(&view()).url]).json();
    let slots: u64 =
        value["groups"]["default"].as_array().expect("nodes").iter().filter_map(|n| n["slots"].as_u64()).sum();
    assert_eq!(slots, 16384);
}

#[test]
fn explain_goes_from_the_key_to_near_and_far() {
    let node = node_with(&view());
    let ran = run(&["explain", "{user1000}.following", "--node", &node.url]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let value = run(&["explain", "{user1000}.following", "--json", "--node", &node.url]).json();
    assert_eq!((&value["hashed"], &value["slot"], &value["epoch"]), (&json!("user1000"), &json!(3443), &json!(1)));
    let owner = value["owner"]["id"].as_str().expect("owned");
    assert_eq!(value["owner"]["address"], owner);
    for node in value["nodes"].as_array().expect("nodes") {
        assert_eq!(node["call"], if node["id"] == owner { "near" } else { "far" });
    }
    for text in ["user1000  (the hash tag", "3443", owner, "near", "far", "one network call to"] {
        assert!(ran.out.contains(text), "{text}: {}", ran.out);
    }
    let ran = run(&["explain", "foo", "--group", "urls", "--node", &node.url]);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("has no group urls; it has: default"), "{}", ran.err);
}

#[test]
fn names_from_outside_cannot_paint_the_terminal() {
    let mut view = view();
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}\r\n";
    view.node = hostile.into();
    view.services[0].name = hostile.repeat(1000);
    view.services[0].methods[0].summary = hostile.to_owned();
    let mut group = view.groups.remove("default").expect("there");
    group.nodes[0].id = hostile.into();
    view.groups.insert(hostile.to_owned(), group.clone());
    let node = node_with(&view);
    for command in [&["services"][..], &["nodes"], &["explain", "foo"], &["explain", "foo", "--group", hostile]] {
        for json in [&[][..], &["--json"]] {
            let ran = run(&[command, json, &["--node", &node.url]].concat());
            ran.is_harmless();
            assert!((ran.out + &ran.err).contains("[2J"), "{command:?}");
        }
    }
    let error = format!(r#""error":{{"code":1,"message":{0},"data":{0}}}"#, json!(hostile));
    run(&["call", "a.b", "--node", &FakeNode::reply(&error).url]).is_harmless();
    let result = format!(r#""result":{}"#, json!(hostile));
    run(&["call", "a.b", "--node", &FakeNode::reply(&result).url]).is_harmless();
}

#[test]
fn call_sends_what_it_was_given_and_prints_what_it_got() {
    let node = FakeNode::reply("\"result\": {\"n\":\n12345678901234567890123, \"f\":1.10}");
    let ran = run(&["call", "UrlStore.get", r#"{"n":98765432109876543210.0}"#, "--node", &node.url]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "{\n  \"n\": 12345678901234567890123,\n  \"f\": 1.10\n}\n");
    let request = node.request();
    assert!(request.starts_with("POST /rpc HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    let (_, body) = request.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, r#"{"jsonrpc":"2.0","id":1,"method":"UrlStore.get","params":{"n":98765432109876543210.0}}"#);
    let ran = run(&["call", "UrlStore.get", "[]", "--json", "--node", &node.url]);
    assert_eq!(ran.out, "{\"result\":{\"n\":12345678901234567890123,\"f\":1.10}}\n");
}

#[test]
fn arguments_come_from_standard_input_or_not_at_all() {
    let node = FakeNode::reply("\"result\":null");
    let ran = run_with_input(&["call", "a.b", "-", "--node", &node.url], b"[1]\n");
    assert_eq!((ran.status, ran.out.as_str()), (0, "null\n"), "{}", ran.err);
    assert!(node.request().contains(r#""method":"a.b","params":[1]"#), "{}", node.request());
    let node = FakeNode::reply("\"result\":null");
    assert_eq!(run(&["call", "a.b", "--node", &node.url]).status, 0);
    assert!(node.request().ends_with(r#"{"jsonrpc":"2.0","id":1,"method":"a.b"}"#), "{}", node.request());
    assert_eq!(run_with_input(&["call", "a.b", "-", "--node", &node.url], b"\xff").status, 2);
}

#[test]
fn the_exit_status_tells_who_said_no() {
    let cases = [
        (r#""error":{"code":1,"message":"no such code","data":{"NoSuchCode":"x"}}"#, 1, "no such code"),
        (r#""error":{"code":-32601,"message":"unknown method"}"#, 4, "unknown method"),
        (
            r#""error":{"code":-32004,"message":"full","data":{"kind":"overloaded","executed":"no","message":"full","node":"n1","slot":7,"epoch":3,"retry_after_ms":20}}"#,
            4,
            "full (overloaded; executed: no; node n1; slot 7@3; retry after 20 ms)",
        ),
        (
            r#""error":{"code":-32603,"message":"oh","data":{"kind":"panicked","executed":"maybe","message":"oh"}}"#,
            5,
            "oh (panicked; executed: maybe)",
        ),
    ];
    for (member, status, text) in cases {
        let node = FakeNode::reply(member);
        let ran = run(&["call", "a.b", "--node", &node.url]);
        assert_eq!((ran.status, ran.out.as_str()), (status, ""), "{member}");
        assert!(ran.err.contains(text), "{}", ran.err);
        let value = run(&["call", "a.b", "--json", "--node", &node.url]).json();
        assert_eq!(value["error"]["exit"], status, "{value}");
    }
    let value = run(&["call", "a.b", "--json", "--node", &FakeNode::reply(cases[0].0).url]).json();
    let expected =
        json!({"exit": 1, "executed": "yes", "message": "no such code", "code": 1, "data": {"NoSuchCode": "x"}});
    assert_eq!(value["error"], expected);
    let value = run(&["call", "a.b", "--json", "--node", &FakeNode::reply(cases[2].0).url]).json();
    let expected = json!({"exit": 4, "executed": "no", "message": "full", "kind": "overloaded", "code": -32004,
        "node": "n1", "slot": 7, "epoch": 3, "retry_after_ms": 20});
    assert_eq!(value["error"], expected);
}

#[test]
fn nobody_there_is_status_3() {
    // Port 1 is privileged and long out of use; a port just freed could be taken by another test.
    let url = "http://127.0.0.1:1";
    for command in [&["call", "a.b"][..], &["services"], &["nodes"], &["explain", "foo"]] {
        let ran = run(&[command, &["--node", url, "--json"]].concat());
        assert_eq!(ran.status, 3, "{command:?}: {}", ran.err);
        assert!(ran.err.contains("cannot be reached: "), "{}", ran.err);
        assert_eq!(
            (&ran.json()["error"]["kind"], &ran.json()["error"]["executed"]),
            (&json!("unavailable"), &json!("no"))
        );
    }
}

#[test]
fn what_answers_badly_may_have_run_the_call_and_is_no_node() {
    let garbage = b"SSH-2.0-OpenSSH_9.2\r\n".to_vec();
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\":".to_vec();
    let answers = [
        ("garbage", FakeNode::that(Answer::Bytes(garbage)), 5),
        ("nothing", FakeNode::that(Answer::Bytes(Vec::new())), 5),
        ("cut off", FakeNode::that(Answer::Bytes(cut)), 5),
        ("endless", FakeNode::that(Answer::Endless), 5),
        ("silence", FakeNode::that(Answer::Silence), 5),
        ("a page", FakeNode::html("200 OK"), 5),
        ("a redirect", FakeNode::html("307 Temporary Redirect"), 5),
        ("a failing gateway", FakeNode::html("502 Bad Gateway"), 5),
        ("no such page", FakeNode::html("404 Not Found"), 4),
        ("too busy", FakeNode::html("503 Service Unavailable"), 4),
        ("a view of the future", FakeNode::json(r#"{"format":99}"#), 5),
        ("brackets", FakeNode::json("[".repeat(100_000)), 5),
        ("another's reply", FakeNode::json(r#"{"jsonrpc":"2.0","id":2,"result":1}"#), 5),
    ];
    for (name, node, status) in answers {
        let ran = run(&["call", "a.b", "--timeout", "2s", "--json", "--node", &node.url]);
        assert_eq!(ran.status, status, "{name}: {}", ran.err);
        assert_eq!(ran.json()["error"]["exit"], status, "{name}");
        ran.is_harmless();
        let ran = run(&["services", "--timeout", "2s", "--node", &node.url]);
        assert_eq!((ran.status, ran.out.as_str()), (3, ""), "{name}: {}", ran.err);
        assert!(ran.err.starts_with("error: "), "{name}: {}", ran.err);
        ran.is_harmless();
    }
}

#[test]
fn a_view_that_makes_no_sense_is_refused() {
    let mut view = view();
    view.groups.get_mut("default").expect("there").nodes[1].address = "user@169.254.169.254:80/x".to_owned();
    let ran = run(&["explain", "foo", "--node", &node_with(&view).url]);
    assert_eq!((ran.status, ran.out.as_str()), (3, ""));
    assert!(ran.err.contains("not as a node") && ran.err.contains("host:port"), "{}", ran.err);
}

#[test]
fn help_shows_examples_and_statuses_on_standard_output() {
    for args in [&["--help"][..], &["slot", "--help"], &["call", "--help"], &["explain", "-h"], &["help", "nodes"]] {
        let ran = run(args);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{args:?}");
        assert!(ran.out.contains("Examples:\n  wherever "), "{}", ran.out);
    }
    assert!(run(&["--help"]).out.contains("Exit status:\n    0  done\n    1 "));
}

#[test]
fn a_command_line_that_cannot_be_read_is_json_too() {
    let moved = |slots: &'static str| ["move", "--from", "a", "--to", "b", "--slots", slots, "--json"];
    let (none, too_many) = (moved("0"), moved("99999"));
    for args in [
        &none[..],
        &too_many,
        &["weight", "n", "--", "-1", "--json"],
        &["--json", "weight", "n", "-1"],
        &["--json", "?"],
    ] {
        let ran = run(args);
        assert_eq!(ran.status, 2, "{args:?}: {}", ran.err);
        assert_eq!(ran.out.lines().count(), 1, "{args:?}: {}", ran.out);
        let error = &ran.json()["error"];
        assert_eq!((&error["exit"], &error["executed"]), (&json!(2), &json!("no")), "{args:?}");
        let message = error["message"].as_str().expect("text");
        assert!(!message.is_empty() && !message.contains("Usage") && !message.starts_with("error"), "{message}");
        assert!(ran.err.contains(message), "people read it, too: {}", ran.err);
    }
    let plain = run(&["move", "--slots", "0"]);
    assert!(plain.status == 2 && plain.out.is_empty() && !plain.err.is_empty());
    let help = run(&["--json", "--help"]);
    assert!(help.status == 0 && help.out.contains("Examples:"), "{}", help.out);
}
