//! The conversation with a node: any JSON-RPC client could have it.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use rpc_core::cluster::request::{Plan, Refusal, Request};
use rpc_core::cluster::view::ClusterView;
use rpc_core::codec::envelope::write_request;
use rpc_core::error::bounded;
use rpc_core::limits;
use rpc_core::transport::headers;
use rpc_core::{Executed, Kind, RpcError};
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::options::Options;
use crate::reply;

/// The id of a run's only request.
const REQUEST: u64 = 1;

/// Largest answer read, in bytes: what nodes read of each other.
const MAX_ANSWER: usize = limits::MAX_MESSAGE + limits::ENVELOPE_ROOM;

/// A node to talk to.
pub(crate) struct Node {
    client: Client,
    base: Url,
    timeout: Duration,
}

impl Node {
    /// The node that the user named. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Failure::Usage`] when no node is named, or by something that is no URL of one.
    pub(crate) fn named(options: &Options) -> Result<Self, Failure> {
        let base = base_url(options.node.as_deref().unwrap_or_default()).map_err(Failure::Usage)?;
        // Half of the time at most, so that a node that cannot be reached is told from one that does not answer.
        let connect_timeout = limits::CONNECT_TIMEOUT.min(options.answer_time() / 2);
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .connect_timeout(connect_timeout)
            .build()
            .map_err(|error| Failure::Io(format!("the HTTP client cannot be set up: {error}")))?;
        Ok(Self { client, base, timeout: options.answer_time() })
    }

    /// The same node, with at most this long for each answer.
    pub(crate) fn asked_for(self, longest: Duration) -> Self {
        Self { timeout: self.timeout.min(longest), ..self }
    }

    /// The cluster as this node knows it, checked.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when there is no node, or something else answers in its place.
    pub(crate) async fn view(&self) -> Result<ClusterView, Failure> {
        let request = self.client.get(self.url("/wherever/cluster"));
        // Asking for the map executes nothing, so every failure means the same: there is no node to talk to.
        let unreachable = |error: RpcError| Failure::Unreachable(error.with_executed(Executed::No));
        let (status, body) = self.in_time(self.exchange(request)).await.map_err(unreachable)?;
        let no_node = |why: String| {
            Failure::unreachable(Kind::Protocol, format!("{} answers, but not as a node: {why}", self.base))
        };
        if status != StatusCode::OK {
            return Err(no_node(format!("HTTP {status} for its map")));
        }
        let view: ClusterView =
            serde_json::from_slice(&body).map_err(|error| no_node(format!("its map cannot be read: {error}")))?;
        view.check().map_err(no_node)?;
        Ok(view)
    }

