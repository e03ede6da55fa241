//! Blocks and headers.

use super::{Place, RpcTransaction};
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U64, U256};
use alloy_rlp::Encodable;
use ledger::{Block, BlockBody};
use serde::Serialize;

/// Header fields, as `eth_subscribe` sends them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcHeader {
    hash: B256,
    number: U64,
    parent_hash: B256,
    nonce: B64,
    mix_hash: B256,
    #[serde(rename = "sha3Uncles")]
    ommers_hash: B256,
    logs_bloom: Bloom,
    transactions_root: B256,
    state_root: B256,
    receipts_root: B256,
    miner: Address,
    difficulty: U256,
    extra_data: Bytes,
    gas_limit: U64,
    gas_used: U64,
    timestamp: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_fee_per_gas: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_blob_gas: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_beacon_block_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_hash: Option<B256>,
}

impl RpcHeader {
    /// `hash` is the on-chain hash, which masks round and seals of `extraData`.
    pub fn new(header: &Header, hash: B256) -> Self {
        Self {
            hash,
            number: U64::from(header.number),
            parent_hash: header.parent_hash,
            nonce: header.nonce,
            mix_hash: header.mix_hash,
            ommers_hash: header.ommers_hash,
            logs_bloom: header.logs_bloom,
            transactions_root: header.transactions_root,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            miner: header.beneficiary,
            difficulty: header.difficulty,
            extra_data: header.extra_data.clone(),
            gas_limit: U64::from(header.gas_limit),
            gas_used: U64::from(header.gas_used),
            timestamp: U64::from(header.timestamp),
            base_fee_per_gas: header.base_fee_per_gas.map(U64::from),
            withdrawals_root: header.withdrawals_root,
            blob_gas_used: header.blob_gas_used.map(U64::from),
            excess_blob_gas: header.excess_blob_gas.map(U64::from),
            parent_beacon_block_root: header.parent_beacon_block_root,
            requests_hash: header.requests_hash,
        }
    }
}

/// Transactions of a block: their hashes, or whole.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Transactions {
    /// Hashes.
    Hashes(Vec<B256>),
    /// Whole.
    Full(Vec<RpcTransaction>),
}

/// A block.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcBlock {
    #[serde(flatten)]
    header: RpcHeader,
    /// Gone from go-ethereum, but older clients still read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_difficulty: Option<U256>,
    size: U64,
    transactions: Transactions,
    uncles: Vec<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals: Option<Vec<Withdrawal>>,
}

impl RpcBlock {
    /// `total_difficulty` is absent in a block that is not on the chain. With whole transactions when `senders` (one per transaction, in order) are given, with their hashes otherwise.
    pub fn new(
        block: &Block,
        hash: B256,
        total_difficulty: Option<U256>,
        senders: Option<&[Address]>,
    ) -> Self {
        let transactions = match senders {
            None => Transactions::Hashes(block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect()),
            Some(senders) => {
                let rows = block.body.transactions.iter().zip(senders).zip(0..);
                let full = rows.map(|((tx, sender), index)| {
                    RpcTransaction::new(tx, *sender, Some(&place(&block.header, hash, index)))
                });
                Transactions::Full(full.collect())
            }
        };
        Self {
            header: RpcHeader::new(&block.header, hash),
            total_difficulty,
            size: U64::from(block.length()),
            transactions,
            uncles: block.body.ommers.iter().map(Header::hash_slow).collect(),
            withdrawals: block.body.withdrawals.as_ref().map(|list| list.0.clone()),
        }
    }
}

/// An ommer: a header, and what a block without a body is.
#[derive(Clone, Debug, Serialize)]
pub struct RpcUncle {
    #[serde(flatten)]
    header: RpcHeader,
    size: U64,
    uncles: [B256; 0],
}

impl RpcUncle {
    /// Of proof of work: hashed as it is.
    pub fn new(header: &Header) -> Self {
        let empty: Block = Block { header: header.clone(), body: BlockBody::default() };
        Self {
            header: RpcHeader::new(header, header.hash_slow()),
            size: U64::from(empty.length()),
            uncles: [],
        }
    }
}

/// The place of transaction `index` in a block.
pub(crate) fn place(header: &Header, hash: B256, index: u64) -> Place {
    Place {
        block_hash: hash,
        block_number: header.number,
        block_timestamp: header.timestamp,
        index,
        base_fee: header.base_fee_per_gas,
    }
}
