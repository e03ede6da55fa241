//! Running transactions one after the other in the environment of one block, its system operations around them.

use super::{
    env,
    overlay::Overlay,
    receipts::{Roots, RunningRoots},
    rules,
    system::SystemOperations,
};
use crate::{
    InvalidBlock, LedgerError, Receipt, Transaction,
    ethereum::requests,
    ledger::{Chain, Head},
    store::codec::receipt,
    trie::root::{StateDiff, state_diff},
};
use alloy_consensus::{Eip658Value, Header, Transaction as _};
use alloy_eips::{
    eip6110::DEPOSIT_REQUEST_TYPE,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
};
use alloy_primitives::{Address, B256, Bytes, Log, TxHash};
use revm::{
    Context, Database, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm, SystemCallCommitEvm,
    context::result::{EVMError, ExecutionResult, InvalidTransaction},
    handler::MainnetContext,
    primitives::hardfork::SpecId,
};
use std::sync::Arc;

/// A block that was run, whoever proposed it: everything committing it needs but its seals.
pub(crate) struct Executed {
    /// On-chain hash of the block.
    pub(crate) hash: B256,
    pub(crate) transaction_hashes: Arc<Vec<TxHash>>,
    pub(crate) senders: Arc<Vec<Address>>,
    pub(crate) receipts: Arc<Vec<Receipt>>,
    pub(crate) diff: StateDiff,
}

impl Executed {
    /// Whether it was these transactions that were run: a hash covers all of a transaction.
    pub(crate) fn is_of(&self, transactions: &[Transaction]) -> bool {
        self.transaction_hashes.iter().eq(transactions.iter().map(Transaction::tx_hash))
    }
}

/// What running a block's transactions and system operations gave.
pub(crate) struct Outcome {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) roots: Roots,
    pub(crate) diff: StateDiff,
    /// Hash of the requests gathered, where the rules gather any (EIP-7685).
    pub(crate) requests_hash: Option<B256>,
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
    parent: &'a Head,
    operations: SystemOperations,
    gas_limit: u64,
    gas_used: u64,
    receipts: Vec<Receipt>,
    roots: RunningRoots,
    gas_price_allowed: bool,
    /// Before Byzantium a receipt holds the state root after its transaction (EIP-658).
    has_status: bool,
    chain: &'a Chain,
}

impl<'a> BlockExecutor<'a> {
    /// Ready to run the transactions of `header` on the state of `parent`; the calls that come before them were made.
    pub(crate) fn new(
        chain: &'a Chain,
        parent: &'a Head,
        header: &Header,
        operations: SystemOperations,
    ) -> Result<Self, LedgerError> {
        Self::over(Overlay::new(&parent.view, chain), chain, parent, header, operations)
    }

    /// The same over an overlay that may hold more than the parent's state.
    pub(crate) fn over(
        overlay: Overlay<'a>,
        chain: &'a Chain,
        parent: &'a Head,
        header: &Header,
        operations: SystemOperations,
    ) -> Result<Self, LedgerError> {
        let overlay = operations.begin(overlay, chain, header)?;
        let context = Context::mainnet()
            .with_db(overlay)
            .with_cfg(env::config(&chain.genesis, header.number, header.timestamp))
            .with_block(env::block(&chain.genesis, header));
        let settings = chain.genesis.schedule.at(header.number);
        let spec = rules::spec(&chain.genesis, header.number, header.timestamp);
        Ok(Self {
            evm: context.build_mainnet(),
            parent,
            operations,
            gas_limit: header.gas_limit,
            gas_used: 0,
            receipts: Vec::new(),
            roots: RunningRoots::default(),
            gas_price_allowed: settings.gas_price_allowed,
            has_status: spec.is_enabled_in(SpecId::BYZANTIUM),
            chain,
        })
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
        let status = self.status(result.is_success()).map_err(Refused::Ledger)?;
        let receipt = receipt(tx.tx_type(), status, self.gas_used, logs(result));
        self.roots.push(tx, &receipt);
        self.receipts.push(receipt);
        Ok(())
    }

    fn status(&self, success: bool) -> Result<Eip658Value, LedgerError> {
        if self.has_status {
            return Ok(Eip658Value::Eip658(success));
        }
        let (deltas, code) = self.evm.ctx.journaled_state.database.changes();
        let root = self.parent.info.header.state_root;
        let diff = state_diff(&self.parent.view, &self.chain.tries, root, deltas, code)?;
        Ok(Eip658Value::PostState(diff.root))
    }

    pub(crate) const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Carries out what comes after the transactions; receipts and the state difference, its root worked out.
    pub(crate) fn finish(mut self) -> Result<Outcome, InvalidBlock> {
        let requests_hash = self.requests()?;
        let mut overlay = self.evm.ctx.journaled_state.database;
        for credit in &self.operations.credits {
            overlay.credit(credit.to, credit.wei, self.operations.clears_empty)?;
        }
        let (deltas, code) = overlay.into_changes()?;
        let (chain, parent) = (self.chain, self.parent);
        let root = parent.info.header.state_root;
        let diff = chain.clocks.root.time(|| state_diff(&parent.view, &chain.tries, root, deltas, code))?;
        Ok(Outcome { receipts: self.receipts, roots: self.roots.finish(), diff, requests_hash })
    }

    fn requests(&mut self) -> Result<Option<B256>, InvalidBlock> {
        let Some(contract) = self.operations.requests_from else { return Ok(None) };
        let deposits = requests::deposits(contract, &self.receipts)?;
        let withdrawals = self.dequeue(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS)?;
        let consolidations = self.dequeue(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS)?;
        Ok(Some(requests::hash(&[
            (DEPOSIT_REQUEST_TYPE, deposits),
            (WITHDRAWAL_REQUEST_TYPE, withdrawals),
            (CONSOLIDATION_REQUEST_TYPE, consolidations),
        ])))
    }

    /// What a request contract hands over. One without code, or that fails, makes the block invalid (EIP-7002, 7251).
    fn dequeue(&mut self, contract: Address) -> Result<Vec<u8>, InvalidBlock> {
        let failed = |reason: &str| InvalidBlock::System { contract, reason: reason.to_string() };
        let account = self.evm.ctx.journaled_state.database.basic(contract)?.unwrap_or_default();
        if account.is_empty_code_hash() {
            return Err(failed("has no code"));
        }
        match self.evm.system_call_commit(contract, Bytes::new()).map_err(engine)? {
            ExecutionResult::Success { output, .. } => Ok(output.into_data().to_vec()),
            _ => Err(failed("fails")),
        }
    }
}

/// Only a transaction that succeeded leaves logs behind.
fn logs(result: ExecutionResult) -> Vec<Log> {
    if let ExecutionResult::Success { logs, .. } = result { logs } else { Vec::new() }
}

fn refused(error: EVMError<LedgerError>) -> Refused {
    match error {
        EVMError::Transaction(reason) => Refused::Invalid(reason),
        other => Refused::Ledger(engine(other)),
    }
}

pub(super) fn engine(error: EVMError<LedgerError>) -> LedgerError {
    match error {
        EVMError::Database(error) => error,
        EVMError::Transaction(error) => LedgerError::Engine(error.to_string()),
        EVMError::Header(error) => LedgerError::Engine(error.to_string()),
        EVMError::Custom(error) => LedgerError::Engine(error),
        EVMError::CustomAny(error) => LedgerError::Engine(error.to_string()),
    }
}
