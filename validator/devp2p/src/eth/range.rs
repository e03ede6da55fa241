//! BlockRangeUpdate of `eth/69` (EIP-7642): `[earliest, latest, latest hash]`.

use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};

/// Blocks that a node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct BlockRange {
    /// First block.
    pub earliest: u64,
    /// Last block.
    pub latest: u64,
    /// Its hash.
    pub latest_hash: B256,
}

/// The first block is above the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block range begins at {earliest} and ends at {latest}")]
pub struct BackwardRange {
    /// First.
    pub earliest: u64,
    /// Last.
    pub latest: u64,
}

impl BlockRange {
    /// Refuses a range that ends before it begins: EIP-7642 asks for the connection to be ended then.
    pub const fn check(self) -> Result<Self, BackwardRange> {
        let Self { earliest, latest, .. } = self;
        if earliest > latest { Err(BackwardRange { earliest, latest }) } else { Ok(self) }
    }
}
