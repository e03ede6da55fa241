//! The vote journal as `validator/src/journal` keeps it: check-and-insert, a watermark, and sitting out after a loss.

use qbft::{Phase, Proposal, Record, Recovered};
use std::sync::Arc;

/// How an insertion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The record is durable.
    Durable,
    /// Another vote holds the place.
    Conflict,
    /// The height is decided, or the journal stands in for a lost one: the core gets no answer.
    Refused,
}

/// Durable votes of the newest height.
#[derive(Clone, Debug)]
pub struct Journal<B> {
    records: Vec<Arc<Record<B>>>,
    is_active: bool,
    watermark: u64,
    /// The part of the watermark that is on disk.
    written: u64,
}

impl<B> Default for Journal<B> {
    /// Of an identity that never had one.
    fn default() -> Self {
        Self { records: Vec::new(), is_active: true, watermark: 0, written: 0 }
    }
}

impl<B: Proposal> Journal<B> {
    /// In place of a lost one: it accepts no votes before it is activated.
    #[must_use]
    pub const fn inactive() -> Self {
        Self { records: Vec::new(), is_active: false, watermark: 0, written: 0 }
    }

    /// Whether it accepts votes.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.is_active
    }

    /// Check-and-insert.
    pub fn insert(&mut self, record: Arc<Record<B>>) -> Inserted {
        let (height, round, phase) = (record.height(), record.round(), record.phase());
        if !self.is_active || height <= self.watermark {
            return Inserted::Refused;
        }
        if let Some(held) = self.at(height, round, phase) {
            return if held.digest() == record.digest() { Inserted::Durable } else { Inserted::Conflict };
        }
        self.records.retain(|held| held.height() >= height);
        self.records.push(record);
        Inserted::Durable
    }

    /// Every height up to `decided` is final.
    pub fn prune(&mut self, decided: u64) {
        self.watermark = self.watermark.max(decided);
    }

    /// From now on votes above `decided` are accepted.
    pub fn activate(&mut self, decided: u64) {
        self.is_active = true;
        self.prune(decided);
        self.written = self.watermark;
    }

    /// Whether a vote for this is durable.
    #[must_use]
    pub fn holds(&self, height: u64, round: u32, phase: Phase) -> bool {
        self.at(height, round, phase).is_some()
    }

    /// What a restart finds. Pruning seldom writes the watermark, so here it never does.
    #[must_use]
    pub fn reopen(&mut self) -> Recovered<B> {
        self.watermark = self.written;
        Recovered::new(self.records.iter().map(|record| (**record).clone()))
    }

    fn at(&self, height: u64, round: u32, phase: Phase) -> Option<&Arc<Record<B>>> {
        let place = (height, round, phase);
        self.records.iter().find(|held| (held.height(), held.round(), held.phase()) == place)
    }
}
