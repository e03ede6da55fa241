//! A timely network with enough honest seats goes on, and within how many rounds.
//!
//! Let `Δ` be the longest that a round takes from its start to everybody's COMMITs, and `k` the first round whose timeout
//! `base · 2^k` is at least `Δ`. At most `N − Q` seats are faulty (they lie, are dead or sit out), so of `N − Q + 1` rounds
//! in a row one has a correct proposer. Rounds are numbered by turns, and up to `N − Q` turns of seats that were not heard
//! are passed over unentered, a correct one's too if it was late with its last votes (ADR 15). A height that begins while
//! the network is timely is decided in a round of at most `k + 2 · (N − Q)`; one that was under way, in at most that many
//! rounds after the highest that anybody had reached.

use super::Violation;
use crate::scenario::Scenario;
use chain::quorum::quorum;
use qbft::config::round_timeout_ms;

/// After the last fault: clocks that were ahead have left timestamps to wait for, and nodes have blocks to sync.
const GRACE_MS: u64 = 20_000;

/// When the network last came on, and what it is held to.
#[derive(Debug)]
pub struct Progress {
    /// When a node last imported a block.
    at: u64,
    /// The last fault ends here, as far as is known.
    quiet_from: u64,
    /// When the height under way began, everywhere.
    begun: u64,
    /// The highest round that any node had reached when it became quiet; of the height then under way.
    round: Option<u32>,
    base_ms: u64,
    cap: u32,
    path_ms: u64,
}

impl Progress {
    /// By the scenario's delays.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let path_ms = scenario.longest_round_ms();
        let quiet_from = scenario.timely_from;
        let mut progress = Self { at: 0, quiet_from, begun: 0, round: None, base_ms: 1, cap: 0, path_ms };
        progress.govern(scenario.seats, scenario.request_timeout_ms);
        progress
    }

    /// The height now under way has so many validators, and this timeout of round 0.
    pub fn govern(&mut self, validators: usize, request_timeout_ms: u64) {
        self.base_ms = request_timeout_ms.max(1);
        let is_enough = |round: &u32| round_timeout_ms(self.base_ms, *round) >= self.path_ms;
        let enough = (0..16).find(is_enough).unwrap_or(16);
        let faulty = u32::try_from(validators - quorum(validators)).unwrap_or(u32::MAX);
        self.cap = enough.saturating_add(faulty.saturating_mul(2));
    }

    /// The round by which a height that begins in a timely network is decided.
    #[must_use]
    pub const fn cap(&self) -> u32 {
        self.cap
    }

    /// A fault is under way until then.
    pub fn disturb(&mut self, until: u64) {
        self.quiet_from = self.quiet_from.max(until);
        self.round = None;
    }

    /// A node has imported a block.
    pub const fn on_imported(&mut self, now: u64) {
        self.at = now;
    }

    /// A height is decided for the first time.
    pub fn on_decided(&mut self, now: u64, height: u64, round: u32) -> Option<Violation> {
        let is_held = self.begun >= self.quiet_from.saturating_add(GRACE_MS);
        self.begun = now;
        // The block is on its way to a disk: the rounds that it took are not counted again with the next height's.
        self.at = now;
        self.round = Some(0);
        let limit = self.cap;
        (is_held && round > limit).then_some(Violation::TooManyRounds { height, round, limit })
    }

    /// Whether nothing has happened for too long; `rounds` are asked for at most once a height.
    pub fn check(&mut self, now: u64, height: u64, rounds: impl Fn() -> u32) -> Option<Violation> {
        if now < self.quiet_from {
            return None;
        }
        let from = *self.round.get_or_insert_with(rounds);
        let is_late = now > self.at.max(self.quiet_from).saturating_add(self.patience_ms(from));
        is_late.then_some(Violation::Stuck { height })
    }

    fn patience_ms(&self, from: u32) -> u64 {
        let rounds = from..=from.saturating_add(self.cap).saturating_add(1);
        let timeouts: u64 = rounds.map(|round| round_timeout_ms(self.base_ms, round) + self.path_ms).sum();
        GRACE_MS + timeouts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timely_height_that_takes_a_round_too_many_is_reported_and_one_less_is_not() {
        let mut progress = Progress::new(&Scenario::calm(4, 9));
        let cap = progress.cap();
        assert_eq!(cap, 2, "one faulty seat of four, one turn passed over, round 0 long enough");
        progress.on_decided(30_000, 5, 0);
        assert_eq!(progress.on_decided(31_000, 6, cap), None);
        let limit = cap;
        let late = progress.on_decided(32_000, 7, cap + 1);
        assert_eq!(late, Some(Violation::TooManyRounds { height: 7, round: cap + 1, limit }));
    }

    #[test]
    fn a_height_decided_after_long_rounds_is_no_silence_while_its_block_is_on_its_way_to_disk() {
        let mut progress = Progress::new(&Scenario::calm(4, 9));
        let long = progress.patience_ms(6);
        assert_eq!(progress.check(1, 3, || 6), None);
        progress.on_decided(long, 4, 7);
        assert_eq!(progress.check(long + 1, 4, || 0), None);
    }

    #[test]
    fn silence_is_reported_after_the_rounds_allowed_and_never_while_a_fault_lasts() {
        let mut progress = Progress::new(&Scenario::calm(4, 9));
        progress.disturb(1_000_000);
        assert_eq!(progress.check(999_999, 3, || 0), None);
        assert_eq!(progress.check(1_000_001, 3, || 0), None);
        let patience = progress.patience_ms(0);
        assert_eq!(progress.check(1_000_000 + patience, 3, || 0), None);
        assert_eq!(progress.check(1_000_001 + patience, 3, || 0), Some(Violation::Stuck { height: 3 }));
    }
}
