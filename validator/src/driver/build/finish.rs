//! How long a block takes from its last transaction until it can be proposed, learnt from the blocks before.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Whatever the number of transactions.
const LEAST: Duration = Duration::from_millis(15);
/// For every thousand transactions, until a block has shown it: twice what a busy core takes.
const FIRST_US: u64 = 12_000;
/// What is reserved for a thousand stays between these.
const BOUNDS_US: (u64, u64) = (3_000, 40_000);
/// Blocks of fewer transactions tell nothing.
const TELLING: usize = 500;
/// Percent of what it took that is reserved: a block that is late by a little costs its transactions no more than one that
/// was closed too early.
const MARGIN: u64 = 130;
/// The reserve rises at once and falls by one part in so many of the difference.
const FALL: u64 = 4;

/// Microseconds reserved for a thousand transactions.
#[derive(Debug)]
pub(crate) struct FinishTime(AtomicU64);

impl Default for FinishTime {
    fn default() -> Self {
        Self(AtomicU64::new(FIRST_US))
    }
}

impl FinishTime {
    /// What to keep free for so many transactions.
    pub(super) fn reserve(&self, transactions: usize) -> Duration {
        LEAST + Duration::from_micros(transactions as u64 * self.0.load(Relaxed) / 1000)
    }

    /// Notes how long a block took.
    pub(super) fn learn(&self, transactions: usize, took: Duration) {
        if transactions < TELLING {
            return;
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let wanted = (took.saturating_mul(1000) / transactions as u64).saturating_mul(MARGIN) / 100;
        let now = self.0.load(Relaxed);
        let next = if wanted > now { wanted } else { now - (now - wanted) / FALL };
        self.0.store(next.clamp(BOUNDS_US.0, BOUNDS_US.1), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_reserve_rises_at_once_falls_slowly_and_has_bounds() {
        let finish = FinishTime::default();
        assert_eq!(finish.reserve(0), LEAST);
        assert_eq!(finish.reserve(10_000), LEAST + ms(80));
        finish.learn(10_000, ms(100));
        assert_eq!(finish.reserve(10_000), LEAST + ms(130), "what it took, and some");
        finish.learn(10_000, ms(20));
        assert_eq!(finish.reserve(10_000), LEAST + ms(78), "half of the way to 26 ms");
        finish.learn(10, ms(5_000));
        assert_eq!(finish.reserve(10_000), LEAST + ms(78), "so few tell nothing");
        finish.learn(1_000, ms(5_000));
        assert_eq!(finish.reserve(1_000), LEAST + ms(40));
        (0..100).for_each(|_| finish.learn(10_000, ms(0)));
        assert_eq!(finish.reserve(10_000), LEAST + ms(30));
    }
}
