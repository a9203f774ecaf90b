//! Each call runs where its method says: at the key's owner, anywhere, everywhere, here, or at one node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wherever::{Executed, Kind, NodeId};

use crate::probe::{Probe, ProbeClient, ProbeError, Watch, cluster};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_finds_the_same_owner_for_a_key() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(3, &watch).start().await;
    let outside: ProbeClient = cluster.connect().await.unwrap().client();
    let clients: Vec<ProbeClient> = (0..3).map(|index| cluster.client(index)).chain([outside]).collect();
    let mut owners: BTreeMap<String, u32> = BTreeMap::new();
    for n in 0..300 {
        let key = format!("key-{n}");
        let (node, slot, epoch) = clients[0].place(&key).await.unwrap();
        assert_eq!((slot, epoch), (rpc_core::slot::Slot::of_text(key.as_bytes()).get(), 1));
        for client in &clients {
            assert_eq!(client.place(&key).await.unwrap(), (node.clone(), slot, epoch), "{key}");
        }
        *owners.entry(node).or_default() += 1;
    }
    assert_eq!(owners.len(), 3);
    assert!(owners.values().all(|keys| *keys > 50), "{owners:?}");
    let counted = cluster.node(0).wherever().counted();
    assert_eq!(counted.redirects, 0, "a map that is right needs no redirects");
    assert_eq!(counted.local, u64::from(owners[cluster.node(0).id().as_str()]) * 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_follow_the_weights_within_one() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(0, &watch).weights([1, 2, 0, 5]).start().await;
    let view = cluster.node(0).view();
    let group = &view.groups["default"];
    let slots = |node: usize| {
        group.slots.iter().filter(|run| run.node == node).map(|run| run.last.get() - run.first.get() + 1).sum::<u16>()
    };
    let by_weight: BTreeMap<u32, u16> =
        group.nodes.iter().enumerate().map(|(i, node)| (node.weight, slots(i))).collect();
    assert_eq!(by_weight, BTreeMap::from([(0, 0), (1, 2048), (2, 4096), (5, 10240)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_to_all_is_merged_and_covers_every_slot_once() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(0, &watch).weights([1, 1, 0]).start().await;
    for index in 0..3 {
        let client: ProbeClient = cluster.client(index);
        assert_eq!(client.total().await, Ok(3), "a node without slots is asked too");
        let who = client.who("").await.unwrap();
        assert_eq!(who.replies.keys().collect::<BTreeSet<_>>(), cluster.nodes().map(wherever::Node::id).collect());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_nodes_failing_is_what_the_method_declares_it_to_be() {
    let watch = Arc::new(Watch::default());
    let mut cluster = cluster(3, &watch).start().await;
    let refusing = cluster.node(1).id().clone();
    let client: ProbeClient = cluster.client(0);
    assert_eq!(client.strict_who(refusing.as_str()).await, Err(ProbeError::Refused { code: 1 }));
    let partial = client.who(refusing.as_str()).await.unwrap();
    assert_eq!((partial.replies.len(), partial.failures.keys().collect::<Vec<_>>()), (2, vec![&refusing]));
    cluster.kill(2).await;
    let dead = cluster.node(2).id().clone();
    let Err(ProbeError::Rpc(error)) = client.total().await else { panic!("a node is gone") };
    assert_eq!((error.kind(), error.executed(), error.node()), (Kind::Unavailable, Executed::Maybe, Some(&dead)));
    let partial = client.who("").await.unwrap();
    assert_eq!(partial.failures[&dead].kind(), Kind::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_for_any_node_stays_here_or_goes_round() {
    let watch = Arc::new(Watch::default());
    let mut cluster = cluster(3, &watch).start().await;
    let client: ProbeClient = cluster.client(1);
    for _ in 0..5 {
        assert_eq!(client.any().await.unwrap(), cluster.node(1).id().as_str());
        assert_eq!(client.here().await.unwrap(), cluster.node(1).id().as_str());
    }
    let mut turns: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..30 {
        *turns.entry(client.in_turn().await.unwrap()).or_default() += 1;
    }
    assert!(turns.len() == 3 && turns.values().all(|turns| *turns == 10), "{turns:?}");
    cluster.kill(0).await;
    for _ in 0..9 {
        let node = client.in_turn().await.expect("a dead node is passed over");
        assert_ne!(node, cluster.node(0).id().as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pinned_client_asks_one_node_and_is_told_who_owns_the_rest() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(3, &watch).start().await;
    let everywhere: ProbeClient = cluster.connect().await.unwrap().client();
    let (owner, slot, _) = everywhere.place("foo").await.unwrap();
    for node in cluster.nodes() {
        let pinned = ProbeClient::on(&everywhere, node.id());
        assert_eq!(pinned.total().await, Ok(1), "a call to all nodes is this node's part");
        assert_eq!(pinned.any().await.unwrap(), node.id().as_str());
        assert_eq!(pinned.here().await.unwrap(), node.id().as_str());
        match pinned.place("foo").await {
            Ok((node, ..)) => assert_eq!(node, owner),
            Err(ProbeError::Rpc(error)) => {
                assert_eq!((error.kind(), error.executed()), (Kind::Moved, Executed::No));
                assert_eq!(
                    (error.node(), error.slot().map(rpc_core::slot::Slot::get)),
                    (Some(&NodeId::from(owner.as_str())), Some(slot))
                );
            }
            Err(other) => panic!("{other}"),
        }
    }
    let stranger = ProbeClient::on(&everywhere, "nobody:1");
    let Err(ProbeError::Rpc(error)) =
        wherever::with_deadline(std::time::Duration::from_millis(200), stranger.any()).await
    else {
        panic!()
    };
    assert_eq!(error.executed(), Executed::No);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_no_node_has_no_here() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(1, &watch).start().await;
    let client: ProbeClient = cluster.connect().await.unwrap().client();
    let Err(ProbeError::Rpc(error)) = client.here().await else { panic!("there is no here") };
    assert_eq!((error.kind(), error.executed()), (Kind::NoOwner, Executed::No));
    assert!(client.any().await.is_ok());
}
