//! The machine's clock, and the double's, which may be off.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Unix milliseconds by the machine.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The double's clock: the machine's and so many seconds.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    /// Unix seconds.
    pub(crate) fn now(&self) -> u64 {
        (unix_ms() / 1000).saturating_add_signed(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set_off(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}
