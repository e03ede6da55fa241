//! Putting a simulated block together: its header before anything ran, unsigned transactions, receipts, roots.

use super::{Parent, SimulationBlock, SimulationCall, sequence::Planned};
use crate::{
    Block, BlockBody, CallOutcome, CallRequest, Receipt, SimulateError, Transaction,
    call::scene::Scene,
    ethereum::{blobs, forks},
    execute::receipts::{Roots, roots},
    ledger::Chain,
    validate::ForkFields,
};
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Eip658Value, Header, ReceiptWithBloom, SignableTransaction, Transaction as _,
    TxEip1559, TxEip2930, TxEip4844, TxEip4844Variant, TxEip7702, TxLegacy,
    proofs::calculate_withdrawals_root,
};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256, Bloom, Log, Signature, TxKind, U256};
use chain::genesis::{Engine, QBFT_MIX_HASH};
use revm::context::result::ExecutionResult;

/// The header before anything ran. What the caller does not set is the parent's (difficulty, gas limit), what the
/// rules make it, or empty; without validation there is no base fee.
pub(super) fn draft(
    chain: &Chain,
    parent: &Parent,
    planned: &Planned<'_>,
    validation: bool,
) -> Result<Header, SimulateError> {
    let overrides = planned.wanted.map(|block| block.overrides.block.clone()).unwrap_or_default();
    let fields = ForkFields::of(chain, &parent.header, planned.time);
    let base_fee = overrides.base_fee.map(|fee| fee.saturating_to());
    let (mix_hash, excess_blob_gas, author) = match chain.genesis.engine {
        Engine::Qbft => (QBFT_MIX_HASH, fields.blob_gas, Address::ZERO),
        Engine::Ethereum => {
            let params = fields.blob_gas.and_then(|_| blobs::params(&chain.genesis.config, planned.time));
            let excess = params.map(|params| blobs::next_excess(&params, &parent.header));
            (B256::ZERO, excess, parent.header.beneficiary)
        }
    };
    let merged = chain.genesis.engine == Engine::Ethereum
        && forks::is_merged(&chain.genesis.config, planned.number, planned.time);
    if merged && overrides.difficulty.is_some() {
        return Err(SimulateError::Difficulty { number: planned.number });
    }
    let inherited = if merged { U256::ZERO } else { parent.header.difficulty };
    let withdrawals = planned.wanted.map(|block| block.withdrawals.as_slice()).unwrap_or_default();
    let computed = fields.base_fee.map(|fee| if validation { fee } else { 0 });
    Ok(Header {
        parent_hash: parent.hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: overrides.coinbase.unwrap_or(author),
        difficulty: overrides.difficulty.unwrap_or(inherited),
        number: planned.number,
        gas_limit: overrides.gas_limit.unwrap_or(parent.header.gas_limit),
        timestamp: planned.time,
        mix_hash: overrides.random.unwrap_or(mix_hash),
        base_fee_per_gas: fields.base_fee.and(base_fee.or(computed)),
        withdrawals_root: fields.withdrawals_root.map(|_| calculate_withdrawals_root(withdrawals)),
        blob_gas_used: fields.blob_gas,
        excess_blob_gas,
        parent_beacon_block_root: fields.beacon_root.map(|root| overrides.beacon_root.unwrap_or(root)),
        requests_hash: fields.requests_hash,
        ..Header::default()
    })
}

/// Lets contracts see the header as it is, and lifts the checks that a simulation does not make.
pub(super) fn environment(scene: &mut Scene<'_>, header: &Header, planned: &Planned<'_>, validation: bool) {
    scene.block.beneficiary = header.beneficiary;
    scene.block.prevrandao = Some(header.mix_hash);
    let overrides = planned.wanted.map(|block| &block.overrides.block);
    if let (Some(price), Some(blobs)) =
        (overrides.and_then(|block| block.blob_base_fee), scene.block.blob_excess_gas_and_price.as_mut())
    {
        blobs.blob_gasprice = price.saturating_to();
    }
    if let Some(hashes) = overrides.and_then(|block| block.block_hash.clone()) {
        scene.overlay.set_block_hashes(hashes);
    }
    // A sender may have code, and calls are no real transactions with a cap of their own (EIP-3607, EIP-7825).
    scene.config.disable_eip3607 = true;
    scene.config.tx_gas_limit_cap = Some(u64::MAX);
    scene.config.disable_block_gas_limit = true;
    scene.config.disable_nonce_check = !validation;
    scene.config.disable_base_fee = !validation;
}

