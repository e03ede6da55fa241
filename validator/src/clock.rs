//! The clock, read in one place: the machine's, or one that a test moves.

use futures::future::{BoxFuture, FutureExt as _};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Unix milliseconds by the machine's clock; 0 on a clock set before 1970.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// One look at both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Unix milliseconds: may jump either way.
    pub unix_ms: u64,
    /// On the clock that only goes forward.
    pub instant: Instant,
}

/// Where time comes from.
pub trait TimeSource: Send + Sync + 'static {
    /// Both clocks at one moment: what is due by one of them is waited for by the other.
    fn now(&self) -> Now;
    /// Ends when the clock that only goes forward is there: a moment, as a duration would count from a later reading.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;
}

/// The machine's clocks.
struct System;

impl TimeSource for System {
    fn now(&self) -> Now {
        Now { unix_ms: unix_ms(), instant: Instant::now() }
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        tokio::time::sleep_until(at.into()).boxed()
    }
}

/// The clock that consensus goes by. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn system() -> Self {
        Self::new(System)
    }

    /// Another one.
    #[must_use]
    pub fn new(source: impl TimeSource) -> Self {
        Self(Arc::new(source))
    }

    /// Both clocks at one moment.
    #[must_use]
    pub fn now(&self) -> Now {
        self.0.now()
    }

    /// Unix milliseconds.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.now().unix_ms
    }

    /// Waits until the clock that only goes forward is there.
    pub fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }

    /// Waits until a Unix millisecond, as far off as it is now; not at all when it has passed.
    pub async fn sleep_until_ms(&self, at_ms: u64) {
        let now = self.now();
        let left = Duration::from_millis(at_ms.saturating_sub(now.unix_ms));
        // A moment beyond what the clock can hold never comes.
        match now.instant.checked_add(left) {
            Some(at) => self.sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}
