//! Status, the first message of eth: `[version, network, td, head, genesis, [fork hash, fork next]]` (EIP-2364, 2124).

use alloy_eip2124::ForkId;
use alloy_primitives::{B256, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

/// Status of `eth/66` to `eth/68`.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Status {
    /// eth version; must be the negotiated one.
    pub version: u8,
    /// Network id.
    pub network_id: u64,
    /// Total difficulty of the head.
    pub total_difficulty: U256,
    /// Hash of the head.
    pub head_hash: B256,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Forks passed and next.
    pub fork_id: ForkId,
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
