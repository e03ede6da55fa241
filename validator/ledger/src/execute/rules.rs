//! Which rules hold at which block, from the genesis (`node-facts` E.4, Besu's QBFT profile).
//!
//! No system calls: Besu from 26.1 on runs none on proof-of-authority chains, whatever the fork.

use alloy_consensus::Header;
use alloy_eips::eip1559::BaseFeeParams;
use chain::genesis::{Engine, Genesis};
use revm::primitives::hardfork::SpecId;

/// Lowest gas limit a block may have.
pub(crate) const MIN_GAS_LIMIT: u64 = 5000;
/// Largest block in RLP that is built (EIP-7934); importing does not check it, as Besu's QBFT does not.
pub(crate) const MAX_BLOCK_BYTES: usize = 8_388_608;

/// The fork in force.
pub(crate) fn spec(genesis: &Genesis, number: u64, timestamp: u64) -> SpecId {
    match genesis.engine {
        Engine::Qbft => qbft_spec(genesis, number, timestamp),
        Engine::Ethereum => crate::ethereum::forks::spec(&genesis.config, number, timestamp),
    }
}

fn qbft_spec(genesis: &Genesis, number: u64, timestamp: u64) -> SpecId {
    let config = &genesis.config;
    let timed = |fork: Option<u64>| fork.is_some_and(|at| at <= timestamp);
    let numbered = |fork: Option<u64>| fork.is_some_and(|at| at <= number);
    let london = numbered(config.london_block);
    let forks = [
        (london && timed(config.osaka_time), SpecId::OSAKA),
        (london && timed(config.prague_time), SpecId::PRAGUE),
        (london && timed(config.cancun_time), SpecId::CANCUN),
        (london && timed(config.shanghai_time), SpecId::SHANGHAI),
        (london && numbered(config.merge_netsplit_block), SpecId::MERGE),
        (london, SpecId::LONDON),
        (numbered(config.berlin_block), SpecId::BERLIN),
        (numbered(config.istanbul_block), SpecId::ISTANBUL),
        (numbered(config.petersburg_block), SpecId::PETERSBURG),
    ];
    forks.into_iter().find_map(|(active, spec)| active.then_some(spec)).unwrap_or(SpecId::BYZANTIUM)
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
    Some(next.unwrap_or(genesis.initial_base_fee))
}

/// What the gas limit after `parent` is measured by: its own, doubled for the first London block (EIP-1559).
pub(crate) fn gas_limit_base(genesis: &Genesis, parent: &Header) -> u64 {
    let is_first_london = genesis.config.london_block == Some(parent.number + 1);
    if is_first_london { parent.gas_limit.saturating_mul(2) } else { parent.gas_limit }
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
    use chain::{Extra, genesis::QBFT_MIX_HASH};
    use serde_json::{Value, json};

    fn specs(forks: &Value) -> [SpecId; 2] {
        let mut file = json!({
            "config": {"chainId": 7, "qbft": {"blockperiodseconds": 1}}, "gasLimit": 30_000_000, "difficulty": 1,
            "mixHash": QBFT_MIX_HASH, "alloc": {},
            "extraData": Extra { validators: vec![[1; 20].into()], ..Extra::unsealed(0) }.to_bytes(),
        });
        file["config"].as_object_mut().unwrap().extend(forks.as_object().unwrap().clone());
        let genesis = Genesis::from_json(&file.to_string()).unwrap();
        [4, 5].map(|number| spec(&genesis, number, 0))
    }

    #[test]
    fn glacier_and_netsplit_keys_bring_the_rules_that_besu_builds_them_on() {
        for (forks, want) in [
            (json!({"muirGlacierBlock": 0}), [SpecId::ISTANBUL, SpecId::ISTANBUL]),
            (
                json!({"constantinopleFixBlock": 0, "constantinopleBlock": 0, "muirGlacierBlock": 5}),
                [SpecId::PETERSBURG, SpecId::ISTANBUL],
            ),
            (json!({"berlinBlock": 0, "arrowGlacierBlock": 5}), [SpecId::BERLIN, SpecId::LONDON]),
            (json!({"londonBlock": 0, "mergeNetsplitBlock": 5}), [SpecId::LONDON, SpecId::MERGE]),
        ] {
            assert_eq!(specs(&forks), want, "{forks}");
        }
    }

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
}
