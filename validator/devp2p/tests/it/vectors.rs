//! Vectors of `validator/chain/tests/vectors/node-vectors.json` that concern this crate.

mod eth;
mod fork_id;
mod qbft;
mod rlpx;

use alloy_primitives::{B256, hex};
use secp256k1::{PublicKey, SecretKey};
use serde_json::Value;

#[test]
fn message_ids_and_fork_ids_are_those_of_the_clients() {
    let text = include_str!("../../../qbft/tests/vectors/qbft-vectors.json");
    assert_eq!(qbft::exercise(&serde_json::from_str(text).unwrap()).len(), 8);
}

fn vectors() -> Value {
    let text = include_str!("../../../chain/tests/vectors/node-vectors.json");
    serde_json::from_str(text).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn b256(value: &Value) -> B256 {
    B256::from_slice(&bytes(value))
}

fn secret(value: &Value) -> SecretKey {
    SecretKey::from_byte_array(b256(value).0).unwrap()
}

fn public(value: &Value) -> PublicKey {
    let mut encoded = vec![4];
    encoded.extend(bytes(value));
    PublicKey::from_slice(&encoded).unwrap()
}
