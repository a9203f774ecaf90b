//! The streams of a connection, at the end that takes their items.
//!
//! What has come and was not taken is bounded by the credit that this end has given. A consumer that does not take its items gives no further
//! credit, and stops its own stream with that, and no other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::drive::{never_asked, refused};
use super::shared::{Shared, State};
use crate::call::items::Source;
use crate::call::{Items, Outcome, Reply};
use crate::codec::payload::Payload;
use crate::error::{Executed, RpcError};
use crate::transport::frames::{
    FIRST_CREDIT, Fault, Frame, MAX_CREDIT, Of, cost, read_failure, write_cancel, write_window,
};
use crate::transport::multiplex::waiters::NeverSent;

/// Credit is given when so much of it is used: often enough that the peer need not wait, and seldom enough to cost little.
const GRANT: i64 = FIRST_CREDIT as i64 / 2;

/// The streams that have begun, by the numbers of their requests.
#[derive(Default)]
pub(super) struct Streams(HashMap<u64, Arc<Mutex<Inflow>>>);

/// What has come of a stream, and was not taken. Shared with the consumer, who may hold it for longer than the connection lives. Locked behind
/// the connection's own state, never the other way round, and never across an await.
struct Inflow {
    /// Each with what it cost.
    items: VecDeque<(Outcome, i64)>,
    /// What the peer may still send.
    credit: i64,
    /// What was taken since credit was given last.
    taken: i64,
    /// Nothing further comes: of its own, or by this error.
    end: Option<Option<RpcError>>,
    waker: Option<Waker>,
}

impl Streams {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, request: u64) -> bool {
        self.0.contains_key(&request)
    }

    /// Nothing further comes of the stream; gives whom to wake.
    pub(super) fn end(&mut self, request: u64, error: Option<RpcError>) -> Option<Waker> {
        lock(self.0.get(&request)?).end(error)
    }

    /// The connection is over; gives whom to wake.
    pub(super) fn end_all(&mut self, error: &RpcError) -> Vec<Waker> {
        self.0.drain().filter_map(|(_, inflow)| lock(&inflow).end(Some(error.clone()))).collect()
    }
}

impl Inflow {
    fn end(&mut self, error: Option<RpcError>) -> Option<Waker> {
        self.end.get_or_insert(error);
        self.waker.take()
    }

    /// What is to be granted for what was taken, once it is worth a frame.
    fn grant(&mut self) -> Option<u64> {
        if self.taken < GRANT || self.end.is_some() {
            return None;
        }
        let granted = std::mem::take(&mut self.taken);
        self.credit += granted;
        Some(granted.unsigned_abs())
    }
}

fn lock(inflow: &Mutex<Inflow>) -> MutexGuard<'_, Inflow> {
    inflow.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The answer to `request` is a stream. Gives whom to wake.
///
/// # Errors
/// [`NeverSent`].
pub(super) fn begin(shared: &Arc<Shared>, state: &mut State, request: u64) -> Result<Option<Waker>, NeverSent> {
    // Whoever has gone has taken the call back, or will.
    if !state.waiters.is_waiting(request)? {
        return Ok(None);
    }
    let credit = FIRST_CREDIT as i64;
    let inflow = Inflow { items: VecDeque::new(), credit, taken: 0, end: None, waker: None };
    let inflow = Arc::new(Mutex::new(inflow));
    state.streams.0.insert(request, inflow.clone());
    state.has_answered = true;
    let items = Items::new(Inbound { shared: Arc::downgrade(shared), request, inflow, is_over: false });
    state.waiters.answer(request, Ok(Reply::new(Outcome::Stream(items))))
}

