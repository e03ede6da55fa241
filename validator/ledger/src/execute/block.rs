//! Running transactions one after the other in the environment of one block.

use super::{env, overlay::Overlay};
use crate::{
    LedgerError, Receipt, Transaction,
    ledger::{Chain, Head},
    store::codec::receipt,
    trie::root::{StateDiff, state_diff},
};
use alloy_consensus::{Header, Transaction as _};
use alloy_primitives::{Address, B256, TxHash, U256};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm,
    context::result::{EVMError, ExecutionResult, InvalidTransaction},
    handler::MainnetContext,
};

/// A block that was run, whoever proposed it: everything committing it needs but its seals.
pub(crate) struct Executed {
    /// On-chain hash of the block.
    pub(crate) hash: B256,
    pub(crate) transaction_hashes: Vec<TxHash>,
    pub(crate) senders: Vec<Address>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) diff: StateDiff,
}

impl Executed {
    /// Whether it was these transactions that were run: a hash covers all of a transaction.
    pub(crate) fn is_of(&self, transactions: &[Transaction]) -> bool {
        self.transaction_hashes.iter().eq(transactions.iter().map(Transaction::tx_hash))
    }
}

/// Why a transaction cannot be in the block at this place.
pub(crate) enum Refused {
    NoGasLeft { needed: u64, left: u64 },
    GasPrice(u128),
    Invalid(InvalidTransaction),
    Ledger(LedgerError),
}

/// The EVM over one block's overlay.
pub(crate) struct BlockExecutor<'a> {
    evm: MainnetEvm<MainnetContext<Overlay<'a>>>,
    gas_limit: u64,
    gas_used: u64,
    receipts: Vec<Receipt>,
    gas_price_allowed: bool,
    /// Whom the block pays, and what.
    reward: (Address, U256),
    chain: &'a Chain,
}

impl<'a> BlockExecutor<'a> {
    /// Ready to run the transactions of `header` on the state of `parent`.
    pub(crate) fn new(chain: &'a Chain, parent: &'a Head, header: &Header) -> Self {
        let context = Context::mainnet()
            .with_db(Overlay::new(&parent.view, chain))
            .with_cfg(env::config(&chain.genesis, header.number, header.timestamp))
            .with_block(env::block(&chain.genesis, header));
        let settings = chain.genesis.schedule.at(header.number);
        Self {
            evm: context.build_mainnet(),
            gas_limit: header.gas_limit,
            gas_used: 0,
            receipts: Vec::new(),
            gas_price_allowed: settings.gas_price_allowed,
            reward: (settings.reward_beneficiary.unwrap_or(header.beneficiary), settings.block_reward),
            chain,
        }
    }

    /// Runs a transaction, or refuses it and stays as it was.
    pub(crate) fn run(&mut self, tx: &Transaction, sender: Address) -> Result<(), Refused> {
        let left = self.gas_limit - self.gas_used;
        if tx.gas_limit() > left {
            return Err(Refused::NoGasLeft { needed: tx.gas_limit(), left });
        }
        let price = tx.max_fee_per_gas();
        if price > 0 && !self.gas_price_allowed {
            return Err(Refused::GasPrice(price));
        }
        let result = self.evm.transact_commit(env::transaction(tx, sender)).map_err(refused)?;
        self.gas_used += result.tx_gas_used();
        let success = result.is_success();
        // Only a transaction that succeeded leaves logs behind.
        let logs = if let ExecutionResult::Success { logs, .. } = result { logs } else { Vec::new() };
        self.receipts.push(receipt(tx.tx_type(), success, self.gas_used, logs));
        Ok(())
    }

    pub(crate) const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Receipts and the state difference, its root worked out.
    pub(crate) fn finish(self, parent: &Head) -> Result<(Vec<Receipt>, StateDiff), LedgerError> {
        let mut overlay = self.evm.ctx.journaled_state.database;
        let (beneficiary, reward) = self.reward;
        overlay.credit(beneficiary, reward)?;
        let (deltas, code) = overlay.into_changes()?;
        let root = parent.info.header.state_root;
        let diff = self
            .chain
            .clocks
            .root
            .time(|| state_diff(&parent.view, &self.chain.tries, root, deltas, code))?;
        Ok((self.receipts, diff))
    }
}

fn refused(error: EVMError<LedgerError>) -> Refused {
    match error {
        EVMError::Transaction(reason) => Refused::Invalid(reason),
        EVMError::Database(error) => Refused::Ledger(error),
        EVMError::Header(error) => Refused::Ledger(LedgerError::Engine(error.to_string())),
        EVMError::Custom(error) => Refused::Ledger(LedgerError::Engine(error)),
        EVMError::CustomAny(error) => Refused::Ledger(LedgerError::Engine(error.to_string())),
    }
}
