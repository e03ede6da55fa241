//! Transactions, mined or waiting.

use super::Place;
use alloy_consensus::{Transaction, TxEnvelope, TxType, Typed2718};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use serde::Serialize;

/// A transaction; the four fields of its place are null while it waits.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcTransaction {
    block_hash: Option<B256>,
    block_number: Option<U64>,
    block_timestamp: Option<U64>,
    transaction_index: Option<U64>,
    hash: B256,
    from: Address,
    to: Option<Address>,
    nonce: U64,
    gas: U64,
    gas_price: U128,
    value: U256,
    input: Bytes,
    #[serde(rename = "type")]
    kind: U64,
    v: U256,
    r: U256,
    s: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    y_parity: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_list: Option<AccessList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_gas: Option<U128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_priority_fee_per_gas: Option<U128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_blob_gas: Option<U128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_versioned_hashes: Option<Vec<B256>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_list: Option<Vec<SignedAuthorization>>,
}

impl RpcTransaction {
    /// `place` is absent while the transaction waits.
    pub fn new(tx: &TxEnvelope, from: Address, place: Option<&Place>) -> Self {
        let typed = tx.tx_type() != TxType::Legacy;
        let dynamic = tx.max_priority_fee_per_gas().is_some();
        let parity = u64::from(tx.signature().v());
        Self {
            block_hash: place.map(|place| place.block_hash),
            block_number: place.map(|place| U64::from(place.block_number)),
            block_timestamp: place.map(|place| U64::from(place.block_timestamp)),
            transaction_index: place.map(|place| U64::from(place.index)),
            hash: *tx.tx_hash(),
            from,
            to: tx.to(),
            nonce: U64::from(tx.nonce()),
            gas: U64::from(tx.gas_limit()),
            gas_price: U128::from(gas_price(tx, place)),
            value: tx.value(),
            input: tx.input().clone(),
            kind: U64::from(tx.ty()),
            v: if typed { U256::from(parity) } else { legacy_v(tx.chain_id(), parity) },
            r: tx.signature().r(),
            s: tx.signature().s(),
            y_parity: typed.then(|| U64::from(parity)),
            chain_id: tx.chain_id().map(U64::from),
            access_list: tx.access_list().cloned(),
            max_fee_per_gas: dynamic.then(|| U128::from(tx.max_fee_per_gas())),
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas().map(U128::from),
            max_fee_per_blob_gas: tx.max_fee_per_blob_gas().map(U128::from),
            blob_versioned_hashes: tx.blob_versioned_hashes().map(<[B256]>::to_vec),
            authorization_list: tx.authorization_list().map(<[SignedAuthorization]>::to_vec),
        }
    }
}

/// What was paid per gas once mined, the most that may be paid before.
fn gas_price(tx: &TxEnvelope, place: Option<&Place>) -> u128 {
    match place {
        Some(place) => tx.effective_gas_price(place.base_fee),
        None => tx.max_fee_per_gas(),
    }
}

/// EIP-155: `35 + 2 × chain id + parity`, before that `27 + parity`.
fn legacy_v(chain_id: Option<u64>, parity: u64) -> U256 {
    match chain_id {
        Some(id) => U256::from(id).saturating_mul(U256::from(2)).saturating_add(U256::from(35 + parity)),
        None => U256::from(27 + parity),
    }
}
