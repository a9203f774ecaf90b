//! An encoded call that has arrived at the node that is to run it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::dedup::{Arrival, Ended, Known, Print, Recording};
use super::guarded::{Guarded, joined};
use super::here::Here;
use super::verdict::ran;
use crate::call::context::Origin;
use crate::call::{Call, CallId, Context, Deadline, Outcome, Path, Reply};
use crate::codec::args::Args;
use crate::codec::envelope::{MAX_DEPTH, depth_within};
use crate::codec::payload::{Codec, Payload, ToJson, Unwritable};
use crate::codec::trial::Trial;
use crate::error::{Executed, Kind, RpcError};
use crate::route::cells::Occupied;
use crate::route::coverage::Coverage;
use crate::route::group::{Group, NotHere};
use crate::service::{Compact, MethodDescriptor, MethodResult, Routing};
use crate::slot::Slot;

/// Longest wait for a slot that is being handed over or loaded. A hand-over takes milliseconds and is given up after a second; what
/// takes longer is better waited for at the caller, who may hear of a new owner meanwhile.
const MAX_PARK: Duration = Duration::from_secs(2);

/// Of a call that begins with so much time, and is done at once, nobody asks what time it is by then.
const AMPLE: Duration = Duration::from_secs(1);

/// What a caller is told to wait whose slot is still on its way.
const PARKED_RETRY_AFTER: Duration = Duration::from_millis(20);

/// A call with its arguments still encoded, on the node that is to run it.
#[derive(Clone)]
pub struct Incoming {
    pub(super) method: &'static MethodDescriptor,
    params: Payload,
    pub(super) here: Arc<Here>,
    pub(super) group: Arc<Group>,
    deadline: Option<Deadline>,
    claimed: Option<Slot>,
    epoch: u64,
    path: Path,
    id: Option<CallId>,
    first_epoch: Option<u64>,
    is_from_peer: bool,
    /// The clock was read then, for all calls that came with this one.
    now: Option<Instant>,
    trace: Option<Bytes>,
    pub(super) cancel: Option<Arc<Notify>>,
}

/// The key of a call: a slot, no key, or a key that cannot be hashed.
pub struct Key(Option<Result<Slot, RpcError>>);

impl Key {
    /// The key's slot, or why there is none.
    #[inline]
    pub fn at(slot: Result<Slot, RpcError>) -> Self {
        Self(Some(slot))
    }

    /// A method without a key.
    #[inline]
    pub fn none() -> Self {
        Self(None)
    }

    /// The slot, if the method has a key.
    ///
    /// # Errors
    /// Why the key cannot be hashed.
    #[inline]
    pub fn slot(self) -> Result<Option<Slot>, RpcError> {
        self.0.transpose()
    }
}

impl Incoming {
    /// A call that `here` is to run.
    #[inline]
    pub fn from_call(call: Call, here: Arc<Here>) -> Self {
        let group = here.groups.get(call.method.group);
        Self::of_group(call, here, group)
    }

    /// A call of a method of `group` that `here` is to run.
    #[inline]
    pub fn of_group(call: Call, here: Arc<Here>, group: Arc<Group>) -> Self {
        let claimed = call.target.slot();
        let Call { method, params, epoch, deadline, id, first_epoch, path, trace, target: _, hops: _ } = call;
        Self {
            method,
            params,
            here,
            group,
            deadline: Some(deadline),
            claimed,
            epoch,
            path,
            id: Some(id),
            first_epoch,
            is_from_peer: false,
            now: None,
            trace,
            cancel: None,
        }
    }

    /// Notes that the call came over the network, so that its reply can be lost.
    #[must_use]
    #[inline]
    pub fn from_peer(mut self) -> Self {
        self.is_from_peer = true;
        self
    }

    /// For a call that is begun at once: the clock has just been read.
    #[must_use]
    #[inline]
    pub fn begun_at(mut self, now: Instant) -> Self {
        self.now = Some(now);
        self
    }

