//! Log queries: header blooms decide which blocks are looked into.

use crate::{Ledger, LedgerError};
use alloy_primitives::{Address, B256, Log, TxHash};

/// Which logs are wanted. Empty lists match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// First block.
    pub from: u64,
    /// Last block, included; beyond the head is cut to the head.
    pub to: u64,
    /// Any of these emitters.
    pub addresses: Vec<Address>,
    /// For each position, any of these topics.
    pub topics: [Vec<B256>; 4],
}

/// A log and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The log.
    pub log: Log,
    /// Height.
    pub block_number: u64,
    /// On-chain hash of the block.
    pub block_hash: B256,
    /// Seconds.
    pub block_timestamp: u64,
    /// Of the emitting transaction.
    pub transaction_hash: TxHash,
    /// Position of the transaction in the block.
    pub transaction_index: u64,
    /// Position of the log in the block.
    pub log_index: u64,
}

impl LogFilter {
    /// Whether a log is wanted, whatever its block.
    #[must_use]
    pub fn matches(&self, log: &Log) -> bool {
        todo!()
    }
}

impl Ledger {
    /// The logs of a range that match, in order. Bounded in blocks and results by [`crate::Options`].
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<LogEntry>, LedgerError> { todo!() }
}
