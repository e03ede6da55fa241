//! A timely network with enough honest seats goes on.

use super::Violation;

/// Longest wait for the next height once the network is timely: two capped timeouts.
const PATIENCE_MS: u64 = 130_000;

/// When the network last came on.
#[derive(Debug, Default)]
pub struct Progress {
    /// When a node last imported a block.
    at: u64,
}

impl Progress {
    /// A node has imported a block.
    pub const fn on_imported(&mut self, now: u64) {
        self.at = now;
    }

    /// Whether nothing has happened for too long.
    #[must_use]
    pub fn check(&self, now: u64, timely_from: u64, height: u64, lowest: u64) -> Option<Violation> {
        let is_late = now > self.at.max(timely_from) + PATIENCE_MS;
        is_late.then_some(Violation::Stuck { height, lowest })
    }
}
