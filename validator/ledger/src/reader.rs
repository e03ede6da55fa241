//! Reads at the head and behind it.

use crate::{
    Block, BlockBody, HeadInfo, Ledger, LedgerError, Receipt, TransactionLocation,
    execute::rules,
    ledger::Head,
    store::{codec::SlimAccount, view::StateView},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, TxHash, U256, keccak256};
use revm::precompile::{PrecompileSpecId, Precompiles};
use std::{collections::BTreeMap, sync::Arc};

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

impl From<SlimAccount> for Account {
    fn from(SlimAccount { nonce, balance, code_hash, storage_root }: SlimAccount) -> Self {
        Self { nonce, balance, code_hash, storage_root }
    }
}

impl Ledger {
    /// Height of a block, if it is here.
    pub fn number(&self, at: At) -> Result<Option<u64>, LedgerError> {
        let head = self.chain.head().info.number;
        let number = match at {
            At::Head => Some(head),
            At::Number(number) => Some(number),
            At::Hash(hash) => self.chain.blocks.number(&hash)?,
        };
        // A block that is on disk but not executed yet is not there yet.
        Ok(number.filter(|number| *number <= head))
    }

    /// The first block whose body and receipts are here, and those of all after it: 0, or the block of the snapshot that
    /// this ledger was made from.
    pub fn earliest_block(&self) -> u64 {
        self.chain.earliest
    }

    /// Height of a block, if it is here with its body and receipts.
    pub(crate) fn whole(&self, at: At) -> Result<Option<u64>, LedgerError> {
        let number = self.number(at)?;
        number.map_or(Ok(()), |number| self.kept(number))?;
        Ok(number)
    }

    /// Fails for a block before the first one that is here whole.
    pub(crate) fn kept(&self, block: u64) -> Result<(), LedgerError> {
        let earliest = self.chain.earliest;
        if block > 0 && block < earliest {
            Err(LedgerError::HistoryPruned { block, earliest })
        } else {
            Ok(())
        }
    }

    /// On-chain hash of a block, if it is here.
    pub fn block_hash(&self, at: At) -> Result<Option<B256>, LedgerError> {
        self.number(at)?.map_or(Ok(None), |number| self.chain.blocks.hash(number))
    }

    /// Sealed header, verbatim.
    pub fn header(&self, at: At) -> Result<Option<Header>, LedgerError> {
        Ok(self.hashed_header(at)?.map(|(header, _)| header))
    }

    /// Sealed header and the block's on-chain hash.
    pub fn hashed_header(&self, at: At) -> Result<Option<(Header, B256)>, LedgerError> {
        if at == At::Head {
            let HeadInfo { header, hash, .. } = self.head();
            return Ok(Some((Header::clone(&header), hash)));
        }
        let Some(number) = self.number(at)? else { return Ok(None) };
        let found = self.chain.blocks.header(number)?;
        // Some headers before a snapshot's block come with it.
        if found.is_none() {
            self.kept(number)?;
        }
        Ok(found)
    }

    /// Body.
    pub fn body(&self, at: At) -> Result<Option<BlockBody>, LedgerError> {
        self.whole(at)?.map_or(Ok(None), |number| self.chain.blocks.body(number))
    }

    /// Sealed block, verbatim.
    pub fn block(&self, at: At) -> Result<Option<Block>, LedgerError> {
        let Some(number) = self.whole(at)? else { return Ok(None) };
        let (header, body) = (self.chain.blocks.header(number)?, self.chain.blocks.body(number)?);
        Ok(header.zip(body).map(|((header, _), body)| Block { header, body }))
    }

    /// Receipts, in order.
    pub fn receipts(&self, at: At) -> Result<Option<Vec<Receipt>>, LedgerError> {
        self.whole(at)?.map_or(Ok(None), |number| self.chain.state.receipts(number))
    }

    /// Senders of the transactions, in order.
    pub fn senders(&self, at: At) -> Result<Option<Vec<Address>>, LedgerError> {
        self.whole(at)?.map_or(Ok(None), |number| self.chain.state.senders(number))
    }

    /// Genesis difficulty plus one per block (`qbft-facts` §1.1).
    pub fn total_difficulty(&self, number: u64) -> U256 {
        self.chain.genesis.header.difficulty.saturating_add(U256::from(number))
    }

