//! The ways that a call can take. Caller and node share one process and one thread, and one call is under way at a time, so that the same
//! happens in each run: over a socket between two threads, how much comes with one read is up to who is quicker.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use rpc_core::client::WhereverBuilder;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};
use wherever::Node;
use wherever_benches::{
    CompactEntries, CompactEntriesClient, Entries, EntriesClient, Entry, Lengths, LengthsClient, Provider, keys, node,
};

use crate::Failed;

/// Calls before those that count: connections are made, buffers have grown, and every key was there once.
const WARM_UP: u32 = 512;

/// Longest wait for the first answer, and for each: valgrind is slow, and the machine may do much else.
const PATIENCE: Duration = Duration::from_secs(600);

/// Pause between tries of the first call.
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes of the payload, which goes and comes back.
const PAYLOAD: usize = 64;

/// A way of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To a node of a fixed cluster, from itself.
    Local,
    /// By JSON POST.
    Post,
    /// In frames.
    Frames,
    /// In frames, to a method that must not run twice: the node keeps a record of each call.
    FramesRecorded,
    /// In frames and the compact codec.
    FramesCompact,
}

impl Way {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 5] =
        [Self::Local, Self::Post, Self::Frames, Self::FramesRecorded, Self::FramesCompact];

    fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Post => "post",
            Self::Frames => "frames",
            Self::FramesRecorded => "frames-recorded",
            Self::FramesCompact => "frames-compact",
        }
    }

    /// The way of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// Makes so many calls this way, after others that do not count.
    pub(crate) fn run(self, calls: u32) -> Result<(), Failed> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(Client::of(self))?;
        // Made before anything counts.
        let (keys, payload) = (keys(), "x".repeat(PAYLOAD));
        let numbered = |calls: u32| keys.iter().cycle().take(calls as usize);
        runtime.block_on(client.calls(numbered(WARM_UP), &payload));
        counting_begins();
        runtime.block_on(client.calls(numbered(calls), &payload));
        counting_ends();
        Ok(())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Valgrind writes down what it has counted so far, and begins anew, when this is called. Its name stands in `callgrind.rs`.
#[inline(never)]
fn counting_begins() {
    black_box(());
}

/// The same.
#[inline(never)]
fn counting_ends() {
    black_box(());
}

/// What makes the calls of one way.
enum Client {
    Local(LengthsClient),
    Far(EntriesClient),
    Recorded(EntriesClient),
    Compact(CompactEntriesClient),
}

impl Client {
    async fn of(way: Way) -> Result<Self, Failed> {
        if way == Way::Local {
            return Ok(Self::Local(node()?.client()));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let node = Node::builder().only_given().provide(EntriesClient::provider(Provider));
        let node = node.provide(CompactEntriesClient::provider(Provider));
        tokio::spawn(async move { node.serve(listener).await.expect("a port of its own") });
        let cluster = WhereverBuilder::connecting([&address])?.frames(way != Way::Post).default_deadline(PATIENCE);
        let cluster = cluster.build()?;
        let entries: EntriesClient = cluster.client();
        let answers = async {
            while entries.get("a key", "").await.is_err() {
                sleep(PAUSE).await;
            }
        };
        timeout(PATIENCE, answers).await?;
        Ok(match way {
            Way::FramesRecorded => Self::Recorded(entries),
            Way::FramesCompact => Self::Compact(cluster.client()),
            _ => Self::Far(entries),
        })
    }

    /// A call for each key, one after the other. One that fails would be counted as a cheap one.
    async fn calls(&self, keys: impl Iterator<Item = &String>, payload: &str) {
        for key in keys {
            let answer = match self {
                Self::Local(lengths) => {
                    assert_eq!(lengths.length(key).await.ok(), Some(key.len()));
                    continue;
                }
                Self::Far(entries) => entries.get(key, payload).await,
                Self::Recorded(entries) => entries.put(key, payload).await,
                Self::Compact(entries) => entries.get(key, payload).await,
            };
            let Ok(Entry { key: theirs, payload: back, .. }) = answer else { panic!("{answer:?}") };
            assert!(theirs == *key && back == payload);
        }
    }
}
