//! A service of streams, and the ways to call it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wherever::testing::{Cluster, ClusterBuilder};
use wherever::{Context, RpcError, Stream, rpc_service};

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub(crate) enum FeedError {
    #[error("no {0}")]
    No(String),
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

#[rpc_service]
pub(crate) trait Feed {
    /// The numbers below `upto`.
    #[rpc(read)]
    async fn count(
        &self,
        key: String,
        upto: u64,
    ) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError>;
    /// Texts of these lengths.
    async fn texts(
        &self,
        key: String,
        lengths: Vec<usize>,
    ) -> Result<impl Stream<Item = Result<String, FeedError>> + Send, FeedError>;
    /// Numbers, the odd ones of which fail.
    async fn odd(&self, key: String) -> Result<impl Stream<Item = Result<Option<u64>, FeedError>> + Send, FeedError>;
    /// No stream.
    async fn refuse(&self, key: String) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError>;
    /// Panics, before or behind its first item.
    async fn panic(
        &self,
        key: String,
        late: bool,
    ) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError>;
    /// Numbers without end, as fast as they are taken.
    async fn endless(&self, key: String) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError>;
    /// One number, and nothing behind it.
    async fn idle(&self, key: String) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError>;
    /// No stream for as long as anybody waits.
    async fn late(&self, key: String) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError>;
    /// The slot and the depth that the stream's context tells.
    async fn context(&self, key: String) -> Result<impl Stream<Item = Result<u16, FeedError>> + Send, FeedError>;
    /// JSON over several lines.
    async fn raw(&self, key: String) -> Result<impl Stream<Item = Result<Box<RawValue>, FeedError>> + Send, FeedError>;
    /// One value.
    async fn echo(&self, key: String) -> Result<String, FeedError>;
    /// A stream of whichever node, by the body that the trait has.
    #[rpc(any)]
    async fn anywhere(&self) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError> {
        Ok(stream::iter([Ok(7)]))
    }
}

/// A service whose values travel in the compact codec, and whose items are JSON all the same.
#[rpc_service(compact)]
pub(crate) trait Packed {
    /// The numbers below `upto`, the last of which is an error.
    async fn count(
        &self,
        key: String,
        upto: u64,
    ) -> Result<impl Stream<Item = Result<u64, FeedError>> + Send, FeedError>;
    /// One value.
    async fn echo(&self, key: String) -> Result<String, FeedError>;
}

/// What providers have done.
#[derive(Default)]
pub(crate) struct Watch {
    /// Items that were asked of endless streams.
    pub(crate) yielded: AtomicU64,
    /// Endless and idle streams that live.
    pub(crate) open: AtomicU64,
}

pub(crate) struct Provider {
    watch: Arc<Watch>,
    // Streams may borrow from their provider.
    numbers: Vec<u64>,
}

impl Provider {
    pub(crate) fn new(watch: &Arc<Watch>) -> Self {
        Self { watch: watch.clone(), numbers: (0..10_000).collect() }
    }
}

/// Counts a stream for as long as it lives.
struct Open(Arc<Watch>);

impl Open {
    fn new(watch: &Arc<Watch>) -> Self {
        watch.open.fetch_add(1, Ordering::SeqCst);
        Self(watch.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

type Fallible<T> = Result<T, FeedError>;

impl Feed for Provider {
    async fn count(&self, _key: String, upto: u64) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        Ok(stream::iter(self.numbers.iter().copied().take_while(move |number| *number < upto).map(Ok)))
    }

    async fn texts(&self, _key: String, lengths: Vec<usize>) -> Fallible<impl Stream<Item = Fallible<String>> + Send> {
        Ok(stream::iter(lengths).map(|length| Ok("x".repeat(length))))
    }

    async fn odd(&self, _key: String) -> Fallible<impl Stream<Item = Fallible<Option<u64>>> + Send> {
        let item =
            |number: u64| if number % 2 == 1 { Err(FeedError::No(number.to_string())) } else { Ok(Some(number)) };
        Ok(stream::iter(0..4).map(item).chain(stream::iter([Ok(None)])))
    }

    async fn refuse(&self, key: String) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        if !key.is_empty() {
            return Err(FeedError::No(key));
        }
        Ok(stream::empty())
    }

    async fn panic(&self, _key: String, late: bool) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        assert!(late, "a panic that is meant");
        Ok(stream::iter(0..2).map(|number| if number == 0 { Ok(0) } else { panic!("a panic that is meant") }))
    }

    async fn endless(&self, _key: String) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        let open = Open::new(&self.watch);
        Ok(stream::iter(0..).map(move |number| {
            open.0.yielded.fetch_add(1, Ordering::SeqCst);
            Ok(number)
        }))
    }

    async fn idle(&self, _key: String) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        let open = Open::new(&self.watch);
        Ok(stream::iter([Ok(1)]).chain(stream::pending()).map(move |number| {
            let _held = &open;
            number
        }))
    }

    async fn late(&self, _key: String) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        let _open = Open::new(&self.watch);
        std::future::pending::<()>().await;
        Ok(stream::empty())
    }

    async fn context(&self, _key: String) -> Fallible<impl Stream<Item = Fallible<u16>> + Send> {
        let told = || Context::current().and_then(|context| context.slot()).map_or(u16::MAX, wherever::Slot::get);
        Ok(stream::iter(0..2).map(move |_| Ok(told())))
    }

    async fn raw(&self, _key: String) -> Fallible<impl Stream<Item = Fallible<Box<RawValue>>> + Send> {
        let raw = RawValue::from_string("{\n\"end\":\r\ntrue}".to_owned()).unwrap();
        Ok(stream::iter([Ok(raw.clone()), Ok(raw)]))
    }

    async fn echo(&self, key: String) -> Fallible<String> {
        Ok(key)
    }
}

impl Packed for Provider {
    async fn count(&self, key: String, upto: u64) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        let last = move |number| if number + 1 == upto { Err(FeedError::No(key.clone())) } else { Ok(number) };
        Ok(stream::iter(0..upto).map(last))
    }

    async fn echo(&self, key: String) -> Fallible<String> {
        Ok(key)
    }
}

pub(crate) fn cluster(nodes: usize, watch: &Arc<Watch>) -> ClusterBuilder {
    let watch = watch.clone();
    let packed = watch.clone();
    Cluster::builder(nodes)
        .provide_with(move |_| FeedClient::provider(Provider::new(&watch)))
        .provide_with(move |_| PackedClient::provider(Provider::new(&packed)))
}

/// A key that `node` owns.
pub(crate) fn key_of(cluster: &Cluster, node: usize) -> String {
    let node = cluster.node(node);
    let group = node.wherever().group("default");
    let owner = |key: &String| group.owner(wherever::Slot::of_text(key.as_bytes()));
    (0..).map(|n| format!("key{n}")).find(|key| owner(key).is_some_and(|owner| owner.node.id == *node.id())).unwrap()
}

/// Waits for a condition that other tasks bring about.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The framework's error in one of the service.
pub(crate) fn ours<T: std::fmt::Debug>(outcome: Result<T, FeedError>) -> RpcError {
    match outcome {
        Err(FeedError::Rpc(error)) => error,
        other => panic!("{other:?} is no error of ours"),
    }
}
