//! Where a block's time went, added up since the ledger was opened.

use std::{
    ops::{Div, Sub},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Time spent since opening; the difference of two is the time between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Working out state roots, of every execution.
    pub root: Duration,
    /// Making sealed blocks durable.
    pub block_file: Duration,
    /// Writing the state that follows from them, behind the blocks.
    pub state_file: Duration,
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            root: self.root.saturating_sub(before.root),
            block_file: self.block_file.saturating_sub(before.block_file),
            state_file: self.state_file.saturating_sub(before.state_file),
        }
    }
}

impl Div<u32> for Spent {
    type Output = Self;

    fn div(self, by: u32) -> Self {
        Self { root: self.root / by, block_file: self.block_file / by, state_file: self.state_file / by }
    }
}

/// One sum, in nanoseconds.
#[derive(Default)]
pub(crate) struct Clocked(AtomicU64);

impl Clocked {
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = work();
        self.0.fetch_add(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
        done
    }

    fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}

/// The sums of one ledger.
#[derive(Default)]
pub(crate) struct Clocks {
    pub(crate) root: Clocked,
    pub(crate) block_file: Clocked,
    pub(crate) state_file: Clocked,
}

impl Clocks {
    pub(crate) fn spent(&self) -> Spent {
        Spent {
            root: self.root.total(),
            block_file: self.block_file.total(),
            state_file: self.state_file.total(),
        }
    }
}
