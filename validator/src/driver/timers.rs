//! The core's timers: one of each kind.
//!
//! When a block is due is a matter of the wall clock, as its timestamp is. How long a round or a pause before a re-send
//! lasts is not: a clock that is set back must not make them longer.

use crate::clock::Now;
use qbft::{Timer, TimerKind};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// When a timer runs out.
#[derive(Clone, Copy, Debug)]
enum At {
    Wall(u64),
    Monotonic(Instant),
}

impl At {
    fn left(self, now: Now) -> Duration {
        match self {
            Self::Wall(at_ms) => Duration::from_millis(at_ms.saturating_sub(now.unix_ms)),
            Self::Monotonic(at) => at.saturating_duration_since(now.instant),
        }
    }
}

/// Armed timers.
#[derive(Debug, Default)]
pub(super) struct Timers {
    armed: BTreeMap<TimerKind, (At, Timer)>,
}

impl Timers {
    /// Arms a timer in place of the one of its kind.
    pub(super) fn set(&mut self, timer: Timer, at_ms: u64, now: Now) {
        let left = Duration::from_millis(at_ms.saturating_sub(now.unix_ms));
        let at = match timer.kind {
            TimerKind::BlockDue => At::Wall(at_ms),
            TimerKind::Round | TimerKind::Resend => {
                // A time beyond what the clock can hold never comes.
                now.instant.checked_add(left).map_or(At::Wall(at_ms), At::Monotonic)
            }
        };
        self.armed.insert(timer.kind, (at, timer));
    }

    /// When the first one is to be looked after, `tick` from now at the latest.
    pub(super) fn wake(&self, now: Now, tick: Duration) -> Instant {
        now.instant + self.armed.values().map(|(at, _)| at.left(now)).fold(tick, Duration::min)
    }

    /// Those that have run out; they are disarmed.
    pub(super) fn due(&mut self, now: Now) -> Vec<Timer> {
        let due = |(at, _): &(At, Timer)| at.left(now).is_zero();
        let timers = self.armed.values().filter(|armed| due(armed)).map(|(_, timer)| *timer).collect();
        self.armed.retain(|_, armed| !due(armed));
        timers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(kind: TimerKind, round: u32) -> Timer {
        Timer { kind, height: 1, round }
    }

    #[test]
    fn a_timer_replaces_the_one_of_its_kind_and_runs_out_once() {
        let instant = Instant::now();
        let at = |ms| Now { unix_ms: 1_000 + ms, instant: instant + Duration::from_millis(ms) };
        let mut timers = Timers::default();
        timers.set(timer(TimerKind::Round, 0), 1_100, at(0));
        timers.set(timer(TimerKind::Round, 1), 1_200, at(0));
        timers.set(timer(TimerKind::Resend, 1), 1_150, at(0));
        timers.set(timer(TimerKind::BlockDue, 1), 1_190, at(0));
        let tick = Duration::from_millis(70);
        assert_eq!(timers.wake(at(100), tick), at(150).instant);
        assert_eq!(timers.wake(at(60), tick), at(130).instant);
        assert_eq!(timers.due(at(149)), []);
        assert_eq!(timers.due(at(150)), [timer(TimerKind::Resend, 1)]);
        assert_eq!(timers.due(at(200)), [timer(TimerKind::BlockDue, 1), timer(TimerKind::Round, 1)]);
        assert_eq!(timers.due(at(999)), []);
        assert_eq!(timers.wake(at(999), tick), at(1_069).instant);
    }

    #[test]
    fn a_clock_that_is_set_back_holds_up_no_round() {
        let instant = Instant::now();
        let mut timers = Timers::default();
        let (start, set_back) = (
            Now { unix_ms: 9_000_000, instant },
            Now { unix_ms: 5_000, instant: instant + Duration::from_secs(1) },
        );
        timers.set(timer(TimerKind::Round, 0), 9_001_000, start);
        timers.set(timer(TimerKind::BlockDue, 0), 9_001_000, start);
        assert_eq!(timers.due(set_back), [timer(TimerKind::Round, 0)]);
    }
}
