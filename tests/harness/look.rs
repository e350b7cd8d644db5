//! Looks again until something outside this process is as wanted: a file, a log, a row that another process writes and tells nobody of.
//! The only place of the tests that looks by the clock.

use std::time::Duration;

/// Returns when `is` gives true; fails after a minute.
pub async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let looking = async {
        loop {
            ticks.tick().await;
            if is().await {
                return;
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), looking).await.is_ok(), "it never came to this: {what}");
}
