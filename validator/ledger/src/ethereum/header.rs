//! Header rules of proof of work and of the merged chain, the proof itself aside (execution-specs `validate_header`).

use super::{blobs, difficulty, forks};
use crate::{
    InvalidBlock,
    execute::rules,
    validate::{optional, same},
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::{B64, U256};
use chain::genesis::Genesis;
use revm::primitives::hardfork::SpecId;

/// Bytes of `extraData` at most.
const MAX_EXTRA_BYTES: usize = 32;
/// Largest gas limit (EIP-1985).
const MAX_GAS_LIMIT: u64 = i64::MAX as u64;

/// What a header after `before` must be, as far as it follows without running the block.
pub(crate) fn check(genesis: &Genesis, before: &Header, header: &Header) -> Result<(), InvalidBlock> {
    if header.timestamp <= before.timestamp {
        let min = before.timestamp.saturating_add(1);
        return Err(InvalidBlock::Timestamp { got: header.timestamp, min });
    }
    if header.extra_data.len() > MAX_EXTRA_BYTES {
        return same("extraData length", header.extra_data.len(), MAX_EXTRA_BYTES);
    }
    check_gas(genesis, before, header)?;
    check_seal(genesis, before, header)?;
    check_fork_fields(genesis, before, header)
}

fn check_gas(genesis: &Genesis, before: &Header, header: &Header) -> Result<(), InvalidBlock> {
    let parent = rules::gas_limit_base(genesis, before);
    let (min, max) = rules::gas_limit_bounds(parent);
    let max = max.min(MAX_GAS_LIMIT);
    if !(min..=max).contains(&header.gas_limit) {
        return Err(InvalidBlock::GasLimit { got: header.gas_limit, parent, min, max });
    }
    let most = header.gas_used.min(header.gas_limit);
    same("gasUsed", header.gas_used, most)
}

/// What stood for work, constant since the merge (EIP-3675).
fn check_seal(genesis: &Genesis, before: &Header, header: &Header) -> Result<(), InvalidBlock> {
    let (config, number, timestamp) = (&genesis.config, header.number, header.timestamp);
    if !forks::is_merged(config, number, timestamp) {
        let want = difficulty::next(config, before, number, timestamp);
        return same("difficulty", header.difficulty, want);
    }
    same("difficulty", header.difficulty, U256::ZERO)?;
    same("nonce", header.nonce, B64::ZERO)?;
    same("sha3Uncles", header.ommers_hash, EMPTY_OMMER_ROOT_HASH)
}

/// Fields that a fork adds; those that follow from the body or from running it are only checked to be there.
fn check_fork_fields(genesis: &Genesis, before: &Header, header: &Header) -> Result<(), InvalidBlock> {
    let spec = rules::spec(genesis, header.number, header.timestamp);
    let from = |fork| spec.is_enabled_in(fork);
    optional("baseFeePerGas", header.base_fee_per_gas, rules::base_fee(genesis, before))?;
    same("withdrawalsRoot present", header.withdrawals_root.is_some(), from(SpecId::SHANGHAI))?;
    same("parentBeaconBlockRoot present", header.parent_beacon_block_root.is_some(), from(SpecId::CANCUN))?;
    same("requestsHash present", header.requests_hash.is_some(), from(SpecId::PRAGUE))?;
    let blobs = blobs::params(&genesis.config, header.timestamp).filter(|_| from(SpecId::CANCUN));
    let excess = blobs.map(|params| blobs::next_excess(&params, before));
    optional("excessBlobGas", header.excess_blob_gas, excess)?;
    same("blobGasUsed present", header.blob_gas_used.is_some(), blobs.is_some())?;
    let most = blobs.map(|params| params.max_blob_gas_per_block());
    optional("blobGasUsed", header.blob_gas_used, header.blob_gas_used.min(most))
}
