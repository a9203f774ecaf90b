//! State of providers, kept slot by slot: made with the node, open for its slots, closed to everybody else's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use wherever::testing::Cluster;
use wherever::{
    Content, Inject, Kind, Node, Pulled, RpcError, Slot, SlotState, Slots, StateError, Wherever, rpc_provider,
    rpc_service,
};

#[rpc_service(name = "state.Tally")]
trait Tally {
    async fn add(&self, key: String, by: u64) -> Result<u64, RpcError>;

    #[rpc(read)]
    async fn peek(&self, key: String, of: String) -> Result<Option<u64>, RpcError>;

    #[rpc(any)]
    async fn astray(&self) -> Result<u64, RpcError>;

    #[rpc(all, read)]
    async fn list(&self) -> Result<BTreeMap<String, u64>, RpcError>;
}

#[derive(Inject)]
struct Counters {
    #[rpc_state]
    values: Slots<String, u64>,
}

#[rpc_provider(given)]
impl Tally for Counters {
    async fn add(&self, key: String, by: u64) -> Result<u64, RpcError> {
        tokio::task::yield_now().await;
        self.values.update(&key, 0, |value| {
            *value += by;
            *value
        })
    }

    async fn peek(&self, _key: String, of: String) -> Result<Option<u64>, RpcError> {
        self.values.get(&of)
    }

    async fn astray(&self) -> Result<u64, RpcError> {
        self.values.insert(&"foo".to_owned(), 1).map(|_| 1)
    }

    async fn list(&self) -> Result<BTreeMap<String, u64>, RpcError> {
        let mut all = BTreeMap::new();
        self.values.each_owned(|_, key, value| {
            all.insert(key.clone(), *value);
        })?;
        Ok(all)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_in_slots_is_one_map_for_all_nodes() {
    for force in [false, true] {
        let builder = Cluster::builder(3).provide_with(|node| Counters { values: node.slots("Counters.values") });
        let cluster = if force { builder.force_remote() } else { builder }.start().await;
        let client: TallyClient = cluster.client(0);
        let adds = (0..300_u64).map(|n| client.add(format!("key-{}", n % 100), 1));
        for answer in futures_util::future::join_all(adds).await {
            answer.unwrap();
        }
        let all = cluster.client::<TallyClient>(1).list().await.unwrap();
        assert_eq!(all.len(), 100);
        assert!(all.values().all(|count| *count == 3), "{all:?}");
    }
}

#[tokio::test]
async fn a_provider_reaches_only_its_calls_slot() {
    let cluster = Cluster::builder(1).provide_with(|node| Counters { values: node.slots("values") }).start().await;
    let client: TallyClient = cluster.client(0);
    client.add("foo".into(), 1).await.unwrap();
    assert_eq!(client.peek("{foo}bar".into(), "foo".into()).await, Ok(Some(1)), "of one tag, so of one slot");
    let error = client.peek("bar".into(), "foo".into()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::SlotMismatch, "{error}");
    let error = client.astray().await.unwrap_err();
    assert!(error.kind() == Kind::Internal && error.message().contains("state.Tally.astray has no key"), "{error}");
}

#[tokio::test]
async fn a_provider_is_tested_without_a_node() {
    let client = TallyClient::local(Counters { values: Slots::standalone() });
    assert_eq!(client.add("foo".into(), 2).await, Ok(2));
    assert_eq!(client.peek("bar".into(), "foo".into()).await, Ok(Some(2)));
}

/// Notes what becomes of its slots.
#[derive(Default)]
struct Notes(Mutex<Vec<(Slot, u64)>>);

impl SlotState for Notes {
    fn begin_copy(&self, _: Slot) -> Result<(), StateError> {
        Ok(())
    }
    fn pull(&self, _: Slot, _: usize) -> Result<Pulled, StateError> {
        Ok(Pulled { piece: bytes::Bytes::new(), pending: 0 })
    }
    fn end_copy(&self, _: Slot) {}
    fn entries(&self, _: Slot) -> Result<u64, StateError> {
        Ok(0)
    }
    fn stage(&self, _: Slot, _: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
    fn staged(&self, _: Slot) -> Result<u64, StateError> {
        Ok(0)
    }
    fn discard(&self, _: Slot) {}
    fn open(&self, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError> {
        assert_eq!(content, Content::Kept, "in a fixed cluster a slot has never been anybody else's");
        if slot.get() == 16383 && self.0.lock().unwrap().len() == 1000 {
            return Err(StateError::Store { state: "notes".into(), why: "the disk is full".into() });
        }
        self.0.lock().unwrap().push((slot, epoch));
        Ok(())
    }
    fn close(&self, _: Slot) {}
    fn forget(&self, _: Slot) {}
}

#[tokio::test]
async fn state_of_a_programs_own_is_opened_for_the_slots_of_its_node() {
    let notes = Arc::new(Notes::default());
    let builder = Node::builder().only_given().nodes(["127.0.0.1:7001", "127.0.0.1:7002"]).advertise("127.0.0.1:7002");
    let _node = builder.state("notes", "default", notes.clone()).build().unwrap();
    let opened = notes.0.lock().unwrap();
    assert_eq!(opened.len(), 8192);
    assert!(opened.iter().all(|(_, epoch)| *epoch == 1));
}

#[tokio::test]
async fn two_states_of_one_name_are_a_mistake_that_names_both() {
    let error = Node::builder()
        .only_given()
        .advertise("127.0.0.1:7001")
        .provide_with(|wherever| wherever.inject::<Counters>().unwrap())
        .state("Counters.values", "default", Arc::new(Notes::default()))
        .state("wherever.calls", "default", Arc::new(Notes::default()))
        .state("", "default", Arc::new(Notes::default()))
        .build()
        .unwrap_err()
        .to_string();
    let here = file!().rsplit('/').next().unwrap();
    assert_eq!(error.matches(&format!("{here}:")).count(), 3, "{error}");
    for expected in [
        "the field `values` of Counters",
        "both keep the state Counters.values in group default",
        "the framework's own",
        "names a state \"\"",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn state_made_too_late_says_so() {
    let node = Node::builder().only_given().advertise("127.0.0.1:7001").build().unwrap();
    let late: Slots<String, u64> = node.wherever().slots("late");
    let foreign: Slots<String, u64> = Wherever::connect_lazily(["127.0.0.1:7001"]).unwrap().slots("foreign");
    for (slots, expected) in [(late, "after the node was built"), (foreign, "only calls")] {
        let error = slots.get(&"foo".to_owned()).unwrap_err();
        assert!(error.message().contains(expected), "{error}");
    }
}
