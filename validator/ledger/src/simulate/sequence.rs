//! Numbers and times of the simulated blocks: given, or one after the other; gaps are filled with empty blocks.

use super::{MAX_SIMULATED_BLOCKS, SimulatedBlock};
use crate::{CallError, SimulateError, call::scene::word};
use alloy_consensus::Header;
use chain::genesis::{Engine, Genesis};

/// A block to run: its place, and what was wanted of it unless it only fills a gap.
pub(super) struct Planned<'a> {
    pub(super) number: u64,
    pub(super) time: u64,
    pub(super) wanted: Option<&'a SimulatedBlock>,
}

/// The blocks after `base`, in order.
pub(super) fn plan<'a>(
    genesis: &Genesis,
    base: &Header,
    wanted: &'a [SimulatedBlock],
) -> Result<Vec<Planned<'a>>, SimulateError> {
    if wanted.is_empty() {
        return Err(SimulateError::Empty);
    }
    let (mut number, mut time) = (base.number, base.timestamp);
    let mut planned = Vec::new();
    for block in wanted {
        let overrides = &block.overrides.block;
        let next = match overrides.number {
            Some(number) => word("block number", number)?,
            None => number.saturating_add(1),
        };
        if next <= number {
            return Err(SimulateError::NumberOrder { got: next, previous: number });
        }
        let blocks = next - base.number;
        if blocks > MAX_SIMULATED_BLOCKS {
            return Err(SimulateError::TooManyBlocks { got: blocks, limit: MAX_SIMULATED_BLOCKS });
        }
        for gap in number + 1..next {
            time = later(time, period(genesis, gap))?;
            planned.push(Planned { number: gap, time, wanted: None });
        }
        let at = match overrides.time {
            Some(at) if at <= time => return Err(SimulateError::TimeOrder { got: at, previous: time }),
            Some(at) => at,
            None => later(time, period(genesis, next))?,
        };
        (number, time) = (next, at);
        planned.push(Planned { number, time, wanted: Some(block) });
    }
    Ok(planned)
}

/// Of Ethereum.
const SLOT_S: u64 = 12;

/// Seconds from one block to the next, as the chain has them.
fn period(genesis: &Genesis, number: u64) -> u64 {
    match genesis.engine {
        Engine::Qbft => genesis.schedule.at(number).block_period_s.max(1),
        Engine::Ethereum => SLOT_S,
    }
}

fn later(time: u64, period: u64) -> Result<u64, SimulateError> {
    let late = || CallError::Override("block timestamps do not fit 64 bits".to_string());
    Ok(time.checked_add(period).ok_or_else(late)?)
}
