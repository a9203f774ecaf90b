//! The routes by which joiners use the coordinator that this node holds.
//!
//! Whoever reaches this port can write there, as he can call every service; web pages cannot, since they say where they come from.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, ORIGIN, RETRY_AFTER};
use ::http::{HeaderValue, StatusCode};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use rpc_core::cluster::authority::AUTHORITY;
use rpc_core::cluster::records::{self, META, Meta};
use rpc_core::codec::strict;
use rpc_core::coordinator::embedded::Embedded;
use rpc_core::coordinator::wire::{Answer, Ask, Asked, MAX_ASK, PATH, Told, WATCH_PATH, WatchAsk};
use rpc_core::coordinator::{Changes, Coordinator, CoordinatorError};
use rpc_core::limits::MAX_NODES;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::memory::{self, Memory, Unread};

/// Most readers at once, each for a few milliseconds: what they are told is copied. Whoever waits for the disk does so in the coordinator's own queue, and whoever
/// keeps a lease alive waits for nobody: a disk that hangs must not end the leases of nodes that are well.
const MAX_READING: usize = 64;

/// What all bodies together may take of the memory, in bytes, until they are answered: 64 of the largest.
const BODIES: usize = 64 * MAX_ASK;

/// Most watches at once: two of every node, one of which may be a dead connection's.
const MAX_WATCHES: usize = 2 * MAX_NODES;

/// Longest wait for the body, and for a place among the readers: whoever asks gives up after a second.
const READ_TIME: Duration = Duration::from_secs(1);

/// Longest wait for the disk: a beat's answer may be of use for so long. Whoever is less patient has gone by then.
const ANSWER_TIME: Duration = AUTHORITY;

/// What the routes share.
#[derive(Clone)]
struct Served {
    coordinator: Arc<Embedded>,
    bodies: Arc<Memory>,
    reading: Arc<Semaphore>,
    watches: Arc<Semaphore>,
}

/// The routes of `coordinator`, to be merged into those of the node that holds it. Other nodes have none of them: 404.
pub fn routes(coordinator: Arc<Embedded>) -> Router {
    let (reading, watches) = (Arc::new(Semaphore::new(MAX_READING)), Arc::new(Semaphore::new(MAX_WATCHES)));
    let served = Served { coordinator, bodies: Memory::new(BODIES), reading, watches };
    Router::new().route(PATH, post(ask)).route(WATCH_PATH, post(watch)).with_state(served)
}

async fn ask(State(served): State<Served>, request: Request) -> Response {
    let asked = match timeout(READ_TIME, served.read(request, strict::from_slice::<Asked>)).await {
        Ok(Ok(asked)) => asked,
        Ok(Err(turned_away)) => return turned_away.into_response(),
        Err(_late) => return TurnedAway::SLOW.into_response(),
    };
    // The body stays until it is answered, and counts.
    let (Asked { cluster, ask }, _body) = asked;
    if !served.is_of(cluster.as_deref()).await {
        return TurnedAway::STRANGER.into_response();
    }
    match served.answer(ask).await {
        Ok(answer) => json(&answer),
        Err(turned_away) => turned_away.into_response(),
    }
}

