//! When the others are told what was chosen: in parts, so that they run most of it while the rest is still coming.

use alloy_primitives::B256;
use std::{ops::Range, time::Duration};

/// Blocks of fewer transactions are not told of before they are proposed, nor parts of fewer before the last.
pub(super) const TOLD: usize = 1000;
/// Pause between parts.
const PAUSE: Duration = Duration::from_millis(60);
/// Parts of one block, the last included; whoever listens has room for as many.
pub(in crate::driver) const PARTS: usize = 8;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    count: usize,
    parts: usize,
    /// Since the work began.
    at: Duration,
}

impl Told {
    /// What to tell now, of what was `chosen`; the last part when no more will be.
    pub(super) fn part(&mut self, chosen: &[B256], is_last: bool, elapsed: Duration) -> Option<Range<usize>> {
        let fresh = chosen.len() - self.count;
        let is_due = if is_last {
            self.parts > 0 || fresh >= TOLD
        } else {
            fresh >= TOLD && elapsed >= self.at + PAUSE && self.parts + 1 < PARTS
        };
        is_due.then(|| {
            *self = Self { count: chosen.len(), parts: self.parts + 1, at: elapsed };
            chosen.len() - fresh..chosen.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn parts_are_large_apart_in_time_bounded_in_number_and_the_last_ends_what_was_begun() {
        let chosen = vec![B256::ZERO; 20_000];
        let mut told = Told::default();
        assert_eq!(told.part(&chosen[..999], true, ms(0)), None, "so few are proposed as they are");
        assert_eq!(told.part(&chosen[..1500], false, ms(59)), None, "too early");
        assert_eq!(told.part(&chosen[..1500], false, ms(60)), Some(0..1500));
        assert_eq!(told.part(&chosen[..2499], false, ms(500)), None, "too few");
        assert_eq!(told.part(&chosen[..2500], false, ms(119)), None);
        assert_eq!(told.part(&chosen[..2500], true, ms(119)), Some(1500..2500));
        let mut told = Told::default();
        let parts = (1..20_u64).filter(|part| {
            let until = usize::try_from(part * 1000).unwrap();
            told.part(&chosen[..until], false, ms(part * 100)).is_some()
        });
        assert_eq!(parts.count(), PARTS - 1);
        assert_eq!(told.part(&chosen[..7000], true, ms(5_000)), Some(7000..7000), "an empty end is an end");
    }
}
