//! Callers who change their minds while their answers are on the way: nothing of them may stay at either end, and no answer may reach another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rpc_core::call::{Call, Deadline, Outcome, Path, Target};
use rpc_core::codec::payload::Payload;
use rpc_core::limits::MAX_MESSAGE;
use rpc_core::provider::Service;
use rpc_core::service::MethodDescriptor;
use rpc_core::slot::Slot;
use rpc_core::transport::frames::Hello;
use rpc_core::transport::multiplex::connection::Connection;
use rpc_core::transport::multiplex::dial::{Dialed, dial};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};
use wherever::{ServiceClient, Wherever};

use crate::Failed;
use crate::gauge::Gauge;
use crate::server::{LateClient, Server};

/// Callers at a time.
const CALLERS: u64 = 200;

/// Most turns of the runtime that a method waits.
const TURNS: u64 = 23;

/// Longest wait for both ends to have nothing left. What is cancelled ends in milliseconds; this is for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often both ends are looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Longest wait for one call, and for the connection.
const LONG: Duration = Duration::from_secs(60);

/// What all callers share.
struct Shared {
    connection: Arc<Connection>,
    cluster: Wherever,
    method: &'static MethodDescriptor,
    /// Most turns that a caller waits. It grows with each call that is given up and shrinks with each that is answered, whatever the machine is
    /// doing, so that about as many of them are the one as the other.
    patience: AtomicU64,
}

pub(crate) async fn run(cancels: u64) -> Result<(), Failed> {
    let mut server = Server::start()?;
    let cluster = Wherever::connect([&server.address]).await?;
    let connection = match dial(&server.address, &Hello::new(MAX_MESSAGE, 0), LONG).await? {
        Dialed::Frames(connection) => connection,
        Dialed::Refused(why) => return Err(why.into()),
    };
    let [method] = <LateClient as ServiceClient>::Service::descriptor().methods else {
        return Err("one method".into());
    };
    let shared = Arc::new(Shared { connection, cluster, method, patience: AtomicU64::new(TURNS) });
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(change_minds(shared.clone(), caller, cancels.div_ceil(CALLERS)));
    }
    let (mut answered, mut given_up) = (0, 0);
    while let Some(ended) = callers.join_next().await {
        let (heard, left) = ended??;
        (answered, given_up) = (answered + heard, given_up + left);
    }
    let cancelled = format!("{given_up} calls were given up, {answered} were answered");
    if answered == 0 || given_up == 0 {
        return Err(format!("{cancelled}: nothing raced anything").into());
    }
    nothing_left(&shared.connection, &mut server).await.map_err(|error| format!("{cancelled}; {error}"))?;
    // The connection is as good as before.
    if !shared.heard("the last", 0).await? {
        return Err("the last call was given up by nobody".into());
    }
    let (client, node) = (Gauge::read(&Handle::current())?, server.figures()?.gauge);
    println!("{cancelled}; nothing is left\nclient: {client}\nnode: {node}");
    Ok(())
}

/// Calls, each given up after some turns of the runtime, until so many were: how many were answered first, and how many were not.
async fn change_minds(shared: Arc<Shared>, caller: u64, calls: u64) -> Result<(u64, u64), Failed> {
    let (mut answered, mut given_up) = (0, 0);
    let mut number = 0;
    while given_up < calls {
        number += 1;
        // Spread over all that are possible, by a large prime.
        let patience = (number * 7919 + caller * 104_729) % shared.patience.load(Ordering::Relaxed).max(2);
        let patience = async {
            for _ in 0..patience {
                yield_now().await;
            }
            Ok(false)
        };
        let key = format!("caller{caller}-{number}");
        // Half of the methods answer where they were read, the others from tasks of their own.
        let turns = if number % 2 == 0 { 0 } else { number % TURNS };
        let is_answered = tokio::select! {
            biased;
            heard = shared.heard(&key, turns) => heard,
            left = patience => left,
        }?;
        if is_answered {
            answered += 1;
            _ = shared.patience.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |turns| turns.checked_sub(1));
        } else {
            given_up += 1;
            shared.patience.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok((answered, given_up))
}

impl Shared {
    /// One call, and that its answer is its own.
    async fn heard(&self, key: &str, turns: u64) -> Result<bool, Failed> {
        let (slot, (id, _open)) = (Slot::of_text(key.as_bytes()), self.cluster.session().number(self.method));
        let owner = self.cluster.group(self.method.group).owner(slot).ok_or("the node owns every slot")?;
        let call = Call {
            method: self.method,
            params: Payload::json(json!([key, turns]).to_string()),
            target: Target::Node(owner.node.id.clone(), Some(slot)),
            epoch: owner.epoch,
            deadline: Deadline::after(LONG),
            id,
            first_epoch: None,
            hops: 0,
            path: Path::root(),
            trace: None,
        };
        let reply = self.connection.call(&call).await.map_err(|_| "the connection was closed")??;
        if !matches!(&reply.outcome, Outcome::Value(value) if *value == Payload::json(json!(key).to_string())) {
            return Err(format!("{key} heard another's answer: {:?}", reply.outcome).into());
        }
        Ok(true)
    }
}

/// Waits until neither end holds anything of a call.
async fn nothing_left(connection: &Connection, server: &mut Server) -> Result<(), Failed> {
    let mut last = String::new();
    let ended = async {
        loop {
            let (waiting, node) = (connection.in_flight(), server.figures()?);
            if (waiting, node.in_flight, node.running) == (0, 0, 0) {
                return Ok(());
            }
            last = format!(
                "{waiting} wait at the client, {} are in flight at the node, {} run",
                node.in_flight, node.running
            );
            sleep(PAUSE).await;
        }
    };
    match timeout(PATIENCE, ended).await {
        Ok(ended) => ended,
        Err(_) => Err(last.into()),
    }
}
