//! Tells a peer that nobody waits for a call any more: the notification `wherever.cancel`.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::JSON;
use crate::call::{Call, CallId};
use crate::limits;
use crate::transport::headers;

/// What cancellations are sent with: a client and a bound on how many are under way.
pub(super) struct Cancels {
    client: Client,
    under_way: Arc<Semaphore>,
}

impl Cancels {
    pub(super) fn new(client: Client) -> Arc<Self> {
        Arc::new(Self { client, under_way: Arc::new(Semaphore::new(limits::MAX_CANCELS)) })
    }

    /// Sends the notification on a task of its own. Best effort: if too many are under way, the callee's deadline has to do.
    fn send(&self, url: Url, id: CallId) {
        let (Ok(runtime), Ok(permit)) = (Handle::try_current(), self.under_way.clone().try_acquire_owned()) else {
            return;
        };
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{}","params":{{"call":"{id}"}}}}"#, headers::CANCEL_METHOD);
        let mut request = self.client.post(url).header(CONTENT_TYPE, JSON).timeout(limits::CANCEL_TIMEOUT).body(body);
        if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
            request = request.header(headers::CALL, id);
        }
        runtime.spawn(async move {
            if let Err(error) = request.send().await {
                tracing::debug!(%error, call = %id, "a cancellation did not arrive");
            }
            drop(permit);
        });
    }
}

/// Takes a call back when it is dropped before it was disarmed, that is, when the caller's future is dropped.
pub(super) struct TakeBack<'a> {
    cancels: &'a Cancels,
    target: Option<(&'a Url, CallId)>,
}

impl<'a> TakeBack<'a> {
    pub(super) fn armed(cancels: &'a Cancels, url: &'a Url, call: &Call) -> Self {
        Self { cancels, target: (!call.method.detach).then_some((url, call.id)) }
    }

    pub(super) fn disarm(mut self) {
        self.target = None;
    }
}

impl Drop for TakeBack<'_> {
    fn drop(&mut self) {
        if let Some((url, id)) = self.target.take() {
            self.cancels.send(url.clone(), id);
        }
    }
}
