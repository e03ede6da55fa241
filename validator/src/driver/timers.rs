//! The core's timers: one of each kind, by the wall clock.

use crate::clock::until_ms;
use qbft::{Timer, TimerKind};
use std::{collections::BTreeMap, time::Duration};

/// Armed timers.
#[derive(Debug, Default)]
pub(super) struct Timers {
    armed: BTreeMap<TimerKind, (u64, Timer)>,
}

impl Timers {
    /// Arms a timer in place of the one of its kind.
    pub(super) fn set(&mut self, timer: Timer, at_ms: u64) {
        self.armed.insert(timer.kind, (at_ms, timer));
    }

    /// Time until the first one.
    pub(super) fn wait(&self) -> Duration {
        self.armed.values().map(|(at_ms, _)| *at_ms).min().map_or(Duration::MAX, until_ms)
    }

    /// Those that have run out, earliest first; they are disarmed.
    pub(super) fn due(&mut self, now_ms: u64) -> Vec<Timer> {
        let mut due: Vec<(u64, Timer)> =
            self.armed.values().filter(|(at_ms, _)| *at_ms <= now_ms).copied().collect();
        due.sort_by_key(|(at_ms, _)| *at_ms);
        self.armed.retain(|_, (at_ms, _)| *at_ms > now_ms);
        due.into_iter().map(|(_, timer)| timer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_replaces_the_one_of_its_kind_and_runs_out_once() {
        let timer = |kind, round| Timer { kind, height: 1, round };
        let mut timers = Timers::default();
        timers.set(timer(TimerKind::Round, 0), 100);
        timers.set(timer(TimerKind::Round, 1), 200);
        timers.set(timer(TimerKind::Resend, 1), 150);
        assert_eq!(timers.due(149), []);
        assert_eq!(timers.due(200), [timer(TimerKind::Resend, 1), timer(TimerKind::Round, 1)]);
        assert_eq!(timers.due(999), []);
    }
}
