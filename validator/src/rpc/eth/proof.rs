//! Many slots at once, and Merkle proofs.

use crate::rpc::{
    args::Args,
    block_id::state_at,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_primitives::{Address, B256, Bytes, U64, U256, hex};
use ledger::{AccountProof, SlotProof};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const METHODS: &[Method] = &[
    method("eth_getProof", 3, Run::Read(proof)),
    method("eth_getStorageValues", 2, Run::Read(storage_values)),
];

/// Slots of one request, at most.
const MAX_SLOTS: usize = 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RpcProof {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: U64,
    storage_hash: B256,
    storage_proof: Vec<RpcSlotProof>,
}

#[derive(Serialize)]
struct RpcSlotProof {
    key: String,
    value: U256,
    proof: Vec<Bytes>,
}

fn proof(context: &Context, args: &Args) -> Answer {
    let address: Address = args.required(0)?;
    let keys: Vec<String> = args.optional(1)?.unwrap_or_default();
    check_count(keys.len())?;
    let slots = keys.iter().map(|key| slot(key)).collect::<Result<Vec<_>, _>>()?;
    let at = state_at(context, args.optional(2)?)?;
    let AccountProof { account, exists, nodes, slots } = context.ledger.proof(address, &slots, at)?;
    // What is not there has no hashes, not those of nothing (as go-ethereum).
    let hash = |hash: B256| if exists { hash } else { B256::ZERO };
    let storage_proof = keys.iter().zip(slots).map(|(key, slot)| slot_proof(key, slot)).collect();
    json(&RpcProof {
        address,
        account_proof: nodes,
        balance: account.balance,
        code_hash: hash(account.code_hash),
        nonce: U64::from(account.nonce),
        storage_hash: hash(account.storage_root),
        storage_proof,
    })
}

/// A key is named as it was asked for: in full, or as a quantity.
fn slot_proof(key: &str, SlotProof { slot, value, nodes }: SlotProof) -> RpcSlotProof {
    let key = if key.len() == 66 { slot.to_string() } else { format!("{:#x}", U256::from_be_bytes(slot.0)) };
    RpcSlotProof { key, value, proof: nodes }
}

fn slot(text: &str) -> Result<B256, Failure> {
    let wrong = |reason: &str| Failure::params(format!("invalid argument 1: {reason}"));
    let digits = text.strip_prefix("0x").ok_or_else(|| wrong("hex string without 0x prefix"))?;
    if digits.is_empty() || digits.len() > 64 {
        return Err(wrong("unable to decode storage key: hex string has 1 to 64 digits"));
    }
    let padded = hex::decode(format!("{digits:0>64}"))
        .map_err(|_| wrong("unable to decode storage key: invalid hex string"))?;
    Ok(B256::from_slice(&padded))
}

fn storage_values(context: &Context, args: &Args) -> Answer {
    let wanted: BTreeMap<Address, Vec<B256>> = args.required(0)?;
    let count: usize = wanted.values().map(Vec::len).sum();
    if count == 0 {
        return Err(Failure::params("empty request"));
    }
    check_count(count)?;
    let at = state_at(context, args.optional(1)?)?;
    let of = |(address, slots): (&Address, &Vec<B256>)| {
        let one = |slot: &B256| Ok(B256::from(context.ledger.storage(*address, (*slot).into(), at)?));
        Ok((*address, slots.iter().map(one).collect::<Result<Vec<_>, Failure>>()?))
    };
    json(&wanted.iter().map(of).collect::<Result<BTreeMap<_, _>, Failure>>()?)
}

fn check_count(count: usize) -> Result<(), Failure> {
    if count > MAX_SLOTS {
        return Err(Failure::params(format!("too many slots (max {MAX_SLOTS})")));
    }
    Ok(())
}
