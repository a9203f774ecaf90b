//! What a provider can know about the call it serves, and what nested calls inherit from it.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use pin_project_lite::pin_project;

use super::{CallId, Deadline, Path};
use crate::error::{Kind, RpcError};
use crate::node::NodeId;
use crate::service::MethodDescriptor;
use crate::slot::Slot;

thread_local! {
    // A future is polled on one thread at a time, and its context is put here for the length of one poll only. Taken out for a
    // look, in which nobody else's code runs.
    static CURRENT: Cell<Option<Box<Context>>> = const { Cell::new(None) };

    // The box of the call that ended last on this thread, to be filled anew by the next: a local call allocates none, and what is
    // made current is a pointer. Copies of whole contexts were half of what a local call cost.
    static SPARE: Cell<Option<Box<Context>>> = const { Cell::new(None) };
}

/// The surroundings of a running call: its deadline, its place in a chain of calls, its slot.
///
/// Calls made while it is current are nested in it: they end by its deadline and count towards the depth cap. It is current
/// during every poll of the provider's future; a task that the provider spawns has it only through [`Context::scope`]. What a
/// provider runs within its own poll, such as a runtime of its own that it blocks on, sees it too.
#[derive(Clone, Debug, Default)]
pub struct Context {
    // None until somebody asks: reading the clock costs as much as a whole local call.
    pub(crate) deadline: Option<Deadline>,
    pub(crate) default_wait: Option<Duration>,
    pub(crate) method: Option<&'static MethodDescriptor>,
    pub(crate) ancestors: Path,
    pub(crate) is_detached: bool,
    pub(crate) slot: Option<Slot>,
    pub(crate) epoch: u64,
    // Interned, so that a local call counts no references.
    pub(crate) node: Option<&'static NodeId>,
    // Boxed, since local calls have none; or, of a call that is over, the box for the next one.
    pub(crate) origin: Option<Box<Origin>>,
}

/// What a call that came over the network brought along.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) id: Option<CallId>,
    pub(crate) trace: Option<Bytes>,
}

impl Context {
    /// The context of the running call; `None` outside of one.
    pub fn current() -> Option<Self> {
        Self::with_current(|current| {
            current.map(|context| {
                context.settle();
                context.clone()
            })
        })
    }

    /// Looks at the context of the running call without copying it. `look` must not enter another.
    #[inline]
    pub(crate) fn with_current<R>(look: impl FnOnce(Option<&mut Self>) -> R) -> R {
        CURRENT.with(|current| {
            let Some(mut context) = current.take() else { return look(None) };
            let seen = look(Some(&mut context));
            current.set(Some(context));
            seen
        })
    }

    /// Runs `future` with this context current, so that its calls are nested in the same call; for tasks a provider spawns.
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope { context: Some(Box::new(self)), future }
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Deadline {
        self.deadline.unwrap_or_else(|| Deadline::after(self.default_wait.unwrap_or(super::deadline::DEFAULT_DEADLINE)))
    }

