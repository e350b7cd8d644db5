//! The one place that asks what time it is: everything else is handed a `Clock` or a moment.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::watch;

/// The time of the business: deadlines, schedules, timestamps. I/O timeouts use tokio's time instead.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Stands still until a test moves it.
    Test(TestClock),
}

/// A clock that only `advance` moves; sleepers wake when their moment has come.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<watch::Sender<DateTime<Utc>>>);

impl Clock {
    /// The present moment, cut to milliseconds: what the database can keep.
    #[expect(clippy::disallowed_methods, reason = "the one place where the system's time is read")]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Clock::System => Utc::now().trunc_subsecs(3),
            Clock::Test(clock) => *clock.0.borrow(),
        }
    }

    /// Returns as soon as `now()` has reached `moment`. Looks at the clock at least once a minute, so that a
    /// clock that was set forward (or a machine that slept) is noticed.
    pub async fn sleep_until(&self, moment: DateTime<Utc>) {
        match self {
            Clock::System => loop {
                let left = moment - self.now();
                let Ok(left) = left.to_std() else { return };
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(std::time::Duration::from_secs(60))).await;
            },
            Clock::Test(clock) => {
                let mut seen = clock.0.subscribe();
                // The sender lives in `self`, so waiting can only end by reaching the moment.
                let _ = seen.wait_for(|now| *now >= moment).await;
            }
        }
    }
}

impl TestClock {
    pub fn at(moment: DateTime<Utc>) -> TestClock {
        TestClock(Arc::new(watch::Sender::new(moment.trunc_subsecs(3))))
    }

    pub fn advance(&self, by: chrono::TimeDelta) {
        self.0.send_modify(|now| *now += by);
    }

    pub fn set(&self, moment: DateTime<Utc>) {
        self.0.send_modify(|now| *now = moment.trunc_subsecs(3));
    }
}

impl From<TestClock> for Clock {
    fn from(clock: TestClock) -> Clock {
        Clock::Test(clock)
    }
}