async fn watch(State(served): State<Served>, request: Request) -> Response {
    let asked = match timeout(READ_TIME, served.read(request, strict::from_slice::<WatchAsk>)).await {
        Ok(Ok((asked, _body))) => asked,
        Ok(Err(turned_away)) => return turned_away.into_response(),
        Err(_late) => return TurnedAway::SLOW.into_response(),
    };
    if !served.is_of(asked.cluster.as_deref()).await {
        return TurnedAway::STRANGER.into_response();
    }
    let Ok(place) = served.watches.clone().try_acquire_owned() else {
        return TurnedAway::FULL.into_response();
    };
    let first = served.coordinator.watch(&asked.prefix, asked.from).await;
    let lines = match first {
        // The place is given back when the connection is gone, since the stream is dropped then.
        Ok(changes) => changes.map(move |told| line(told, &place)).boxed(),
        Err(error) => futures_util::stream::iter([write(&Told::Error(error))]).boxed(),
    };
    let body = Body::from_stream(lines.map(Ok::<_, Infallible>));
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

fn line(told: Result<Changes, CoordinatorError>, _place: &OwnedSemaphorePermit) -> Bytes {
    write(&match told {
        Ok(changes) => Told::Changes(changes),
        Err(error) => Told::Error(error),
    })
}

impl Served {
    /// The body, and what `parse` reads in it.
    async fn read<T>(
        &self,
        request: Request,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<(T, Bytes), TurnedAway> {
        check(request.headers())?;
        let body = memory::read(request.into_body(), MAX_ASK, &self.bodies).await.map_err(|unread| match unread {
            Unread::NoMemory => TurnedAway::SLOW,
            Unread::TooLarge | Unread::BrokenOff => TurnedAway::BROKEN,
        })?;
        let asked = parse(&body).map_err(|_| TurnedAway::GARBAGE)?;
        Ok((asked, body))
    }

    /// Whether this is the coordinator of that cluster, as far as it is said. What is found stays true: the record is written once.
    async fn is_of(&self, cluster: Option<&str>) -> bool {
        let Some(cluster) = cluster else { return true };
        // One that has ended says so itself.
        let Ok(found) = self.coordinator.range(META).await else { return true };
        let meta = found.entries.iter().find(|entry| entry.key == META);
        meta.is_some_and(|meta| records::read::<Meta>(&meta.value).is_ok_and(|meta| meta.cluster == cluster))
    }

    async fn answer(&self, ask: Ask) -> Result<Answer, TurnedAway> {
        let coordinator = &self.coordinator;
        let answer = match ask {
            Ask::Range(prefix) => {
                let place = timeout(READ_TIME, self.reading.acquire()).await;
                let _place = place.map_err(|_late| TurnedAway::SLOW)?.map_err(|_closed| TurnedAway::SLOW)?;
                coordinator.range(&prefix).await.map(Answer::Range)
            }
            Ask::Transact(txn) => coordinator.transact_within(txn, ANSWER_TIME).await.map(Answer::Transact),
            Ask::Grant(millis) => coordinator.grant(Duration::from_millis(millis)).await.map(Answer::Grant),
            Ask::KeepAlive(lease) => coordinator.keep_alive(lease).await.map(|()| Answer::KeepAlive),
            Ask::Revoke(lease) => coordinator.revoke(lease).await.map(|()| Answer::Revoke),
        };
        Ok(answer.unwrap_or_else(Answer::Error))
    }
}

/// A request that is not carried out.
#[derive(Clone, Copy, Debug)]
struct TurnedAway(StatusCode, &'static str);

impl TurnedAway {
    const PAGE: Self = Self(StatusCode::FORBIDDEN, "web pages do not talk to the coordinator");
    const TYPE: Self = Self(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json");
    const BROKEN: Self =
        Self(StatusCode::PAYLOAD_TOO_LARGE, "the body broke off, or is larger than a transaction may be");
    const STRANGER: Self =
        Self(StatusCode::MISDIRECTED_REQUEST, "this is the coordinator of another cluster, or of none yet");
    const GARBAGE: Self = Self(StatusCode::BAD_REQUEST, "the body is nothing that is asked of a coordinator");
    const SLOW: Self = Self(StatusCode::SERVICE_UNAVAILABLE, "the body came too slowly, or too many others are asking");
    const FULL: Self = Self(StatusCode::SERVICE_UNAVAILABLE, "there are as many watches as this node can have");
}

impl IntoResponse for TurnedAway {
    fn into_response(self) -> Response {
        let mut response = (self.0, json(&serde_json::json!({ "error": self.1 }))).into_response();
        if self.0 == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Only programs send JSON without saying which page they are.
fn check(headers: &HeaderMap) -> Result<(), TurnedAway> {
    if headers.contains_key(ORIGIN) {
        return Err(TurnedAway::PAGE);
    }
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
    if is_json { Ok(()) } else { Err(TurnedAway::TYPE) }
}

fn json<T: Serialize>(value: &T) -> Response {
    ([(CONTENT_TYPE, "application/json")], write(value)).into_response()
}

/// One line. Everything written here is text, numbers and lists, which always encode.
fn write<T: Serialize>(value: &T) -> Bytes {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

#[cfg(test)]
mod tests {
    use ::http::Request as HttpRequest;
    use futures_util::future::{FutureExt, join_all};
    use futures_util::stream;
    use rpc_core::clock::BootClock;
    use rpc_core::coordinator::journal::{Journal, JournalError};
    use rpc_core::coordinator::store::{Kept, Step};

    use super::*;

    fn asked(body: Body) -> Request {
        HttpRequest::post(PATH).header(CONTENT_TYPE, "application/json").body(body).unwrap()
    }

    #[tokio::test]
    async fn a_disk_that_hangs_ends_no_lease_and_keeps_no_reader_out() {
        let (lets, hung) = std::sync::mpsc::channel();
        let coordinator = Embedded::with_journal(Arc::new(BootClock), Box::new(Hung(hung))).unwrap();
        let served = Served {
            coordinator,
            bodies: Memory::new(BODIES),
            reading: Arc::new(Semaphore::new(MAX_READING)),
            watches: Arc::new(Semaphore::new(1)),
        };
        let told = async |body: String| {
            let answer = ask(State(served.clone()), asked(Body::from(body))).await;
            let body = axum::body::to_bytes(answer.into_body(), MAX_ASK).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        };
        lets.send(()).unwrap();
        let lease: Answer = serde_json::from_str(&told(r#"{"grant":60000}"#.to_owned()).await).unwrap();
        let Answer::Grant(lease) = lease else { panic!("{lease:?}") };
        // More than there ever were places for.
        let put = |key: usize| {
            let op = format!(r#"{{"put":{{"key":"k{key}","value":"v","lease":null}}}}"#);
            format!(r#"{{"transact":{{"compares":[],"ops":[{op}],"reads":[]}}}}"#)
        };
        let mut writers = Box::pin(join_all((0..200).map(|key| told(put(key)))));
        assert!((&mut writers).now_or_never().is_none());
        assert_eq!(told(format!(r#"{{"keep_alive":{lease}}}"#)).await.trim(), r#""keep_alive""#);
        assert!(told(r#"{"range":""}"#.to_owned()).await.contains("entries"));
        for _ in 0..200 {
            lets.send(()).unwrap();
        }
        assert!(writers.await.iter().all(|told| told.contains("\"applied\":true")));
    }

    /// A disk that writes when it is let.
    struct Hung(std::sync::mpsc::Receiver<()>);

    impl Journal for Hung {
        fn load(&mut self) -> Result<Kept, JournalError> {
            Ok(Kept::default())
        }

        fn append(&mut self, _: &Step) -> Result<(), JournalError> {
            self.0.recv().map_err(|gone| JournalError(gone.to_string()))
        }

        fn last(&mut self) -> Result<u64, JournalError> {
            Err(JournalError("it hangs".to_owned()))
        }
    }

    #[tokio::test]
    async fn bodies_that_never_come_keep_nobody_out() {
        let served = Served {
            coordinator: Embedded::in_memory(Arc::new(BootClock)),
            bodies: Memory::new(MAX_ASK),
            reading: Arc::new(Semaphore::new(1)),
            watches: Arc::new(Semaphore::new(1)),
        };
        let never = || asked(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()));
        let mut slow = Box::pin(join_all((0..10).map(|_| ask(State(served.clone()), never()))));
        assert!((&mut slow).now_or_never().is_none());
        let answer = ask(State(served.clone()), asked(Body::from(r#"{"range":""}"#))).now_or_never();
        assert_eq!(answer.map(|answer| answer.status()), Some(StatusCode::OK));
        assert!(slow.await.iter().all(|late| late.status() == StatusCode::SERVICE_UNAVAILABLE));
    }
}
