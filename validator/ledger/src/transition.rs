//! One step of state outside any block: what `t8n` tools and state tests ask for.

use crate::{
    InvalidBlock, Ledger, LedgerError, Receipt, Transaction,
    execute::{
        block::BlockExecutor,
        env,
        overlay::Overlay,
        senders::senders,
        system::{Credit, SystemOperations},
    },
    validate::invalid,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};
use revm::primitives::hardfork::SpecId;
use std::collections::BTreeMap;

/// What running transactions gave. Nothing was written.
#[derive(Debug)]
pub struct Transition {
    /// State root afterwards.
    pub state_root: B256,
    /// Gas used by all that ran.
    pub gas_used: u64,
    /// Receipts of those that ran, in order.
    pub receipts: Vec<Receipt>,
    /// Those that could not run, by position, and why.
    pub rejected: Vec<(usize, InvalidBlock)>,
}

impl Ledger {
    /// Runs transactions on the state of the head in the environment of `header`, which need not follow the head, and
    /// touches `touched` at the end, as a miner without a reward is. BLOCKHASH answers by `block_hashes`, then by the chain.
    pub fn transition(
        &self,
        header: &Header,
        transactions: &[Transaction],
        touched: Option<Address>,
        block_hashes: BTreeMap<u64, B256>,
    ) -> Result<Transition, InvalidBlock> {
        let chain = &*self.chain;
        let parent = chain.head();
        let spec = crate::execute::rules::spec(&chain.genesis, header.number, header.timestamp);
        let operations = SystemOperations {
            credits: touched.map(|to| Credit { to, wei: U256::ZERO }).into_iter().collect(),
            clears_empty: spec.is_enabled_in(SpecId::SPURIOUS_DRAGON),
            ..SystemOperations::default()
        };
        let mut overlay = Overlay::new(&parent.view, chain);
        overlay.set_block_hashes(block_hashes);
        let mut executor = BlockExecutor::over(overlay, chain, &parent, header, operations)?;
        let mut rejected = Vec::new();
        for (index, tx) in transactions.iter().enumerate() {
            if let Err(reason) = step(&mut executor, tx, env::takes_blobs(&chain.genesis), index)? {
                rejected.push((index, reason));
            }
        }
        let gas_used = executor.gas_used();
        let outcome = executor.finish()?;
        Ok(Transition { state_root: outcome.diff.root, gas_used, receipts: outcome.receipts, rejected })
    }
}

/// Runs one transaction; the outer error is ours, the inner the transaction's.
fn step(
    executor: &mut BlockExecutor<'_>,
    tx: &Transaction,
    takes_blobs: bool,
    index: usize,
) -> Result<Result<(), InvalidBlock>, LedgerError> {
    let run =
        senders(std::slice::from_ref(tx), takes_blobs, None).and_then(|(_, senders)| match senders.first() {
            Some(sender) => {
                executor.run(tx, *sender).map_err(|refused| invalid(refused, index, *tx.tx_hash()))
            }
            None => Ok(()),
        });
    match run {
        Err(InvalidBlock::Ledger(error)) => Err(error),
        other => Ok(other),
    }
}
