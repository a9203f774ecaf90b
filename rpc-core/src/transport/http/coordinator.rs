//! The coordinator that another node holds, used over HTTP.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

use super::{HttpSettings, JSON, body};
use crate::coordinator::bounds::{self, CALL_TIME, WATCH_SILENCE};
use crate::coordinator::wire::{self, Answer, Ask, Asked, MAX_ANSWER, Told, WatchAsk};
use crate::coordinator::{Changes, Coordinator, CoordinatorError, LeaseId, Range, Revision, Txn, TxnOutcome};
use crate::error::{Kind, RpcError};

/// Longest wait for a connection to one address, so that there is time left for another.
const CONNECT_TIME: Duration = Duration::from_millis(400);

/// A coordinator at one of several addresses: those of the node that holds it, or of nodes of which one does.
#[derive(Debug)]
pub struct RemoteCoordinator {
    client: Client,
    addresses: Vec<Url>,
    /// The one that answered last. A hint only.
    good: AtomicUsize,
    /// The cluster that it is about, once that is known.
    cluster: OnceLock<String>,
}

impl RemoteCoordinator {
    /// The coordinator at one of these addresses, each `host:port` or `http://host:port`; nothing is dialed yet.
    ///
    /// # Errors
    /// [`Kind::BadArguments`] for no address or one that makes no URL, [`Kind::Internal`] when the operating system refuses what the
    /// client needs.
    pub fn new(addresses: &[String]) -> Result<Self, RpcError> {
        let bad = |why: String| RpcError::new(Kind::BadArguments, why);
        if addresses.is_empty() {
            return Err(bad("no address of a coordinator is given".to_owned()));
        }
        let url = |address: &String| {
            let plain = address.strip_prefix("http://").unwrap_or(address);
            let url =
                super::url(plain.strip_suffix('/').unwrap_or(plain), "/").map_err(|error| bad(error.to_string()))?;
            let is_plain = url.path() == "/" && url.username().is_empty() && url.query().is_none();
            if is_plain { Ok(url) } else { Err(bad(format!("{address:?} is no host:port"))) }
        };
        let addresses = addresses.iter().map(url).collect::<Result<_, _>>()?;
        let settings = HttpSettings { connect_timeout: CONNECT_TIME, ..HttpSettings::default() };
        Ok(Self { client: super::client(&settings)?, addresses, good: AtomicUsize::new(0), cluster: OnceLock::new() })
    }

    async fn ask(&self, ask: Ask, patience: Duration) -> Result<Answer, CoordinatorError> {
        let (until, first) = (Instant::now() + patience, self.good.load(Ordering::Relaxed));
        let asked = Asked { cluster: self.cluster.get().cloned(), ask };
        let read = async {
            let response = self.send(wire::PATH, &asked).await?;
            let body = body::read(response, MAX_ANSWER).await.map_err(|error| lost(&error))?;
            let answer = serde_json::from_slice(&body).map_err(|error| lost(&error))?;
            if let Answer::Error(error) = answer { Err(error) } else { Ok(answer) }
        };
        tokio::pin!(read);
        if let Ok(answer) = timeout_at(until.min(Instant::now() + CALL_TIME), &mut read).await {
            return answer;
        }
        // Whoever asks next begins elsewhere, also while this question still has time.
        self.look_elsewhere(first);
        let late = || CoordinatorError::Unavailable(format!("no answer within {patience:?}"));
        timeout_at(until, read).await.unwrap_or_else(|_| Err(late()))
    }

    /// Sends to the address that answered last, then to the others, as long as it is certain that nothing was carried out.
    async fn send<T: Serialize>(&self, path: &str, asked: &T) -> Result<Response, CoordinatorError> {
        let text = serde_json::to_vec(asked).map_err(|error| CoordinatorError::Refused(error.to_string()))?;
        let text = Bytes::from(text);
        let first = self.good.load(Ordering::Relaxed);
        let (mut why, mut strangers) = (String::new(), 0);
        for offset in 0..self.addresses.len() {
            let index = first.wrapping_add(offset) % self.addresses.len();
            let mut url = self.addresses[index].clone();
            url.set_path(path);
            let sent = self.client.post(url).header(http::header::CONTENT_TYPE, JSON).body(text.clone()).send().await;
            match sent.map_err(reqwest::Error::without_url) {
                Ok(response) if response.status() == StatusCode::OK => {
                    self.good.store(index, Ordering::Relaxed);
                    return Ok(response);
                }
                Ok(response) => {
                    strangers += usize::from(response.status() == StatusCode::MISDIRECTED_REQUEST);
                    why = turned_away(response.status())?;
                }
                Err(error) if error.is_connect() => why = body::deepest(&error),
                Err(error) => {
                    self.look_elsewhere(first);
                    return Err(lost(&body::deepest(&error)));
                }
            }
        }
        // While one of them is silent, it may be ours, and come back. When all have answered, ours is not there any more.
        if strangers == self.addresses.len() {
            let cluster = self.cluster.get().map_or("", |id| id);
            let message =
                format!("every address that is known for cluster {cluster} answers, and none of them holds it");
            return Err(CoordinatorError::Changed(message));
        }
        Err(lost(&why))
    }

