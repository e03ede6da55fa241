//! What the driver shows of itself.

use super::{Driver, Voter};
use crate::metrics::gauge;
use alloy_primitives::{Address, B256};
use chain::status::{Consensus, SeatHeard};
use std::sync::Arc;

/// A moment of the driver's state.
#[derive(Clone, Debug, Default)]
pub struct DriverView {
    /// Height, round and whose turn it is; absent without a validator set.
    pub consensus: Option<Consensus>,
    /// The identity: for a spare, the one that it holds.
    pub identity: Option<Address>,
    /// Whether it is in the set of the next block.
    pub seated: bool,
    /// Whether a vote would be signed now.
    pub voting: bool,
    /// Whether the identity is this node's, which it is for good where it cannot move.
    pub holds: bool,
    /// The vote journal.
    pub journal: Option<JournalView>,
    /// The set of the next block, and when each seat was last heard.
    pub seats: Vec<SeatHeard>,
    /// Milliseconds between blocks.
    pub period_ms: u64,
}

/// State of the vote journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalView {
    /// Its id.
    pub id: B256,
    /// Id of the lost one in whose place it waits for the chain to move on.
    pub sitting_out: Option<B256>,
}

impl Driver {
    /// Shows the present moment.
    pub(super) fn publish(&self) {
        let metrics = &self.parts.metrics;
        metrics.round.set(gauge(self.instance.round()));
        let identity = self.identity();
        let seated = identity.is_some_and(|address| self.head.validators.contains(&address));
        let round = self.instance.round();
        self.view.send_replace(Arc::new(DriverView {
            consensus: self.instance.proposer(round).map(|proposer| Consensus {
                height: self.instance.height(),
                round,
                proposer,
            }),
            identity,
            seated,
            holds: self.voter().is_some_and(|voter| voter.lease.is_none()) || self.tenure.is_held(),
            voting: self.instance.voter().is_some() && self.may_vote(),
            journal: self.voter().map(|voter| JournalView {
                id: voter.journal_id,
                sitting_out: voter.replaces.filter(|_| self.sits_out(voter)),
            }),
            seats: self.heard.table(&self.head.validators),
            period_ms: self.head.period_ms,
        }));
    }

    /// With a record there is nothing to sit out: what was voted for is known by it.
    fn sits_out(&self, voter: &Voter) -> bool {
        match &voter.lease {
            Some(lease) => !voter.active && !lease.view.borrow().recorded,
            None => self.sitting_out,
        }
    }
}