/// Without blobs themselves: only their hashes are part of a block.
type BlobTransaction = TxEip4844Variant<BlobTransactionSidecarVariant>;

/// The call as an unsigned transaction: of type 2 unless its fields say otherwise, or there is no base fee (`priced`).
pub(super) fn transaction(
    call: &CallRequest,
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    priced: bool,
) -> Transaction {
    let to = call.to.map_or(TxKind::Create, TxKind::Call);
    let (value, input) = (call.value, call.data.clone());
    let access_list = call.access_list.clone().unwrap_or_default();
    let max_fee_per_gas = call.max_fee_per_gas.unwrap_or_default();
    let max_priority_fee_per_gas = call.max_priority_fee_per_gas.unwrap_or_default();
    let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
    let gas_price = if priced { call.gas_price } else { Some(call.gas_price.unwrap_or_default()) };
    match (&call.authorizations, gas_price) {
        (None, None) if call.blob_hashes.is_some() => BlobTransaction::TxEip4844(TxEip4844 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: call.to.unwrap_or_default(),
            value,
            access_list,
            blob_versioned_hashes: call.blob_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: call.max_fee_per_blob_gas.unwrap_or_default(),
            input,
        })
        .into_signed(unsigned)
        .into(),
        (Some(list), _) => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: call.to.unwrap_or_default(),
            value,
            access_list,
            authorization_list: list.clone(),
            input,
        }
        .into_signed(unsigned)
        .into(),
        (None, Some(gas_price)) if call.access_list.is_some() => {
            TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }
                .into_signed(unsigned)
                .into()
        }
        (None, Some(gas_price)) => {
            TxLegacy { chain_id: Some(chain_id), nonce, gas_price, gas_limit, to, value, input }
                .into_signed(unsigned)
                .into()
        }
        (None, None) => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(unsigned)
        .into(),
    }
}

/// What a block holds so far.
pub(super) struct Assembly {
    header: Header,
    body: BlockBody,
    senders: Vec<Address>,
    receipts: Vec<Receipt>,
    calls: Vec<SimulationCall>,
}

impl Assembly {
    /// `body` has the withdrawals.
    pub(super) fn new(header: Header, body: BlockBody) -> Self {
        Self { header, body, senders: Vec::new(), receipts: Vec::new(), calls: Vec::new() }
    }

    pub(super) const fn gas_left(&self) -> u64 {
        self.header.gas_limit.saturating_sub(self.header.gas_used)
    }

    /// Adds what was run; `shown` are its logs with those of transfers, which the receipt does not have.
    pub(super) fn add(
        &mut self,
        tx: Transaction,
        sender: Address,
        result: &ExecutionResult,
        ran: CallOutcome,
        shown: Vec<Log>,
    ) {
        let success = result.is_success();
        self.header.gas_used = self.header.gas_used.saturating_add(result.tx_gas_used());
        let logs = if success { result.logs().to_vec() } else { Vec::new() };
        let logs_bloom: Bloom = logs.iter().collect();
        let receipt = alloy_consensus::Receipt {
            status: Eip658Value::Eip658(success),
            cumulative_gas_used: self.header.gas_used,
            logs,
        };
        self.receipts.push(Receipt::from_typed(tx.tx_type(), ReceiptWithBloom { receipt, logs_bloom }));
        if let Some(used) = self.header.blob_gas_used.as_mut() {
            *used = used.saturating_add(tx.blob_gas_used().unwrap_or_default());
        }
        self.calls.push(SimulationCall {
            output: ran.output,
            logs: if success { shown } else { Vec::new() },
            gas_used: ran.gas_used,
            max_used_gas: ran.max_used_gas,
            status: ran.status,
        });
        self.body.transactions.push(tx);
        self.senders.push(sender);
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// `requests_hash` where the rules gather requests.
    pub(super) fn finish(mut self, state_root: B256, requests_hash: Option<B256>) -> SimulationBlock {
        self.header.requests_hash = requests_hash.or(self.header.requests_hash);
        let Roots { transactions, receipts, logs_bloom } = roots(&self.body.transactions, &self.receipts);
        self.header.state_root = state_root;
        self.header.transactions_root = transactions;
        self.header.receipts_root = receipts;
        self.header.logs_bloom = logs_bloom;
        let withdrawals = self.body.withdrawals.filter(|_| self.header.withdrawals_root.is_some());
        let body = BlockBody { withdrawals, ..self.body };
        SimulationBlock {
            hash: self.header.hash_slow(),
            block: Block { header: self.header, body },
            senders: self.senders,
            calls: self.calls,
        }
    }
}
