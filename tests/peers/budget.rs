//! A peer in trouble is not buried under retries: L6 for one peer.

use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use std::time::Instant;
use wherever::Kind;

use super::fakes::Fakes;
use super::probe::Probe as _;

#[tokio::test]
async fn a_peer_that_refuses_everything_sees_a_fifth_more_and_ten_a_second() {
    const CALLS: usize = 1000;
    let fakes = Fakes::start(1).await;
    fakes[0].does(|asked| asked.error(-32004, &json!({"kind": "overloaded", "executed": "no"})));
    let client = fakes.client().await;
    let began = Instant::now();
    let calls = stream::iter(0..CALLS).map(|_| client.write("k")).buffer_unordered(50);
    let refused = calls.filter(|answer| {
        let is_refused = answer.as_ref().is_err_and(|error| error.kind() == Kind::Overloaded);
        async move { is_refused }
    });
    assert_eq!(refused.count().await, CALLS);
    // Ten are saved at the start; a second may have begun.
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let most = CALLS + CALLS / 5 + 10 * seconds + 10;
    assert!((CALLS..=most).contains(&fakes[0].calls()), "{} > {most}", fakes[0].calls());
}
