//! A client says which answers it has, also when no further call would say so on its way.

use std::time::Duration;

use rpc_core::call::CallId;
use wherever::Wherever;

use super::fakes::Fakes;
use super::probe::{Probe, ProbeClient};

/// Longer than a client waits for a call that could say it, and a busy machine besides.
const SOON: Duration = Duration::from_secs(10);

impl Fakes {
    /// What the peer was told.
    fn told(&self, peer: usize) -> Vec<CallId> {
        let answered = self[peer].seen().answered.lock().unwrap();
        answered.iter().map(|id| id.parse().unwrap()).collect()
    }

    /// Waits until the peer was told of every answer up to `acked`.
    async fn hears(&self, peer: usize, acked: u64) {
        let heard = async {
            while self.told(peer).iter().all(|id| id.acked < acked) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, heard).await.unwrap_or_else(|_| panic!("it was told {:?}", self.told(peer)));
    }
}

#[tokio::test]
async fn an_idle_client_says_that_it_has_its_answers() {
    let fakes = Fakes::start(2).await;
    let client = fakes.client().await;
    for _ in 0..3 {
        client.write(&fakes.key_of(0)).await.unwrap();
    }
    fakes.hears(0, 3).await;
    assert_eq!((fakes.told(0).len(), fakes.told(1).len()), (1, 0), "once, and nobody else");
    client.write(&fakes.key_of(1)).await.unwrap();
    fakes.hears(1, 5).await;
}

#[tokio::test]
async fn a_client_that_is_dropped_says_so_at_once() {
    let fakes = Fakes::start(1).await;
    let client = fakes.client().await;
    client.write("k").await.unwrap();
    drop(client);
    fakes.hears(0, 1).await;
}

#[tokio::test]
async fn a_program_that_is_about_to_end_can_wait_until_the_nodes_have_heard_it() {
    let fakes = Fakes::start(1).await;
    let wherever: Wherever = fakes.connect().await;
    let client: ProbeClient = wherever.client();
    client.read("k").await.unwrap();
    wherever.acknowledge().await;
    assert_eq!(fakes.told(0).len(), 0, "nothing is kept of a read");
    client.write("k").await.unwrap();
    let answered = wherever.session().acked();
    wherever.acknowledge().await;
    assert_eq!(fakes.told(0).iter().map(|id| id.acked).collect::<Vec<_>>(), [answered]);
    wherever.acknowledge().await;
    assert_eq!(fakes.told(0).len(), 1);
}
