//! Planned moves under load.

use wherever::Kind;

use crate::ledger::{Ledger, LedgerClient, Load, live};

const GROUP: &str = "default";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_share_the_slots_and_serve() {
    let cluster = live(3).start().await;
    cluster.settled(GROUP, &[0, 1, 2]).await;
    let client: LedgerClient = cluster.client(0);
    for n in 0..50 {
        assert_eq!(client.add(format!("key-{n}")).await.unwrap(), 1);
    }
    let from_outside: LedgerClient = cluster.connect().await.unwrap().client();
    for n in 0..50 {
        assert_eq!(from_outside.total(format!("key-{n}")).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_and_another_leaves_under_load_and_no_call_fails() {
    let mut cluster = live(3).start().await;
    cluster.settled(GROUP, &[0, 1, 2]).await;
    let outside = cluster.connect().await.unwrap();
    let clients: Vec<LedgerClient> = vec![cluster.client(0), cluster.client(1), outside.client(), outside.client()];
    let load = Load::start(clients, 200);
    let added = cluster.add().await;
    cluster.settled(GROUP, &[0, 1, 2, added]).await;
    cluster.stop(2).await;
    cluster.settled(GROUP, &[0, 1, added]).await;
    let heard = load.stop().await;
    println!("{} calls, the longest took {:?}", heard.calls(), heard.longest);
    heard.check(&cluster.client(added)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_all_nodes_count_together_is_right_while_slots_move() {
    const KEYS: u64 = 300;
    let mut cluster = live(1).start().await;
    cluster.settled(GROUP, &[0]).await;
    let client: LedgerClient = cluster.connect().await.unwrap().client();
    for n in 0..KEYS {
        client.add(format!("key-{n}")).await.unwrap();
    }
    let added = cluster.add().await;
    let (mut exact, mut unsure) = (0, 0);
    let owners = [0, added];
    let settled = cluster.settled(GROUP, &owners);
    tokio::pin!(settled);
    loop {
        tokio::select! {
            biased;
            () = &mut settled => break,
            counted = client.keys() => match counted {
                Ok(keys) => {
                    assert_eq!(keys, KEYS);
                    exact += 1;
                }
                // Slots came and went in each of the rounds: it says so instead of a number.
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Coverage, "{error}");
                    unsure += 1;
                }
            }
        }
    }
    println!("{exact} counts were exact, {unsure} could not be told");
    assert!(exact > 0);
    assert_eq!(client.keys().await.unwrap(), KEYS);
}
