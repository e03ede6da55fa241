//! What a block does beside its transactions, as a value that the rules work out and the executor carries out.

use crate::BlockBody;
use alloy_consensus::Header;
use alloy_primitives::{Address, Bytes, U256};
use chain::genesis::{Engine, Genesis};

/// System calls before and after, and what is paid out of nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SystemOperations {
    /// Contracts called before the first transaction, with their input (EIP-4788, EIP-2935).
    pub(crate) before: Vec<(Address, Bytes)>,
    /// The deposit contract, where requests are gathered after the last transaction (EIP-7685).
    pub(crate) requests_from: Option<Address>,
    /// Paid at the end; nothing paid still touches the account.
    pub(crate) credits: Vec<Credit>,
    /// Whether an account that is touched and empty is removed (EIP-161).
    pub(crate) clears_empty: bool,
}

/// A payment out of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credit {
    pub(crate) to: Address,
    pub(crate) wei: U256,
}

impl SystemOperations {
    /// Those of a block of this chain.
    pub(crate) fn of(genesis: &Genesis, header: &Header, body: &BlockBody) -> Self {
        match genesis.engine {
            Engine::Qbft => qbft(genesis, header),
            Engine::Ethereum => crate::ethereum::operations::of(genesis, header, body),
        }
    }
}

/// No system calls, whatever the fork: Besu from 26.1 on runs none on chains of this kind (`node-facts` E.4). A reward
/// where the genesis names one; nothing is touched for nothing.
fn qbft(genesis: &Genesis, header: &Header) -> SystemOperations {
    let settings = genesis.schedule.at(header.number);
    let to = settings.reward_beneficiary.unwrap_or(header.beneficiary);
    let reward = Credit { to, wei: settings.block_reward };
    SystemOperations {
        credits: Some(reward).filter(|reward| !reward.wei.is_zero()).into_iter().collect(),
        clears_empty: true,
        ..SystemOperations::default()
    }
}
