//! Building the next block.

use crate::{
    Block, BlockBody, BuildAttributes, Built, InvalidBlock, Ledger, LedgerError, Recovered, SkipReason,
    Transaction,
    execute::{
        block::{BlockExecutor, Executed, Outcome, Refused},
        rules,
        system::SystemOperations,
    },
    ledger::{Chain, Head},
    validate::{ForkFields, check_rules, keep},
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::{Address, TxHash, U256};
use alloy_rlp::Encodable;
use chain::{Extra, genesis::QBFT_MIX_HASH};
use revm::context::result::InvalidTransaction;
use std::sync::Arc;

/// Left of the block's size for its header, list prefixes and the seals that come later.
const HEADER_BYTES: usize = 65_536;

impl Ledger {
    /// Builds a block on the head from the transactions offered, in their order, until they end, the block is full or
    /// `deadline` says so. The execution is kept for `commit`.
    pub fn build(
        &self,
        attributes: &BuildAttributes,
        transactions: impl FnMut() -> Option<Recovered>,
        deadline: impl Fn() -> bool,
    ) -> Result<Built, LedgerError> {
        self.build_by(attributes, transactions, deadline, false)
    }

    /// The same for a block that somebody else may propose: half of it is of no use, so it is left when the deadline comes
    /// before the transactions end.
    pub fn rehearse(
        &self,
        attributes: &BuildAttributes,
        transactions: impl FnMut() -> Option<Recovered>,
        deadline: impl Fn() -> bool,
    ) -> Result<Built, LedgerError> {
        self.build_by(attributes, transactions, deadline, true)
    }

    fn build_by(
        &self,
        attributes: &BuildAttributes,
        transactions: impl FnMut() -> Option<Recovered>,
        deadline: impl Fn() -> bool,
        is_rehearsal: bool,
    ) -> Result<Built, LedgerError> {
        let chain = &*self.chain;
        let parent = chain.head();
        let draft = draft(chain, &parent, attributes)?;
        let operations = SystemOperations::of(&chain.genesis, &draft, &BlockBody::default());
        let mut executor = BlockExecutor::new(chain, &parent, &draft, operations)?;
        let filled = fill(&mut executor, transactions, &deadline)?;
        if is_rehearsal && deadline() {
            return Err(LedgerError::Attributes("no time left for so many transactions".to_string()));
        }
        let gas_used = executor.gas_used();
        let Outcome { receipts, roots, diff, .. } = executor.finish().map_err(refusal)?;
        let header = Header {
            state_root: diff.root,
            transactions_root: roots.transactions,
            receipts_root: roots.receipts,
            logs_bloom: roots.logs_bloom,
            gas_used,
            ..draft
        };
        // What we would refuse from others we do not propose either.
        check_rules(chain, &parent, &header).map_err(refusal)?;
        let hash =
            chain.genesis.block_hash(&header).map_err(|error| LedgerError::Attributes(error.to_string()))?;
        let Filled { transactions, senders, hashes: transaction_hashes, skipped, .. } = filled;
        let (transaction_hashes, senders) = (Arc::new(transaction_hashes), Arc::new(senders));
        let receipts = Arc::new(receipts);
        keep(&chain.candidates, &parent, Executed { hash, transaction_hashes, senders, receipts, diff });
        let is = chain.head().info.number;
        if is != parent.info.number {
            return Err(LedgerError::HeadMoved { was: parent.info.number, is });
        }
        let withdrawals = header.withdrawals_root.map(|_| Vec::new().into());
        let body = BlockBody { transactions, ommers: Vec::new(), withdrawals };
        Ok(Built { block: Arc::new(Block { header, body }), hash, skipped })
    }
}

fn refusal(reason: InvalidBlock) -> LedgerError {
    match reason {
        InvalidBlock::Ledger(error) => error,
        reason => LedgerError::Attributes(reason.to_string()),
    }
}

/// The header before anything was executed.
fn draft(chain: &Chain, parent: &Head, attributes: &BuildAttributes) -> Result<Header, LedgerError> {
    let before = &parent.info.header;
    Extra::decode_exact(&attributes.extra_data)
        .map_err(|error| LedgerError::Attributes(format!("extra data: {error}")))?;
    let min = before.timestamp.saturating_add(parent.parameters(chain)?.block_period_s);
    if attributes.timestamp < min {
        let got = attributes.timestamp;
        return Err(LedgerError::Attributes(format!("timestamp {got} is before {min}, parent plus period")));
    }
    let fields = ForkFields::of(chain, before, attributes.timestamp);
    Ok(Header {
        parent_hash: parent.info.hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: attributes.beneficiary,
        difficulty: U256::from(1),
        number: parent.info.number + 1,
        gas_limit: rules::next_gas_limit(
            rules::gas_limit_base(&chain.genesis, before),
            attributes.gas_limit_target,
        ),
        timestamp: attributes.timestamp,
        extra_data: attributes.extra_data.clone(),
        mix_hash: QBFT_MIX_HASH,
        base_fee_per_gas: fields.base_fee,
        withdrawals_root: fields.withdrawals_root,
        blob_gas_used: fields.blob_gas,
        excess_blob_gas: fields.blob_gas,
        parent_beacon_block_root: fields.beacon_root,
        requests_hash: fields.requests_hash,
        ..Header::default()
    })
}

#[derive(Default)]
struct Filled {
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
    hashes: Vec<TxHash>,
    skipped: Vec<(TxHash, SkipReason)>,
    bytes: usize,
}

fn fill(
    executor: &mut BlockExecutor<'_>,
    mut transactions: impl FnMut() -> Option<Recovered>,
    deadline: impl Fn() -> bool,
) -> Result<Filled, LedgerError> {
    let mut filled = Filled::default();
    while !deadline() {
        let Some(Recovered { tx, sender, hash }) = transactions() else { break };
        let bytes = tx.length();
        if let Some(reason) = filled.refuses(&tx, bytes) {
            filled.skipped.push((hash, reason));
            continue;
        }
        match executor.run(&tx, sender) {
            Ok(()) => {
                filled.bytes += bytes;
                filled.transactions.push(Arc::unwrap_or_clone(tx));
                filled.senders.push(sender);
                filled.hashes.push(hash);
            }
            Err(refused) => filled.skipped.push((hash, skipped(refused)?)),
        }
    }
    Ok(filled)
}

impl Filled {
    fn refuses(&self, tx: &Transaction, bytes: usize) -> Option<SkipReason> {
        if tx.is_eip4844() {
            return Some(SkipReason::Type(3));
        }
        let full = self.bytes + bytes > rules::MAX_BLOCK_BYTES - HEADER_BYTES;
        full.then_some(SkipReason::NoBytesLeft { limit: rules::MAX_BLOCK_BYTES })
    }
}

fn skipped(refused: Refused) -> Result<SkipReason, LedgerError> {
    Ok(match refused {
        Refused::NoGasLeft { needed, left } => SkipReason::NoGasLeft { needed, left },
        Refused::Invalid(InvalidTransaction::NonceTooHigh { tx, state }) => {
            SkipReason::NonceGap { got: tx, want: state }
        }
        Refused::Invalid(reason) => SkipReason::Invalid(reason),
        Refused::GasPrice(price) => SkipReason::GasPrice(price),
        Refused::Ledger(error) => return Err(error),
    })
}
