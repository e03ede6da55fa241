//! Receipts.

use super::{Place, RpcLog, block::place};
use alloy_consensus::{Eip658Value, Transaction, TxEnvelope, TxReceipt, Typed2718};
use alloy_primitives::{Address, B256, Bloom, U64, U128};
use ledger::{Block, Receipt};
use serde::Serialize;

/// A receipt; `contractAddress` and `to` are present even when null.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcReceipt {
    transaction_hash: B256,
    transaction_index: U64,
    block_hash: B256,
    block_number: U64,
    from: Address,
    to: Option<Address>,
    cumulative_gas_used: U64,
    gas_used: U64,
    contract_address: Option<Address>,
    logs: Vec<RpcLog>,
    logs_bloom: Bloom,
    #[serde(rename = "type")]
    kind: U64,
    effective_gas_price: U128,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<U64>,
    /// Before Byzantium, instead of a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_price: Option<U128>,
}

/// What the receipts before one in its block add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    gas: u64,
    logs: u64,
}

impl Before {
    /// After these receipts.
    pub(crate) fn after(receipts: &[Receipt]) -> Self {
        let logs = receipts.iter().map(|receipt| receipt.logs().len() as u64).sum();
        Self { gas: receipts.last().map_or(0, TxReceipt::cumulative_gas_used), logs }
    }
}

impl RpcReceipt {
    pub(crate) fn new(
        tx: &TxEnvelope,
        from: Address,
        place: &Place,
        receipt: &Receipt,
        before: Before,
        blob_price: Option<u128>,
    ) -> Self {
        let blob_gas = tx.blob_gas_used();
        let (status, root) = match receipt.status_or_post_state() {
            Eip658Value::Eip658(succeeded) => (Some(U64::from(u64::from(succeeded))), None),
            Eip658Value::PostState(root) => (None, Some(root)),
        };
        let logs = receipt.logs().iter().zip(before.logs..);
        Self {
            transaction_hash: *tx.tx_hash(),
            transaction_index: U64::from(place.index),
            block_hash: place.block_hash,
            block_number: U64::from(place.block_number),
            from,
            to: tx.to(),
            cumulative_gas_used: U64::from(receipt.cumulative_gas_used()),
            gas_used: U64::from(receipt.cumulative_gas_used().saturating_sub(before.gas)),
            contract_address: tx.is_create().then(|| from.create(tx.nonce())),
            logs: logs.map(|(log, index)| RpcLog::new(log, place, *tx.tx_hash(), index)).collect(),
            logs_bloom: *receipt.logs_bloom(),
            kind: U64::from(tx.ty()),
            effective_gas_price: U128::from(tx.effective_gas_price(place.base_fee)),
            status,
            root,
            blob_gas_used: blob_gas.map(U64::from),
            blob_gas_price: blob_gas.and(blob_price).map(U128::from),
        }
    }

    /// All receipts of a block, in order; `blob_price` where blobs exist.
    pub fn of_block(
        block: &Block,
        hash: B256,
        senders: &[Address],
        receipts: &[Receipt],
        blob_price: Option<u128>,
    ) -> Vec<Self> {
        let mut before = Before::default();
        let rows = block.body.transactions.iter().zip(senders).zip(receipts).zip(0..);
        let row = |(((tx, sender), receipt), index): (((&TxEnvelope, &Address), &Receipt), u64)| {
            let place = place(&block.header, hash, index);
            let row = Self::new(tx, *sender, &place, receipt, before, blob_price);
            before.gas = receipt.cumulative_gas_used();
            before.logs += receipt.logs().len() as u64;
            row
        };
        rows.map(row).collect()
    }
}
