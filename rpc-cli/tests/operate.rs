//! The operators' commands against a node of a live cluster that plays its part as told.

mod fake;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fake::{Answer, FakeNode};
use rpc_core::cluster::fixed::FixedNodes;
use rpc_core::cluster::view::{
    ClusterView, CountsView, LiveNode, LiveView, LossView, MoveView, OrderView, UnsettledView, VIEW_FORMAT,
};
use rpc_core::slot::Slot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wherever"));
    command.args(args).env_remove("WHEREVER_NODE").stdin(Stdio::null());
    command
}

/// The program's exit status and both streams.
fn run(args: &[&str], node: &FakeNode) -> (i32, String, String) {
    let output = program(args).args(["--node", &node.url]).output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

fn run_json(args: &[&str], node: &FakeNode) -> (i32, Value) {
    let (status, out, err) = run(&[args, &["--json"]].concat(), node);
    assert_eq!(out.lines().count(), 1, "{out}{err}");
    (status, serde_json::from_str(&out).expect("JSON"))
}

/// Three nodes n1, n2, n3 at h:7001 and so on, at rest.
fn view() -> ClusterView {
    let mut group = FixedNodes::new(["h:7001", "h:7002", "h:7003"]).expect("good").slots();
    let mut nodes = Vec::new();
    for (node, name) in group.nodes.iter_mut().zip(["n1", "n2", "n3"]) {
        node.id = name.into();
        nodes.push(LiveNode {
            id: node.id.clone(),
            address: node.address.clone(),
            incarnation: "00000000000000aa".to_owned(),
            zone: Some("east".to_owned()),
            weight: 100,
            state: "serving".to_owned(),
            groups: vec!["default".to_owned()],
        });
    }
    ClusterView {
        format: VIEW_FORMAT,
        cluster: "test".to_owned(),
        node: "n1".into(),
        coordinator: "embedded".to_owned(),
        live: Some(LiveView {
            revision: 17,
            leader: Some("n2".into()),
            authority: "held".to_owned(),
            authority_ms: 3100,
            nodes,
            ..LiveView::default()
        }),
        groups: [("default".to_owned(), group)].into(),
        services: Vec::new(),
        counts: CountsView::default(),
    }
}

/// The view after n1 gave its first `slots` slots to n2, with as many moves still under way.
fn after(slots: u16, under_way: usize) -> ClusterView {
    let mut view = view();
    let group = view.groups.get_mut("default").expect("there");
    if slots > 0 {
        let mut given = group.slots[0];
        given.last = slot(slots - 1);
        given.node = 1;
        given.epoch = 2;
        group.slots[0].first = slot(slots);
        group.slots.insert(0, given);
    }
    let planned = MoveView {
        id: "7".to_owned(),
        group: "default".to_owned(),
        from: "n1".into(),
        to: "n2".into(),
        slots: 50,
        phase: "copy".to_owned(),
    };
    let live = view.live.as_mut().expect("live");
    live.moves = vec![planned; under_way];
    if under_way > 0 {
        let (first, last) = (slot(slots), slot(slots + 49));
        let (group, state) = ("default".to_owned(), "moving".to_owned());
        live.unsettled = vec![UnsettledView { group, first, last, state }];
    }
    view
}

/// The view after n3 gave everything to n1.
fn drained() -> ClusterView {
    let mut view = view();
    let group = view.groups.get_mut("default").expect("there");
    group.slots.iter_mut().filter(|run| run.node == 2).for_each(|run| run.node = 0);
    view
}

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

fn cluster(views: &[ClusterView], status: &'static str, answer: &Value) -> FakeNode {
    let views = views.iter().map(|view| serde_json::to_string(view).expect("encodes")).collect();
    FakeNode::that(Answer::Cluster(views, status, answer.to_string()))
}

fn plan(slots: u32) -> Value {
    json!({"moves": [{"from": "n1", "to": "n2", "slots": slots}], "message": "as asked"})
}

/// The bodies that were posted.
fn posted(node: &FakeNode) -> Vec<Value> {
    let requests = node.requests.lock().expect("no panic");
    let posts = requests.iter().filter(|request| request.starts_with("POST /wherever/operate HTTP/1.1\r\n"));
    posts.map(|post| serde_json::from_str(post.split_once("\r\n\r\n").expect("a body").1).expect("JSON")).collect()
}

const MOVE: [&str; 7] = ["move", "--from", "n1", "--to", "h:7002", "--slots", "100"];

#[test]
fn a_move_is_followed_until_its_slots_have_arrived() {
    let views = [view(), after(0, 2), after(50, 1), after(100, 0)];
    let node = cluster(&views, "200 OK", &plan(100));
    let (status, out, err) = run(&MOVE, &node);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    for part in
        ["n1    n2  100", "as asked\n", "0 of 100 slots arrived; moves: 2 in copy\n", "done: 100 slots arrived in "]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let expected = json!({"op": "move", "group": "default", "from": "n1", "to": "n2", "slots": 100, "dry_run": false});
    assert_eq!(posted(&node), [expected]);
    let (status, line) = run_json(&MOVE, &cluster(&views, "200 OK", &plan(100)));
    assert_eq!((status, &line["done"]["slots"], &line["moves"][0]["to"]), (0, &json!(100), &json!("n2")));
}

/// A view in which the order aa-1, to move 100 slots from n1 to n2, is that far.
fn ordered(arrived: u32, elsewhere: u32, stays: u32, over: bool) -> ClusterView {
    let mut view = view();
    let why = (stays > 0).then(|| "of version 9\x1b[2J".to_owned());
    let (id, group) = ("aa-1".to_owned(), "default".to_owned());
    let (from, to) = ("n1".into(), "n2".into());
    let order = OrderView { id, group, from, to, slots: 100, arrived, elsewhere, stays, why, over };
    view.live.as_mut().expect("live").orders = vec![order];
    view
}

fn plan_of_order() -> Value {
    json!({"moves": [{"from": "n1", "to": "n2", "slots": 100}], "message": "", "order": "aa-1"})
}

#[test]
fn an_order_counts_its_own_slots_and_says_where_the_others_are() {
    // The target owns no slot more than before: it gives as many away by another order.
    let node = cluster(&[view(), ordered(50, 0, 0, false), ordered(100, 0, 0, true)], "200 OK", &plan_of_order());
    let (status, line) = run_json(&MOVE, &node);
    assert_eq!((status, &line["done"]["slots"]), (0, &json!(100)), "{line}");
    let node = cluster(&[view(), ordered(60, 0, 0, false), ordered(60, 37, 3, true)], "200 OK", &plan_of_order());
    let (status, _, err) = run(&MOVE, &node);
    let expected = "60 of 100 slots arrived, 37 went to other nodes (by another order, by a rebalance, or because their owner \
                    died), 3 stay where they are: of version 9";
    assert!(status == 5 && err.contains(expected) && !err.contains('\x1b'), "{err}");
}

#[test]
fn an_order_ends_with_the_node_that_carried_it_out() {
    let (mut starting, mut again) = (view(), after(50, 0));
    starting.groups.clear();
    starting.live = Some(LiveView { authority: "not_yet".to_owned(), ..LiveView::default() });
    again.live.as_mut().expect("live").nodes[0].incarnation = "00000000000000bb".to_owned();
    let node = cluster(&[view(), ordered(10, 0, 0, false), starting, again], "200 OK", &plan_of_order());
    let (status, line) = run_json(&MOVE, &node);
    let message = line["error"]["message"].as_str().expect("text");
    assert!(
        status == 5 && message.starts_with("50 of 100 slots arrived, and n1, which carried the order out,"),
        "{line}"
    );
    assert!(message.contains("was started anew") && message.ends_with("order the rest again"), "{line}");
}

#[test]
fn a_dry_run_and_an_impatient_one_do_not_wait() {
    for (flag, dry) in [("--dry-run", true), ("--no-wait", false)] {
        let node = cluster(&[view()], "200 OK", &plan(100));
        let (status, line) = run_json(&[&MOVE[..], &[flag]].concat(), &node);
        assert_eq!((status, &line["dry_run"], line.get("done")), (0, &json!(dry), None));
        assert_eq!(posted(&node)[0]["dry_run"], dry);
        assert_eq!(node.requests.lock().expect("no panic").len(), 2);
    }
    let (_, out, _) = run(&[&MOVE[..], &["--dry-run"]].concat(), &cluster(&[view()], "200 OK", &plan(100)));
    assert!(out.ends_with("nothing was done: this was a dry run\n"), "{out}");
}

#[test]
fn a_refusal_is_the_clusters_own_sentence_and_status_4() {
    let refusal = json!({"error": "n2 is draining: it takes no slots"});
    let node = cluster(&[view()], "409 Conflict", &refusal);
    for args in [&MOVE[..], &["rebalance"], &["drain", "n2"], &["weight", "n2", "7"], &["fence", "n2", "--yes"]] {
        let (status, _, err) = run(args, &node);
        assert_eq!((status, err.as_str()), (4, "error: n2 is draining: it takes no slots\n"), "{args:?}");
        let (status, line) = run_json(args, &node);
        assert_eq!((status, &line["error"]["executed"]), (4, &json!("no")));
    }
}

#[test]
fn an_answer_that_makes_no_sense_may_have_been_heard() {
    for (http, status) in [
        ("404 Not Found", 4),
        ("503 Service Unavailable", 4),
        ("500 Internal Server Error", 5),
        ("200 OK", 5),
        ("409 Conflict", 5),
    ] {
        let (exit, line) = run_json(&MOVE, &cluster(&[view()], http, &json!([])));
        assert_eq!((exit, &line["error"]["exit"]), (status, &json!(status)), "{http}: {line}");
    }
}

#[test]
fn a_fixed_cluster_shows_its_slots_and_refuses_before_anything_is_sent() {
    let fixed = ClusterView { live: None, coordinator: "fixed".to_owned(), ..view() };
    let node = cluster(&[fixed], "200 OK", &plan(1));
    for args in [&["nodes"][..], &["slots"], &["slots", "--ranges"], &["explain", "foo"]] {
        assert_eq!(run(args, &node).0, 0, "{args:?}");
    }
    for args in [&MOVE[..], &["rebalance"], &["drain", "n2"], &["weight", "n2", "7"], &["fence", "n2", "--yes"]] {
        let (status, out, err) = run(args, &node);
        assert_eq!((status, out.as_str()), (4, ""), "{args:?}");
        assert!(err.contains("a fixed cluster, whose nodes and slots never change"), "{err}");
    }
    assert_eq!(posted(&node), [Value::Null; 0]);
}

#[test]
fn an_unknown_node_or_group_is_said_before_anything_is_sent() {
    let node = cluster(&[view()], "200 OK", &plan(1));
    let moved = ["move", "--from", "n9", "--to", "n2", "--slots", "1"];
    for args in [&moved[..], &["drain", "n9"], &["weight", "n9", "7"], &["fence", "n9", "--yes"]] {
        let (status, _, err) = run(args, &node);
        assert_eq!(status, 2, "{args:?}");
        assert!(err.contains("no node n9; it has: n1 (h:7001), n2 (h:7002), n3 (h:7003)"), "{err}");
    }
    for args in [&["rebalance", "--group", "urls"][..], &["slots", "--group", "urls"]] {
        let (status, _, err) = run(args, &node);
        assert!(status == 2 && err.contains("no group urls; it has: default"), "{err}");
    }
    let too_many = ["move", "--from", "n1", "--to", "n2", "--slots", "16385"];
    assert_eq!(run(&too_many, &node).0, 2);
    assert_eq!(posted(&node), [Value::Null; 0]);
}

#[test]
fn a_drain_ends_when_the_node_owns_nothing() {
    let node = cluster(&[view(), view(), drained()], "200 OK", &json!({"moves": [], "message": ""}));
    let (status, line) = run_json(&["drain", "h:7003"], &node);
    let owned = view().groups["default"].slots_of(&"n3".into());
    assert_eq!((status, &line["done"]["slots"]), (0, &json!(owned)), "{line}");
    let (status, _) = run_json(&["drain", "n3", "--undo"], &node);
    assert_eq!(status, 0);
    let expected =
        [json!({"op": "drain", "node": "n3", "on": true}), json!({"op": "drain", "node": "n3", "on": false})];
    assert_eq!(posted(&node), expected);
}

#[test]
fn what_does_not_arrive_in_time_goes_on_without_us() {
    let node = cluster(&[view(), after(50, 1)], "200 OK", &plan(100));
    let (status, line) = run_json(&[&MOVE[..], &["--timeout", "1s"]].concat(), &node);
    let message = line["error"]["message"].as_str().expect("text");
    assert!(status == 5 && message.starts_with("50 of 100 slots arrived in 1.0 s (--timeout)"), "{line}");
    assert_eq!(line["error"]["executed"], "maybe");
}

#[test]
fn ctrl_c_ends_the_wait_and_says_that_the_cluster_goes_on() {
    let node = cluster(&[view(), after(50, 1)], "200 OK", &plan(100));
    let mut command = program(&MOVE);
    let command = command.args(["--node", &node.url]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // Once it has told of the way it listens for the signal.
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("50 of 100"))).expect("told").expect("text");
    signal(&child, Signal::INT);
    let output = child.wait_with_output().expect("ends");
    let err = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("50 of 100 slots arrived; the cluster goes on with it"), "{err}");
}

