//! Tells a peer that nobody waits for some calls any more: the notification `wherever.cancel`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use tokio::runtime::Handle;

use super::JSON;
use crate::call::{Call, CallId};
use crate::limits;
use crate::transport::headers;

/// The calls to take back from one peer. Each peer has its own, so that a silent one holds up nobody else's.
pub(super) struct Cancels {
    client: Client,
    // Held for a push or a drain; never across an await.
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    ids: VecDeque<CallId>,
    /// A task sends what is in the queue, and ends when it finds nothing in it.
    is_served: bool,
}

impl Cancels {
    pub(super) fn new(client: Client) -> Arc<Self> {
        Arc::new(Self { client, queue: Mutex::default() })
    }

    /// Queues the id, and starts the task that sends it if none runs. Best effort: if the queue is full, the callee's deadline
    /// has to do.
    fn take_back(self: &Arc<Self>, url: &Url, id: CallId) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut queue = self.lock();
        if queue.ids.len() >= limits::MAX_CANCELS {
            return;
        }
        queue.ids.push_back(id);
        if !queue.is_served {
            queue.is_served = true;
            drop(queue);
            let sender = Sender { cancels: self.clone(), has_finished: false };
            runtime.spawn(sender.send_all(url.clone()));
        }
    }

    /// The next ids for one message. If there are none, the queue is not served any more: in one step, so that an id queued
    /// right after finds that out.
    fn next(&self) -> Option<Vec<CallId>> {
        let mut queue = self.lock();
        let Some(first) = queue.ids.front().copied() else {
            queue.is_served = false;
            return None;
        };
        // A message proves itself by one session; a program has several.
        let mut same = Vec::new();
        queue.ids.retain(|id| {
            let goes = id.session == first.session && same.len() < limits::MAX_BATCH;
            if goes {
                same.push(*id);
            }
            !goes
        });
        Some(same)
    }

    async fn send(&self, url: &Url, ids: &[CallId]) {
        let list: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        let (method, list) = (headers::CANCEL_METHOD, list.join(","));
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"calls":[{list}]}}}}"#);
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, JSON).timeout(limits::CANCEL_TIMEOUT);
        let Some(first) = ids.first() else { return };
        let about = headers::About::call(*first).to_value();
        if let Err(error) = request.header(headers::CALL, about).body(body).send().await {
            tracing::debug!(%error, count = ids.len(), "a cancellation did not arrive");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What serves a queue.
struct Sender {
    cancels: Arc<Cancels>,
    has_finished: bool,
}

impl Sender {
    async fn send_all(mut self, url: Url) {
        while let Some(ids) = self.cancels.next() {
            self.cancels.send(&url, &ids).await;
        }
        // From here on the queue may be served by another task.
        self.has_finished = true;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // A runtime that shuts down drops the task half-way; the next call taken back then starts another.
        if !self.has_finished {
            self.cancels.lock().is_served = false;
        }
    }
}

/// Takes a call back when it is dropped before it was disarmed, that is, when the caller's future is dropped.
pub(super) struct TakeBack<'a> {
    cancels: &'a Arc<Cancels>,
    target: Option<(&'a Url, CallId)>,
}

impl<'a> TakeBack<'a> {
    pub(super) fn armed(cancels: &'a Arc<Cancels>, url: &'a Url, call: &Call) -> Self {
        Self { cancels, target: (!call.method.detach).then_some((url, call.id)) }
    }

    pub(super) fn disarm(mut self) {
        self.target = None;
    }
}

impl Drop for TakeBack<'_> {
    fn drop(&mut self) {
        if let Some((url, id)) = self.target.take() {
            self.cancels.take_back(url, id);
        }
    }
}
