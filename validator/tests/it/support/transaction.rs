//! Signed transactions.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::{eip2718::Encodable2718 as _, eip2930::AccessList};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use k256::ecdsa::SigningKey;

/// Type 0 at price 0: what chains before London take.
pub(crate) fn legacy(key: &SigningKey, nonce: u64, to: Address) -> (B256, Bytes) {
    legacy_on(10101, key, nonce, to)
}

/// The same on another chain.
pub(crate) fn legacy_on(chain_id: u64, key: &SigningKey, nonce: u64, to: Address) -> (B256, Bytes) {
    let to = TxKind::Call(to);
    let transaction =
        TxLegacy { chain_id: Some(chain_id), nonce, gas_limit: 21_000, to, ..TxLegacy::default() };
    let hash = transaction.signature_hash();
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).unwrap();
    let signature = Signature::from_signature_and_parity(signature, recovery.is_y_odd());
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    (*envelope.tx_hash(), envelope.encoded_2718().into())
}

/// Type 2 at price 0: hash and EIP-2718 bytes.
pub(crate) fn signed(key: &SigningKey, nonce: u64, to: Address, value: U256, input: Bytes) -> (B256, Bytes) {
    signed_with_gas(key, nonce, to, value, input, 2_000_000)
}

/// The same with so much gas.
pub(crate) fn signed_with_gas(
    key: &SigningKey,
    nonce: u64,
    to: Address,
    value: U256,
    input: Bytes,
    gas_limit: u64,
) -> (B256, Bytes) {
    let transaction = TxEip1559 {
        chain_id: 10101,
        nonce,
        gas_limit,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(to),
        value,
        access_list: AccessList::default(),
        input,
    };
    let hash = transaction.signature_hash();
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).unwrap();
    let signature = Signature::from_signature_and_parity(signature, recovery.is_y_odd());
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    (*envelope.tx_hash(), envelope.encoded_2718().into())
}
