//! Reads at the head and behind it.

use crate::{Block, BlockBody, Ledger, LedgerError, Receipt, TransactionLocation};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, TxHash, U256};

/// A block to read at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest.
    Head,
    /// By height.
    Number(u64),
    /// By on-chain hash.
    Hash(B256),
}

/// An account as the state holds it; all zero when it does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Keccak of the code; of nothing when there is none.
    pub code_hash: B256,
    /// Root of its storage trie.
    pub storage_root: B256,
}

impl Ledger {
    /// Height of a block, if it is here.
    pub fn number(&self, at: At) -> Result<Option<u64>, LedgerError> { todo!() }
    /// On-chain hash of a block, if it is here.
    pub fn block_hash(&self, at: At) -> Result<Option<B256>, LedgerError> { todo!() }
    /// Sealed header, verbatim.
    pub fn header(&self, at: At) -> Result<Option<Header>, LedgerError> { todo!() }
    /// Body.
    pub fn body(&self, at: At) -> Result<Option<BlockBody>, LedgerError> { todo!() }
    /// Sealed block, verbatim.
    pub fn block(&self, at: At) -> Result<Option<Block>, LedgerError> { todo!() }
    /// Receipts, in order.
    pub fn receipts(&self, at: At) -> Result<Option<Vec<Receipt>>, LedgerError> { todo!() }
    /// Senders of the transactions, in order.
    pub fn senders(&self, at: At) -> Result<Option<Vec<Address>>, LedgerError> { todo!() }
    /// Genesis difficulty plus one per block (`qbft-facts` §1.1).
    pub fn total_difficulty(&self, number: u64) -> U256 { todo!() }
    /// A transaction by hash, if it was included.
    pub fn transaction(&self, hash: TxHash) -> Result<Option<TransactionLocation>, LedgerError> { todo!() }
    /// An account.
    pub fn account(&self, address: Address, at: At) -> Result<Account, LedgerError> { todo!() }
    /// A storage slot; zero when unset.
    pub fn storage(&self, address: Address, slot: U256, at: At) -> Result<U256, LedgerError> { todo!() }
    /// Code; empty when there is none.
    pub fn code(&self, address: Address, at: At) -> Result<Bytes, LedgerError> { todo!() }
}
