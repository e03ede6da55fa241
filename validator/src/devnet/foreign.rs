//! The genesis of a local network as other clients write it: validators in the header, no governance contract.

use super::DevnetSpec;
use alloy_primitives::{Address, U256};
use chain::{
    Extra,
    client::ClientProfile,
    genesis::{QBFT_MIX_HASH, TIME_FORKS, UP_TO_BERLIN},
};
use serde_json::{Map, Value, json};

/// GoQuorum's block builder goes to this gas limit at once, and Besu refuses the jump (`qbft-facts` §1.6).
const GOQUORUM_GAS_LIMIT: u64 = 700_000_000;

/// The file's text.
pub(super) fn genesis_text(
    spec: &DevnetSpec,
    mut validators: Vec<Address>,
    accounts: &[(Address, U256)],
) -> Result<String, serde_json::Error> {
    validators.sort_unstable();
    let extra = Extra { validators, ..Extra::unsealed(0) };
    let goquorum = spec.profile == ClientProfile::GoQuorum;
    let alloc: Map<String, Value> = accounts
        .iter()
        .map(|(address, balance)| (hex::encode(address), json!({ "balance": format!("{balance:#x}") })))
        .collect();
    let mut file = json!({
        "config": config(spec),
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": extra.to_bytes(),
        "gasLimit": format!("{:#x}", if goquorum { GOQUORUM_GAS_LIMIT } else { spec.gas_limit }),
        "difficulty": "0x1",
        "mixHash": QBFT_MIX_HASH,
        "coinbase": Address::ZERO,
        "alloc": alloc,
    });
    if spec.profile == ClientProfile::Besu {
        file["baseFeePerGas"] = "0x0".into();
    }
    let mut text = serde_json::to_string_pretty(&file)?;
    text.push('\n');
    Ok(text)
}

fn config(spec: &DevnetSpec) -> Map<String, Value> {
    let mut config = Map::new();
    config.insert("chainId".into(), spec.chain_id.into());
    for fork in UP_TO_BERLIN {
        config.insert(fork.into(), 0.into());
    }
    let mut qbft = json!({
        "epochlength": 30_000,
        "blockperiodseconds": spec.block_period_s,
        "requesttimeoutseconds": spec.request_timeout_ms.div_ceil(1000),
    });
    match spec.profile {
        ClientProfile::GoQuorum => {
            config.insert("isQuorum".into(), true.into());
            config.insert("txnSizeLimit".into(), 64.into());
            qbft["policy"] = 0.into();
            qbft["ceil2Nby3Block"] = 0.into();
        }
        ClientProfile::Besu => {
            for fork in ["londonBlock"].into_iter().chain(TIME_FORKS) {
                config.insert(fork.into(), 0.into());
            }
            config.insert("zeroBaseFee".into(), true.into());
        }
        ClientProfile::Besu24 | ClientProfile::Quorate => {}
    }
    config.insert("qbft".into(), qbft);
    config
}
