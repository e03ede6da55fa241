//! Blob gas (EIP-4844, 7691, 7840, 7892, 7918).

use alloy_consensus::Header;
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::ChainConfig;
use revm::context_interface::block::BlobExcessGasAndPrice;

/// Parameters in force at this time; none before Cancun.
pub(crate) fn params(config: &ChainConfig, timestamp: u64) -> Option<BlobParams> {
    let due = |fork: Option<u64>| fork.is_some_and(|at| at <= timestamp);
    let schedule = config.blob_schedule_blob_params();
    if let Some(scheduled) = schedule.active_scheduled_params_at_timestamp(timestamp) {
        return Some(*scheduled);
    }
    [
        (config.osaka_time, schedule.osaka()),
        (config.prague_time, schedule.prague()),
        (config.cancun_time, schedule.cancun()),
    ]
    .into_iter()
    .find_map(|(fork, params)| due(fork).then_some(*params))
}

/// Excess of the block of this time after `parent`.
pub(crate) fn next_excess(params: &BlobParams, parent: &Header) -> u64 {
    params.next_block_excess_blob_gas_osaka(
        parent.excess_blob_gas.unwrap_or_default(),
        parent.blob_gas_used.unwrap_or_default(),
        parent.base_fee_per_gas.unwrap_or_default(),
    )
}

/// What the EVM takes of it.
pub(crate) fn price(config: &ChainConfig, header: &Header) -> Option<BlobExcessGasAndPrice> {
    let (params, excess_blob_gas) = params(config, header.timestamp).zip(header.excess_blob_gas)?;
    Some(BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice: params.calc_blob_fee(excess_blob_gas) })
}
