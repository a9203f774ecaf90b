//! Strangers, doubles and garbage.

use rpc_core::coordinator::{Coordinator, Op, Txn};
use rpc_etcd::{Etcd, EtcdOptions};

use crate::cluster::{Cluster, Records, free_address};
use crate::etcd_process::EtcdProcess;
use crate::programs::Program;
use crate::until::until;

/// The name under which the example keeps its records in etcd.
const CLUSTER: &str = "counters";

#[tokio::test]
async fn garbage_among_the_records_is_passed_over_with_an_alarm() {
    let etcd = EtcdProcess::start().await;
    let mut cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[1, 1]).await;
    let load = cluster.load(&[0, 1], 300, &["--keys", "100", "--workers", "2"]).await;
    let records = Etcd::connect(&[etcd.endpoint()], EtcdOptions::cluster(CLUSTER)).await.expect("etcd is there");
    let keys = [
        "node/intruder",
        "node/",
        "beat/127.0.0.1:1",
        "fence/nobody",
        "mig/default/x",
        "mig/x",
        "map/default/zz",
        "map/other/00",
        "weight/nobody",
        "rebalance/default",
        "unheard-of",
        "node/\u{7}",
    ];
    let values: [Vec<u8>; 4] =
        [b"\xff\xfe".to_vec(), b"{".to_vec(), b"[[[[[[[[1]]]]]]]]".to_vec(), vec![b'x'; 100_000]];
    for (n, key) in keys.into_iter().enumerate() {
        let value = values[n % values.len()].clone().into();
        let ops = vec![Op::Put { key: key.to_owned(), value, lease: None }];
        // What the coordinator itself refuses does not reach the nodes.
        let _refused = records.transact(Txn { ops, ..Txn::default() }).await;
    }
    cluster.node(0).stderr.line("is passed over").await;
    cluster.node(1).stderr.line("is passed over").await;
    assert!(cluster.node(0).is_running() && cluster.node(1).is_running());
    cluster.settled(&[0, 1]).await;
    load.stop().await.without_failures();
    cluster.check_traces();
}

#[tokio::test]
async fn a_second_node_of_one_name_is_refused_in_a_sentence() {
    let etcd = EtcdProcess::start().await;
    let cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[1, 1]).await;
    let listen = free_address("127.0.0.1");
    let mut command = cluster.command(&listen, 1, false);
    let mut double = Program::start(command.args(["--advertise", cluster.address(1)]));
    let ended = double.end().await;
    assert_eq!(ended.status, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("is a member already, at "), "{ended:#?}");
    cluster.settled(&[0, 1]).await;
}

#[tokio::test]
async fn a_node_is_not_talked_into_another_cluster() {
    let mut etcd = EtcdProcess::start().await;
    let mut cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[1]).await;
    let records = Etcd::connect(&[etcd.endpoint()], EtcdOptions::cluster(CLUSTER)).await.expect("etcd is there");
    let stranger = br#"{"format":1,"cluster":"ffffffffffffffffffffffffffffffff"}"#.to_vec().into();
    let ops = vec![Op::Put { key: "meta".to_owned(), value: stranger, lease: None }];
    records.transact(Txn { ops, ..Txn::default() }).await.expect("etcd is there");
    let ended = cluster.node(0).end().await;
    assert_eq!(ended.status, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("the node has stopped: "), "{ended:#?}");
    etcd.stop();
}

#[tokio::test]
async fn nodes_of_two_clusters_refuse_each_others_calls() {
    let one = Cluster::start(Records::Memory, &[1]).await;
    let other = Cluster::start(Records::Memory, &[1]).await;
    let cluster = one.view(0).await.expect("it serves").cluster;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"Counter.incr","params":["a"]}"#;
    let asked = async || {
        let request = client.post(format!("http://{}/rpc", other.address(0))).body(body);
        let request = request
            .header("content-type", "application/json")
            .header("x-wherever-call", format!("00c0ffee00c0ffee-7-0;cluster={cluster}"));
        request.send().await.ok()?.text().await.ok()
    };
    let said = until("the other cluster answers", asked).await;
    assert!(said.contains("unauthorised") && said.contains(&cluster), "{said}");
}
