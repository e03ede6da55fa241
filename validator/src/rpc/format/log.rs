//! Logs.

use super::Place;
use alloy_primitives::{Address, B256, Bytes, Log, U64};
use ledger::LogEntry;
use serde::Serialize;

/// A log and where it stands; never removed, since there are no reorganisations.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_hash: B256,
    block_number: U64,
    block_timestamp: U64,
    transaction_hash: B256,
    transaction_index: U64,
    log_index: U64,
    removed: bool,
}

impl RpcLog {
    /// `log_index` counts through the whole block.
    pub fn new(log: &Log, place: &Place, transaction_hash: B256, log_index: u64) -> Self {
        Self {
            address: log.address,
            topics: log.topics().to_vec(),
            data: log.data.data.clone(),
            block_hash: place.block_hash,
            block_number: U64::from(place.block_number),
            block_timestamp: U64::from(place.block_timestamp),
            transaction_hash,
            transaction_index: U64::from(place.index),
            log_index: U64::from(log_index),
            removed: false,
        }
    }
}

impl From<&LogEntry> for RpcLog {
    fn from(entry: &LogEntry) -> Self {
        let place = Place {
            block_hash: entry.block_hash,
            block_number: entry.block_number,
            block_timestamp: entry.block_timestamp,
            index: entry.transaction_index,
            base_fee: None,
        };
        Self::new(&entry.log, &place, entry.transaction_hash, entry.log_index)
    }
}
