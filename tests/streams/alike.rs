//! The same items, whichever way they come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use wherever::testing::Cluster;
use wherever::{Executed, Kind, Wherever, with_deadline};

use crate::feed::{Feed, FeedClient, FeedError, Packed, PackedClient, Watch, cluster, eventually, key_of, ours};

/// A client, and a key that is near or far from it.
struct Way {
    name: &'static str,
    client: FeedClient,
    key: String,
    watch: Arc<Watch>,
    // Alive as long as the client.
    _cluster: Arc<Cluster>,
    _program: Option<Wherever>,
}

async fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    let mut add = |name, cluster: &Arc<Cluster>, watch: &Arc<Watch>, client, owner, program| {
        let (key, watch, _cluster) = (key_of(cluster, owner), watch.clone(), cluster.clone());
        ways.push(Way { name, client, key, watch, _cluster, _program: program });
    };
    let watch = Arc::default();
    let frames = Arc::new(cluster(2, &watch).start().await);
    add("near", &frames, &watch, frames.client(0), 0, None);
    add("frames", &frames, &watch, frames.client(0), 1, None);
    let program = frames.connect().await.unwrap();
    add("a program", &frames, &watch, program.client(), 1, Some(program));
    let watch = Arc::default();
    let posts = Arc::new(cluster(2, &watch).configure(|builder, _| builder.frames(false)).start().await);
    add("POST", &posts, &watch, posts.client(0), 1, None);
    let watch = Arc::default();
    let forced = Arc::new(cluster(1, &watch).force_remote().start().await);
    add("forced", &forced, &watch, forced.client(0), 0, None);
    let watch = Arc::default();
    let twice = Arc::new(cluster(1, &watch).run_twice().start().await);
    add("twice", &twice, &watch, twice.client(0), 0, None);
    ways
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_come_in_order_and_then_the_end() {
    for Way { name, client, key, .. } in &ways().await {
        for upto in [0, 1, 3, 5_000] {
            let items: Vec<_> = client.count(key.clone(), upto).await.unwrap().map(Result::unwrap).collect().await;
            assert_eq!(items, (0..upto).collect::<Vec<_>>(), "{name}");
        }
        let mut ended = client.count(key.clone(), 1).await.unwrap();
        assert_eq!((ended.next().await, ended.next().await, ended.next().await), (Some(Ok(0)), None, None), "{name}");
        let anywhere: Vec<_> = client.anywhere().await.unwrap().collect().await;
        assert_eq!(anywhere, [Ok(7)], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compact_service_streams_as_well() {
    for Way { name, client, key, _cluster: cluster, _program: program, .. } in &ways().await {
        assert_eq!(client.echo(key.clone()).await, Ok(key.clone()), "{name}");
        let packed: PackedClient = program.as_ref().map_or_else(|| cluster.client(0), Wherever::client);
        // A connection of this build has begun, so that what can be compact is.
        for _ in 0..2 {
            assert_eq!(packed.echo(key.clone()).await, Ok(key.clone()), "{name}");
            let came: Vec<_> = packed.count(key.clone(), 3).await.unwrap().collect().await;
            assert_eq!(came, [Ok(0), Ok(1), Err(FeedError::No(key.clone()))], "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_of_several_lines_is_one_item() {
    for Way { name, client, key, .. } in &ways().await {
        let came: Vec<_> =
            client.raw(key.clone()).await.unwrap().map(|raw| raw.unwrap().get().to_owned()).collect().await;
        assert_eq!(came.len(), 2, "{name}");
        assert!(
            came.iter().all(|raw| raw.split_whitespace().collect::<String>() == r#"{"end":true}"#),
            "{name}: {came:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_items_arrive_whole_and_none_overtakes_another() {
    let lengths = vec![1, 200_000, 2, 65_536, 65_537, 3, 3_000_000, 0, 130_000, 4];
    for Way { name, client, key, .. } in &ways().await {
        let stream = client.texts(key.clone(), lengths.clone()).await.unwrap();
        let came: Vec<_> = stream.map(|text| text.unwrap().len()).collect().await;
        assert_eq!(came, lengths, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_is_too_large_ends_its_stream() {
    for Way { name, client, key, .. } in &ways().await {
        let stream = client.texts(key.clone(), vec![1, 5 << 20, 1]).await.unwrap();
        let came: Vec<_> = stream.collect().await;
        if *name == "near" {
            assert_eq!(came.len(), 3, "nothing is encoded near");
            continue;
        }
        assert_eq!(came.len(), 2, "{name}");
        let error = ours(came.into_iter().nth(1).unwrap());
        assert_eq!((error.kind(), error.executed()), (Kind::TooLarge, Executed::Yes), "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_providers_errors_are_items_and_end_nothing() {
    let no = |number: u64| Err(FeedError::No(number.to_string()));
    for Way { name, client, key, .. } in &ways().await {
        let came: Vec<_> = client.odd(key.clone()).await.unwrap().collect().await;
        assert_eq!(came, [Ok(Some(0)), no(1), Ok(Some(2)), no(3), Ok(None)], "{name}");
        let refused = client.refuse(key.clone()).await.err();
        assert_eq!(refused, Some(FeedError::No(key.clone())), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_an_error_or_the_last_item() {
    for Way { name, client, key, .. } in &ways().await {
        let error = ours(client.panic(key.clone(), false).await.map(drop));
        assert_eq!((error.kind(), error.executed()), (Kind::Panicked, Executed::Maybe), "{name}: {error}");
        let mut came: Vec<_> = client.panic(key.clone(), true).await.unwrap().collect().await;
        assert_eq!(came.len(), 2, "{name}");
        let error = ours(came.pop().unwrap());
        assert_eq!((error.kind(), error.executed()), (Kind::Panicked, Executed::Maybe), "{name}: {error}");
        assert_eq!(came, [Ok(0)], "{name}");
        assert_eq!(client.echo(key.clone()).await, Ok(key.clone()), "{name}: the provider still serves");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_polled_in_the_context_of_its_call() {
    for Way { name, client, key, .. } in &ways().await {
        let came: Vec<_> = client.context(key.clone()).await.unwrap().collect().await;
        let slot = wherever::Slot::of_text(key.as_bytes()).get();
        assert_eq!(came, [Ok(slot), Ok(slot)], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_of_the_callers_covers_the_opening_and_the_stream() {
    let short = Duration::from_millis(200);
    for Way { name, client, key, watch, .. } in &ways().await {
        let error = ours(with_deadline(short, client.late(key.clone())).await.map(drop));
        assert_eq!((error.kind(), error.executed()), (Kind::Deadline, Executed::Maybe), "{name}: {error}");
        let mut stream = with_deadline(short, client.idle(key.clone())).await.unwrap();
        assert_eq!(stream.next().await, Some(Ok(1)), "{name}");
        let error = ours(stream.next().await.unwrap());
        assert_eq!((error.kind(), error.executed()), (Kind::Deadline, Executed::Maybe), "{name}: {error}");
        assert_eq!(stream.next().await, None, "{name}");
        eventually("the provider's streams are dropped", || watch.open.load(Ordering::SeqCst) == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_dropped_is_dropped_at_its_provider() {
    for Way { name, client, key, watch, .. } in &ways().await {
        let mut streams = Vec::new();
        for endless in [true, false] {
            let mut stream = match endless {
                true => client.endless(key.clone()).await.unwrap(),
                false => client.idle(key.clone()).await.unwrap(),
            };
            assert!(stream.next().await.unwrap().is_ok());
            streams.push(stream);
        }
        assert_eq!(watch.open.load(Ordering::SeqCst), 2, "{name}");
        drop(streams);
        eventually("both are dropped", || watch.open.load(Ordering::SeqCst) == 0).await;
        assert_eq!(client.echo(key.clone()).await, Ok(key.clone()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_outlives_what_it_was_opened_with() {
    let mut streams = Vec::new();
    for Way { client, key, .. } in ways().await.iter() {
        // In a task of its own, without the client.
        let stream = client.clone().count(key.clone(), 100).await.unwrap();
        streams.push(tokio::spawn(stream.collect::<Vec<_>>()));
    }
    for stream in streams {
        assert_eq!(stream.await.unwrap().len(), 100);
    }
}

#[tokio::test]
async fn a_client_of_a_local_value_streams_too() {
    let client = FeedClient::local(crate::feed::Provider::new(&Arc::default()));
    let came: Vec<_> = client.count("foo".to_owned(), 3).await.unwrap().collect().await;
    assert_eq!(came, [Ok(0), Ok(1), Ok(2)]);
    assert_eq!(client.refuse("foo".to_owned()).await.err(), Some(FeedError::No("foo".to_owned())));
}
