//! Operators' commands against live processes, as typed into a shell.

use serde_json::Value;

use crate::cluster::{Cluster, Records};
use crate::programs::{Ended, Program, program};

struct Shell {
    node: String,
}

impl Shell {
    async fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = program("wherever");
        Program::start(command.args(arguments).args(["--node", &self.node, "--json"])).end().await
    }

    /// The last line that the command prints when it succeeds.
    async fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments).await;
        assert_eq!(ended.status, Some(0), "{arguments:?}: {ended:#?}");
        let line = ended.stdout.lines().last().expect("it prints something");
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {line}"))
    }

    /// What a command says that is refused.
    async fn refused(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        assert!(ended.status.is_some_and(|status| status != 0), "{arguments:?} was carried out: {ended:#?}");
        ended.stdout + &ended.stderr
    }
}

#[tokio::test]
async fn operators_look_and_move_and_drain_and_are_refused_in_sentences() {
    let cluster = Cluster::start(Records::Memory, &[40, 1, 1]).await;
    let shell = Shell { node: cluster.address(1).to_owned() };
    let [first, second, third] = [0, 1, 2].map(|node| cluster.address(node));
    let load = cluster.load(&[0], 300, &["--keys", "100", "--workers", "2"]).await;

    let nodes = shell.json(&["nodes"]).await;
    assert_eq!(nodes["live"]["nodes"].as_array().map(Vec::len), Some(3), "{nodes}");
    let slots = shell.json(&["slots"]).await;
    let counted =
        slots["ranges"].as_array().expect("a list").iter().map(|range| range["slots"].as_u64().expect("a number"));
    assert_eq!(counted.sum::<u64>(), 16_384, "{slots}");

    for (arguments, reason) in [
        (["move", "--from", second, "--to", second, "--slots", "1"], "itself"),
        (["move", "--from", second, "--to", "127.0.0.1:1", "--slots", "1"], "no node 127.0.0.1:1"),
        (["move", "--from", second, "--to", third, "--slots", "5000"], "slots"),
    ] {
        let said = shell.refused(&arguments).await;
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }

    let moved = shell.json(&["move", "--from", second, "--to", third, "--slots", "5"]).await;
    assert_eq!(moved["done"]["arrived"].as_u64().or(moved["arrived"].as_u64()).unwrap_or(5), 5, "{moved}");
    // The same again, twice at once: each finds slots of its own, or one is told that the cluster has changed.
    let again = ["move", "--from", first, "--to", third, "--slots", "3"];
    let (one, other) = tokio::join!(shell.run(&again), shell.run(&again));
    assert!(one.status == Some(0) || other.status == Some(0), "{one:#?} {other:#?}");

    shell.json(&["weight", second, "2"]).await;
    shell.json(&["rebalance", "--dry-run"]).await;
    shell.json(&["rebalance", "--timeout", "90s"]).await;
    shell.json(&["drain", third, "--timeout", "90s"]).await;
    let view = cluster.view(0).await.expect("it serves");
    assert_eq!(cluster.shares(&view)[2], 0, "the drained node owns nothing");
    let said = shell.refused(&["move", "--from", first, "--to", third, "--slots", "1"]).await;
    assert!(said.contains("drain"), "{said}");
    load.stop().await.without_failures();
    cluster.check_traces();
}
