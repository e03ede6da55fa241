//! Who holds how much.

use crate::pool::{Pooled, Source};
use std::collections::HashMap;

/// Transactions and their encoded bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

impl Held {
    pub(super) fn one(bytes: usize) -> Self {
        Self { count: 1, bytes }
    }

    /// With one more and without what it replaces.
    pub(super) fn exchanged(self, new: Self, old: Self) -> Self {
        Self { count: self.count + new.count - old.count, bytes: self.bytes + new.bytes - old.bytes }
    }

    pub(super) fn exceeds(self, most: Self) -> bool {
        self.count > most.count || self.bytes > most.bytes
    }

    fn plus(self, other: Self) -> Self {
        self.exchanged(other, Self::default())
    }
}

/// Of some transactions, what each source holds, and what all clients and all peers do.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sources: HashMap<Source, Held>,
    local: Held,
    peers: Held,
}

impl Tally {
    pub(super) fn add(&mut self, pooled: &Pooled) {
        let one = Held::one(pooled.raw.len());
        let held = self.sources.entry(pooled.origin.source()).or_default();
        *held = held.plus(one);
        let all = if pooled.is_local() { &mut self.local } else { &mut self.peers };
        *all = all.plus(one);
    }

    pub(super) fn take(&mut self, pooled: &Pooled) {
        let (source, one) = (pooled.origin.source(), Held::one(pooled.raw.len()));
        if let Some(held) = self.sources.get_mut(&source) {
            *held = held.exchanged(Held::default(), one);
            if held.count == 0 {
                self.sources.remove(&source);
            }
        }
        let all = if pooled.is_local() { &mut self.local } else { &mut self.peers };
        *all = all.exchanged(Held::default(), one);
    }

    pub(super) fn of(&self, source: Source) -> Held {
        self.sources.get(&source).copied().unwrap_or_default()
    }

    /// Of everything submitted here, or of all peers.
    pub(super) fn side(&self, is_local: bool) -> Held {
        if is_local { self.local } else { self.peers }
    }

    pub(super) fn all(&self) -> Held {
        self.local.plus(self.peers)
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }
}
