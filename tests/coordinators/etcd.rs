//! What only etcd can do to us: be full, ask for a password, be away at the start, hold other clusters' keys.

use std::time::Duration;

use rpc_core::coordinator::bounds::MAX_VALUE;
use rpc_core::coordinator::{Coordinator, CoordinatorError, Txn};
use rpc_etcd::{Etcd, EtcdOptions};
use serde_json::json;
use tokio::time::Instant;

use crate::etcd_process::EtcdProcess;
use crate::suite::{put, read, write};

/// `text` as etcd's JSON takes bytes.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let bits = bytes.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        let letter =
            |at: usize| if at > bytes.len() { '=' } else { LETTERS[(bits >> (18 - 6 * at)) as usize & 63] as char };
        (0..4).map(letter).collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_etcd_refuses_writes_and_still_reads() {
    let etcd = EtcdProcess::start_with(Some(4 << 20)).await;
    let client = etcd.client().await;
    let large = "v".repeat(MAX_VALUE);
    let mut refused = None;
    for _ in 0..100 {
        let txn = Txn { ops: (0..7).map(|n| put(&n.to_string(), &large)).collect(), ..Txn::default() };
        if let Err(error) = client.transact(txn).await {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(&refused, Some(CoordinatorError::Full(why)) if why.contains("space")), "{refused:?}");
    assert_eq!(read(&*client, "").await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_password_nothing_is_done() {
    let etcd = EtcdProcess::start().await;
    etcd.ask("auth/user/add", json!({ "name": "root", "password": "sesame" })).await;
    etcd.ask("auth/user/grant", json!({ "user": "root", "role": "root" })).await;
    etcd.ask("auth/enable", json!({})).await;
    let stranger = etcd.try_client(EtcdOptions::cluster("test")).await;
    let turned_away = match stranger {
        Ok(stranger) => stranger.range("").await.err(),
        Err(error) => Some(error),
    };
    assert!(matches!(turned_away, Some(CoordinatorError::Refused(_))), "{turned_away:?}");
    let wrong = etcd.try_client(EtcdOptions::cluster("test").user("root", "open")).await.err();
    assert!(matches!(wrong, Some(CoordinatorError::Refused(_))), "{wrong:?}");
    let options = EtcdOptions::cluster("test").user("root", "sesame");
    assert!(!format!("{options:?}").contains("sesame"));
    let friend = etcd.try_client(options).await.unwrap();
    write(&friend, vec![put("a", "1")]).await;
    assert_eq!(read(&friend, "").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_is_not_there_is_said_in_time() {
    let mut etcd = EtcdProcess::start().await;
    etcd.stop();
    let begun = Instant::now();
    let away = etcd.try_client(EtcdOptions::cluster("test")).await.err();
    assert!(matches!(away, Some(CoordinatorError::Unavailable(_))), "{away:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_endpoints_and_prefixes_are_refused() {
    for endpoints in [vec![], vec!["https://127.0.0.1:1".to_owned()], vec!["http://no host".to_owned()]] {
        let refused = Etcd::connect(&endpoints, EtcdOptions::cluster("test")).await.err();
        assert!(matches!(refused, Some(CoordinatorError::Refused(_))), "{endpoints:?}: {refused:?}");
    }
    for options in [EtcdOptions::cluster(""), EtcdOptions::cluster("test").prefix("")] {
        let refused = Etcd::connect(&["http://127.0.0.1:1".to_owned()], options).await.err();
        assert!(matches!(refused, Some(CoordinatorError::Refused(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_in_one_etcd_do_not_see_each_other() {
    let etcd = EtcdProcess::start().await;
    let one = etcd.client().await;
    let two = etcd.try_client(EtcdOptions::cluster("test-2")).await.unwrap();
    write(&*one, vec![put("a", "1")]).await;
    let revision = write(&two, vec![put("a", "2")]).await.revision;
    assert_eq!(read(&*one, "").await, [("a".to_owned(), "1".to_owned())]);
    let mut watch = one.watch("", 1).await.unwrap();
    write(&*one, vec![put("b", "1")]).await;
    let told = crate::suite::events(&mut watch, 2).await;
    assert!(told.iter().all(|event| crate::suite::revision(event) != revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_is_passed_over_or_on_and_nothing_falls() {
    let etcd = EtcdProcess::start().await;
    let client = etcd.client().await;
    let mut watch = client.watch("", 1).await.unwrap();
    // A key that is not UTF-8: `/wherever/test/` and the byte 0xff.
    let key = format!("{}/w==", base64("/wherever/test/"));
    etcd.ask("kv/put", json!({ "key": key, "value": base64("x") })).await;
    let large = base64(&"\u{0}".repeat(1 << 20));
    etcd.ask("kv/put", json!({ "key": base64("/wherever/test/huge"), "value": large })).await;
    write(&*client, vec![put("a", "1")]).await;
    let told = crate::suite::events(&mut watch, 2).await;
    assert_eq!(told.iter().map(crate::suite::key).collect::<Vec<_>>(), ["huge", "a"]);
    assert_eq!(client.range("").await.unwrap().entries.len(), 2);
}
