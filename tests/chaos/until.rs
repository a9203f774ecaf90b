//! Waiting for what a scenario expects, under a deadline.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Longest wait for anything that no scenario times itself, on a machine that is busy with much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks again and again, until there is something to see.
///
/// # Panics
/// If that does not come.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(look).await.unwrap_or_else(|| panic!("never: {what}"))
}

/// As [`until`]; `None` if there is nothing to see in all that time.
pub(crate) async fn in_time<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let seen = async {
        loop {
            match look().await {
                Some(seen) => return seen,
                None => sleep(PAUSE).await,
            }
        }
    };
    timeout(PATIENCE, seen).await.ok()
}
