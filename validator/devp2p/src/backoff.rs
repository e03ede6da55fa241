//! How long to wait between two dials of one peer.

use std::time::Duration;

/// After the start of the process peers' names and pods appear late: try often.
pub(crate) const START_WINDOW: Duration = Duration::from_secs(30);
const START_FIRST: Duration = Duration::from_millis(250);
const START_MOST: Duration = Duration::from_secs(1);
const FIRST: Duration = Duration::from_secs(1);
/// Longest pause between two dials of a static peer, jitter and yielding included: a halted chain makes its next block
/// within 6 s of its quorum being back, so peers must find each other in less.
pub(crate) const MOST: Duration = Duration::from_secs(4);

/// Delays that double from 1 s to [`MOST`], or from 250 ms to 1 s during [`START_WINDOW`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// Next delay. `uptime` is counted from the start of the process; `jitter` in 0..=1 takes away up to a quarter, so
    /// that nodes started together do not dial together.
    pub(crate) fn next(&mut self, uptime: Duration, jitter: f64) -> Duration {
        let (first, most) = if uptime < START_WINDOW { (START_FIRST, START_MOST) } else { (FIRST, MOST) };
        let delay = self.last.map_or(first, |last| (last * 2).clamp(first, most));
        self.last = Some(delay);
        delay.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
    }

    /// Starts anew, after a stable session.
    pub(crate) const fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    fn delays(uptime_s: u64, count: usize) -> Vec<u64> {
        let mut backoff = Backoff::default();
        let next = |_| u64::try_from(backoff.next(Duration::from_secs(uptime_s), 0.0).as_millis()).unwrap();
        (0..count).map(next).collect()
    }

    #[test]
    fn delays_double_up_to_four_seconds() {
        assert_eq!(delays(100, 7), [1000, 2000, 4000, 4000, 4000, 4000, 4000]);
    }

    #[test]
    fn the_first_half_minute_of_a_process_tries_every_second() {
        assert_eq!(delays(3, 5), [250, 500, 1000, 1000, 1000]);
    }

    #[test]
    fn jitter_takes_away_at_most_a_quarter() {
        let late = Duration::from_secs(100);
        assert_eq!(Backoff::default().next(late, 1.0), Duration::from_millis(750));
        assert_eq!(Backoff::default().next(late, 9.0), Duration::from_millis(750));
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::default();
        let late = Duration::from_secs(100);
        backoff.next(late, 0.0);
        backoff.next(late, 0.0);
        backoff.reset();
        assert_eq!(backoff.next(late, 0.0), Duration::from_secs(1));
    }
}
