//! A message as wallets and libraries write it: the transaction object of `eth_call` and its relatives.

use super::error::Failure;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use chain::genesis::{Engine, Genesis};
use ledger::CallRequest;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A transaction object; fields that a call does not need are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Message {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<U64>,
    gas_price: Option<U128>,
    max_fee_per_gas: Option<U128>,
    max_priority_fee_per_gas: Option<U128>,
    value: Option<U256>,
    nonce: Option<U64>,
    data: Option<Bytes>,
    input: Option<Bytes>,
    access_list: Option<AccessList>,
    chain_id: Option<U256>,
    max_fee_per_blob_gas: Option<U128>,
    blob_versioned_hashes: Option<Vec<B256>>,
    blobs: Option<Box<RawValue>>,
    authorization_list: Option<Vec<SignedAuthorization>>,
}

impl Message {
    /// The call, checked for what contradicts itself or another chain.
    pub(super) fn into_request(self, genesis: &Genesis) -> Result<CallRequest, Failure> {
        self.check(genesis.config.chain_id)?;
        self.check_blobs(genesis.engine)?;
        let number = |price: Option<U128>| price.map(|price| price.to());
        Ok(CallRequest {
            from: self.from,
            to: self.to,
            gas: self.gas.map(|gas| gas.to()),
            gas_price: number(self.gas_price),
            max_fee_per_gas: number(self.max_fee_per_gas),
            max_priority_fee_per_gas: number(self.max_priority_fee_per_gas),
            value: self.value.unwrap_or_default(),
            nonce: self.nonce.map(|nonce| nonce.to()),
            data: self.input.or(self.data).unwrap_or_default(),
            access_list: self.access_list,
            authorizations: self.authorization_list,
            blob_hashes: self.blob_versioned_hashes,
            max_fee_per_blob_gas: number(self.max_fee_per_blob_gas),
        })
    }

    /// The same with what go-ethereum refuses in calls before it runs them, but leaves to the EVM in simulations.
    pub(super) fn into_call(self, genesis: &Genesis) -> Result<CallRequest, Failure> {
        if self.max_fee_per_blob_gas.is_some() && self.blob_versioned_hashes.is_none() {
            return Err(Failure::refused("maxFeePerBlobGas specified without blobVersionedHashes"));
        }
        if let (Some(most), Some(tip)) = (self.max_fee_per_gas, self.max_priority_fee_per_gas)
            && tip > most
        {
            return Err(Failure::refused(format!("maxFeePerGas ({most}) < maxPriorityFeePerGas ({tip})")));
        }
        self.into_request(genesis)
    }

    fn check(&self, chain_id: u64) -> Result<(), Failure> {
        if let (Some(input), Some(data)) = (&self.input, &self.data)
            && input != data
        {
            return Err(Failure::refused(
                "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
            ));
        }
        if self.gas_price.is_some()
            && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some())
        {
            return Err(Failure::refused(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            ));
        }
        if let Some(got) = self.chain_id
            && got != U256::from(chain_id)
        {
            return Err(Failure::refused(format!(
                "chainId does not match node's (have={got}, want={chain_id})"
            )));
        }
        if self.authorization_list.as_ref().is_some_and(|list| list.is_empty() || self.to.is_none()) {
            return Err(Failure::refused("authorizationList needs `to` and at least one authorization"));
        }
        Ok(())
    }

    /// Blobs are named by their hashes, and only where they exist.
    fn check_blobs(&self, engine: Engine) -> Result<(), Failure> {
        if self.blobs.is_some() {
            return Err(Failure::refused("\"blobs\" is not supported for this RPC method"));
        }
        match (&self.blob_versioned_hashes, engine) {
            (Some(_), Engine::Qbft) => {
                Err(Failure::refused("transaction type not supported: this chain has no blobs"))
            }
            (Some(_), Engine::Ethereum) if self.to.is_none() => {
                Err(Failure::refused("input transaction of type blob transaction has no recipient"))
            }
            (None, _) | (Some(_), Engine::Ethereum) => Ok(()),
        }
    }
}
