//! Random faults under load, round after round, each checked: two rounds in every run of the tests, sixty before a release
//! (`CHAOS_ROUNDS=60`). The seed is printed, and `CHAOS_SEED` repeats it. `CHAOS_FAULT=KillTwo` plays that one fault only.

use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use crate::cluster::{Cluster, Records};
use crate::etcd_process::EtcdProcess;
use crate::owners::{assert_failures_are_told, others_serve};

/// What is done to the cluster in one round.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A node ends as it should, and starts again.
    Restart,
    /// A node joins, and leaves.
    Visit,
    /// A node is killed, and starts again.
    Kill,
    /// A node sleeps past its lease.
    Sleep,
    /// A node sleeps for less than its authority lasts.
    Doze,
    /// Etcd hangs for some seconds.
    Hang,
    /// Etcd is killed, and starts again.
    Forget,
    /// Two nodes die at once.
    KillTwo,
}

impl Fault {
    const ALL: [Self; 8] =
        [Self::Restart, Self::Visit, Self::Kill, Self::Sleep, Self::Doze, Self::Hang, Self::Forget, Self::KillTwo];

    /// Whether callers may notice no more than a wait.
    fn is_planned(self) -> bool {
        matches!(self, Self::Restart | Self::Visit)
    }
}

#[tokio::test]
async fn random_faults_break_nothing() {
    let seed = setting("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = setting("CHAOS_ROUNDS").unwrap_or(2);
    let only = setting::<String>("CHAOS_FAULT");
    let is_wanted = |fault: &Fault| only.as_ref().is_none_or(|only| *only == format!("{fault:?}"));
    let faults: Vec<Fault> = Fault::ALL.into_iter().filter(is_wanted).collect();
    assert!(!faults.is_empty(), "CHAOS_FAULT is one of {:?}", Fault::ALL);
    println!("CHAOS_SEED={seed} CHAOS_ROUNDS={rounds}");
    let mut random = Rng::with_seed(seed);
    let mut etcd = EtcdProcess::start().await;
    let mut cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[6, 6, 1]).await;
    for round in 0..rounds {
        let fault = faults[random.usize(..faults.len())];
        // Mostly the light one, whose slots are soon moved.
        let node = if random.u8(..4) == 0 { random.usize(..3) } else { 2 };
        println!("round {round}: {fault:?} of node {node}");
        play(&mut cluster, &mut etcd, fault, node, &mut random).await;
    }
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

async fn play(cluster: &mut Cluster, etcd: &mut EtcdProcess, fault: Fault, node: usize, random: &mut Rng) {
    let more: &[&str] = &["--keys", "200", "--workers", "4", "--fill"];
    let lenient = [more, &["--allow-declared-loss"]].concat();
    let lapses_before = cluster.lapses();
    let load = cluster.load(&[0, 1, 2], 600, if fault.is_planned() { more } else { &lenient }).await;
    let others: Vec<usize> = (0..3).filter(|other| *other != node).collect();
    let moment = |random: &mut Rng, most: u64| Duration::from_millis(random.u64(..most));
    tokio::time::sleep(moment(random, 500)).await;
    match fault {
        Fault::Restart => {
            let ended = cluster.terminate(node).await;
            assert_eq!(ended.status, Some(0), "{ended:#?}");
            cluster.restart(node);
        }
        Fault::Visit => {
            let visitor = cluster.visitor(1);
            cluster.settled(&[0, 1, 2, visitor]).await;
            let ended = cluster.terminate(visitor).await;
            assert_eq!(ended.status, Some(0), "{ended:#?}");
        }
        Fault::Kill => {
            cluster.kill(node).await;
            tokio::time::sleep(moment(random, 8000)).await;
            cluster.restart(node);
        }
        Fault::KillTwo => {
            cluster.kill(others[0]).await;
            cluster.kill(others[1]).await;
            cluster.restart(others[0]);
            cluster.restart(others[1]);
        }
        Fault::Sleep => {
            cluster.signal(node, Signal::STOP);
            others_serve(cluster, &others).await;
            cluster.signal(node, Signal::CONT);
        }
        Fault::Doze => {
            cluster.signal(node, Signal::STOP);
            tokio::time::sleep(moment(random, 3500)).await;
            cluster.signal(node, Signal::CONT);
        }
        Fault::Hang => {
            etcd.freeze().await;
            tokio::time::sleep(moment(random, 9000)).await;
            etcd.thaw();
        }
        Fault::Forget => {
            etcd.stop();
            tokio::time::sleep(moment(random, 3000)).await;
            etcd.start_again().await;
        }
    }
    cluster.settled(&[0, 1, 2]).await;
    let report = load.stop().await;
    assert_failures_are_told(&report);
    if fault.is_planned() {
        // What starves the machine for as long as authority lasts is no plan of ours; whether it did, the nodes themselves know.
        if cluster.lapses() > lapses_before {
            cluster.tell_of_authority();
        }
        report.without_failures_but_of(cluster.lapses() - lapses_before);
    }
    cluster.check_traces();
}
