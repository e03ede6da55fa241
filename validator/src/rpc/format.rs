//! The shape of answers: which fields are there, which may be null (`node-facts` F.2). Quantities are minimal hex.

mod block;
mod log;
mod receipt;
mod transaction;

pub(crate) use block::place;
pub use block::{RpcBlock, RpcHeader, RpcUncle, Transactions};
pub use log::RpcLog;
pub(crate) use receipt::Before;
pub use receipt::RpcReceipt;
pub use transaction::RpcTransaction;

use alloy_primitives::B256;

/// Where in the chain a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// On-chain hash of the block.
    pub block_hash: B256,
    /// Height.
    pub block_number: u64,
    /// Unix seconds.
    pub block_timestamp: u64,
    /// Position in the block.
    pub index: u64,
    /// Base fee per gas of the block, wei; absent before London.
    pub base_fee: Option<u64>,
}
