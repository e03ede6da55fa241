//! Which fork holds, and what it pays.

use alloy_genesis::ChainConfig;
use alloy_primitives::U256;
use revm::primitives::hardfork::SpecId;

/// Wei of one ether.
const ETHER: u64 = 1_000_000_000_000_000_000;

/// The fork in force. Constantinople runs by the rules of Petersburg: the EVM has no EIP-1283.
pub(crate) fn spec(config: &ChainConfig, number: u64, timestamp: u64) -> SpecId {
    let timed = |fork: Option<u64>| fork.is_some_and(|at| at <= timestamp);
    let numbered = |fork: Option<u64>| fork.is_some_and(|at| at <= number);
    let merged = is_merged(config, number, timestamp);
    let forks = [
        (merged && timed(config.osaka_time), SpecId::OSAKA),
        (merged && timed(config.prague_time), SpecId::PRAGUE),
        (merged && timed(config.cancun_time), SpecId::CANCUN),
        (merged && timed(config.shanghai_time), SpecId::SHANGHAI),
        (merged, SpecId::MERGE),
        (numbered(config.london_block), SpecId::LONDON),
        (numbered(config.berlin_block), SpecId::BERLIN),
        (numbered(config.istanbul_block), SpecId::ISTANBUL),
        (numbered(config.petersburg_block), SpecId::PETERSBURG),
        (numbered(config.constantinople_block), SpecId::PETERSBURG),
        (numbered(config.byzantium_block), SpecId::BYZANTIUM),
        (numbered(config.eip158_block), SpecId::SPURIOUS_DRAGON),
        (numbered(config.eip150_block), SpecId::TANGERINE),
        (numbered(config.homestead_block), SpecId::HOMESTEAD),
    ];
    forks.into_iter().find_map(|(active, spec)| active.then_some(spec)).unwrap_or(SpecId::FRONTIER)
}

/// Whether proof of work is over (EIP-3675): from `mergeNetsplitBlock` on, or wherever a fork by time holds.
pub(crate) fn is_merged(config: &ChainConfig, number: u64, timestamp: u64) -> bool {
    config.merge_netsplit_block.is_some_and(|at| at <= number)
        || config.shanghai_time.is_some_and(|at| at <= timestamp)
}

/// Wei for the author of a block by proof of work (EIP-649, EIP-1234); none after.
pub(crate) fn block_reward(spec: SpecId) -> Option<U256> {
    let ether: u64 = match spec {
        spec if spec.is_enabled_in(SpecId::MERGE) => return None,
        spec if spec.is_enabled_in(SpecId::PETERSBURG) => 2,
        spec if spec.is_enabled_in(SpecId::BYZANTIUM) => 3,
        _ => 5,
    };
    Some(U256::from(ether).saturating_mul(U256::from(ETHER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_by_time_holds_only_on_a_merged_chain_and_the_newest_that_is_due_wins() {
        let config = ChainConfig {
            homestead_block: Some(0),
            byzantium_block: Some(2),
            london_block: Some(4),
            merge_netsplit_block: Some(6),
            shanghai_time: Some(100),
            osaka_time: Some(200),
            ..ChainConfig::default()
        };
        let wanted = [
            (0, 0, SpecId::HOMESTEAD),
            (3, 50, SpecId::BYZANTIUM),
            (5, 99, SpecId::LONDON),
            (6, 99, SpecId::MERGE),
            (7, 100, SpecId::SHANGHAI),
            (8, 200, SpecId::OSAKA),
        ];
        for (number, timestamp, want) in wanted {
            assert_eq!(spec(&config, number, timestamp), want, "block {number} at {timestamp}");
        }
        assert_eq!(block_reward(SpecId::FRONTIER), Some(U256::from(5 * ETHER)));
        assert_eq!(block_reward(SpecId::LONDON), Some(U256::from(2 * ETHER)));
        assert_eq!(block_reward(SpecId::MERGE), None);
    }
}
