//! Very many callers of one connection, and callers who change their minds: G3.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rpc_core::call::{Call, Outcome, Target};
use rpc_core::codec::payload::Payload;
use rpc_core::limits::MAX_MESSAGE;
use rpc_core::slot::Slot;
use rpc_core::transport::frames::Hello;
use rpc_core::transport::multiplex::connection::Connection;
use rpc_core::transport::multiplex::dial::{Dialed, dial};
use serde_json::json;

use super::framed::{ECHO, WAIT, call};
use super::world::{World, eventually};

const LONG: Duration = Duration::from_secs(50);

/// A connection to the only node.
async fn connect(world: &World) -> Arc<Connection> {
    match dial(world.address(0), &Hello::new(MAX_MESSAGE, 0), LONG).await.unwrap() {
        Dialed::Frames(connection) => connection,
        Dialed::Refused(why) => panic!("{why}"),
    }
}

/// A call with a key of its own.
fn call_of(world: &World, method: &'static rpc_core::service::MethodDescriptor, key: &str) -> Call {
    let slot = Slot::of_text(key.as_bytes());
    let node = world.cluster.node(0).id().clone();
    Call { target: Target::Node(node, Some(slot)), epoch: 1, ..call(method, &json!([key]).to_string(), LONG) }
}

fn in_flight(world: &World) -> u64 {
    world.cluster.node(0).view().counts.in_flight
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_share_a_connection() {
    const CALLERS: usize = 10_000;
    let world = World::start(1).await;
    let connection = connect(&world).await;
    let answered = Arc::new(OnceLock::new());
    let callers: Vec<_> = (0..CALLERS)
        .map(|n| {
            let (connection, answered) = (connection.clone(), answered.clone());
            let key = format!("key{n}");
            let call = call_of(&world, &ECHO, &key);
            tokio::spawn(async move {
                let reply = connection.call(&call).await.unwrap().unwrap();
                let _first = answered.set(());
                assert_eq!(reply.outcome, Outcome::Value(Payload::json(json!(key).to_string())));
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!((connection.in_flight(), in_flight(&world)), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancellations_that_race_replies_leave_nothing_behind_and_cross_nothing() {
    const CALLERS: usize = 100;
    const CALLS: usize = 200;
    let world = World::start(1).await;
    let connection = connect(&world).await;
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let connection = connection.clone();
        let calls: Vec<_> = (0..CALLS)
            .map(|n| {
                // Half of them run in the session, half in tasks of their own, that nobody releases.
                let key = format!("key{caller}-{n}");
                let method = if n % 2 == 0 { &ECHO } else { &WAIT };
                (call_of(&world, method, &key), key)
            })
            .collect();
        callers.push(tokio::spawn(async move {
            let mut answered = 0;
            for (n, (call, key)) in calls.into_iter().enumerate() {
                let patience = async {
                    for _ in 0..(n * 7 + caller) % 23 {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    biased;
                    answer = connection.call(&call) => {
                        let reply = answer.unwrap().unwrap();
                        assert_eq!(reply.outcome, Outcome::Value(Payload::json(json!(key).to_string())));
                        answered += 1;
                    }
                    () = patience => {}
                }
            }
            answered
        }));
    }
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.unwrap();
    }
    assert!(answered > 0 && answered < CALLERS * CALLS, "{answered} were answered");
    eventually("no caller waits, and nothing runs", || connection.in_flight() == 0 && in_flight(&world) == 0).await;
    // The connection is as good as before.
    let call = call_of(&world, &ECHO, "last");
    let reply = connection.call(&call).await.unwrap().unwrap();
    assert_eq!(reply.outcome, Outcome::Value(Payload::json(r#""last""#)));
}
