//! What the ledger hands out about blocks it holds.

use crate::{Block, Receipt, Transaction};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, TxHash};
use std::sync::Arc;

/// The newest block that is decided and executed.
#[derive(Clone, Debug)]
pub struct HeadInfo {
    /// Height.
    pub number: u64,
    /// On-chain hash.
    pub hash: B256,
    /// Sealed header, verbatim.
    pub header: Arc<Header>,
}

/// A committed block with everything that was worked out about it.
#[derive(Clone, Debug)]
pub struct CommittedBlock {
    /// Sealed block, verbatim.
    pub block: Block,
    /// On-chain hash.
    pub hash: B256,
    /// Hash of each transaction, in order.
    pub transaction_hashes: Arc<Vec<TxHash>>,
    /// Sender of each transaction, in order.
    pub senders: Arc<Vec<Address>>,
    /// Receipt of each transaction, in order.
    pub receipts: Arc<Vec<Receipt>>,
}

/// Where a transaction was included.
#[derive(Clone, Debug)]
pub struct TransactionLocation {
    /// Height.
    pub block_number: u64,
    /// On-chain hash of the block.
    pub block_hash: B256,
    /// Seconds.
    pub block_timestamp: u64,
    /// Base fee of the block, wei.
    pub base_fee: Option<u64>,
    /// Position in the block.
    pub index: u64,
    /// The transaction.
    pub tx: Transaction,
    /// Who signed it.
    pub sender: Address,
}
