//! What a session has to say, and which of its calls run in tasks of their own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use rpc_core::call::{Outcome, Reply};
use rpc_core::limits::{ENVELOPE_ROOM, MAX_MESSAGE};
use rpc_core::provider::in_flight::Place;
use rpc_core::transport::frames::{Of, failure_payload, write_error, write_failure_end, write_reply, write_stream_end};
use rpc_core::transport::multiplex::outbox::Outbox;
use rpc_core::{Executed, Kind, RpcError};
use tokio::task::AbortHandle;

use super::streams::Streams;

/// Answers that wait to be written, in bytes, before nothing further is begun: two of the largest messages.
pub(super) const MOST_UNWRITTEN: usize = 2 * MAX_MESSAGE;

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
    /// Largest value that the peer takes, in bytes.
    pub(super) max_reply: usize,
    /// The calls that were not ready at once.
    running: HashMap<u64, Running>,
    /// The streams that are sent.
    pub(super) streams: Streams,
    /// The session was woken, or works: it looks for what there is to write before it sleeps.
    pub(super) is_awake: bool,
    /// Nobody hears any more.
    pub(super) is_closed: bool,
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
        // Also when a provider's code panics where nobody catches it.
        let mut last_word = LastWord { answers: self.clone(), request, answer: None };
        // Held while it is spawned, so that its end finds it here.
        let mut state = self.lock();
        let answers = self.clone();
        let task = tokio::spawn(async move {
            match future.await {
                Ok(Reply { outcome: Outcome::Stream(items), .. }) => {
                    // A stream has a place of its own, among streams.
                    drop(place);
                    last_word.is(LastWords::Streamed(answers.stream(request, &items).await));
                }
                answer => {
                    last_word.is(LastWords::Answer(answer));
                    drop(place);
                }
            }
        });
        state.running.insert(request, Running { task: task.abort_handle(), is_detached });
    }

    fn end(&self, request: u64, last: LastWords) {
        let mut state = self.lock();
        state.streams.remove(request);
        if state.running.remove(&request).is_none() || state.is_closed {
            return;
        }
        match last {
            LastWords::Answer(answer) => state.put(request, answer),
            LastWords::Streamed(ended) => write_stream_end(state.outbox.frames(), request, ended.err().as_ref()),
        }
        let must_wake = !std::mem::replace(&mut state.is_awake, true);
        drop(state);
        if must_wake {
            self.driver.wake();
        }
    }

    /// The caller has gone. Each call is answered once all the same: that tells its caller's end that nothing further will come.
    pub(super) fn cancel(&self, request: u64) {
        let mut state = self.lock();
        let is_running = match state.running.get(&request) {
            Some(running) if running.is_detached => return,
            Some(running) => {
                running.task.abort();
                state.running.remove(&request);
                state.streams.remove(request);
                true
            }
            None => false,
        };
        let is_cut =
            state.outbox.withdraw(Of::Answer, request).is_some() | state.outbox.withdraw(Of::Item, request).is_some();
        if is_running || is_cut {
            let message = "the caller took the call back while it ran";
            state.put(request, Err(RpcError::new(Kind::Cancelled, message).with_executed(Executed::Maybe)));
        }
    }

    /// Whether a call of this number may begin now.
    pub(super) fn admit(&self, request: u64) -> Admission {
        let state = self.lock();
        match state.running.contains_key(&request) {
            true => Admission::InUse,
            false if state.is_full() => Admission::Full,
            false => Admission::Free,
        }
    }

    /// Nobody hears any more. Calls go on to their ends, as their callers may ask for what came of them over another connection.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.outbox.clear();
        // Streams do end: nobody can take what is left of them.
        state.streams.wake_all();
    }
}

/// Whether a call may begin.
pub(super) enum Admission {
    Free,
    /// The peer has to read some answers first.
    Full,
    /// Another call has its number.
    InUse,
}

/// What the task of a call answers at its end, whatever that is.
struct LastWord {
    answers: Arc<Answers>,
    request: u64,
    answer: Option<LastWords>,
}

/// How a call ends.
enum LastWords {
    Answer(Answer),
    /// The end of its stream.
    Streamed(Result<(), RpcError>),
}

impl LastWord {
    fn is(&mut self, answer: LastWords) {
        self.answer = Some(answer);
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        let answer = self.answer.take().unwrap_or_else(|| LastWords::Answer(Err(ended_without_answer())));
        self.answers.end(self.request, answer);
    }
}

pub(super) fn ended_without_answer() -> RpcError {
    RpcError::new(Kind::Internal, "the call's task ended without an answer").with_executed(Executed::Maybe)
}

impl State {
    /// Whether so many answers wait that no further call may begin.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.waiting() >= MOST_UNWRITTEN
    }

    /// How many calls have no answer yet.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Refuses a reply that is more than this peer takes; what this node sends at most was checked where it ran.
    pub(super) fn within_limit(&self, reply: Reply) -> Answer {
        let (size, most) = match &reply.outcome {
            Outcome::Value(value) => (value.len(), self.max_reply),
            // What the error says comes with it.
            Outcome::Failure { message, data } => (message.len() + data.len(), self.max_reply + ENVELOPE_ROOM / 2),
            Outcome::Stream(_) => return Ok(reply),
        };
        if size > most {
            let message = format!("the reply has {size} bytes, and its caller takes at most {most}");
            return Err(RpcError::new(Kind::TooLarge, message).with_executed(Executed::Yes));
        }
        Ok(reply)
    }

    fn put(&mut self, request: u64, answer: Answer) {
        let answer = answer.and_then(|reply| self.within_limit(reply));
        let pushed: Result<(), Infallible> = match answer {
            Ok(Reply { outcome: Outcome::Value(value), covered }) => {
                let is_compact = value.is_compact();
                self.outbox.push((Of::Answer, request), value.bytes(), |out, value| {
                    write_reply(out, request, is_compact, &covered, value);
                    Ok(())
                })
            }
            Ok(Reply { outcome: Outcome::Failure { message, data }, .. }) => {
                let is_compact = data.is_compact();
                let payload = Bytes::from(failure_payload(&message, data.bytes()));
                self.outbox.push((Of::Answer, request), &payload, |out, payload| {
                    write_failure_end(out, request, is_compact, payload);
                    Ok(())
                })
            }
            // Streams are taken where their calls end.
            Ok(Reply { outcome: Outcome::Stream(_), .. }) => {
                write_error(self.outbox.frames(), request, ended_without_answer().record());
                Ok(())
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