    /// Base fee per gas of the block after `header`, wei; none before London.
    pub fn next_base_fee(&self, header: &Header) -> Option<u64> {
        rules::base_fee(&self.chain.genesis, header)
    }

    /// A transaction by hash, if it was included.
    pub fn transaction(&self, hash: TxHash) -> Result<Option<TransactionLocation>, LedgerError> {
        let Some((number, index)) = self.chain.state.transaction(&hash)? else { return Ok(None) };
        if number > self.chain.head().info.number {
            return Ok(None);
        }
        let corrupt = || LedgerError::Corrupt { what: "transaction index" };
        let stored = self.stored_block(At::Number(number))?.ok_or_else(corrupt)?;
        let header = &stored.block.header;
        let position = usize::try_from(index).map_err(|_| corrupt())?;
        let tx = stored.block.body.transactions.get(position).cloned().ok_or_else(corrupt)?;
        let sender = *stored.senders.get(position).ok_or_else(corrupt)?;
        Ok(Some(TransactionLocation {
            block_number: number,
            block_hash: stored.hash,
            block_timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas,
            index: u64::from(index),
            tx,
            sender,
        }))
    }

    /// An account.
    pub fn account(&self, address: Address, at: At) -> Result<Account, LedgerError> {
        let (view, _) = self.state(at)?;
        Ok(view.account(&keccak256(address))?.unwrap_or_default().into())
    }

    /// A storage slot; zero when unset.
    pub fn storage(&self, address: Address, slot: U256, at: At) -> Result<U256, LedgerError> {
        let (view, _) = self.state(at)?;
        view.slot(&keccak256(address), &keccak256(B256::from(slot)))
    }

    /// Code; empty when there is none.
    pub fn code(&self, address: Address, at: At) -> Result<Bytes, LedgerError> {
        let (view, _) = self.state(at)?;
        let account = view.account(&keccak256(address))?.unwrap_or_default();
        if account.code_hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        view.code(&account.code_hash)?.ok_or(LedgerError::Corrupt { what: "contract code" })
    }

    /// The oldest block whose state can be read.
    pub fn oldest_state(&self) -> Result<u64, LedgerError> {
        self.oldest(self.head().number)
    }

    /// The same for a head. What fell out of the history is pruned behind the blocks, and not read any more before.
    fn oldest(&self, head: u64) -> Result<u64, LedgerError> {
        let wanted = match self.chain.options.history_blocks {
            0 => 0,
            kept => head.saturating_sub(kept),
        };
        Ok(self.chain.state.oldest()?.max(wanted))
    }

    /// Blocks whose state stays readable behind the head; 0 for all.
    pub fn history_blocks(&self) -> u64 {
        self.chain.options.history_blocks
    }

    /// Precompiles of the fork in force at a block of this number and time, by their names in EIP-7910.
    pub fn precompiles(&self, number: u64, timestamp: u64) -> BTreeMap<String, Address> {
        let spec = rules::spec(&self.chain.genesis, number, timestamp);
        let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
        let named = |address: &Address| Some((precompiles.get(address)?.id().name().to_string(), *address));
        precompiles.addresses().filter_map(named).collect()
    }

    /// State after a block, and its header.
    pub(crate) fn state(&self, at: At) -> Result<(StateView, Arc<Header>), LedgerError> {
        let head = self.chain.head();
        let unknown = || LedgerError::UnknownBlock(at.to_string());
        let block = match at {
            At::Head => head.info.number,
            At::Number(number) => number,
            At::Hash(hash) => self.chain.blocks.number(&hash)?.ok_or_else(unknown)?,
        };
        self.state_on(&head, block)
    }

    /// State after a block as seen from `head`, and the block's header.
    pub(crate) fn state_on(&self, head: &Head, block: u64) -> Result<(StateView, Arc<Header>), LedgerError> {
        let unknown = || LedgerError::UnknownBlock(block.to_string());
        if block == head.info.number {
            return Ok((head.view.clone(), Arc::clone(&head.info.header)));
        }
        if block > head.info.number {
            return Err(unknown());
        }
        let oldest = self.oldest(head.info.number)?;
        if block < oldest {
            return Err(LedgerError::StatePruned { block, oldest });
        }
        let (header, _) = self.chain.blocks.header(block)?.ok_or_else(unknown)?;
        Ok((head.view.after(block), Arc::new(header)))
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Number(number) => number.fmt(f),
            Self::Hash(hash) => hash.fmt(f),
        }
    }
}
