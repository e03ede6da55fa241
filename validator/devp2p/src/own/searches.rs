//! How often a peer may have the pool searched for the transactions that it names.

use std::time::{Duration, Instant};

/// At once: a round change of 31 seats that all prepared, twice over.
const BURST: u32 = 64;
/// One search of a full pool takes 2 ms: a peer has at most a hundredth of a core for long.
const EVERY: Duration = Duration::from_millis(200);

/// What is left of a peer's searches.
#[derive(Debug)]
pub(crate) struct Searches {
    left: u32,
    since: Instant,
}

impl Searches {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { left: BURST, since: now }
    }

    /// Takes one, if one is left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.since).as_millis() / EVERY.as_millis();
        let earned = u32::try_from(earned).unwrap_or(BURST).min(BURST);
        self.since = if earned == BURST { now } else { self.since + EVERY * earned };
        self.left = (self.left + earned).min(BURST);
        let is_left = self.left > 0;
        self.left -= u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_five_a_second_and_never_more_than_a_burst() {
        let start = Instant::now();
        let mut searches = Searches::new(start);
        let granted = |searches: &mut Searches, now| (0..200).filter(|_| searches.take(now)).count();
        assert_eq!(granted(&mut searches, start), 64);
        assert_eq!(granted(&mut searches, start + Duration::from_millis(199)), 0);
        assert_eq!(granted(&mut searches, start + Duration::from_millis(1100)), 5);
        assert_eq!(granted(&mut searches, start + Duration::from_millis(1200)), 1, "a fraction is not lost");
        assert_eq!(granted(&mut searches, start + Duration::from_hours(1)), 64);
    }
}
