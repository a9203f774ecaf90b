//! The examples that check themselves and end: their status, and that they print what they promise.

use std::collections::{BTreeMap, BTreeSet};

use crate::program::{example, run};

#[tokio::test]
async fn hello_greets_each_name_from_one_node() {
    let said = succeeds("hello").await;
    let mut callers = BTreeSet::new();
    let mut greeted_by: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in said.lines() {
        let (caller, greeting) = line.split_once(" calls: hello ").expect("a caller and a greeting");
        let (name, node) = greeting.split_once(", from ").expect("a name and a node");
        callers.insert(caller);
        greeted_by.entry(name).or_default().insert(node);
    }
    assert_eq!((said.lines().count(), callers.len()), (9, 3), "three nodes greet three names:\n{said}");
    assert_eq!(greeted_by.keys().copied().collect::<Vec<_>>(), ["Ann", "Bob", "Eve"]);
    for (name, nodes) in greeted_by {
        assert_eq!(nodes.len(), 1, "{name} is greeted from {nodes:?}");
        assert!(nodes.is_subset(&callers), "{nodes:?} are no nodes");
    }
}

#[tokio::test]
async fn resource_query_joins_what_two_services_know() {
    let said = succeeds("resource_query").await;
    assert!(said.contains("Structure and Interpretation of Computer Programs (1985): 9 of 10 stars\n"), "{said}");
    assert!(said.contains("The Rust Programming Language (2018): 5 of 5 stars\n"), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("node ")).count(), 3, "{said}");
}

#[tokio::test]
async fn dedup_holds_half_of_the_filters_on_the_node_of_weight_two() {
    let said = succeeds("dedup").await;
    let held = |weight: &str| {
        let lines = said.lines().filter_map(|line| line.split_once(&format!(" of weight {weight} holds ")));
        lines.map(|(_, count)| count.parse().expect("a number")).collect::<Vec<u32>>()
    };
    let (heavy, light) = (held("2"), held("1"));
    assert_eq!((heavy.len(), light.len()), (1, 2), "{said}");
    assert_eq!(heavy[0] + light[0] + light[1], 60, "{said}");
    // The names are always the same sixty, so this is no matter of luck.
    assert!((24..=36).contains(&heavy[0]), "{said}");
    assert!(said.contains("dropped 30 filters, 30 are left\n"), "{said}");
}

#[tokio::test]
async fn echo_finds_every_answer_right_on_every_node() {
    let said = succeeds("echo").await;
    let right = said.lines().filter(|line| line.ends_with(": right")).count();
    assert_eq!(right % 3, 0, "as many checks on each node:\n{said}");
    assert!(right >= 30, "{said}");
    for call in ["add, thirty keys", "sleep past the deadline", "panics", "whoami"] {
        assert_eq!(said.matches(&format!("  {call}: right\n")).count(), 3, "{call} in:\n{said}");
    }
}

/// What the example printed, given that it found everything in order.
async fn succeeds(name: &str) -> String {
    let ended = run(&mut example(name)).await;
    assert_eq!(ended.status, Some(0), "{name}: {ended:#?}");
    ended.stdout
}
