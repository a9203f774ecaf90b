//! A network that carries one way only: between a node in a network namespace of its own and the rest.

use std::process::Command;
use std::time::Duration;

use crate::cluster::{Cluster, Place, Records};
use crate::owners::{assert_failures_are_told, others_serve};
use crate::until::until;

/// The two ends of the wire between the machine and the namespace.
const OUTSIDE: &str = "10.211.77.1";
const INSIDE: &str = "10.211.77.2";

/// A namespace with a wire to it; both are gone when it is dropped.
struct Namespace {
    name: String,
}

impl Namespace {
    /// `None` where this process may not make one.
    fn make() -> Option<Self> {
        let name = format!("chaos{}", std::process::id());
        let (out, inside) = (format!("co{}", std::process::id()), format!("ci{}", std::process::id()));
        ip(&["netns", "add", &name]).then_some(())?;
        let made = Self { name: name.clone() };
        let is_ready = ip(&["link", "add", &out, "type", "veth", "peer", "name", &inside, "netns", &name])
            && ip(&["addr", "add", &format!("{OUTSIDE}/24"), "dev", &out])
            && ip(&["link", "set", &out, "up"])
            && ip(&["-n", &name, "addr", "add", &format!("{INSIDE}/24"), "dev", &inside])
            && ip(&["-n", &name, "link", "set", &inside, "up"])
            && ip(&["-n", &name, "link", "set", "lo", "up"]);
        is_ready.then_some(made)
    }

    /// From now on nothing leaves it; what is sent to it arrives.
    fn mute(&self) {
        assert!(ip(&["-n", &self.name, "route", "add", "blackhole", &format!("{OUTSIDE}/32")]));
    }

    fn unmute(&self) {
        assert!(ip(&["-n", &self.name, "route", "del", "blackhole", &format!("{OUTSIDE}/32")]));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The wire goes with it.
        ip(&["netns", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_node_that_is_heard_by_nobody_gives_up_and_comes_back() {
    let Some(namespace) = Namespace::make() else {
        println!("skipped: one-way partitions need network namespaces (`ip netns add`), which take root");
        return;
    };
    let outside = Place { host: OUTSIDE.to_owned(), namespace: None };
    let inside = Place { host: INSIDE.to_owned(), namespace: Some(namespace.name.clone()) };
    let places = [(1, outside.clone()), (1, outside), (1, inside)];
    let mut cluster = Cluster::start_at(Records::Memory, &places).await;
    let load = cluster.load(&[0, 1], 300, &["--keys", "100", "--workers", "8", "--allow-declared-loss"]).await;
    namespace.mute();
    let took = others_serve(&cluster, &[0, 1]).await;
    println!("slots of the muted owner are served again after {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    namespace.unmute();
    cluster.node(2).stderr.line("this node was fenced").await;
    cluster.settled(&[0, 1, 2]).await;
    assert_failures_are_told(&load.stop().await);
    // Once fenced, and no more: the one that came back is left in peace.
    let live = until("the seed tells", async || cluster.live(0).await).await;
    assert_eq!(live.nodes.len(), 3, "{live:?}");
    cluster.check_traces();
}
