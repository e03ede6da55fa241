//! How long to wait between two dials of one peer.

use std::time::Duration;

/// After the start of the process peers' names and pods appear late: try often.
const START_WINDOW: Duration = Duration::from_secs(30);
const UNREACHABLE_FIRST: Duration = Duration::from_millis(250);
const UNREACHABLE_MOST: Duration = Duration::from_secs(1);
const REFUSED_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between two dials of a static peer, jitter and yielding included: a halted chain makes its next block
/// within 6 s of its quorum being back, so peers must find each other in less.
pub(crate) const MOST: Duration = Duration::from_secs(4);

/// What became of the last dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// No connection came about, or its path was cut: it costs the peer nothing to be tried again.
    Unreachable,
    /// The peer was there and wanted nothing of us.
    Refused,
}

/// Delays that double from 250 ms to 1 s while a peer cannot be reached or the process is young, and from 1 s to
/// [`MOST`] for a peer that refuses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// Next delay. `uptime` is counted from the start of the process; `jitter` in 0..=1 takes away up to a quarter, so
    /// that nodes started together do not dial together.
    pub(crate) fn next(&mut self, last: Last, uptime: Duration, jitter: f64) -> Duration {
        let is_urgent = last == Last::Unreachable || uptime < START_WINDOW;
        let (first, most) =
            if is_urgent { (UNREACHABLE_FIRST, UNREACHABLE_MOST) } else { (REFUSED_FIRST, MOST) };
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
    use super::{Backoff, Last};
    use std::time::Duration;

    fn delays(last: Last, uptime_s: u64, count: usize) -> Vec<u64> {
        let mut backoff = Backoff::default();
        let next =
            |_| u64::try_from(backoff.next(last, Duration::from_secs(uptime_s), 0.0).as_millis()).unwrap();
        (0..count).map(next).collect()
    }

    #[test]
    fn a_peer_that_refuses_is_tried_again_ever_later_up_to_four_seconds() {
        assert_eq!(delays(Last::Refused, 100, 7), [1000, 2000, 4000, 4000, 4000, 4000, 4000]);
    }

    #[test]
    fn a_peer_that_cannot_be_reached_is_tried_every_second_and_every_peer_is_at_first() {
        assert_eq!(delays(Last::Unreachable, 100, 5), [250, 500, 1000, 1000, 1000]);
        assert_eq!(delays(Last::Refused, 3, 5), [250, 500, 1000, 1000, 1000]);
    }

    #[test]
    fn jitter_takes_away_at_most_a_quarter() {
        let late = Duration::from_secs(100);
        assert_eq!(Backoff::default().next(Last::Refused, late, 1.0), Duration::from_millis(750));
        assert_eq!(Backoff::default().next(Last::Refused, late, 9.0), Duration::from_millis(750));
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::default();
        let late = Duration::from_secs(100);
        backoff.next(Last::Refused, late, 0.0);
        backoff.next(Last::Refused, late, 0.0);
        backoff.reset();
        assert_eq!(backoff.next(Last::Refused, late, 0.0), Duration::from_secs(1));
    }
}
