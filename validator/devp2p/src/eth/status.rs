//! Status, the first message of eth (EIP-2364, 2124, 7642):
//!
//! - up to `eth/68` `[version, network, td, head, genesis, [fork hash, fork next]]`
//! - from `eth/69` `[version, network, genesis, [fork hash, fork next], earliest, latest, latest hash]`

use super::{
    EthVersion,
    range::{BackwardRange, BlockRange},
};
use alloy_eip2124::ForkId;
use alloy_primitives::{B256, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

/// Status of any version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// eth version; must be the negotiated one.
    pub version: u8,
    /// Network id.
    pub network_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Forks passed and next.
    pub fork_id: ForkId,
    /// The newest block.
    pub head: ClaimedHead,
}

/// How a Status tells of the newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimedHead {
    /// Up to `eth/68`.
    Difficulty {
        /// Total difficulty of the head.
        total_difficulty: U256,
        /// Hash of the head.
        hash: B256,
    },
    /// From `eth/69` on.
    Range(BlockRange),
}

impl ClaimedHead {
    /// The first block it is said to have; 0 where nothing is said.
    #[must_use]
    pub const fn earliest(&self) -> u64 {
        match self {
            Self::Difficulty { .. } => 0,
            Self::Range(range) => range.earliest,
        }
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct Status66 {
    version: u8,
    network_id: u64,
    total_difficulty: U256,
    head_hash: B256,
    genesis_hash: B256,
    fork_id: ForkId,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Status69 {
    version: u8,
    network_id: u64,
    genesis_hash: B256,
    fork_id: ForkId,
    earliest: u64,
    latest: u64,
    latest_hash: B256,
}

/// Why a peer's Status does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// Not a Status.
    #[error("first eth message has id {got:#04x} where Status (0x00) must come")]
    NotStatus {
        /// Its id.
        got: u8,
    },
    /// Does not decode.
    #[error("Status does not decode: {0}")]
    Malformed(#[from] alloy_rlp::Error),
    /// No blocks from its first to its last.
    #[error("Status: {0}")]
    Range(#[from] BackwardRange),
    /// Speaks another version than agreed on.
    #[error("Status says eth/{got}, eth/{want} was agreed on")]
    Version {
        /// Received.
        got: u8,
        /// Agreed on.
        want: u8,
    },
    /// Another network.
    #[error("peer is on network {got}, this node on {want}")]
    Network {
        /// Received.
        got: u64,
        /// Ours.
        want: u64,
    },
    /// Another genesis.
    #[error("peer has genesis {got}, this node {want}; one of the two has another network's genesis file")]
    Genesis {
        /// Received.
        got: B256,
        /// Ours.
        want: B256,
    },
    /// Other forks.
    #[error(transparent)]
    Fork(#[from] crate::ForkRejection),
}

impl Status {
    /// Message data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { version, network_id, genesis_hash, fork_id, head } = *self;
        match head {
            ClaimedHead::Difficulty { total_difficulty, hash: head_hash } => {
                encoded(&Status66 { version, network_id, total_difficulty, head_hash, genesis_hash, fork_id })
            }
            ClaimedHead::Range(BlockRange { earliest, latest, latest_hash }) => encoded(&Status69 {
                version,
                network_id,
                genesis_hash,
                fork_id,
                earliest,
                latest,
                latest_hash,
            }),
        }
    }

    /// Reads message data of the version agreed on.
    pub fn decode(version: EthVersion, data: &[u8]) -> Result<Self, StatusError> {
        if version.has_ranges() {
            let status: Status69 = exactly(data)?;
            let Status69 { version, network_id, genesis_hash, fork_id, earliest, latest, latest_hash } =
                status;
            let head = ClaimedHead::Range(BlockRange { earliest, latest, latest_hash }.check()?);
            return Ok(Self { version, network_id, genesis_hash, fork_id, head });
        }
        let status: Status66 = exactly(data)?;
        let Status66 { version, network_id, total_difficulty, head_hash, genesis_hash, fork_id } = status;
        let head = ClaimedHead::Difficulty { total_difficulty, hash: head_hash };
        Ok(Self { version, network_id, genesis_hash, fork_id, head })
    }

    /// Checks a peer's Status against ours, fork id apart.
    pub fn check(&self, ours: &Self) -> Result<(), StatusError> {
        if self.version != ours.version {
            return Err(StatusError::Version { got: self.version, want: ours.version });
        }
        if self.network_id != ours.network_id {
            return Err(StatusError::Network { got: self.network_id, want: ours.network_id });
        }
        if self.genesis_hash != ours.genesis_hash {
            return Err(StatusError::Genesis { got: self.genesis_hash, want: ours.genesis_hash });
        }
        Ok(())
    }
}

fn encoded(status: &impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(status)
}

fn exactly<T: Decodable>(data: &[u8]) -> Result<T, StatusError> {
    Ok(alloy_rlp::decode_exact(data)?)
}