/// Takes in a frame of a stream; gives whom to wake.
///
/// # Errors
/// Against the protocol: of a stream that has not begun, or has ended, or has no credit left; too large.
pub(super) fn take_in(state: &mut State, frame: &Frame<'_>, frames: &Bytes) -> Result<Option<Waker>, Fault> {
    let wrong = |why| Fault::Unexpected { kind: frame.kind(), why };
    let (Frame::StreamItem { request, .. } | Frame::StreamEnd { request, .. } | Frame::Part { request, .. }) = *frame
    else {
        return Ok(None);
    };
    let Some(inflow) = state.streams.0.get(&request).cloned() else {
        state.parts.discard(Of::Item, request);
        // Who took the items may have gone meanwhile.
        return match state.waiters.is_waiting(request) {
            Ok(true) => Err(wrong("its stream has not begun")),
            Ok(false) => Ok(None),
            Err(NeverSent) => Err(never_asked(frame)),
        };
    };
    let mut inflow = lock(&inflow);
    if inflow.end.is_some() {
        return Err(wrong("its stream has ended"));
    }
    if inflow.credit <= 0 && !matches!(frame, Frame::StreamEnd { .. }) {
        return Err(wrong("its stream has no credit left"));
    }
    match *frame {
        Frame::Part { bytes, .. } => {
            state.parts.add(Of::Item, request, bytes)?;
            return Ok(None);
        }
        Frame::StreamItem { compact: true, .. } => return Err(wrong("items are JSON")),
        Frame::StreamItem { failed, item, .. } => {
            let payload = state.parts.finish(Of::Item, request, item)?;
            let payload = payload.map_or_else(|| kept(frames, item), Bytes::from);
            let cost = cost(payload.len());
            inflow.credit -= cost;
            inflow
                .items
                .push_back((if failed { failure(&payload)? } else { Outcome::Value(Payload::json(payload)) }, cost));
        }
        Frame::StreamEnd { error, .. } => {
            state.parts.discard(Of::Item, request);
            inflow.end = Some(error.map(refused));
        }
        _ => {}
    }
    Ok(inflow.waker.take())
}

fn failure(payload: &Bytes) -> Result<Outcome, Fault> {
    let (message, data) = read_failure(payload)?;
    Ok(Outcome::Failure { message: message.to_owned(), data: Payload::json(payload.slice_ref(data)) })
}

/// An item out of what was read: copied, unless it is most of it, which an item that is not taken for long would keep alive.
fn kept(frames: &Bytes, item: &[u8]) -> Bytes {
    if item.len() < frames.len() / 2 { Bytes::copy_from_slice(item) } else { frames.slice_ref(item) }
}

/// The items of a stream, for its consumer. Dropping it takes the call back.
struct Inbound {
    // A consumer that takes its time holds no connection that has ended.
    shared: Weak<Shared>,
    request: u64,
    inflow: Arc<Mutex<Inflow>>,
    is_over: bool,
}

impl Source for Inbound {
    fn poll_item(&mut self, cx: &mut Context<'_>, is_wanted: bool) -> Poll<Option<Result<Outcome, RpcError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut inflow = lock(&self.inflow);
        let item = if is_wanted { inflow.items.pop_front() } else { None };
        if let Some((item, cost)) = item {
            inflow.taken += cost;
            let granted = inflow.grant();
            drop(inflow);
            if let Some(granted) = granted {
                self.give(granted);
            }
            return Poll::Ready(Some(Ok(item)));
        }
        let end = if inflow.items.is_empty() { inflow.end.take() } else { None };
        let Some(end) = end else {
            inflow.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        drop(inflow);
        self.is_over = true;
        if let Some(shared) = self.shared.upgrade() {
            let mut state = shared.lock();
            state.streams.0.remove(&self.request);
            shared.tell_if_last(state);
        }
        Poll::Ready(end.map(|error| Err(error.at_least(Executed::Maybe))))
    }
}

impl Inbound {
    /// Lets the peer send so much more.
    fn give(&self, credit: u64) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut state = shared.lock();
        // A large item is paid for in several, as a window has a bound.
        let mut left = credit;
        while left > 0 {
            let window = left.min(MAX_CREDIT);
            write_window(state.outbox.frames(), self.request, window);
            left -= window;
        }
        let must_wake = state.must_wake();
        drop(state);
        if must_wake {
            shared.driver.wake();
        }
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Some(shared) = self.shared.upgrade() else { return };
        let mut state = shared.lock();
        if state.streams.0.remove(&self.request).is_none() {
            return;
        }
        state.parts.discard(Of::Item, self.request);
        if lock(&self.inflow).end.is_none() {
            write_cancel(state.outbox.frames(), self.request);
        }
        let must_wake = state.must_wake();
        drop(state);
        if must_wake {
            shared.driver.wake();
        }
    }
}
