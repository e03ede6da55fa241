//! Difficulty of a block by proof of work (EIP-2, EIP-100, and the delays of the bomb).

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_genesis::ChainConfig;
use alloy_primitives::U256;

const MINIMUM: u64 = 131_072;
/// Blocks after which the bomb doubles.
const BOMB_PERIOD: u64 = 100_000;

/// Difficulty of the block of this number and time on `parent`.
pub(crate) fn next(config: &ChainConfig, parent: &Header, number: u64, timestamp: u64) -> U256 {
    let from = |fork: Option<u64>| fork.is_some_and(|at| at <= number);
    let elapsed = timestamp.saturating_sub(parent.timestamp);
    let step = parent.difficulty / U256::from(2048);
    let (up, down) = if from(config.byzantium_block) {
        let calm = if parent.ommers_hash == EMPTY_OMMER_ROOT_HASH { 1 } else { 2 };
        balance(calm, elapsed / 9)
    } else if from(config.homestead_block) {
        balance(1, elapsed / 10)
    } else {
        (u64::from(elapsed < 13), u64::from(elapsed >= 13))
    };
    let difficulty = parent
        .difficulty
        .saturating_add(step.saturating_mul(U256::from(up)))
        .saturating_sub(step.saturating_mul(U256::from(down)));
    difficulty.max(U256::from(MINIMUM)).saturating_add(bomb(number.saturating_sub(delay(config, number))))
}

/// Steps up and steps down: `max(calm − late, −99)`.
fn balance(calm: u64, late: u64) -> (u64, u64) {
    (calm.saturating_sub(late), late.saturating_sub(calm).min(99))
}

fn bomb(number: u64) -> U256 {
    match number / BOMB_PERIOD {
        0 | 1 => U256::ZERO,
        period => U256::ONE << (period - 2).min(255),
    }
}

/// Blocks by which the bomb is late (EIP-649, 1234, 2384, 3554, 4345, 5133).
fn delay(config: &ChainConfig, number: u64) -> u64 {
    let delays = [
        (config.gray_glacier_block, 11_400_000),
        (config.arrow_glacier_block, 10_700_000),
        (config.london_block, 9_700_000),
        (config.muir_glacier_block, 9_000_000),
        (config.constantinople_block, 5_000_000),
        (config.byzantium_block, 3_000_000),
    ];
    delays.into_iter().find(|(fork, _)| fork.is_some_and(|at| at <= number)).map_or(0, |(_, delay)| delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(config: &ChainConfig, difficulty: u64, elapsed: u64) -> u64 {
        let parent = Header {
            difficulty: U256::from(difficulty),
            timestamp: 1000,
            number: 9,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            ..Header::default()
        };
        next(config, &parent, 10, 1000 + elapsed).to()
    }

    #[test]
    fn a_quick_block_raises_and_a_slow_one_lowers_the_difficulty_by_each_forks_measure() {
        let frontier = ChainConfig::default();
        assert_eq!(after(&frontier, 2_048_000, 12), 2_049_000);
        assert_eq!(after(&frontier, 2_048_000, 13), 2_047_000);
        let homestead = ChainConfig { homestead_block: Some(0), ..frontier };
        assert_eq!(after(&homestead, 2_048_000, 9), 2_049_000);
        assert_eq!(after(&homestead, 2_048_000, 19), 2_048_000);
        assert_eq!(after(&homestead, 2_048_000, 25), 2_047_000);
        assert_eq!(after(&homestead, 2_048_000, 100_000), 2_048_000 - 99 * 1000);
        let byzantium = ChainConfig { byzantium_block: Some(0), ..homestead };
        assert_eq!(after(&byzantium, 2_048_000, 8), 2_049_000);
        assert_eq!(after(&byzantium, 2_048_000, 9), 2_048_000);
        assert_eq!(after(&byzantium, MINIMUM, 1000), MINIMUM);
    }

    #[test]
    fn the_bomb_doubles_every_hundred_thousand_blocks_from_the_second_on() {
        let at = |number| bomb(number).to::<u64>();
        assert_eq!([at(199_999), at(200_000), at(300_000), at(1_000_000)], [0, 1, 2, 256]);
    }
}
