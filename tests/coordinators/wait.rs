//! Waiting for what a test expects, under a deadline.

use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Longest wait for anything; a machine that runs many tests at once is slow.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Asks until there is an answer, and fails after [`LONG`].
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, asking).await.unwrap_or_else(|_| panic!("not within {LONG:?}: {what}"))
}

/// What comes within [`LONG`].
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.unwrap_or_else(|_| panic!("not within {LONG:?}: {what}"))
}
