//! One simulated node: the instance, and what survives its crashes.

use crate::{journal::Journal, rng::Rng};
use alloy_primitives::{Address, B256};
use qbft::{Instance, Proposal, Record, Ticket, Timer};
use std::sync::Arc;

/// A block that a node executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Height.
    pub height: u64,
    /// As the votes name it.
    pub digest: B256,
    /// As the chain names it, whatever the round.
    pub hash: B256,
    /// The core was told that it is valid.
    pub is_valid: bool,
}

/// The core with its disk.
#[derive(Debug)]
pub struct Node<B: Proposal> {
    /// Whom it votes as.
    pub identity: Address,
    /// Running; `None` while down.
    pub instance: Option<Instance<B>>,
    /// Counts restarts: what was under way in an earlier life is lost.
    pub life: u32,
    /// Never comes back.
    pub is_dead: bool,
    /// Height of its newest durable block.
    pub head: u64,
    /// When that block became durable.
    pub imported_at: u64,
    /// It has the recovery record on disk.
    pub has_record: bool,
    /// It took that up: for the record's height it votes with its seats alone.
    pub took_up: bool,
    /// Votes.
    pub journal: Journal<B>,
    /// Records on their way to the disk.
    pub in_flight: Vec<(Ticket, Arc<Record<B>>)>,
    /// Which setting of each kind of timer counts.
    pub timers: [u32; 3],
    /// The armed wall-clock timer, and the local time it waits for.
    pub due: Option<(Timer, u64)>,
    /// Local clock ahead of true time, milliseconds.
    pub skew_ms: i64,
    /// Local Unix seconds of its last start.
    pub started_s: u64,
    /// It stands still until then.
    pub frozen_until: u64,
    /// How long its disk takes; the scenario's range unless set.
    pub disk_ms: Option<u64>,
    /// Moments of each kind so far.
    pub moments: [u32; 5],
    /// Blocks it executed, and perhaps found valid: of the newest heights.
    pub executed: Vec<Executed>,
    /// Its draws.
    pub rng: Rng,
}

impl<B: Proposal> Node<B> {
    /// A node with the genesis block and an empty journal, not yet running.
    #[must_use]
    pub fn new(identity: Address, skew_ms: i64, rng: Rng) -> Self {
        Self {
            identity,
            instance: None,
            life: 0,
            is_dead: false,
            head: 0,
            imported_at: 0,
            has_record: false,
            took_up: false,
            journal: Journal::default(),
            in_flight: Vec::new(),
            timers: [0; 3],
            due: None,
            skew_ms,
            started_s: 0,
            frozen_until: 0,
            disk_ms: None,
            moments: [0; 5],
            executed: Vec::new(),
            rng,
        }
    }

    /// Notes a block that it executes.
    pub fn note_executed(&mut self, height: u64, digest: B256, hash: B256) {
        if self.executed(height, digest).is_none() {
            let head = self.head;
            self.executed.retain(|executed| executed.height > head);
            self.executed.push(Executed { height, digest, hash, is_valid: false });
        }
    }

    /// The core is told that a block is valid.
    pub fn note_valid(&mut self, height: u64, digest: B256) {
        let known = |executed: &&mut Executed| (executed.height, executed.digest) == (height, digest);
        if let Some(executed) = self.executed.iter_mut().find(known) {
            executed.is_valid = true;
        }
    }

    /// A block that it has executed.
    #[must_use]
    pub fn executed(&self, height: u64, digest: B256) -> Option<&Executed> {
        self.executed.iter().find(|executed| (executed.height, executed.digest) == (height, digest))
    }
}