    /// What the cluster will do, or would, at an operator's request.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the cluster says no or has no such requests, [`Failure::Unreachable`] when nothing was sent,
    /// [`Failure::Call`] when nobody knows whether it was heard.
    pub(crate) async fn operate(&self, request: &Request) -> Result<Plan, Failure> {
        let body = serde_json::to_vec(request).map_err(|error| Failure::Usage(error.to_string()))?;
        let request =
            self.client.post(self.url("/wherever/operate")).header(CONTENT_TYPE, "application/json").body(body);
        let (status, body) = match self.in_time(self.exchange(request)).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == Kind::Unavailable => return Err(Failure::Unreachable(error)),
            Err(error) => return Err(Failure::unanswered(error)),
        };
        let unreadable = |error: serde_json::Error| {
            let message = format!("the answer of {} cannot be read: {error}", self.base);
            Failure::unanswered(RpcError::new(Kind::Protocol, message).with_executed(Executed::Maybe))
        };
        match status {
            StatusCode::OK => serde_json::from_slice(&body).map_err(unreadable),
            StatusCode::CONFLICT => {
                let refusal: Refusal = serde_json::from_slice(&body).map_err(unreadable)?;
                Err(Failure::Refused(refusal.error))
            }
            StatusCode::NOT_FOUND => Err(Failure::Refused(format!(
                "{} takes no such requests: its cluster is a fixed one, or its program is older than this",
                self.base
            ))),
            status => Err(reply::unlike_a_reply(status)),
        }
    }

    /// The result of `method` called with `params`: the JSON text of an object or array, or nothing.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when nothing was sent, [`Failure::Provider`] for the provider's own error, [`Failure::Call`]
    /// for everything between.
    pub(crate) async fn call(&self, method: &str, params: &str) -> Result<Box<RawValue>, Failure> {
        let mut body = Vec::with_capacity(params.len() + method.len() + 64);
        write_request(&mut body, REQUEST, method, params.as_bytes());
        let request = self
            .client
            .post(self.url("/rpc"))
            .header(CONTENT_TYPE, "application/json")
            .header(headers::DEADLINE, self.timeout.as_millis().to_string())
            .body(body);
        match self.in_time(self.exchange(request)).await {
            Ok((StatusCode::OK, body)) => reply::read(&body, REQUEST),
            Ok((status, _)) => Err(reply::unlike_a_reply(status)),
            Err(error) if error.kind() == Kind::Unavailable => Err(Failure::Unreachable(error)),
            Err(error) => Err(Failure::unanswered(error)),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, RpcError>>) -> Result<T, RpcError> {
        timeout(self.timeout, work).await.unwrap_or_else(|_| {
            let message = format!("{} did not answer in time (--timeout)", self.base);
            Err(RpcError::new(Kind::Deadline, message).with_executed(Executed::Maybe))
        })
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), RpcError> {
        let response = request.send().await.map_err(|error| self.unsent_or_lost(&error))?;
        // Only an answer and a refusal carry something to read.
        match response.status() {
            status @ (StatusCode::OK | StatusCode::CONFLICT) => Ok((status, self.body(response).await?)),
            status => Ok((status, Vec::new())),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, RpcError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unsent_or_lost(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                let message = format!("the answer of {} has more than {MAX_ANSWER} bytes", self.base);
                return Err(RpcError::new(Kind::TooLarge, message).with_executed(Executed::Maybe));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Tells a request that never left from one that may have been read.
    fn unsent_or_lost(&self, error: &reqwest::Error) -> RpcError {
        let why = innermost(error);
        if error.is_connect() {
            return RpcError::new(Kind::Unavailable, format!("{} cannot be reached: {why}", self.base));
        }
        RpcError::new(Kind::ConnectionLost, format!("the connection to {} broke: {why}", self.base))
    }
}

/// The cause that says most: "connection refused" rather than "error sending request".
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The URL under which a node has its paths; `host:port` alone will do.
fn base_url(text: &str) -> Result<Url, String> {
    if text.is_empty() {
        return Err("which node? Give --node http://host:port, or set WHEREVER_NODE".to_owned());
    }
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let shown = bounded(text.to_owned());
    let url = Url::parse(&full).map_err(|error| format!("{shown} is no URL of a node: {error}"))?;
    let fault = if url.scheme() != "http" {
        "nodes speak plain http"
    } else if !url.username().is_empty() || url.password().is_some() {
        // Not shown: it may hold a password.
        return Err("the URL of a node has no user or password in it".to_owned());
    } else if url.query().is_some() || url.fragment().is_some() {
        "it must end before any ? or #"
    } else {
        return Ok(url);
    };
    Err(format!("{shown} is no URL of a node: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_a_plain_url_or_an_address() {
        let same = "http://127.0.0.1:7001/";
        for good in ["http://127.0.0.1:7001", "http://127.0.0.1:7001/", "127.0.0.1:7001"] {
            assert_eq!(base_url(good).map(String::from).as_deref(), Ok(same), "{good}");
        }
        assert!(base_url("http://[::1]:7001/behind/a/proxy").is_ok());
        for bad in ["", "https://a:1", "file:///etc/passwd", "http://", "http://a:99999", "http://a/?b", "a:1#b", "a b"]
        {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_in_a_url_are_refused_and_not_repeated() {
        let refusal = base_url("http://me:secret@host:1").expect_err("refused");
        assert!(!refusal.contains("secret"), "{refusal}");
    }
}
