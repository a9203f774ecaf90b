//! Flow control: nothing is produced that nobody takes, and whoever does not read stops no other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use futures_util::future::join_all;
use wherever::{Executed, Kind};

use crate::feed::{Feed, FeedClient, Watch, cluster, eventually, key_of, ours};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_near_provider_is_asked_for_what_is_taken_and_no_more() {
    let watch = Arc::default();
    let cluster = cluster(1, &watch).start().await;
    let client: FeedClient = cluster.client(0);
    let mut stream = client.endless("foo".to_owned()).await.unwrap();
    for _ in 0..10 {
        stream.next().await.unwrap().unwrap();
    }
    assert_eq!(watch.yielded.load(Ordering::SeqCst), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_does_not_read_stops_its_own_stream_and_no_other() {
    let watch: Arc<Watch> = Arc::default();
    let cluster = cluster(2, &watch).start().await;
    let (client, key): (FeedClient, _) = (cluster.client(0), key_of(&cluster, 1));
    let unread: Vec<_> =
        join_all((0..50).map(|_| client.endless(key.clone()))).await.into_iter().map(Result::unwrap).collect();
    // Credit for 64 KiB: of items of 64 bytes and a digit or more each, fewer than 1,024.
    let most = 50 * 1024;
    eventually("their credit is used up", || watch.yielded.load(Ordering::SeqCst) > 50 * 900).await;
    let counted = client.count(key.clone(), 10_000).await.unwrap().count().await;
    assert_eq!(counted, 10_000);
    assert_eq!(client.echo(key.clone()).await, Ok(key));
    let yielded = watch.yielded.load(Ordering::SeqCst);
    assert!(yielded < most, "{yielded} items of streams that nobody reads");
    // What was stopped goes on where it was.
    for mut stream in unread {
        for number in 0..3_000 {
            assert_eq!(stream.next().await, Some(Ok(number)));
        }
    }
    eventually("all are dropped", || watch.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_streams_are_open_at_once_and_calls_go_on() {
    const EACH: usize = 2_500;
    let watch: Arc<Watch> = Arc::default();
    let cluster = cluster(2, &watch).start().await;
    let key = key_of(&cluster, 1);
    let mut programs = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..4 {
        let program = cluster.connect().await.unwrap();
        let client: FeedClient = program.client();
        let opened = join_all((0..EACH).map(|_| client.idle(key.clone()))).await;
        streams.extend(opened.into_iter().map(Result::unwrap));
        programs.push(program);
    }
    assert_eq!(watch.open.load(Ordering::SeqCst), 4 * EACH as u64);
    for stream in &mut streams {
        assert_eq!(stream.next().await, Some(Ok(1)));
    }
    let client: FeedClient = cluster.client(0);
    let error = ours(client.idle(key.clone()).await.map(drop));
    assert_eq!((error.kind(), error.executed()), (Kind::Overloaded, Executed::No), "{error}");
    assert_eq!(client.echo(key.clone()).await, Ok(key.clone()), "streams keep no calls out");
    drop(streams);
    eventually("all are dropped", || watch.open.load(Ordering::SeqCst) == 0).await;
    assert_eq!(client.count(key, 3).await.unwrap().count().await, 3, "there are places again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_race_the_ends_of_streams_and_leave_nothing() {
    let watch: Arc<Watch> = Arc::default();
    let cluster = cluster(2, &watch).start().await;
    let (client, key): (FeedClient, _) = (cluster.client(0), key_of(&cluster, 1));
    let one = |n: u64| {
        let (client, key) = (client.clone(), key.clone());
        async move {
            let mut stream = client.count(key, n % 5).await.unwrap();
            for _ in 0..n % 7 {
                stream.next().await;
            }
        }
    };
    for round in 0..50 {
        join_all((0..100).map(|n| one(round + n))).await;
    }
    assert_eq!(client.count(key, 3).await.unwrap().count().await, 3);
    eventually("no place is taken", || cluster.node(1).view().counts.streams == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_items_of_many_streams_come_at_once_where_few_calls_may() {
    let watch: Arc<Watch> = Arc::default();
    let cluster = cluster(2, &watch).configure(|builder, _| builder.max_in_flight(4)).start().await;
    let (client, key): (FeedClient, _) = (cluster.client(0), key_of(&cluster, 1));
    let mut streams = Vec::new();
    for _ in 0..12 {
        streams.push(client.texts(key.clone(), vec![300_000; 8]).await.unwrap());
    }
    let lengths = join_all(streams.into_iter().map(|stream| stream.map(|text| text.unwrap().len()).collect())).await;
    assert!(lengths.iter().all(|came: &Vec<usize>| *came == [300_000; 8]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_larger_than_any_window_is_paid_for_in_several() {
    let watch: Arc<Watch> = Arc::default();
    let cluster = cluster(2, &watch).configure(|builder, _| builder.max_message(40 << 20)).start().await;
    let (client, key): (FeedClient, _) = (cluster.client(0), key_of(&cluster, 1));
    let stream = client.texts(key, vec![17 << 20; 3]).await.unwrap();
    let came: Vec<_> = stream.map(|text| text.map(|text| text.len())).collect().await;
    assert_eq!(came, [Ok(17 << 20), Ok(17 << 20), Ok(17 << 20)]);
}
