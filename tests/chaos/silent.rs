//! A node that falls silent in the middle of traffic by frames: its callers hear so at their deadlines, and those of other nodes hear nothing
//! of it. The cluster is a fixed one, so that nothing but the connections can tell.

use std::time::Duration;

use rpc_core::slot::Slot;
use rpc_core::{Executed, Kind};
use rustix::process::Signal;
use tokio::process::Command;
use tokio::task::JoinHandle;
use wherever::{RpcError, Wherever, rpc_service, with_deadline};

use crate::cluster::{Place, free_address};
use crate::namespace::Namespace;
use crate::programs::{Program, program};
use crate::until::{PATIENCE, until};

/// How long the callers of the silent node wait.
const DEADLINE: Duration = Duration::from_secs(5);

/// Callers of the silent node.
const CALLERS: i64 = 50;

/// Calls to the other node in the time that those wait, at the least. They take a millisecond or a few; if one caller's silence held up all
/// others, as on a connection that answers in order, it would be one or two.
const AT_LEAST: i64 = 10;

/// What the program `echo` provides, as far as it is called here.
#[rpc_service]
trait Echo {
    /// The sum, on the owner of `a`.
    #[rpc(read)]
    async fn add(&self, a: i64, b: i64) -> Result<i64, RpcError>;

    /// Answers after so many milliseconds. It is none of the methods that may be repeated.
    async fn sleep(&self, ms: u64) -> Result<(), RpcError>;
}

/// Two nodes and a client of both.
struct Nodes {
    addresses: [String; 2],
    programs: Vec<Program>,
    cluster: Wherever,
    client: EchoClient,
}

impl Nodes {
    async fn start(places: [Place; 2]) -> Self {
        let addresses = places.each_ref().map(|place| free_address(&place.host));
        let list = addresses.join(",");
        let mut programs: Vec<Program> = Vec::new();
        for (place, address) in places.iter().zip(&addresses) {
            let echo = program("examples/echo");
            let mut command = match &place.namespace {
                None => echo,
                Some(name) => {
                    let mut inside = Command::new("ip");
                    inside.args(["netns", "exec", name]).arg(echo.as_std().get_program());
                    inside
                }
            };
            programs.push(Program::start(command.args(["node", "--listen", address, "--nodes", &list])));
        }
        for program in &mut programs {
            program.stdout.line("answers at").await;
        }
        let cluster = Wherever::connect([&addresses[0]]).await.expect("the first node answers");
        let client = cluster.client();
        let nodes = Self { addresses, programs, cluster, client };
        nodes.answer([0, 1]).await;
        nodes
    }

    /// A key of this node.
    fn key(&self, node: usize) -> i64 {
        let group = self.cluster.group("default");
        let owns = |key: &i64| {
            let owner = group.owner(Slot::of_text(key.to_string().as_bytes()));
            owner.is_some_and(|owner| owner.node.address == self.addresses[node])
        };
        (0..).find(owns).expect("each node owns slots")
    }

    /// Sees to it that these nodes answer, each with its own.
    async fn answer<const N: usize>(&self, nodes: [usize; N]) {
        for node in nodes {
            let key = self.key(node);
            for n in 0..100 {
                let sum = until("it answers", async || self.client.add(key, n).await.ok()).await;
                assert_eq!(sum, key + n);
            }
        }
    }

    /// Calls of the second node that wait no longer than they may.
    fn callers(&self) -> Vec<JoinHandle<Result<i64, RpcError>>> {
        let key = self.key(1);
        let call = |n| {
            let client = self.client.clone();
            tokio::spawn(with_deadline(DEADLINE, async move { client.add(key, n).await }))
        };
        (0..CALLERS).map(call).collect()
    }

    /// While those wait, the first node answers.
    async fn first_node_answers_while(&self, callers: &[JoinHandle<Result<i64, RpcError>>]) {
        let key = self.key(0);
        let mut answered = 0;
        while callers.iter().any(|caller| !caller.is_finished()) {
            let sum = with_deadline(PATIENCE, self.client.add(key, answered)).await;
            assert_eq!(sum.expect("the other node is well"), key + answered);
            answered += 1;
        }
        assert!(answered >= AT_LEAST, "only {answered} calls to the other node were answered");
        println!("{answered} calls to the other node meanwhile");
    }
}

async fn assert_deadlines(callers: Vec<JoinHandle<Result<i64, RpcError>>>) {
    for caller in callers {
        let error = caller.await.unwrap().expect_err("nobody can answer");
        // They were sent, and nobody can know what became of them.
        assert_eq!((error.kind(), error.executed()), (Kind::Deadline, Executed::Maybe), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_node_costs_its_own_callers_their_deadlines_and_others_nothing() {
    let nodes = Nodes::start([Place::default(), Place::default()]).await;
    nodes.programs[1].signal(Signal::STOP);
    let callers = nodes.callers();
    nodes.first_node_answers_while(&callers).await;
    assert_deadlines(callers).await;
    // It answers what it was asked meanwhile, and nobody else hears those answers.
    nodes.programs[1].signal(Signal::CONT);
    nodes.answer([1, 0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unplugged_node_costs_its_own_callers_their_deadlines_and_others_nothing() {
    let Some(namespace) = Namespace::make(78) else {
        println!("skipped: pulling a plug needs network namespaces (`ip netns add`), which take root");
        return;
    };
    let outside = Place { host: namespace.outside(), namespace: None };
    let inside = Place { host: namespace.inside(), namespace: Some(namespace.name().to_owned()) };
    let nodes = Nodes::start([outside, inside]).await;
    namespace.unplug();
    let callers = nodes.callers();
    // One that would wait far longer hears as soon as the connection is known to be dead, which nobody tells but its silence.
    let (key, client) = (nodes.key(1), nodes.client.clone());
    let patient = tokio::spawn(with_deadline(PATIENCE, async move { client.sleep(key.cast_unsigned()).await }));
    nodes.first_node_answers_while(&callers).await;
    assert_deadlines(callers).await;
    let error = patient.await.unwrap().expect_err("nobody can answer");
    assert_eq!(error.executed(), Executed::Maybe, "{error}");
    assert_ne!(error.kind(), Kind::Deadline, "{error}");
    namespace.plug();
    nodes.answer([1, 0]).await;
}