#[test]
fn fencing_wants_a_yes_and_says_what_is_lost() {
    let node = cluster(&[view()], "200 OK", &json!({"moves": [], "message": "n3 is fenced"}));
    let (status, _, err) = run(&["fence", "n3"], &node);
    assert!(status == 2 && err.contains("give --yes"), "{err}");
    assert_eq!(node.requests.lock().expect("no panic").len(), 0);
    let (status, out, _) = run(&["fence", "n3", "--yes"], &node);
    assert!(
        status == 0 && out.contains("what it holds in memory only is lost") && out.contains("n3 is fenced"),
        "{out}"
    );
    assert_eq!(posted(&node), [json!({"op": "fence", "node": "n3"})]);
    let (status, _) = run_json(&["weight", "h:7002", "250"], &node);
    assert_eq!((status, &posted(&node)[1]), (0, &json!({"op": "weight", "node": "n2", "weight": 250})));
}

#[test]
fn a_live_cluster_is_listed_with_all_that_is_in_motion() {
    let mut view = after(50, 1);
    let live = view.live.as_mut().expect("live");
    live.parked = 3;
    live.orders = ordered(7, 0, 0, false).live.expect("live").orders;
    live.losses = vec![LossView { group: "default".to_owned(), node: "n9\x1b[2J".into(), slots: 512 }];
    let node = cluster(&[view], "200 OK", &plan(1));
    let (status, out, _) = run(&["nodes"], &node);
    assert_eq!(status, 0);
    for part in [
        "ZONE",
        "serving",
        "authority of n1: held, for another 3.1 s",
        "3 calls wait at n1 for a slot",
        "50 slots of default from n1 to n2: copy",
        "order aa-1: 7 of 100 slots of default have gone from n1 to n2",
        "the state of 512 slots of default",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains('\x1b'), "{out:?}");
    let (_, out, _) = run(&["slots"], &node);
    assert!(out.starts_with("    0  BBBaaaaAAAA") && out.contains("50 slots are moving, 0 recovering"), "{out}");
    let (_, out, _) = run(&["slots", "--ranges"], &node);
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1..3], [["0", "49", "50", "n2", "2", "stable"], ["50", "99", "50", "n1", "1", "moving"]]);
    let (_, line) = run_json(&["slots"], &node);
    assert_eq!(
        line["ranges"][1],
        json!({"first": 50, "last": 99, "slots": 50, "node": "n1", "epoch": 1, "state": "moving"})
    );
    let (_, line) = run_json(&["explain", "foo"], &node);
    assert_eq!((&line["state"], &line["authority"]), (&json!("stable"), &json!("held, for another 3.1 s")));
}

#[test]
fn watching_tells_each_change_once_and_ends_at_ctrl_c() {
    let node = cluster(&[view(), view(), after(50, 1)], "200 OK", &plan(1));
    let mut child =
        program(&["watch", "--json"]).args(["--node", &node.url]).stdout(Stdio::piped()).spawn().expect("runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().expect("a line").expect("text")).expect("JSON");
    assert_eq!(next()["live"]["moves"], json!([]));
    assert_eq!(next()["live"]["moves"][0]["phase"], "copy");
    signal(&child, Signal::INT);
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    assert!(lines.next().is_none());
}

#[test]
fn watching_ends_when_the_node_stays_away() {
    let bodies = vec![serde_json::to_string(&view()).expect("encodes"), "gone".to_owned()];
    let node = FakeNode::that(Answer::Cluster(bodies, "200 OK", String::new()));
    let (status, out, err) = run(&["watch", "--timeout", "1s"], &node);
    assert_eq!(status, 3, "{err}");
    assert!(out.contains("\nno answer for 0.0 s: "), "{out}");
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().try_into().expect("an id")).expect("not 0");
    kill_process(pid, signal).expect("it runs");
}
