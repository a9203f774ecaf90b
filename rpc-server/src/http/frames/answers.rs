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
    /// How many there were so far.
    runs: u64,
    /// The streams that are sent.
    pub(super) streams: Streams,
    /// The session was woken, or works: it looks for what there is to write before it sleeps.
    pub(super) is_awake: bool,
    /// Nobody hears any more.
    pub(super) is_closed: bool,
}

struct Running {
    /// Which of the calls it is: its number is free for another one as soon as it is taken back, and its task may not have heard so by then.
    run: u64,
    // None until it is spawned.
    task: Option<AbortHandle>,
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
        let run = {
            let mut state = self.lock();
            state.runs += 1;
            let run = state.runs;
            state.running.insert(request, Running { run, task: None, is_detached });
            run
        };
        // Also when a provider's code panics where nobody catches it, and when the runtime is at its end and drops the task where it is spawned.
        let mut last_word = LastWord { answers: self.clone(), request, run, answer: None };
        let answers = self.clone();
        let task = tokio::spawn(async move {
            match future.await {
                Ok(Reply { outcome: Outcome::Stream(items), .. }) => {
                    // A stream has a place of its own, among streams.
                    drop(place);
                    last_word.is(LastWords::Streamed(answers.stream(request, run, &items).await));
                }
                answer => {
                    last_word.is(LastWords::Answer(answer));
                    drop(place);
                }
            }
        });
        // It may have ended by now. Only the session takes calls back, and it is here.
        if let Some(running) = self.lock().running.get_mut(&request).filter(|running| running.run == run) {
            running.task = Some(task.abort_handle());
        }
    }

    fn end(&self, request: u64, run: u64, last: LastWords) {
        let mut state = self.lock();
        if !state.is_running(request, run) {
            return;
        }
        state.streams.remove(request);
        state.running.remove(&request);
        if state.is_closed {
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
                running.task.as_ref().map(AbortHandle::abort);
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
    run: u64,
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
        self.answers.end(self.request, self.run, answer);
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

    /// Whether this call is still the one of its number.
    pub(super) fn is_running(&self, request: u64, run: u64) -> bool {
        self.running.get(&request).is_some_and(|running| running.run == run)
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use rpc_core::provider::in_flight::InFlight;
    use tokio::runtime::Builder;

    use super::*;

    fn place() -> Place {
        InFlight::new(1).admit().unwrap()
    }

    #[test]
    fn a_runtime_that_has_ended_drops_calls_where_they_are_begun() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _inside = handle.enter();
        let answers = Arc::new(Answers::default());
        answers.run(7, false, Box::pin(pending()), place());
        assert_eq!(answers.lock().running(), 0);
    }

    #[tokio::test]
    async fn a_call_that_was_taken_back_has_no_word_in_the_next_one_of_its_number() {
        let answers = Arc::new(Answers::default());
        answers.run(7, false, Box::pin(pending()), place());
        answers.cancel(7);
        answers.run(7, false, Box::pin(pending()), place());
        // The first one's task was at work when it was to end.
        answers.end(7, 1, LastWords::Answer(Err(ended_without_answer())));
        assert!(answers.lock().is_running(7, 2));
        answers.end(7, 2, LastWords::Answer(Err(ended_without_answer())));
        assert_eq!(answers.lock().running(), 0);
    }
}
