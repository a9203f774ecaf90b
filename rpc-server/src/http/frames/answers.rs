//! What a session has to say, and which of its calls run in tasks of their own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use rpc_core::call::{Outcome, Reply};
use rpc_core::provider::in_flight::Place;
use rpc_core::transport::frames::{Of, failure_payload, write_error, write_failure_end, write_reply};
use rpc_core::transport::multiplex::outbox::Outbox;
use rpc_core::{Executed, Kind, RpcError};
use tokio::task::AbortHandle;

/// What comes of a call.
pub(super) type Answer = Result<Reply, RpcError>;

/// What the session shares with the tasks of its calls.
#[derive(Default)]
pub(super) struct Answers {
    // Held to add an answer or to take a batch; never across an await.
    state: Mutex<State>,
    /// The session's own task.
    pub(super) driver: AtomicWaker,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) outbox: Outbox,
    /// The calls that were not ready at once.
    running: HashMap<u64, Running>,
    /// Nobody hears any more.
    is_closed: bool,
}

struct Running {
    task: AbortHandle,
    /// It runs to its end, whoever waits.
    is_detached: bool,
}

impl Answers {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers `request` now.
    pub(super) fn answer(&self, request: u64, answer: Answer) {
        self.lock().put(request, answer);
    }

    /// Lets a call that has to wait go on in a task of its own, which a lost connection does not end. Its `place` among the calls in flight goes
    /// with it.
    pub(super) fn run(
        self: &Arc<Self>,
        request: u64,
        is_detached: bool,
        future: BoxFuture<'static, Answer>,
        place: Place,
    ) {
        let answers = self.clone();
        // Held while it is spawned, so that its end finds it here.
        let mut state = self.lock();
        let task = tokio::spawn(async move {
            let answer = future.await;
            drop(place);
            answers.end(request, answer);
        });
        state.running.insert(request, Running { task: task.abort_handle(), is_detached });
    }

    fn end(&self, request: u64, answer: Answer) {
        let mut state = self.lock();
        if state.running.remove(&request).is_none() || state.is_closed {
            return;
        }
        state.put(request, answer);
        drop(state);
        self.driver.wake();
    }

    /// The caller has gone. Each call is answered once all the same: that tells its caller's end that nothing further will come.
    pub(super) fn cancel(&self, request: u64) {
        let mut state = self.lock();
        let is_running = match state.running.get(&request) {
            Some(running) if running.is_detached => return,
            Some(running) => {
                running.task.abort();
                state.running.remove(&request);
                true
            }
            None => false,
        };
        let is_cut = state.outbox.cut(Of::Answer, request);
        if is_running || is_cut {
            let message = "the caller took the call back while it ran";
            state.put(request, Err(RpcError::new(Kind::Cancelled, message).with_executed(Executed::Maybe)));
        }
    }

    /// Whether `request` has no answer yet.
    pub(super) fn is_running(&self, request: u64) -> bool {
        self.lock().running.contains_key(&request)
    }

    /// Nobody hears any more. Calls go on to their ends, as their callers may ask for what came of them over another connection.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.outbox.clear();
    }
}

impl State {
    /// How many calls have no answer yet.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    fn put(&mut self, request: u64, answer: Answer) {
        let pushed: Result<(), Infallible> = match answer {
            Ok(Reply { outcome: Outcome::Value(value), covered }) => {
                self.outbox.push((Of::Answer, request), &value, |out, value| {
                    write_reply(out, request, false, &covered, value);
                    Ok(())
                })
            }
            Ok(Reply { outcome: Outcome::Failure { message, data }, .. }) => {
                let payload = Bytes::from(failure_payload(&message, &data));
                self.outbox.push((Of::Answer, request), &payload, |out, payload| {
                    write_failure_end(out, request, false, payload);
                    Ok(())
                })
            }
            Err(error) => {
                write_error(self.outbox.frames(), request, error.record());
                Ok(())
            }
        };
        match pushed {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
}
