//! Which rules hold at which block, from the genesis (`node-facts` E.4, Besu's QBFT profile).
//!
//! No system calls: Besu from 26.1 on runs none on proof-of-authority chains, whatever the fork.

use alloy_consensus::Header;
use alloy_eips::eip1559::BaseFeeParams;
use chain::genesis::Genesis;
use revm::primitives::hardfork::SpecId;
use serde_json::Value;

/// Lowest gas limit a block may have.
pub(crate) const MIN_GAS_LIMIT: u64 = 5000;
/// Largest block in RLP that is built (EIP-7934); importing does not check it, as Besu's QBFT does not.
pub(crate) const MAX_BLOCK_BYTES: usize = 8_388_608;

/// The fork in force.
pub(crate) fn spec(genesis: &Genesis, number: u64, timestamp: u64) -> SpecId {
    let config = &genesis.config;
    let timed = |fork: Option<u64>| fork.is_some_and(|at| at <= timestamp);
    let numbered = |fork: Option<u64>| fork.is_some_and(|at| at <= number);
    let london = numbered(config.london_block);
    let forks = [
        (london && timed(config.osaka_time), SpecId::OSAKA),
        (london && timed(config.prague_time), SpecId::PRAGUE),
        (london && timed(config.cancun_time), SpecId::CANCUN),
        (london && timed(config.shanghai_time), SpecId::SHANGHAI),
        (london, SpecId::LONDON),
        (numbered(config.berlin_block), SpecId::BERLIN),
        (numbered(config.istanbul_block), SpecId::ISTANBUL),
        (numbered(config.petersburg_block), SpecId::PETERSBURG),
    ];
    forks.into_iter().find_map(|(active, spec)| active.then_some(spec)).unwrap_or(SpecId::BYZANTIUM)
}

/// Keys of `config` that change rules and are not implemented.
const UNSUPPORTED: [&str; 7] = [
    "transitions",
    "evmStackSize",
    "contractSizeLimit",
    "fixedBaseFee",
    "withdrawalRequestContractAddress",
    "consolidationRequestContractAddress",
    "depositContractAddress",
];
/// Keys of `config.qbft`, likewise.
const UNSUPPORTED_QBFT: [&str; 7] = [
    "blockreward",
    "miningbeneficiary",
    "pertxgaslimit",
    "emptyblockperiodseconds",
    "xemptyblockperiodseconds",
    "xblockperiodmilliseconds",
    "startblock",
];

/// What the genesis asks for that is not implemented, if anything: running on regardless would fork from clients that
/// do implement it.
pub(crate) fn unsupported(genesis: &Genesis) -> Option<String> {
    let config = &genesis.config;
    if config.byzantium_block != Some(0) || config.eip158_block != Some(0) {
        return Some(
            "forks before Byzantium are not supported; set every block fork up to byzantiumBlock to 0".into(),
        );
    }
    let qbft = config.extra_fields.get("qbft").and_then(Value::as_object);
    let found = first_set(config.extra_fields.iter(), &UNSUPPORTED)
        .or_else(|| first_set(qbft.into_iter().flatten(), &UNSUPPORTED_QBFT))
        .or_else(|| config.deposit_contract_address.map(|_| "depositContractAddress".to_string()))
        .or_else(|| config.amsterdam_time.map(|_| "amsterdamTime".to_string()));
    found.map(|key| format!("config key {key} is not supported by this version; remove it"))
}

fn first_set<'a>(mut fields: impl Iterator<Item = (&'a String, &'a Value)>, keys: &[&str]) -> Option<String> {
    let named = |key: &str| keys.iter().any(|other| other.eq_ignore_ascii_case(key));
    fields.find(|(key, value)| named(key) && is_set(value)).map(|(key, _)| key.clone())
}

/// Whether a value says anything: zeros, false and empty lists do not.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(set) => *set,
        Value::Number(number) => number.as_u64() != Some(0),
        Value::String(text) => !text.trim_start_matches("0x").trim_matches('0').is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(is_set),
    }
}

/// Base fee of the block after `parent`, none before London. Zero for ever under `zeroBaseFee`.
pub(crate) fn base_fee(genesis: &Genesis, parent: &Header) -> Option<u64> {
    if !genesis.config.is_london_active_at_block(parent.number + 1) {
        return None;
    }
    if genesis.zero_base_fee {
        return Some(0);
    }
    let next = parent.next_block_base_fee(BaseFeeParams::ethereum());
    // The first London block starts at 1 gwei (EIP-1559).
    Some(next.unwrap_or(alloy_eips::eip1559::INITIAL_BASE_FEE))
}

/// Lowest and highest gas limit after `parent`: strictly less than a 1024th away.
pub(crate) fn gas_limit_bounds(parent: u64) -> (u64, u64) {
    let step = (parent / 1024).saturating_sub(1);
    (parent.saturating_sub(step).max(MIN_GAS_LIMIT), parent.saturating_add(step))
}

/// The gas limit that walks towards `target` as far as one block may.
pub(crate) fn next_gas_limit(parent: u64, target: u64) -> u64 {
    let (min, max) = gas_limit_bounds(parent);
    target.clamp(min, max.max(min))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gas_limit_walks_by_less_than_a_1024th_and_stops_at_the_target() {
        assert_eq!(next_gas_limit(1_024_000, 2_000_000), 1_024_000 + 999);
        assert_eq!(next_gas_limit(1_024_000, 10), 1_024_000 - 999);
        assert_eq!(next_gas_limit(1_024_000, 1_024_100), 1_024_100);
        assert_eq!(next_gas_limit(5000, 0), 5000);
        let mut limit = 30_000_000;
        for _ in 0..10_000 {
            limit = next_gas_limit(limit, 600_000_000);
        }
        assert_eq!(limit, 600_000_000);
    }

    fn genesis(with: &str) -> Genesis {
        let spec = chain::genesis::GenesisSpec {
            chain_id: 1,
            gas_limit: 30_000_000,
            qbft: serde_json::from_str(r#"{"blockperiodseconds": 2, "requesttimeoutseconds": 4}"#).unwrap(),
            accounts: std::collections::BTreeMap::new(),
            predeploys: Vec::new(),
        };
        let text = chain::genesis::render(&spec).unwrap();
        Genesis::from_json(&text.replacen("\"chainId\"", &format!("{with}\"chainId\""), 1)).unwrap()
    }

    #[test]
    fn a_genesis_that_asks_for_unknown_rules_is_refused_naming_the_key() {
        assert_eq!(unsupported(&genesis("")), None);
        assert_eq!(unsupported(&genesis(r#""transitions": {"qbft": []},"#)), None);
        for with in [
            r#""transitions": {"qbft": [{"block": 5}]},"#,
            r#""amsterdamTime": 7,"#,
            r#""depositContractAddress": "0x0000000000000000000000000000000000000001","#,
            r#""contractSizeLimit": 100000,"#,
        ] {
            let key = with.split('"').nth(1).unwrap();
            assert!(unsupported(&genesis(with)).unwrap().contains(key), "{with}");
        }
    }
}
