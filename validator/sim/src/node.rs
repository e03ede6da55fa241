//! One simulated node: the instance, and what survives its crashes.

use crate::block::SimBlock;
use qbft::{Instance, Record, Recovered};
use std::sync::Arc;

/// The core with its disk.
#[derive(Debug)]
pub struct Node {
    /// Running; `None` while down.
    pub instance: Option<Instance<SimBlock>>,
    /// Counts restarts: what was under way in an earlier life is lost.
    pub life: u32,
    /// Never comes back.
    pub is_dead: bool,
    /// Durable blocks, by height.
    pub chain: Vec<SimBlock>,
    /// Durable votes of the newest height.
    pub journal: Vec<Arc<Record<SimBlock>>>,
    /// Which setting of each kind of timer counts.
    pub timers: [u32; 3],
    /// Clock ahead of virtual time, milliseconds.
    pub skew_ms: u64,
}

impl Node {
    /// A node with the genesis block and an empty journal.
    #[must_use]
    pub fn new(genesis: SimBlock, skew_ms: u64) -> Self {
        let (chain, journal) = (vec![genesis], Vec::new());
        Self { instance: None, life: 0, is_dead: false, chain, journal, timers: [0; 3], skew_ms }
    }

    /// Newest durable block.
    #[must_use]
    pub fn head(&self) -> &SimBlock {
        &self.chain[self.chain.len() - 1]
    }

    /// Check-and-insert; `false` if another vote holds the place.
    pub fn persist(&mut self, record: Arc<Record<SimBlock>>) -> bool {
        let (height, round, phase) = (record.height(), record.round(), record.phase());
        if let Some(held) = self
            .journal
            .iter()
            .find(|held| (held.height(), held.round(), held.phase()) == (height, round, phase))
        {
            return *held == record;
        }
        self.journal.retain(|held| held.height() >= height);
        self.journal.push(record);
        true
    }

    /// What a restart finds.
    #[must_use]
    pub fn recovered(&self) -> Recovered<SimBlock> {
        Recovered::new(self.journal.iter().map(|record| (**record).clone()))
    }
}
