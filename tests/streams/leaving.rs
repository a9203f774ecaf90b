//! Streams whose slot or node leaves end with an error that says so.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use wherever::{Executed, Kind, Slot};

use crate::feed::{Feed, FeedClient, Watch, cluster, eventually, key_of, ours};

const GROUP: &str = "default";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_ends_its_streams_and_they_are_opened_again_at_the_new_owner() {
    let watch: Arc<Watch> = Arc::default();
    let mut cluster = cluster(2, &watch).live().start().await;
    cluster.settled(GROUP, &[0, 1]).await;
    let client: FeedClient = cluster.connect().await.unwrap().client();
    let near: FeedClient = cluster.client(1);
    let key = key_of(&cluster, 1);
    let mut streams = vec![
        client.idle(key.clone()).await.unwrap(),
        near.idle(key.clone()).await.unwrap(),
        client.endless(key.clone()).await.unwrap(),
    ];
    let stays = key_of(&cluster, 0);
    let mut stays = client.idle(stays).await.unwrap();
    for stream in streams.iter_mut().chain([&mut stays]) {
        assert!(stream.next().await.unwrap().is_ok());
    }
    // It hands its slots over, and leaves.
    cluster.stop(1).await;
    for stream in &mut streams {
        let last = loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                Some(last) => break last,
                None => panic!("a stream that was cut off has no plain end"),
            }
        };
        let error = ours(last);
        assert_eq!((error.kind(), error.executed()), (Kind::Moved, Executed::Maybe), "{error}");
        assert_eq!(error.slot(), Some(Slot::of_text(key.as_bytes())));
        assert_eq!(error.node(), Some(cluster.node(0).id()));
        assert_eq!(stream.next().await, None);
    }
    let mut again = client.idle(key).await.unwrap();
    assert_eq!(again.next().await, Some(Ok(1)));
    tokio::select! {
        biased;
        other = stays.next() => panic!("{other:?} of a slot that stayed"),
        () = tokio::task::yield_now() => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_ends_its_streams_with_a_lost_connection() {
    let watch: Arc<Watch> = Arc::default();
    let mut cluster = cluster(2, &watch).start().await;
    let (client, key): (FeedClient, _) = (cluster.client(0), key_of(&cluster, 1));
    let mut stream = client.idle(key).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(1)));
    cluster.kill(1).await;
    let error = ours(stream.next().await.unwrap());
    assert_eq!((error.kind(), error.executed()), (Kind::ConnectionLost, Executed::Maybe), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_shuts_down_ends_its_streams_by_frames_and_by_http() {
    for frames in [true, false] {
        let watch: Arc<Watch> = Arc::default();
        let mut cluster = cluster(2, &watch).configure(move |builder, _| builder.frames(frames)).start().await;
        let (client, key): (FeedClient, _) = (cluster.client(0), key_of(&cluster, 1));
        let mut stream = client.idle(key).await.unwrap();
        assert_eq!(stream.next().await, Some(Ok(1)));
        let (error, ()) = tokio::join!(async { ours(stream.next().await.unwrap()) }, cluster.stop(1));
        assert_eq!((error.kind(), error.executed()), (Kind::ShuttingDown, Executed::Maybe), "{error}");
        eventually("it is dropped", || watch.open.load(Ordering::SeqCst) == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_shuts_down_ends_the_streams_that_it_passes_on() {
    let watch: Arc<Watch> = Arc::default();
    let mut cluster = cluster(2, &watch).start().await;
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "Feed.idle", "params": [key_of(&cluster, 1)]});
    let request = reqwest::Client::new().post(format!("{}/rpc", cluster.url(0))).body(body.to_string());
    let headers = [("content-type", "application/json"), ("accept", "application/x-ndjson")];
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let response = request.send().await.unwrap();
    let (text, ()) = tokio::join!(response.text(), cluster.stop(0));
    let text = text.unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["data"]["kind"], "shutting_down", "{text}");
    eventually("it is dropped", || watch.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_has_lived_for_as_long_as_one_may_says_so() {
    let watch: Arc<Watch> = Arc::default();
    let life = std::time::Duration::from_millis(300);
    let cluster = cluster(2, &watch).configure(move |builder, _| builder.stream_life(life)).start().await;
    let client: FeedClient = cluster.client(0);
    for owner in [0, 1] {
        let mut stream = client.idle(key_of(&cluster, owner)).await.unwrap();
        assert_eq!(stream.next().await, Some(Ok(1)));
        let error = ours(stream.next().await.unwrap());
        assert_eq!((error.kind(), error.executed()), (Kind::Deadline, Executed::Maybe), "{error}");
        assert_eq!(stream.next().await, None);
    }
}
