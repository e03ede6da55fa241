//! Network parameters, hardforks, named contracts and the successor.

use super::{Changes, Obstacle, Refused, Scheduled, Turn};
use alloy_primitives::{Address, B256};
use chain::governance::MAX_SEATS;

const NOTICE_BLOCKS: u64 = 100;
const MAX_HARDFORKS: usize = 16;
const MAX_NAMED_CONTRACTS: usize = 64;

/// A voted parameter; its number is its place in every list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Seconds between blocks.
    BlockPeriodSeconds,
    /// Milliseconds of round 0.
    RequestTimeoutMillis,
    /// Where blocks walk to.
    GasLimit,
    /// Of a member admitted without one.
    DefaultCapacity,
    /// That a proposal stays open.
    VotingBlocks,
}

/// All of them, in the contract's order.
pub const PARAMETERS: [Parameter; 5] = [
    Parameter::BlockPeriodSeconds,
    Parameter::RequestTimeoutMillis,
    Parameter::GasLimit,
    Parameter::DefaultCapacity,
    Parameter::VotingBlocks,
];

impl Parameter {
    /// Least and most.
    #[must_use]
    pub const fn bounds(self) -> (u64, u64) {
        match self {
            Self::BlockPeriodSeconds => (1, 3_600),
            Self::RequestTimeoutMillis => (100, 60_000),
            Self::GasLimit => (1 << 24, 10_000_000_000),
            Self::DefaultCapacity => (1, MAX_SEATS as u64),
            Self::VotingBlocks => (100, 10_000_000),
        }
    }
}

impl Changes {
    pub(super) fn check(&self) -> Result<(), Refused> {
        for (which, value) in PARAMETERS.iter().zip(self.values) {
            let (least, most) = which.bounds();
            if value != 0 && !(least..=most).contains(&value) {
                return Err(Refused::OutOfRange);
            }
        }
        if self.values == [0; 5] { Err(Refused::NothingToChange) } else { Ok(()) }
    }
}

impl Turn {
    /// From the next block on at the earliest; a change still waiting is replaced.
    pub(super) fn schedule(&mut self, changes: &Changes) {
        let next_block = self.block + 1;
        let now = self.state.parameters(next_block);
        for ((slot, before), value) in self.state.parameters.iter_mut().zip(now).zip(changes.values) {
            if value != 0 {
                *slot = Scheduled { value: before, next: Some((value, changes.from_block.max(next_block))) };
            }
        }
    }

    pub(super) fn hardfork_obstacle(&self, name: B256, at_block: u64) -> Option<Obstacle> {
        if at_block < self.block + NOTICE_BLOCKS {
            return Some(Obstacle::TooSoon);
        }
        match self.state.hardforks.get(&name) {
            Some(at) => (*at <= self.block).then_some(Obstacle::AlreadyActive),
            None => (self.state.hardforks.len() >= MAX_HARDFORKS).then_some(Obstacle::TooMany),
        }
    }

    pub(super) fn named_obstacle(&self, name: B256, location: Address) -> Option<Obstacle> {
        if self.state.named.contains_key(&name) {
            None
        } else if location.is_zero() {
            Some(Obstacle::UnknownName)
        } else {
            (self.state.named.len() >= MAX_NAMED_CONTRACTS).then_some(Obstacle::TooMany)
        }
    }

    pub(super) fn upgrade_obstacle(&self, at_block: u64) -> Option<Obstacle> {
        if at_block < self.block + NOTICE_BLOCKS {
            return Some(Obstacle::TooSoon);
        }
        let is_active = self.state.successor.is_some_and(|(_, at)| at <= self.block);
        is_active.then_some(Obstacle::AlreadyActive)
    }

    /// The zero address takes the name out.
    pub(super) fn set_named(&mut self, name: B256, location: Address) {
        if location.is_zero() {
            self.state.named.remove(&name);
        } else {
            self.state.named.insert(name, location);
        }
    }
}