    /// The next question begins behind `first`, unless another one has found a better address meanwhile.
    fn look_elsewhere(&self, first: usize) {
        let next = first.wrapping_add(1);
        let _moved_on = self.good.compare_exchange(first, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// What a status means that comes before anything was carried out: another address may know better, or nobody does.
fn turned_away(status: StatusCode) -> Result<String, CoordinatorError> {
    match status.as_u16() {
        404 => Ok("the node holds no coordinator".to_owned()),
        421 => Ok("the node holds the coordinator of another cluster".to_owned()),
        503 => Ok("the node has no room for the request".to_owned()),
        400 | 403 | 413 | 415 | 431 => Err(CoordinatorError::Refused(format!("the node answered HTTP {status}"))),
        _ => Err(lost(&format!("the node answered HTTP {status}"))),
    }
}

fn lost(why: &dyn std::fmt::Display) -> CoordinatorError {
    CoordinatorError::Unavailable(why.to_string())
}

fn unexpected<T>(answer: &Answer) -> Result<T, CoordinatorError> {
    let kind = match answer {
        Answer::Range(_) => "keys",
        Answer::Transact(_) => "a transaction's outcome",
        Answer::Grant(_) => "a lease",
        _ => "nothing",
    };
    Err(lost(&format!("it answered {kind}, which was not asked for")))
}

impl Coordinator for RemoteCoordinator {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn bind(&self, cluster: &str) {
        let _first_stays = self.cluster.set(cluster.to_owned());
    }

    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, CoordinatorError>> {
        Box::pin(async move {
            match self.ask(Ask::Range(prefix.to_owned()), CALL_TIME).await? {
                Answer::Range(range) => Ok(range),
                other => unexpected(&other),
            }
        })
    }

    fn transact(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        self.transact_within(txn, CALL_TIME)
    }

    fn transact_within(&self, txn: Txn, patience: Duration) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        Box::pin(async move {
            // The other side checks too; here it costs nothing to be sent, and nothing is unknown.
            bounds::check(&txn)?;
            match self.ask(Ask::Transact(txn), patience).await? {
                Answer::Transact(outcome) => Ok(outcome),
                other => unexpected(&other),
            }
        })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<LeaseId, CoordinatorError>> {
        Box::pin(async move {
            match self.ask(Ask::Grant(wire::millis(ttl)), CALL_TIME).await? {
                Answer::Grant(lease) => Ok(lease),
                other => unexpected(&other),
            }
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move {
            match self.ask(Ask::KeepAlive(lease), CALL_TIME).await? {
                Answer::KeepAlive => Ok(()),
                other => unexpected(&other),
            }
        })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move {
            match self.ask(Ask::Revoke(lease), CALL_TIME).await? {
                Answer::Revoke => Ok(()),
                other => unexpected(&other),
            }
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Changes, CoordinatorError>>, CoordinatorError>> {
        Box::pin(async move {
            let asked = WatchAsk { prefix: prefix.to_owned(), from, cluster: self.cluster.get().cloned() };
            let first = self.good.load(Ordering::Relaxed);
            let opened = timeout(CALL_TIME, self.send(wire::WATCH_PATH, &asked)).await;
            let response = opened.unwrap_or_else(|_| {
                self.look_elsewhere(first);
                Err(lost(&format!("no watch within {CALL_TIME:?}")))
            })?;
            let lines = Lines { response, rest: BytesMut::new() };
            Ok(stream::unfold(Some(lines), |lines| async {
                let mut lines = lines?;
                let told = match timeout(WATCH_SILENCE, lines.next()).await {
                    Ok(told) => told,
                    Err(_silent) => Err(lost(&format!("its watch is silent for {WATCH_SILENCE:?}"))),
                };
                let goes_on = told.is_ok();
                Some((told, goes_on.then_some(lines)))
            })
            .boxed())
        })
    }
}

/// A watch's answer, line by line, each of them bounded.
struct Lines {
    response: Response,
    rest: BytesMut,
}

impl Lines {
    async fn next(&mut self) -> Result<Changes, CoordinatorError> {
        // What was searched before holds no end of a line.
        let mut searched = 0;
        loop {
            if let Some(end) = self.rest[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(searched + end + 1);
                return match serde_json::from_slice(&line).map_err(|error| lost(&error))? {
                    Told::Changes(changes) => Ok(changes),
                    Told::Error(error) => Err(error),
                };
            }
            searched = self.rest.len();
            if searched > MAX_ANSWER {
                return Err(lost(&format!("a line of its watch has more than {MAX_ANSWER} bytes")));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.rest.extend_from_slice(&chunk),
                Ok(None) => return Err(lost(&"its watch has ended")),
                Err(error) => return Err(lost(&body::deepest(&error))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Far beyond the time after which others look elsewhere, however busy the machine is.
    const PATIENCE: Duration = Duration::from_secs(300);

    #[tokio::test]
    async fn a_patient_question_to_a_silent_address_keeps_no_other_from_the_next_one() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("bound").to_string();
        let remote = RemoteCoordinator::new(&[address, "127.0.0.1:1".to_owned()]).expect("two addresses");
        let patient = remote.transact_within(Txn::default(), PATIENCE);
        let moved = async {
            while remote.good.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            answer = patient => panic!("nobody answers, and it is still of use: {answer:?}"),
            moved = timeout(PATIENCE / 5, moved) => moved.expect("the next question goes elsewhere"),
        }
    }
}
