//! A rolling upgrade: nodes of a new build take the place of those of an old one, while callers of both go on.

use rpc_core::client::WhereverBuilder;
use wherever::{Build, Wherever};

use crate::ledger::{Ledger, LedgerClient, Load, Travels, live};

const GROUP: &str = "default";

const OLD_NODES: usize = 2;

fn build(name: &str) -> Build {
    Build::Named(name.into())
}

/// A program of this build that is no node.
async fn program(address: String, of: &str) -> Wherever {
    let wherever = WhereverBuilder::connecting([address]).unwrap().program_build(build(of)).build().unwrap();
    // The first call reads the map, and connections come with the calls.
    wherever.client::<LedgerClient>().total("any".to_owned()).await.unwrap();
    wherever
}

/// Of calls with many keys, how many came in the compact codec, and how many as JSON.
async fn codecs(client: &LedgerClient) -> (usize, usize) {
    let mut counts = (0, 0);
    // Twice: a connection is made by the first call to its node, which is JSON.
    for _ in 0..2 {
        counts = (0, 0);
        for n in 0..40 {
            match client.came_compact(format!("key-{n}"), Travels::default()).await.unwrap() {
                true => counts.0 += 1,
                false => counts.1 += 1,
            }
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_another_build_take_over_in_the_middle_of_calls_and_no_call_is_lost() {
    let builds = |builder: wherever::NodeBuilder, node: &wherever::testing::TestNode| {
        builder.program_build(build(if node.index < OLD_NODES { "old" } else { "new" }))
    };
    let mut cluster = live(OLD_NODES).configure(builds).start().await;
    cluster.settled(GROUP, &[0, 1]).await;
    let address = cluster.node(0).address().to_owned();
    let (old, new) = (program(address.clone(), "old").await, program(address, "new").await);
    let (old, new): (LedgerClient, LedgerClient) = (old.client(), new.client());
    assert_eq!((codecs(&old).await, codecs(&new).await), ((40, 0), (0, 40)), "only the old build is there");
    let load = Load::start(vec![old.clone(), new.clone(), old.clone(), new.clone(), cluster.client(0)], 100);
    let (first, second) = (cluster.add().await, cluster.add().await);
    cluster.settled(GROUP, &[0, 1, first, second]).await;
    let (of_old, of_new) = (codecs(&old).await, codecs(&new).await);
    assert!(of_old.0 > 0 && of_old.1 > 0 && of_new.0 > 0 && of_new.1 > 0, "both are there: {of_old:?}, {of_new:?}");
    cluster.stop(1).await;
    cluster.settled(GROUP, &[0, first, second]).await;
    let heard = load.stop().await;
    println!("{} calls, the longest took {:?}", heard.calls(), heard.longest);
    heard.check(&new).await;
    heard.check(&cluster.client(first)).await;
}
