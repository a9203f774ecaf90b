//! Leases.

use std::time::Duration;

use rpc_core::coordinator::{CoordinatorError, Event, Op, Txn};
use tokio::time::{Instant, interval};

use crate::suite::{Any, events, key, put, put_under, read, write};

/// The shortest lease.
const TTL: Duration = Duration::from_secs(1);

/// How late a lease may end.
const LATE: Duration = Duration::from_secs(1);

pub(crate) async fn keys_vanish_with_their_lease(coordinator: &Any) {
    let ttl = 2 * TTL;
    let begun = Instant::now();
    let lease = coordinator.grant(ttl).await.unwrap();
    let granted = Instant::now();
    let now =
        write(&**coordinator, vec![put_under("a", "1", Some(lease)), put_under("b", "1", Some(lease)), put("c", "1")])
            .await;
    let mut watch = coordinator.watch("", now.revision + 1).await.unwrap();
    let mut gone = events(&mut watch, 2).await;
    // A slow machine is slow in telling, too.
    let slack = Duration::from_millis(500);
    assert!(begun.elapsed() >= ttl && granted.elapsed() <= ttl + LATE + slack, "{:?}", granted.elapsed());
    gone.sort_by(|a, b| key(a).cmp(key(b)));
    assert!(
        matches!(&gone[..], [Event::Deleted { key: a, .. }, Event::Deleted { key: b, .. }] if a == "a" && b == "b")
    );
    assert_eq!(read(&**coordinator, "").await, [("c".to_owned(), "1".to_owned())]);
    assert_eq!(coordinator.keep_alive(lease).await, Err(CoordinatorError::LeaseGone));
    let late = Txn { ops: vec![put_under("a", "2", Some(lease))], ..Txn::default() };
    assert_eq!(coordinator.transact(late).await, Err(CoordinatorError::LeaseGone));
}

pub(crate) async fn a_lease_that_is_kept_alive_goes_on(coordinator: &Any) {
    let lease = coordinator.grant(TTL).await.unwrap();
    let now = write(&**coordinator, vec![put_under("a", "1", Some(lease))]).await;
    let mut watch = coordinator.watch("a", now.revision + 1).await.unwrap();
    let mut beats = interval(TTL / 5);
    for _ in 0..15 {
        beats.tick().await;
        coordinator.keep_alive(lease).await.unwrap();
    }
    assert_eq!(read(&**coordinator, "a").await.len(), 1, "after almost three times its ttl");
    assert!(matches!(&events(&mut watch, 1).await[..], [Event::Deleted { key, .. }] if key == "a"));
}

pub(crate) async fn a_revoked_lease_takes_its_keys_along(coordinator: &Any) {
    let lease = coordinator.grant(60 * TTL).await.unwrap();
    let now = write(&**coordinator, vec![put_under("a", "1", Some(lease)), put("b", "1")]).await;
    let mut watch = coordinator.watch("", now.revision + 1).await.unwrap();
    coordinator.revoke(lease).await.unwrap();
    assert_eq!(read(&**coordinator, "").await, [("b".to_owned(), "1".to_owned())]);
    assert!(matches!(&events(&mut watch, 1).await[..], [Event::Deleted { key, .. }] if key == "a"));
    coordinator.revoke(lease).await.unwrap();
    assert_eq!(coordinator.keep_alive(lease).await, Err(CoordinatorError::LeaseGone));
}

pub(crate) async fn a_key_written_without_its_lease_stays(coordinator: &Any) {
    let (one, two) = (coordinator.grant(60 * TTL).await.unwrap(), coordinator.grant(60 * TTL).await.unwrap());
    assert_ne!(one, two);
    let ops = ["a", "b", "c"].map(|key| put_under(key, "1", Some(one))).to_vec();
    write(&**coordinator, ops).await;
    write(&**coordinator, vec![put("a", "2"), put_under("b", "2", Some(two)), Op::Delete("c".to_owned())]).await;
    coordinator.revoke(one).await.unwrap();
    let left = coordinator.range("").await.unwrap().entries;
    let left: Vec<_> = left.iter().map(|entry| (&entry.key[..], entry.lease)).collect();
    assert_eq!(left, [("a", None), ("b", Some(two))]);
}