    /// Lets `cancel` stop the call, unless its method is to run to its end in any case.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: Arc<Notify>) -> Self {
        self.cancel = (!self.method.detach).then_some(cancel);
        self
    }

    /// The method called.
    pub fn method(&self) -> &'static MethodDescriptor {
        self.method
    }

    /// The arguments, to be decoded one by one.
    ///
    /// # Errors
    /// [`Kind::BadArguments`] when they do not fit the method's names.
    pub fn args(&self) -> Result<Args<'_>, RpcError> {
        Ok(Args::read(self.method.params, &self.params)?)
    }

    /// Enters the slot of `key`, after everything that can refuse the call has been asked.
    ///
    /// # Errors
    /// Not executed, all of them: the node is leaving or without authority, the deadline has passed, the key's slot is not the
    /// one the caller computed, belongs to another node ([`Kind::Moved`]) or has an epoch this node has not heard of yet.
    ///
    /// Of calls that came together and have a second left and more, the clock was read once for some: one that begins after others of them have computed
    /// for longer than that may begin late.
    pub async fn enter(&self, key: Key) -> Result<Entry<'_>, RpcError> {
        let slot = key.slot().map_err(|error| error.at_node(&self.here.id))?;
        if let Err(refused) = self.here.admits() {
            // A node on its way out still knows where its slots went.
            return Err(slot.and_then(|slot| self.elsewhere(slot)).unwrap_or(refused));
        }
        let left = self.deadline.map(|deadline| match self.now.map(|now| deadline.remaining_at(now)) {
            Some(left) if left >= AMPLE => left,
            // Some calls of its batch may have run since the clock was read.
            _ => deadline.remaining(),
        });
        if left.is_some_and(|left| left.is_zero()) {
            return Err(
                RpcError::new(Kind::Deadline, "the deadline had passed before the call started").at_node(&self.here.id)
            );
        }
        let (occupied, has_waited) = match slot {
            Some(slot) => match self.look(slot)? {
                Some(occupied) => (Some(occupied), false),
                // Boxed: few calls meet a slot that is on its way.
                None => (Some(Box::pin(self.wait_for(slot)).await?), true),
            },
            None => (None, false),
        };
        let has_time = !has_waited && left.is_some_and(|left| left >= AMPLE);
        Ok(Entry { call: self, slot, occupied, has_time })
    }

    /// Enters the slot, if it stands open; `None` if it is on its way, or elsewhere.
    fn look(&self, slot: Slot) -> Result<Option<Occupied<'_>>, RpcError> {
        if let Some(claimed) = self.claimed.filter(|claimed| *claimed != slot) {
            let message = format!(
                "the caller hashed the key of {} to slot {claimed}, its owner to slot {slot}: the key's type does not serialize the same way on both",
                self.method.full_name
            );
            return Err(RpcError::new(Kind::SlotMismatch, message)
                .at_slot(slot, self.group.epoch(slot))
                .at_node(&self.here.id));
        }
        let known = self.group.epoch(slot);
        if self.epoch > known {
            let message = format!("the caller knows epoch {} of the slot, this node only {known}", self.epoch);
            return Err(RpcError::new(Kind::WrongEpoch, message).at_slot(slot, known).at_node(&self.here.id));
        }
        Ok(self.group.enter(slot))
    }

    /// Waits for a slot that is being handed over or loaded; any other is not here.
    async fn wait_for(&self, slot: Slot) -> Result<Occupied<'_>, RpcError> {
        let patience = Instant::now() + MAX_PARK;
        let until = self.deadline.map_or(patience, |deadline| patience.min(deadline.instant()));
        self.group.admit(slot, until, self.is_waited_for()).await.map_err(|why| self.not_here(slot, why))
    }

    /// The redirect to another owner, if there is one.
    fn elsewhere(&self, slot: Slot) -> Option<RpcError> {
        let owner = self.group.owner(slot).filter(|owner| owner.node.id != self.here.id)?;
        Some(self.not_here(slot, NotHere::Moved(owner)))
    }

    /// Whether the call is made by one that runs on this node in a slot of the same group that is being handed over: that one has to
    /// end before the hand-over goes on, and so has this call.
    fn is_waited_for(&self) -> bool {
        Context::with_current(|current| {
            current.is_some_and(|outer| {
                let is_here = outer.node() == Some(&self.here.id);
                let is_of_group = outer.method().is_some_and(|method| method.group == self.method.group);
                is_here && is_of_group && outer.slot().is_some_and(|slot| self.group.is_draining(slot))
            })
        })
    }

    fn not_here(&self, slot: Slot, why: NotHere) -> RpcError {
        let (kind, message) = match why {
            NotHere::Moved(owner) => {
                return RpcError::new(Kind::Moved, format!("slot {slot} belongs to node {}", owner.node.id))
                    .at_slot(slot, owner.epoch)
                    .at_node(&owner.node.id)
                    .with_address(owner.node.address.clone());
            }
            NotHere::NoOwner => (Kind::NoOwner, format!("no node owns slot {slot}")),
            NotHere::Parked => (Kind::Parked, format!("slot {slot} is being handed over")),
            NotHere::Recovering => (Kind::Recovering, format!("slot {slot} is being loaded")),
            NotHere::Full => (Kind::Overloaded, format!("too many calls wait for slot {slot}")),
        };
        RpcError::new(kind, message)
            .at_slot(slot, self.group.epoch(slot))
            .at_node(&self.here.id)
            .with_retry_after(PARKED_RETRY_AFTER)
    }

    /// The error for a method that the service's code does not know.
    pub fn unknown_method(&self) -> RpcError {
        RpcError::new(Kind::UnknownMethod, format!("there is no method {}", self.method.full_name))
            .at_node(&self.here.id)
    }

    pub(super) fn context(&self, slot: Option<Slot>) -> Box<Context> {
        let (id, trace) = (self.id, self.trace.clone());
        let mut context = Context::blank();
        let origin = match context.origin.take() {
            Some(mut spare) => {
                *spare = Origin { id, trace };
                spare
            }
            None => Box::new(Origin { id, trace }),
        };
        *context = Context {
            deadline: self.deadline,
            default_wait: Some(self.here.settings.default_deadline),
            method: Some(self.method),
            ancestors: self.path.clone(),
            is_detached: false,
            slot,
            epoch: slot.map_or(0, |slot| self.group.epoch(slot)),
            node: Some(self.here.name()),
            origin: Some(origin),
        };
        context
    }

    /// What the reply will speak for, if all nodes were asked.
    fn coverage(&self) -> Coverage {
        match self.method.routing {
            Routing::All(_) => self.group.coverage(&self.here.id),
            _ => Coverage::none(),
        }
    }
}

