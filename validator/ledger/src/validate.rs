//! Validating a proposal.

use crate::ethereum;
use crate::{
    Block, BlockBody, InvalidBlock, Ledger,
    candidates::Candidates,
    execute::{
        block::{BlockExecutor, Executed, Outcome, Refused},
        env,
        receipts::Roots,
        rules,
        senders::senders,
        system::SystemOperations,
    },
    ledger::{Chain, Head},
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_primitives::{Address, B256, TxHash, U256};
use chain::{
    Extra,
    genesis::{EMPTY_REQUESTS_HASH, Engine, QBFT_MIX_HASH, Selection},
    profile::Family,
};
use std::{fmt::Display, sync::Arc};

impl Ledger {
    /// Whether `block` is a valid next block on the head, seals and the wall clock aside (the caller checks that the
    /// timestamp is not in the future). The execution is kept for `commit`; a block seen before is not run again.
    pub fn validate(&self, block: &Block) -> Result<(), InvalidBlock> {
        let parent = self.chain.head();
        check_place(&parent, &block.header)?;
        self.chain.check_adopted(&parent, &block.header)?;
        let hash = self.chain.genesis.block_hash(&block.header).map_err(InvalidBlock::ExtraData)?;
        check_body(&self.chain, block)?;
        if let Some(executed) = self.chain.candidates.get(&hash) {
            // The hash covers the header; only the body can still be another one.
            if executed.is_of(&block.body.transactions) {
                return Ok(());
            }
            let root = alloy_consensus::proofs::calculate_transaction_root(&block.body.transactions);
            return same("transactionsRoot", root, block.header.transactions_root);
        }
        check_rules(&self.chain, &parent, &block.header)?;
        let executed = execute(&self.chain, &parent, block, hash)?;
        keep(&self.chain.candidates, &parent, executed);
        Ok(())
    }
}

pub(crate) fn keep(candidates: &Candidates, parent: &Head, executed: Executed) {
    candidates.insert(parent.info.hash, Arc::new(executed));
}

/// Number and parent.
fn check_place(parent: &Head, header: &Header) -> Result<(), InvalidBlock> {
    let want = parent.info.number + 1;
    if header.number != want {
        return Err(InvalidBlock::Number { got: header.number, want });
    }
    if header.parent_hash != parent.info.hash {
        return Err(InvalidBlock::Parent { got: header.parent_hash, want: parent.info.hash });
    }
    Ok(())
}

/// What the body may hold beside transactions.
pub(crate) fn check_body(chain: &Chain, block: &Block) -> Result<(), InvalidBlock> {
    match chain.genesis.engine {
        Engine::Qbft => check_qbft_body(block),
        Engine::Ethereum => ethereum::body::check(chain, block),
    }
}

/// No ommers, no withdrawals; their list is there exactly when the header has its root.
pub(crate) fn check_qbft_body(block: &Block) -> Result<(), InvalidBlock> {
    if !block.body.ommers.is_empty() {
        return Err(InvalidBlock::Body("ommers"));
    }
    match (&block.body.withdrawals, block.header.withdrawals_root) {
        (Some(list), _) if !list.is_empty() => Err(InvalidBlock::Body("withdrawals")),
        (Some(_), None) => Err(InvalidBlock::Body("a withdrawals list before Shanghai")),
        (None, Some(_)) => Err(InvalidBlock::Body("no withdrawals list after Shanghai; one that is empty")),
        _ => Ok(()),
    }
}

/// Whether the body of a QBFT block is the one that its header names. Who trusts a header, for the votes cast for it, may trust
/// the block then.
#[must_use]
pub fn is_whole(block: &Block) -> bool {
    let root = alloy_consensus::proofs::calculate_transaction_root(&block.body.transactions);
    check_qbft_body(block).is_ok() && root == block.header.transactions_root
}

/// Header rules that need no execution.
pub(crate) fn check_rules(chain: &Chain, parent: &Head, header: &Header) -> Result<(), InvalidBlock> {
    match chain.genesis.engine {
        Engine::Qbft => check_qbft_rules(chain, parent, header),
        Engine::Ethereum => ethereum::header::check(&chain.genesis, &parent.info.header, header),
    }
}

/// `qbft-facts` §1.1, §1.5; `node-facts` E.4.
fn check_qbft_rules(chain: &Chain, parent: &Head, header: &Header) -> Result<(), InvalidBlock> {
    let before = &parent.info.header;
    same("difficulty", header.difficulty, U256::from(1))?;
    same("mixHash", header.mix_hash, QBFT_MIX_HASH)?;
    same("sha3Uncles", header.ommers_hash, EMPTY_OMMER_ROOT_HASH)?;
    let min = before.timestamp.saturating_add(parent.parameters(chain)?.min_period_s);
    if header.timestamp < min {
        return Err(InvalidBlock::Timestamp { got: header.timestamp, min });
    }
    check_gas_limit(chain, before, header)?;
    check_fork_fields(chain, before, header)?;
    check_extra(chain, parent, header)
}

/// Besu's bound on the step; GoQuorum's builders jump, and nobody there minds.
fn check_gas_limit(chain: &Chain, before: &Header, header: &Header) -> Result<(), InvalidBlock> {
    let parent = rules::gas_limit_base(&chain.genesis, before);
    let (min, max) = rules::gas_limit_bounds(parent);
    let is_near = (min..=max).contains(&header.gas_limit);
    if is_near || !chain.genesis.family.bounds_gas_limit() {
        return Ok(());
    }
    Err(InvalidBlock::GasLimit { got: header.gas_limit, parent, min, max })
}

/// Fields that a fork adds, present exactly from that fork on.
fn check_fork_fields(chain: &Chain, before: &Header, header: &Header) -> Result<(), InvalidBlock> {
    let fields = ForkFields::of(chain, before, header.timestamp);
    optional("baseFeePerGas", header.base_fee_per_gas, fields.base_fee)?;
    optional("withdrawalsRoot", header.withdrawals_root, fields.withdrawals_root)?;
    optional("blobGasUsed", header.blob_gas_used, fields.blob_gas)?;
    optional("excessBlobGas", header.excess_blob_gas, fields.blob_gas)?;
    optional("parentBeaconBlockRoot", header.parent_beacon_block_root, fields.beacon_root)?;
    optional("requestsHash", header.requests_hash, fields.requests_hash)
}

/// What the fork in force puts into a header after `before`.
pub(crate) struct ForkFields {
    pub(crate) base_fee: Option<u64>,
    pub(crate) withdrawals_root: Option<B256>,
    pub(crate) blob_gas: Option<u64>,
    pub(crate) beacon_root: Option<B256>,
    pub(crate) requests_hash: Option<B256>,
}

impl ForkFields {
    pub(crate) fn of(chain: &Chain, before: &Header, timestamp: u64) -> Self {
        use revm::primitives::hardfork::SpecId::{CANCUN, PRAGUE, SHANGHAI};
        let spec = rules::spec(&chain.genesis, before.number + 1, timestamp);
        let from = |fork| spec.is_enabled_in(fork);
        Self {
            base_fee: rules::base_fee(&chain.genesis, before),
            withdrawals_root: from(SHANGHAI).then_some(EMPTY_ROOT_HASH),
            blob_gas: from(CANCUN).then_some(0),
            beacon_root: from(CANCUN).then_some(B256::ZERO),
            requests_hash: from(PRAGUE).then_some(EMPTY_REQUESTS_HASH),
        }
    }
}

/// Validators, vote and beneficiary. In contract mode the header names no validators and carries no vote; one that
/// GoQuorum wrote all the same means nothing there.
fn check_extra(chain: &Chain, parent: &Head, header: &Header) -> Result<(), InvalidBlock> {
    let extra = Extra::decode_exact(&header.extra_data).map_err(InvalidBlock::ExtraData)?;
    let validators = parent.validators_of(chain, header)?;
    let is_contract = chain.genesis.schedule.at(header.number).selection != Selection::Header;
    let want = if is_contract { Vec::new() } else { validators.to_vec() };
    if extra.validators != want {
        return Err(InvalidBlock::Validators { got: extra.validators, want });
    }
    if is_contract && extra.vote.is_some() && chain.genesis.family != Family::GoQuorum {
        return Err(InvalidBlock::Vote);
    }
    if !validators.contains(&header.beneficiary) {
        return Err(InvalidBlock::Beneficiary(header.beneficiary));
    }
    Ok(())
}

/// Runs the block on `parent` and compares everything that follows from running it with the header.
pub(crate) fn execute(
    chain: &Chain,
    parent: &Head,
    block: &Block,
    hash: B256,
) -> Result<Executed, InvalidBlock> {
    let transactions = &block.body.transactions;
    let known = chain.known_senders.get().map(AsRef::as_ref);
    let found = senders(transactions, env::takes_blobs(&chain.genesis), known)?;
    execute_by(chain, parent, block, hash, found)
}

/// The same with hash and sender of each transaction known.
pub(crate) fn execute_by(
    chain: &Chain,
    parent: &Head,
    block: &Block,
    hash: B256,
    (transaction_hashes, senders): (Vec<TxHash>, Vec<Address>),
) -> Result<Executed, InvalidBlock> {
    let Block { header, body: body @ BlockBody { transactions, .. } } = block;
    let operations = SystemOperations::of(&chain.genesis, header, body);
    let mut executor = BlockExecutor::new(chain, parent, header, operations)?;
    for (index, (tx, sender)) in transactions.iter().zip(&senders).enumerate() {
        executor.run(tx, *sender).map_err(|refused| invalid(refused, index, transaction_hashes[index]))?;
    }
    same("gasUsed", header.gas_used, executor.gas_used())?;
    let Outcome { receipts, roots, diff, requests_hash } = executor.finish()?;
    let Roots { transactions: root, receipts: receipts_root, logs_bloom } = roots;
    same("transactionsRoot", header.transactions_root, root)?;
    same("receiptsRoot", header.receipts_root, receipts_root)?;
    same("logsBloom", header.logs_bloom, logs_bloom)?;
    same("stateRoot", header.state_root, diff.root)?;
    if requests_hash.is_some() {
        optional("requestsHash", header.requests_hash, requests_hash)?;
    }
    let (transaction_hashes, senders) = (Arc::new(transaction_hashes), Arc::new(senders));
    Ok(Executed { hash, transaction_hashes, senders, receipts: Arc::new(receipts), diff })
}

pub(crate) fn invalid(refused: Refused, index: usize, hash: B256) -> InvalidBlock {
    match refused {
        Refused::NoGasLeft { needed, left } => InvalidBlock::BlockGas { index, hash, needed, left },
        Refused::GasPrice(price) => InvalidBlock::GasPrice { index, hash, price },
        Refused::Invalid(reason) => InvalidBlock::Transaction { index, hash, reason },
        Refused::Ledger(error) => InvalidBlock::Ledger(error),
    }
}

pub(crate) fn same<T: PartialEq + Display + Copy>(
    field: &'static str,
    got: T,
    want: T,
) -> Result<(), InvalidBlock> {
    if got == want {
        return Ok(());
    }
    Err(InvalidBlock::Field { field, got: got.to_string(), want: want.to_string() })
}

pub(crate) fn optional<T: PartialEq + Display + Copy>(
    field: &'static str,
    got: Option<T>,
    want: Option<T>,
) -> Result<(), InvalidBlock> {
    if got == want {
        return Ok(());
    }
    let shown = |value: Option<T>| value.map_or_else(|| "absent".to_string(), |value| value.to_string());
    Err(InvalidBlock::Field { field, got: shown(got), want: shown(want) })
}
