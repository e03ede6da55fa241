//! The genesis file of a new network: contract validator selection, every fork up to the chosen one at 0, zero base
//! fee, real round in proposals, four-item encoding (product profile of new networks).

use super::{QBFT_MIX_HASH, QbftConfig, TIME_FORKS, UP_TO_BERLIN};
use crate::extra::Extra;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde_json::{Map, Value, json};

/// What a new network starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisSpec {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Gas limit of block 0.
    pub gas_limit: u64,
    /// Consensus parameters.
    pub qbft: QbftConfig,
    /// Balances in wei.
    pub accounts: BTreeMap<Address, U256>,
    /// Contracts that are there from block 0.
    pub predeploys: Vec<Predeploy>,
}

/// A contract with code and storage in the genesis state; its constructor never runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predeploy {
    /// Where.
    pub address: Address,
    /// Runtime code.
    pub code: Bytes,
    /// Storage; zero values are left out of the file.
    pub storage: BTreeMap<B256, B256>,
}

/// The file's text; equal for equal specifications.
pub fn render(spec: &GenesisSpec) -> Result<String, serde_json::Error> {
    let file = json!({
        "config": config(spec)?,
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": Extra::unsealed(0).to_bytes(),
        "gasLimit": quantity(U256::from(spec.gas_limit)),
        "difficulty": "0x1",
        "mixHash": QBFT_MIX_HASH,
        "coinbase": Address::ZERO,
        "baseFeePerGas": "0x0",
        "alloc": alloc(spec),
    });
    let mut text = serde_json::to_string_pretty(&file)?;
    text.push('\n');
    Ok(text)
}

fn config(spec: &GenesisSpec) -> Result<Value, serde_json::Error> {
    let mut config = Map::new();
    config.insert("chainId".into(), spec.chain_id.into());
    for fork in UP_TO_BERLIN.iter().chain(&["londonBlock"]).chain(&TIME_FORKS) {
        config.insert((*fork).into(), 0.into());
    }
    config.insert("zeroBaseFee".into(), true.into());
    config.insert("qbft".into(), serde_json::to_value(&spec.qbft)?);
    Ok(Value::Object(config))
}

fn alloc(spec: &GenesisSpec) -> Map<String, Value> {
    let mut alloc = Map::new();
    for (address, balance) in &spec.accounts {
        alloc.insert(key(*address), json!({ "balance": quantity(*balance) }));
    }
    for contract in &spec.predeploys {
        let storage: BTreeMap<_, _> = contract.storage.iter().filter(|(_, value)| !value.is_zero()).collect();
        let account = json!({ "balance": "0x0", "nonce": "0x1", "code": contract.code, "storage": storage });
        alloc.insert(key(contract.address), account);
    }
    alloc
}

fn key(address: Address) -> String {
    hex::encode_prefixed(address)
}

fn quantity(value: U256) -> String {
    alloc::format!("{value:#x}")
}