/// A call inside its slot. The slot is left when this drops.
pub struct Entry<'a> {
    pub(super) call: &'a Incoming,
    pub(super) slot: Option<Slot>,
    pub(super) occupied: Option<Occupied<'a>>,
    /// It began at once, and with [`AMPLE`] time.
    has_time: bool,
}

impl Entry<'_> {
    /// Runs the method and encodes what it answers; a call that ran or runs already is not run again.
    ///
    /// # Errors
    /// The deadline, a cancellation or a lapse of authority stopped it; it panicked; its value cannot be encoded.
    pub async fn run<R: MethodResult>(self, future: BoxFuture<'_, R>) -> Result<Reply, RpcError> {
        let (call, slot) = (self.call, self.slot);
        let coverage = call.coverage();
        let recording = match self.record() {
            Ok(recording) => recording,
            Err(known) => {
                drop(future);
                return call.reply(Box::pin(known.ended(call.deadline)).await, coverage, slot);
            }
        };
        let guarded = Guarded::new(future, call.context(slot), &call.here.authority)
            .cancelled_by(call.cancel.as_ref())
            .with_time(self.has_time);
        let ended = guarded.await.and_then(|result| call.encode(result)).and_then(|outcome| call.within_limit(outcome));
        if let Some(recording) = recording {
            recording.end(&ended);
        }
        call.reply(ended, coverage, slot)
    }

    /// Runs the method to its end on a task of its own, whatever becomes of this future.
    ///
    /// # Errors
    /// As [`run`](Self::run), but that the caller's deadline ends only the waiting.
    pub async fn detach<R: MethodResult>(
        mut self,
        future: impl Future<Output = R> + Send + 'static,
    ) -> Result<Reply, RpcError> {
        let slot = self.slot;
        let coverage = self.call.coverage();
        let recording = match self.record() {
            Ok(recording) => recording,
            Err(known) => return self.call.reply(known.ended(self.call.deadline).await, coverage, slot),
        };
        let call = self.call.clone();
        let occupied = self.occupied.take().map(|occupied| occupied.into_owned(call.group.clone()));
        let context = call.context(slot).detached();
        let place = call.here.in_flight.track();
        let task = tokio::spawn(async move {
            let answer = Guarded::new(Box::pin(future), context, &call.here.authority).await;
            let ended = answer.and_then(|result| call.encode(result)).and_then(|outcome| call.within_limit(outcome));
            if let Some(recording) = recording {
                recording.end(&ended);
            }
            drop((occupied, place));
            ended
        });
        self.call.reply(joined(task, self.call.deadline).await, coverage, slot)
    }

    /// Makes a record of a call whose reply could be lost on its way; `None` where none is needed.
    fn record(&self) -> Result<Option<Recording>, Known> {
        let call = self.call;
        // A retry may come from this very node, when its slot has moved here after the first sending.
        let needs_one = call.method.is_recorded() && (call.is_from_peer || call.first_epoch.is_some());
        let (Some(slot), Some(id), true) = (self.slot, call.id, needs_one) else { return Ok(None) };
        match call.here.calls(call.method.group) {
            Some(calls) => {
                let print = Print::of(call.method.full_name, &call.params);
                let (first_epoch, epoch, deadline) = (call.first_epoch, call.group.epoch(slot), call.deadline);
                let compact = call.method.compact.as_ref();
                let arrival = Arrival { id, first_epoch, epoch, print, compact, deadline };
                calls.begin(slot, &arrival).into_recording().map(Some)
            }
            None => Ok(None),
        }
    }
}

