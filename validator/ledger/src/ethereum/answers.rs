//! What JSON-RPC tells of a chain by Ethereum's rules that chains of ours do not have: blobs and system contracts.

use super::{blobs, forks};
use crate::Ledger;
use alloy_consensus::Header;
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
    eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, eip7840::BlobParams,
};
use alloy_primitives::Address;
use chain::genesis::Engine;
use revm::primitives::hardfork::SpecId;
use std::collections::BTreeMap;

/// Blob gas at a block, wei and gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobFees {
    /// What a unit costs in this block.
    pub price: u128,
    /// In the next.
    pub next_price: u128,
    /// What a block may use.
    pub most_gas: u64,
}

impl Ledger {
    /// Blob fees at a block; none where blobs do not exist.
    pub fn blob_fees(&self, header: &Header) -> Option<BlobFees> {
        let excess = header.excess_blob_gas?;
        let params = self.blob_params(header.number, header.timestamp)?;
        let next = blobs::next_excess(&params, header);
        Some(BlobFees {
            price: params.calc_blob_fee(excess),
            next_price: params.calc_blob_fee(next),
            most_gas: params.max_blob_gas_per_block(),
        })
    }

    /// Blob parameters in force (EIP-7840); none where blobs do not exist.
    pub fn blob_params(&self, number: u64, timestamp: u64) -> Option<BlobParams> {
        let genesis = &self.chain.genesis;
        let spec = self.ethereum_spec(number, timestamp)?;
        blobs::params(&genesis.config, timestamp).filter(|_| spec.is_enabled_in(SpecId::CANCUN))
    }

    /// Contracts that blocks call on their own, by their names in EIP-7910; none on chains of ours.
    pub fn system_contracts(&self, number: u64, timestamp: u64) -> BTreeMap<&'static str, Address> {
        let Some(spec) = self.ethereum_spec(number, timestamp) else { return BTreeMap::new() };
        let deposits = self.chain.genesis.config.deposit_contract_address;
        let contracts = [
            (SpecId::CANCUN, "BEACON_ROOTS_ADDRESS", BEACON_ROOTS_ADDRESS),
            (SpecId::PRAGUE, "HISTORY_STORAGE_ADDRESS", HISTORY_STORAGE_ADDRESS),
            (
                SpecId::PRAGUE,
                "DEPOSIT_CONTRACT_ADDRESS",
                deposits.unwrap_or(MAINNET_DEPOSIT_CONTRACT_ADDRESS),
            ),
            (SpecId::PRAGUE, "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS", WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
            (
                SpecId::PRAGUE,
                "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS",
                CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            ),
        ];
        let active = contracts.into_iter().filter(|(from, ..)| spec.is_enabled_in(*from));
        active.map(|(_, name, address)| (name, address)).collect()
    }

    fn ethereum_spec(&self, number: u64, timestamp: u64) -> Option<SpecId> {
        let genesis = &self.chain.genesis;
        (genesis.engine == Engine::Ethereum).then(|| forks::spec(&genesis.config, number, timestamp))
    }
}