    /// The method running; `None` in a scope that only sets a deadline.
    pub fn method(&self) -> Option<&'static MethodDescriptor> {
        self.method
    }

    /// The slot of the call's key; `None` for a method without one.
    pub fn slot(&self) -> Option<Slot> {
        self.slot
    }

    /// The slot's epoch when the call entered: the fencing token for writes to a store outside. 0 without a slot.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The node that runs the provider; `None` for a client of a local value.
    pub fn node(&self) -> Option<&NodeId> {
        self.node
    }

    /// The call's id; `None` for a call from this very node.
    pub fn call_id(&self) -> Option<CallId> {
        self.origin.as_ref().and_then(|origin| origin.id)
    }

    /// The calls waiting for this one, outermost first.
    pub fn ancestors(&self) -> &Path {
        &self.ancestors
    }

    /// The W3C `traceparent` that the call came with.
    pub(crate) fn trace(&self) -> Option<&Bytes> {
        self.origin.as_ref()?.trace.as_ref()
    }

    /// The path of a call made from here.
    pub(crate) fn path_of_nested(&self) -> Result<Path, RpcError> {
        match self.method {
            Some(method) => self.ancestors.nest(method.full_name),
            None => Ok(self.ancestors.clone()),
        }
    }

    /// The deadline if it is known already, without reading the clock.
    pub(crate) fn known_deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Fixes the deadline now if it is not fixed yet.
    pub(crate) fn settle(&mut self) -> Deadline {
        let deadline = self.deadline();
        self.deadline = Some(deadline);
        deadline
    }

    /// The same context for a call that is to run to its end: with the longest deadline there is, which calls nested in it do not
    /// inherit.
    pub(crate) fn detached(mut self: Box<Self>) -> Box<Self> {
        self.deadline = Some(Deadline::after(super::deadline::MAX_DEADLINE));
        self.is_detached = true;
        self
    }

    /// When a call that is made now from here must be done.
    pub(crate) fn deadline_of_nested(&mut self) -> Deadline {
        if self.is_detached {
            return Deadline::after(self.default_wait.unwrap_or(super::deadline::DEFAULT_DEADLINE));
        }
        self.settle()
    }

    /// Whether a call may be made now from wherever this thread is.
    ///
    /// # Errors
    /// [`Kind::Deadline`] when the surrounding call's has passed, [`Kind::TooDeep`] when too many calls wait already.
    #[inline]
    pub(crate) fn admits_nested() -> Result<(), RpcError> {
        Self::with_current(|current| current.map_or(Ok(()), Self::admits))
    }

    fn admits(&mut self) -> Result<(), RpcError> {
        if self.deadline_of_nested().has_passed() {
            return Err(RpcError::new(Kind::Deadline, "the deadline had passed before the call started"));
        }
        if self.method.is_some() { self.ancestors.has_room() } else { Ok(()) }
    }

    /// A context to be filled, where it is cheap to move.
    #[inline]
    pub(crate) fn blank() -> Box<Self> {
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// Leaves its box to the next call. Its deadline, if anybody has asked for it.
    #[inline]
    pub(crate) fn retire(mut self: Box<Self>) -> Option<Deadline> {
        let deadline = self.deadline;
        // What it shares with others does not wait for the next call.
        self.ancestors = Path::root();
        if let Some(origin) = &mut self.origin {
            **origin = Origin::default();
        }
        // On a thread that is ending there is no next call.
        let _ended = SPARE.try_with(|spare| spare.set(Some(self)));
        deadline
    }

    /// Runs `body` with `context` current, and puts it back, also when a poll unwinds.
    #[inline]
    pub(crate) fn enter<R>(context: &mut Option<Box<Self>>, body: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(context);
        body()
    }
}

/// A context that is current until this drops. Its place holds the outer one meanwhile.
struct Entered<'a>(&'a mut Option<Box<Context>>);

impl<'a> Entered<'a> {
    #[inline]
    fn new(context: &'a mut Option<Box<Context>>) -> Self {
        *context = CURRENT.replace(context.take());
        Self(context)
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.0 = CURRENT.replace(self.0.take());
    }
}

/// Runs `future`, whose calls must all be done within `wait` from now, or by the deadline of the surrounding call if that is
/// earlier. Outside of any call this is how to give a call a deadline other than the default.
///
/// ```
/// # use std::time::Duration;
/// # use rpc_core::call::with_deadline;
/// # async fn example<C: Future<Output = ()>>(call: C) {
/// with_deadline(Duration::from_millis(200), call).await;
/// # }
/// ```
pub fn with_deadline<F: Future>(wait: Duration, future: F) -> Scope<F> {
    let mut context = Context::current().unwrap_or_default();
    context.deadline = Some(Deadline::after(wait).or_earlier(context.known_deadline()));
    context.is_detached = false;
    context.scope(future)
}

pin_project! {
    /// A future with a [`Context`] of its own.
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        context: Option<Box<Context>>,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future;
        Context::enter(this.context, || future.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_is_inherited_and_never_extended() {
        assert!(Context::current().is_none());
        with_deadline(Duration::from_millis(50), async {
            let outer = Context::current().expect("in scope").deadline();
            with_deadline(Duration::from_secs(5), async {
                assert_eq!(Context::current().expect("in scope").deadline(), outer);
            })
            .await;
        })
        .await;
        assert!(Context::current().is_none());
    }

    #[tokio::test]
    async fn a_poll_that_unwinds_leaves_no_context_behind() {
        let scope = Context::default().scope(async { panic!("a provider's panic") });
        assert!(tokio::spawn(scope).await.is_err());
        assert!(Context::current().is_none());
    }
}
