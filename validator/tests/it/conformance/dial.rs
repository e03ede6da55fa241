//! A clock that only the test moves.

use futures::future::{BoxFuture, FutureExt as _};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use validator::clock::{Now, TimeSource};

/// Both clocks of one node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Dial(Arc<Inner>);

struct Inner {
    base: Instant,
    start_ms: u64,
    passed_ms: watch::Sender<u64>,
    waits: watch::Sender<u64>,
}

impl Dial {
    pub(super) fn at(start_ms: u64) -> Self {
        Self(Arc::new(Inner {
            base: Instant::now(),
            start_ms,
            passed_ms: watch::Sender::new(0),
            waits: watch::Sender::new(0),
        }))
    }

    /// Lets time pass until a Unix millisecond.
    pub(super) fn turn_to(&self, unix_ms: u64) {
        let passed = unix_ms.checked_sub(self.0.start_ms).expect("a later time");
        self.0.passed_ms.send_modify(|now| *now = passed.max(*now));
    }

    /// Its Unix millisecond.
    pub(super) fn now_ms(&self) -> u64 {
        self.0.start_ms + *self.0.passed_ms.borrow()
    }

    /// Ends when the node's driver waits for time to pass: then it has read the clock.
    pub(super) async fn is_watched(&self) {
        self.0.waits.subscribe().wait_for(|waits| *waits > 0).await.expect("the clock is there");
    }
}

impl TimeSource for Dial {
    fn now(&self) -> Now {
        let passed_ms = *self.0.passed_ms.borrow();
        let instant = self.0.base + Duration::from_millis(passed_ms);
        Now { unix_ms: self.0.start_ms + passed_ms, instant }
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        let left = at.saturating_duration_since(self.0.base);
        let until = u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let mut passed = self.0.passed_ms.subscribe();
        self.0.waits.send_modify(|waits| *waits += 1);
        async move {
            // A clock that is gone will never reach it.
            if passed.wait_for(|now| *now >= until).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    }
}
