//! What the driver shows of itself.

use alloy_primitives::{Address, B256};
use chain::status::{Consensus, SeatHeard};

/// A moment of the driver's state.
#[derive(Clone, Debug, Default)]
pub struct DriverView {
    /// Height, round and whose turn it is; absent without a validator set.
    pub consensus: Option<Consensus>,
    /// The identity.
    pub identity: Option<Address>,
    /// Whether it is in the set of the next block.
    pub seated: bool,
    /// Whether a vote would be signed now.
    pub voting: bool,
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
