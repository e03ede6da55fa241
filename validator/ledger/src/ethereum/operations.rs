//! System operations of an Ethereum block (EIP-4788, 2935, 4895, 6110, 7002, 7251) and the rewards of proof of work.

use super::forks;
use crate::{
    BlockBody,
    execute::system::{Credit, SystemOperations},
};
use alloy_consensus::Header;
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
    eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS,
};
use alloy_primitives::{Address, Bytes, U256};
use chain::genesis::Genesis;
use revm::primitives::hardfork::SpecId;

/// What happens around the transactions of this block.
pub(crate) fn of(genesis: &Genesis, header: &Header, body: &BlockBody) -> SystemOperations {
    let spec = forks::spec(&genesis.config, header.number, header.timestamp);
    let is_prague = spec.is_enabled_in(SpecId::PRAGUE);
    let deposits = genesis.config.deposit_contract_address.unwrap_or(MAINNET_DEPOSIT_CONTRACT_ADDRESS);
    let mut credits = rewards(spec, header, &body.ommers);
    let withdrawals = body.withdrawals.iter().flat_map(|list| list.iter());
    credits.extend(withdrawals.map(|paid| Credit { to: paid.address, wei: paid.amount_wei() }));
    SystemOperations {
        before: before(spec, header),
        requests_from: is_prague.then_some(deposits),
        credits,
        clears_empty: spec.is_enabled_in(SpecId::SPURIOUS_DRAGON),
    }
}

fn before(spec: SpecId, header: &Header) -> Vec<(Address, Bytes)> {
    let mut calls = Vec::new();
    if spec.is_enabled_in(SpecId::CANCUN) {
        let root = header.parent_beacon_block_root.unwrap_or_default();
        calls.push((BEACON_ROOTS_ADDRESS, Bytes::copy_from_slice(root.as_slice())));
    }
    if spec.is_enabled_in(SpecId::PRAGUE) {
        calls.push((HISTORY_STORAGE_ADDRESS, Bytes::copy_from_slice(header.parent_hash.as_slice())));
    }
    calls
}

/// The author gets the reward and a 32nd of it for each ommer; an ommer's author loses an eighth for each generation.
fn rewards(spec: SpecId, header: &Header, ommers: &[Header]) -> Vec<Credit> {
    let Some(reward) = forks::block_reward(spec) else { return Vec::new() };
    let share = |ommer: &Header| {
        let generations = header.number.saturating_sub(ommer.number).min(8);
        let wei = reward.saturating_mul(U256::from(8 - generations)) / U256::from(8);
        Credit { to: ommer.beneficiary, wei }
    };
    let mut credits: Vec<_> = ommers.iter().map(share).collect();
    let nephew = (reward / U256::from(32)).saturating_mul(U256::from(ommers.len()));
    credits.push(Credit { to: header.beneficiary, wei: reward.saturating_add(nephew) });
    credits
}
