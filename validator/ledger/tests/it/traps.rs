//! Where clients of one network have parted or stopped (`node-facts` J), and what holds here.

use crate::{
    foreign::Foreign,
    network::{Key, init_code},
};
use alloy_consensus::{SignableTransaction, TxEip4844};
use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use chain::genesis::QBFT_MIX_HASH;
use ledger::{At, InvalidBlock, Ledger, Options, Recovered, SkipReason, Transaction};
use serde_json::{Value, json};
use std::sync::Arc;

/// Every fork at 0, gas for nothing.
fn newest(more: &Value) -> Value {
    let mut config = json!({
        "londonBlock": 0, "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "osakaTime": 0, "zeroBaseFee": true,
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn network(more: &Value) -> Foreign {
    Foreign::with_accounts(&newest(more), &json!({}))
}

/// Code that keeps what one instruction puts on the stack in slot 0, and ends.
fn keeping(instruction: u8) -> Vec<u8> {
    vec![instruction, 0x60, 0, 0x55, 0]
}

/// What `code` keeps when it runs in a block that one node built and another executed for itself.
fn kept(network: &Foreign, code: &[u8]) -> U256 {
    let other = Ledger::in_memory(network.genesis.clone(), Options::default()).unwrap();
    let contract = network.user.address.create(0);
    let deploy = network.legacy(0, TxKind::Create, &init_code(code), 200_000, 0);
    let run = network.legacy(1, TxKind::Call(contract), &[], 100_000, 0);
    let built = network.build(0, None, vec![deploy, run]);
    assert_eq!(built.skipped, vec![]);
    other.validate(&built.block).unwrap();
    network.commit(&built.block).unwrap();
    network.ledger.storage(contract, U256::ZERO, At::Head).unwrap()
}

#[test]
fn contracts_of_system_calls_stay_as_they_are_because_nobody_calls_them() {
    // Writes what it is called with to slot 0, whoever calls.
    let writer = json!({"code": "0x6001600055", "balance": "0x0", "storage": {"0x0": "0x7"}});
    let accounts = json!({
        BEACON_ROOTS_ADDRESS.to_string(): writer, HISTORY_STORAGE_ADDRESS.to_string(): writer,
    });
    let network = Foreign::with_accounts(&newest(&json!({})), &accounts);
    let root = network.ledger.head().header.state_root;
    network.next(0, None);
    network.next(1, None);
    assert_eq!(network.ledger.head().header.state_root, root, "an empty block changes no state");
    for contract in [BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS] {
        assert_eq!(network.ledger.storage(contract, U256::ZERO, At::Head).unwrap(), U256::from(7));
    }
}

#[test]
fn prevrandao_is_the_mix_hash_while_building_as_while_validating() {
    assert_eq!(B256::from(kept(&network(&json!({})), &keeping(0x44))), QBFT_MIX_HASH);
}

#[test]
fn the_blob_base_fee_is_0_where_the_base_fee_is_and_1_elsewhere() {
    assert_eq!(kept(&network(&json!({})), &keeping(0x4a)), U256::ZERO);
    // Empty blocks walk the base fee down from 1 gwei until zero-price transactions fit.
    let priced = network(&json!({"zeroBaseFee": false}));
    let contract = priced.user.address.create(0);
    let price = 2_000_000_000;
    priced.with_transactions(vec![
        priced.legacy(0, TxKind::Create, &init_code(&keeping(0x4a)), 200_000, price),
        priced.legacy(1, TxKind::Call(contract), &[], 100_000, price),
    ]);
    assert_eq!(priced.ledger.storage(contract, U256::ZERO, At::Head).unwrap(), U256::from(1));
}

#[test]
fn a_zero_base_fee_stays_0_after_full_blocks_and_a_proposal_with_another_is_refused() {
    let network = network(&json!({"qbft": {"blockperiodseconds": 2, "pertxgaslimit": 0}}));
    // Burns all its gas.
    let burn = [0x5b, 0x60, 0, 0x56];
    for nonce in 0..3 {
        let full = network.legacy(nonce, TxKind::Create, &burn, 29_000_000, 0);
        let built = network.build(0, None, vec![full]);
        assert_eq!(built.skipped, vec![]);
        assert!(built.block.header.gas_used > built.block.header.gas_limit / 2);
        network.commit(&built.block).unwrap();
        assert_eq!(network.ledger.head().header.base_fee_per_gas, Some(0));
    }
    let mut block = (*network.build(1, None, vec![]).block).clone();
    block.header.base_fee_per_gas = Some(1);
    let refused = network.ledger.validate(&block).unwrap_err();
    assert_eq!(refused.to_string(), "header baseFeePerGas is 1, expected 0");
}

#[test]
fn one_transaction_may_have_2_to_the_24_gas_from_osaka_on_and_what_the_genesis_says_instead() {
    let fate = |config: &Value, gas: u64| {
        let network = Foreign::with_accounts(config, &json!({}));
        let tx = network.legacy(0, TxKind::Call(Address::repeat_byte(9)), &[], gas, 0);
        let built = network.build(0, None, vec![tx]);
        built.skipped.first().map(|(_, reason)| reason.to_string())
    };
    let refused = |cap: u64, gas: u64| {
        Some(format!("invalid: transaction gas limit ({gas}) is greater than the cap ({cap})"))
    };
    let capped = newest(&json!({}));
    assert_eq!(fate(&capped, 16_777_216), None);
    assert_eq!(fate(&capped, 16_777_217), refused(16_777_216, 16_777_217));
    let qbft = |cap: u64| newest(&json!({"qbft": {"blockperiodseconds": 2, "pertxgaslimit": cap}}));
    assert_eq!(fate(&qbft(20_000_000), 20_000_000), None);
    assert_eq!(fate(&qbft(20_000_000), 20_000_001), refused(20_000_000, 20_000_001));
    assert_eq!(fate(&qbft(0), 30_000_000), None);
    let mut prague = newest(&json!({}));
    prague["osakaTime"] = Value::Null;
    assert_eq!(fate(&prague, 30_000_000), None);
}

#[test]
fn a_block_is_built_no_larger_than_8_mib_and_what_does_not_fit_waits() {
    let network = Foreign::with_gas_limit(&newest(&json!({})), &json!({}), 600_000_000);
    let data = vec![0; 120_000];
    // Zero bytes cost 10 gas at the floor (EIP-7623).
    let transactions: Vec<_> = (0..75)
        .map(|nonce| network.legacy(nonce, TxKind::Call(Address::repeat_byte(9)), &data, 1_300_000, 0))
        .collect();
    let built = network.build(0, None, transactions);
    let size = alloy_rlp::encode(&*built.block).len();
    assert!(size <= 8_388_608 && size > 8_000_000, "{size} bytes");
    assert_eq!(built.block.body.transactions.len() + built.skipped.len(), 75);
    for (_, reason) in &built.skipped {
        assert_eq!(*reason, SkipReason::NoBytesLeft { limit: 8_388_608 });
    }
    network.commit(&built.block).unwrap();
}

/// A blob transaction as it would stand in a block.
fn blob(key: &Key) -> Recovered {
    let tx = TxEip4844 {
        chain_id: 7,
        nonce: 0,
        gas_limit: 21_000,
        to: Address::repeat_byte(9),
        blob_versioned_hashes: vec![B256::with_last_byte(1)],
        max_fee_per_blob_gas: 1,
        input: Bytes::new(),
        ..TxEip4844::default()
    };
    let signature = key.sign(tx.signature_hash());
    let tx = Transaction::from(tx.into_signed(signature));
    Recovered { hash: *tx.tx_hash(), sender: key.address, tx: Arc::new(tx) }
}

#[test]
fn a_blob_transaction_is_left_out_of_our_blocks_and_refused_in_others_by_its_type() {
    let network = network(&json!({}));
    let blob = blob(&network.user);
    let built = network.build(0, None, vec![blob.clone()]);
    assert_eq!(built.skipped, vec![(blob.hash, SkipReason::Type(3))]);
    let mut block = (*built.block).clone();
    block.body.transactions.push((*blob.tx).clone());
    // Another block than the one that was built, so that it is judged anew.
    block.header.gas_used = 1;
    let refused = network.ledger.validate(&block).unwrap_err();
    assert!(matches!(refused, InvalidBlock::TransactionType { index: 0, ty: 3, .. }), "{refused}");
    assert!(refused.to_string().ends_with("type 3 is not supported"), "{refused}");
}
