//! Environments of the EVM.

use super::rules;
use crate::{Transaction, ethereum::blobs};
use alloy_consensus::{Header, Transaction as _, Typed2718};
use alloy_primitives::{Address, U256};
use chain::{
    genesis::{Engine, Genesis, QBFT_MIX_HASH},
    profile::Family,
};
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv, either::Either},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};

/// EIP-3860. A larger contract limit does not raise it: Besu's `contractSizeLimit` leaves it, GoQuorum has none.
const MAX_INIT_CODE_BYTES: usize = 49_152;

/// Rules for a block.
pub(crate) fn config(genesis: &Genesis, number: u64, timestamp: u64) -> CfgEnv {
    let spec = rules::spec(genesis, number, timestamp);
    let mut config = CfgEnv::new().with_chain_id(genesis.config.chain_id);
    config.set_spec_and_mainnet_gas_params(spec);
    config.limit_contract_code_size = Some(genesis.schedule.at(number).max_code_size);
    config.limit_contract_initcode_size = Some(MAX_INIT_CODE_BYTES);
    // Before Osaka there is no cap (EIP-7825).
    let cap = genesis.schedule.at(number).transaction_gas_cap.filter(|_| spec.is_enabled_in(SpecId::OSAKA));
    config.tx_gas_limit_cap = Some(cap.unwrap_or(u64::MAX));
    if let Some(blobs) = blobs::params(&genesis.config, timestamp).filter(|_| takes_blobs(genesis)) {
        config.max_blobs_per_tx = Some(blobs.max_blobs_per_tx);
    }
    config
}

/// Whether blob transactions exist on this chain.
pub(crate) fn takes_blobs(genesis: &Genesis) -> bool {
    genesis.engine == Engine::Ethereum
}

/// The block as contracts see it.
pub(crate) fn block(genesis: &Genesis, header: &Header) -> BlockEnv {
    match genesis.engine {
        Engine::Qbft => qbft_block(genesis, header),
        Engine::Ethereum => ethereum_block(genesis, header),
    }
}

/// PREVRANDAO is the mix hash from the merge on (EIP-4399).
fn ethereum_block(genesis: &Genesis, header: &Header) -> BlockEnv {
    let is_merged = rules::spec(genesis, header.number, header.timestamp).is_enabled_in(SpecId::MERGE);
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: header.difficulty,
        prevrandao: is_merged.then_some(header.mix_hash),
        blob_excess_gas_and_price: blobs::price(&genesis.config, header),
        slot_num: 0,
    }
}

/// PREVRANDAO is the constant mix hash, while building too; the blob base fee is 0 where
/// the base fee is (Besu's `zeroBaseFee`), else 1, since no block holds blobs. A fixed beneficiary gets the fees and is
/// what COINBASE answers in Besu; GoQuorum shows the header's.
fn qbft_block(genesis: &Genesis, header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: coinbase(genesis, header),
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: header.difficulty,
        prevrandao: Some(QBFT_MIX_HASH),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
            excess_blob_gas: 0,
            blob_gasprice: u128::from(!genesis.zero_base_fee),
        }),
        slot_num: 0,
    }
}

fn coinbase(genesis: &Genesis, header: &Header) -> Address {
    match genesis.family {
        Family::GoQuorum => header.beneficiary,
        Family::Besu | Family::Quorate => {
            genesis.schedule.at(header.number).reward_beneficiary.unwrap_or(header.beneficiary)
        }
    }
}

/// A signed transaction as the EVM takes it.
pub(crate) fn transaction(tx: &Transaction, sender: Address) -> TxEnv {
    TxEnv {
        tx_type: tx.ty(),
        caller: sender,
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        blob_hashes: tx.blob_versioned_hashes().map(<[_]>::to_vec).unwrap_or_default(),
        max_fee_per_blob_gas: tx.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: tx
            .authorization_list()
            .unwrap_or_default()
            .iter()
            .cloned()
            .map(Either::Left)
            .collect(),
    }
}
