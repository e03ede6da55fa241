//! Executed candidates for the next height, so that nothing is run twice. Bounded, and gone when the height is decided.

use crate::execute::block::Executed;
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

/// Rounds and re-proposals of one height rarely make more than two contents; the oldest gives way.
const MAX: usize = 4;

/// Candidates on one parent.
pub(crate) struct Candidates(Mutex<Inner>);

struct Inner {
    parent: B256,
    executed: VecDeque<Arc<Executed>>,
}

impl Candidates {
    pub(crate) fn on(parent: B256) -> Self {
        Self(Mutex::new(Inner { parent, executed: VecDeque::new() }))
    }

    /// By on-chain hash, which masks round and seals: a re-proposal is the same candidate.
    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<Executed>> {
        self.0.lock().executed.iter().find(|executed| executed.hash == *hash).cloned()
    }

    /// Keeps a candidate, unless the head moved past its parent.
    pub(crate) fn insert(&self, parent: B256, executed: Arc<Executed>) {
        let mut inner = self.0.lock();
        if inner.parent != parent || inner.executed.iter().any(|other| other.hash == executed.hash) {
            return;
        }
        if inner.executed.len() == MAX {
            inner.executed.pop_front();
        }
        inner.executed.push_back(executed);
    }

    /// Drops every candidate: the height is decided.
    pub(crate) fn move_to(&self, parent: B256) {
        *self.0.lock() = Inner { parent, executed: VecDeque::new() };
    }
}
