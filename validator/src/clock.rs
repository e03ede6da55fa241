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

/// Where time comes from.
pub trait TimeSource: Send + Sync + 'static {
    /// Unix milliseconds: may jump either way.
    fn unix_ms(&self) -> u64;
    /// A clock that only goes forward.
    fn instant(&self) -> Instant;
    /// Ends when so much time has passed on the clock that only goes forward.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clocks.
struct System;

impl TimeSource for System {
    fn unix_ms(&self) -> u64 {
        unix_ms()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
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

    /// Unix milliseconds.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.0.unix_ms()
    }

    /// The clock that only goes forward.
    #[must_use]
    pub fn instant(&self) -> Instant {
        self.0.instant()
    }

    /// Waits.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }

    /// Waits until a Unix millisecond; not at all when it has passed.
    pub async fn sleep_until_ms(&self, at_ms: u64) {
        self.sleep(Duration::from_millis(at_ms.saturating_sub(self.unix_ms()))).await;
    }
}