impl Incoming {
    fn reply(&self, ended: Ended, coverage: Coverage, slot: Option<Slot>) -> Result<Reply, RpcError> {
        match ended.and_then(|outcome| self.in_its_codec(outcome)) {
            Ok(outcome) => Ok(Reply { outcome, covered: self.group.confirm(coverage) }),
            Err(error) => Err(self.locate(error, slot)),
        }
    }

    /// Writes anew what was recorded for a call in another codec than this one's, which may be read by any build.
    fn in_its_codec(&self, outcome: Outcome) -> Result<Outcome, RpcError> {
        if self.params.is_compact() || !outcome.is_compact() {
            return Ok(outcome);
        }
        let as_json = outcome.into_json(self.method.compact.as_ref());
        as_json.and_then(|outcome| self.within_limit(outcome)).map_err(|error| error.with_executed(Executed::Yes))
    }

    /// Encodes what the method returned, in the codec of the call.
    pub(super) fn encode<R: MethodResult>(&self, result: R) -> Result<Outcome, RpcError> {
        let written = match ran(result).into_result() {
            Ok(value) => self.written(&value, |compact| (&compact.trials.value, compact.value)).map(Outcome::Value),
            Err(failure) => {
                let message = failure.to_string();
                self.written(&failure, |compact| (&compact.trials.failure, compact.failure))
                    .map(|data| Outcome::Failure { message, data })
            }
        };
        written.map_err(|why| {
            let message = format!("the reply of {} {why}", self.method.full_name);
            RpcError::new(Kind::Encode, message).with_executed(Executed::Yes)
        })
    }

    /// Encodes a value: in the codec of the call, unless it would be read as another one.
    fn written<T: Serialize>(&self, value: &T, of: fn(&Compact) -> (&Trial, ToJson)) -> Result<Payload, Unwritable> {
        let json = || Payload::written(Codec::Json, value);
        let compact = self.method.compact.as_ref().filter(|_| self.params.is_compact()).map(of);
        match compact.filter(|(trial, _)| trial.is_fit()) {
            None => json(),
            Some((trial, to_json)) => Payload::written(Codec::Compact, value)
                .and_then(|written| trial.judge(self.method.full_name, written, to_json, json)),
        }
    }

    /// Refuses a reply that the caller could not read: too large, or nested deeper than a message may be.
    pub(super) fn within_limit(&self, outcome: Outcome) -> Result<Outcome, RpcError> {
        let (body, size) = match &outcome {
            Outcome::Value(value) => (value, value.len()),
            Outcome::Failure { message, data } => (data, data.len() + escaped_len(message)),
            Outcome::Stream(_) => return Ok(outcome),
        };
        // The compact codec has looked already.
        if !body.is_compact() && !depth_within(body.bytes(), MAX_DEPTH) {
            let message = format!("the reply of {} nests deeper than {MAX_DEPTH} levels", self.method.full_name);
            return Err(RpcError::new(Kind::Encode, message).with_executed(Executed::Yes));
        }
        let limit = self.here.settings.max_message;
        if size > limit {
            let message = format!("the reply of {} has {size} bytes, the limit is {limit}", self.method.full_name);
            return Err(RpcError::new(Kind::TooLarge, message).with_executed(Executed::Yes));
        }
        Ok(outcome)
    }

    pub(super) fn locate(&self, error: RpcError, slot: Option<Slot>) -> RpcError {
        let error = error.at_node(&self.here.id);
        match slot {
            Some(slot) => error.at_slot(slot, self.group.epoch(slot)),
            None => error,
        }
    }
}

/// The length of `text` as a JSON string.
fn escaped_len(text: &str) -> usize {
    text.bytes().map(|byte| if byte < 0x20 { 6 } else { 1 + usize::from(matches!(byte, b'"' | b'\\')) }).sum()
}
