//! What the network needs to know of the chain, answered by whoever owns it.

use alloy_consensus::{Header, ReceiptEnvelope, TxEnvelope};
use alloy_eips::BlockHashOrNumber;
use alloy_primitives::{B256, Bytes, U256};

/// A block as `eth` carries it.
pub type Block = alloy_consensus::Block<TxEnvelope>;
/// A block's body: transactions, no ommers, withdrawals from Shanghai on.
pub type BlockBody = alloy_consensus::BlockBody<TxEnvelope>;
/// A block by hash or by number.
pub type BlockId = BlockHashOrNumber;

/// The head, as the eth handshake tells it to peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainStatus {
    /// Number of the newest block.
    pub head_number: u64,
    /// Its on-chain hash.
    pub head_hash: B256,
    /// Its time, seconds.
    pub head_timestamp: u64,
    /// The first block whose body and receipts are here, and those of all after it.
    pub earliest: u64,
    /// Genesis difficulty plus one per block on QBFT chains.
    pub total_difficulty: U256,
}

impl ChainStatus {
    /// Total difficulty up to a block: every block of a QBFT chain adds 1.
    pub(crate) fn total_difficulty_of(&self, number: u64) -> U256 {
        let genesis = self.total_difficulty.saturating_sub(U256::from(self.head_number));
        genesis.saturating_add(U256::from(number))
    }
}

/// Read access to chain and pool for answering peers.
///
/// Synchronous and called on blocking threads, except [`ChainReader::status`], which must not wait. Every method does
/// work bounded by its arguments, which are already cut to the limits in [`crate::eth::limits`]. What is unknown is left
/// out; a failing store answers with nothing and reports the failure itself.
pub trait ChainReader: Send + Sync + 'static {
    /// The head now.
    fn status(&self) -> ChainStatus;
    /// Up to `amount` sealed headers from `origin`, leaving `skip` out between two, descending when `reverse`; stops at
    /// the first one missing, empty when `origin` is unknown.
    fn headers(&self, origin: BlockId, amount: usize, skip: u64, reverse: bool) -> Vec<Header>;
    /// Bodies of the blocks that are known, in the order asked for.
    fn bodies(&self, hashes: &[B256]) -> Vec<BlockBody>;
    /// Receipts of the blocks that are known, in the order asked for.
    fn receipts(&self, hashes: &[B256]) -> Vec<Vec<ReceiptEnvelope>>;
    /// Pooled transactions that are known, EIP-2718 encoded, in the order asked for.
    fn pooled(&self, hashes: &[B256]) -> Vec<Bytes>;
    /// Shows hash and EIP-2718 bytes of every pooled transaction.
    fn each_pooled(&self, each: &mut dyn FnMut(&B256, &Bytes));
    /// Hash, type and EIP-2718 length of every pooled transaction.
    fn pooled_hashes(&self) -> Vec<(B256, u8, u32)>;
}
