//! `echo node` three times: a cluster of processes, one of which is killed, started again, and ended in the middle of a call.

use std::time::{Duration, Instant};

use crc::{CRC_16_XMODEM, Crc};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::http::{call, client, free_addresses, read, until, until_gone};
use crate::program::{Program, example};

/// How soon a call must be refused whose owner is gone: far below the ten seconds that a call may take.
const SOON: Duration = Duration::from_secs(5);

/// Keys enough for each node to own some.
const KEYS: std::ops::Range<i64> = 0..60;

#[tokio::test]
async fn a_killed_node_costs_its_own_slots_until_it_is_back() {
    let mut nodes = Nodes::start().await;
    for asked in 0..3 {
        for key in KEYS {
            assert_eq!(nodes.add(asked, key).await["result"], key + 1);
        }
    }
    nodes.kill(1).await;
    for asked in [0, 2] {
        for key in KEYS {
            let started = Instant::now();
            let reply = nodes.add(asked, key).await;
            if nodes.owner(&key.to_string()) == 1 {
                assert_refused(&reply, &["unavailable"]);
                assert!(started.elapsed() < SOON, "refused after {:?} only", started.elapsed());
            } else {
                assert_eq!(reply["result"], key + 1, "{reply}");
            }
        }
    }
    nodes.restart(1).await;
    for asked in 0..3 {
        for key in KEYS {
            assert_eq!(nodes.add(asked, key).await["result"], key + 1, "as before");
        }
    }
}

#[tokio::test]
async fn a_node_told_to_end_finishes_its_call_and_refuses_new_ones() {
    let mut nodes = Nodes::start().await;
    // Long enough for the signal to arrive in between, also on a busy machine.
    let sleep = (3_000..).find(|ms: &i64| nodes.owner(&ms.to_string()) == 0).expect("each node owns keys");
    let (to_owner, through_another) = (nodes.addresses[0].clone(), nodes.addresses[1].clone());
    let sleeps = [to_owner, through_another]
        .map(|node| tokio::spawn(async move { call(&node, "Echo.sleep", json!({ "ms": sleep })).await }));
    until("both calls run", async || (nodes.in_flight(0).await >= 2).then_some(())).await;

    nodes.programs[0].signal(Signal::TERM);
    let its = KEYS.filter(|key| nodes.owner(&key.to_string()) == 0).collect::<Vec<_>>();
    let refused = async || nodes.add(1, its[0]).await.get("error").cloned();
    until("new calls are refused", refused).await;
    for key in &its {
        assert_refused(&nodes.add(1, *key).await, &["shutting_down", "unavailable"]);
        // A connection of one's own is refused too, by the node or by the system.
        if let Ok(reply) = call(&nodes.addresses[0], "Echo.add", json!([key, 1])).await {
            assert_refused(&reply, &["shutting_down"]);
        }
    }
    for (key, owner) in KEYS.map(|key| (key, nodes.owner(&key.to_string()))).filter(|(_, owner)| *owner != 0) {
        assert_eq!(nodes.add(1, key).await["result"], key + 1, "a key of node {owner}");
    }
    for asleep in sleeps {
        let reply = asleep.await.expect("it does not panic").expect("a whole answer");
        assert_eq!(reply, json!({"jsonrpc": "2.0", "id": 1, "result": null}), "the call finishes");
    }
    let ended = nodes.programs[0].end().await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    assert!(ended.stdout.contains(" ended; 0 connections were cut"), "{ended:#?}");
}

/// Checks that the call was not executed, and why.
fn assert_refused(reply: &Value, kinds: &[&str]) {
    let data = &reply["error"]["data"];
    assert_eq!(data["executed"], "no", "{reply}");
    assert!(kinds.iter().any(|kind| data["kind"] == *kind), "{reply}");
}

struct Nodes {
    addresses: Vec<String>,
    programs: Vec<Program>,
    /// What the first node told of the cluster at its start.
    view: Value,
}

impl Nodes {
    async fn start() -> Self {
        let addresses = free_addresses(3);
        let mut programs: Vec<_> = addresses.iter().map(|own| start(own, &addresses)).collect();
        for program in &mut programs {
            program.stdout.line("answers at").await;
        }
        let view = view(&addresses[0]).await;
        Self { addresses, programs, view }
    }

    async fn kill(&mut self, node: usize) {
        self.programs[node].signal(Signal::KILL);
        assert_eq!(self.programs[node].end().await.status, None, "it was killed");
        until_gone(&self.addresses[node]).await;
    }

    async fn restart(&mut self, node: usize) {
        self.programs[node] = start(&self.addresses[node], &self.addresses);
        self.programs[node].stdout.line("answers at").await;
    }

    /// Asks a node for `key + 1`.
    async fn add(&self, asked: usize, key: i64) -> Value {
        call(&self.addresses[asked], "Echo.add", json!({"a": key, "b": 1})).await.expect("the node asked answers")
    }

    /// The position of the node that owns this key, by the formula that clients of other languages use.
    fn owner(&self, key: &str) -> usize {
        let slot = u64::from(Crc::<u16>::new(&CRC_16_XMODEM).checksum(key.as_bytes()) % 16_384);
        let group = &self.view["groups"]["default"];
        let covers = |run: &&Value| run["first"].as_u64() <= Some(slot) && Some(slot) <= run["last"].as_u64();
        let run = group["slots"].as_array().and_then(|runs| runs.iter().find(covers)).expect("every slot has an owner");
        let position = run["node"].as_u64().and_then(|node| usize::try_from(node).ok()).expect("a position");
        let address = &group["nodes"][position]["address"];
        self.addresses.iter().position(|known| known == address).expect("the owner is one of the nodes")
    }

    async fn in_flight(&self, node: usize) -> u64 {
        view(&self.addresses[node]).await["counts"]["in_flight"].as_u64().expect("a number")
    }
}

fn start(own: &str, all: &[String]) -> Program {
    Program::start(example("echo").args(["node", "--listen", own, "--nodes", &all.join(",")]))
}

async fn view(node: &str) -> Value {
    let answer = client().get(format!("http://{node}/wherever/cluster")).send().await;
    read(answer.expect("a node that serves")).await
}
