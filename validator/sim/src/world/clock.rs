//! Local clocks and timers, as `validator/src/driver/timers.rs` keeps them: when a block is due is a matter of the wall
//! clock, how long a round or a pause before a re-send lasts is not.

use super::{EPOCH_MS, World, schedule::Event};
use crate::flavour::Flavour;
use qbft::{Input, Timer, TimerKind};

/// The driver looks at a stepped clock at least this often.
const TICK_MS: u64 = 500;

impl<F: Flavour> World<F> {
    /// What the node's clock shows, Unix milliseconds.
    #[must_use]
    pub fn local_ms(&self, node: usize) -> u64 {
        (EPOCH_MS + self.now).saturating_add_signed(self.nodes[node].skew_ms)
    }

    pub(super) fn set_timer(&mut self, node: usize, timer: Timer, at_ms: u64) {
        let left = at_ms.saturating_sub(self.local_ms(node));
        let state = &mut self.nodes[node];
        if timer.kind == TimerKind::BlockDue {
            state.due = Some((timer, at_ms));
        }
        let slot = &mut state.timers[kind_index(timer.kind)];
        *slot += 1;
        let (life, generation) = (state.life, *slot);
        self.queue.push(self.now.saturating_add(left), Event::Timer { node, life, generation, timer });
    }

    pub(super) fn on_timer(&mut self, node: usize, generation: u32, timer: Timer) {
        if self.nodes[node].timers[kind_index(timer.kind)] != generation {
            return;
        }
        if let Some((due, at_ms)) = self.nodes[node].due.filter(|(due, _)| *due == timer) {
            if self.local_ms(node) < at_ms {
                return self.set_timer(node, due, at_ms);
            }
            self.nodes[node].due = None;
        }
        self.weigh(node);
        self.step(node, Input::Timeout(timer));
    }

    /// A clock is stepped; the driver notices within a tick.
    pub(super) fn step_clock(&mut self, node: usize, by_ms: i64) {
        self.nodes[node].skew_ms += by_ms;
        let state = &mut self.nodes[node];
        let Some((timer, _)) = state.due else { return };
        let (life, generation) = (state.life, state.timers[kind_index(timer.kind)]);
        let at = self.now + state.rng.below(TICK_MS);
        self.queue.push(at, Event::Timer { node, life, generation, timer });
    }
}

const fn kind_index(kind: TimerKind) -> usize {
    match kind {
        TimerKind::BlockDue => 0,
        TimerKind::Round => 1,
        TimerKind::Resend => 2,
    }
}
