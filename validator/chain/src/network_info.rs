//! Network info: all a joiner needs, one versioned JSON document, signed by a member's operator account.

use crate::{
    enode::Enode,
    signature::{Seal, SignatureError, recover},
};
use alloc::{string::String, vec::Vec};
use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::{SolStruct, eip712_domain, sol};
use serde::{Deserialize, Serialize};

/// Version of the format; unknown fields of the same version are ignored, so that it can grow.
pub const NETWORK_INFO_VERSION: u32 = 1;

/// What a member publishes about its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInfo {
    /// [`NETWORK_INFO_VERSION`].
    pub version: u32,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of the genesis below.
    pub genesis_hash: B256,
    /// The genesis file's exact text.
    pub genesis: String,
    /// Address of the governance contract.
    pub governance: Address,
    /// Nodes to dial first.
    pub bootnodes: Vec<Enode>,
    /// Operator account that signed.
    pub publisher: Address,
    /// When it was signed, Unix seconds by the publisher's clock; of two documents of one publisher the later one holds.
    pub issued_at: u64,
    /// Its EIP-712 signature over all of the above; absent while unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Seal>,
}

sol! {
    /// EIP-712 struct behind the publisher's signature.
    struct QuorateNetworkInfo {
        uint256 chainId;
        bytes32 genesisHash;
        bytes32 genesis;
        address governance;
        bytes32 bootnodes;
        address publisher;
        uint256 issuedAt;
    }
}

/// Why a network info is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkInfoError {
    /// Written for another version.
    #[error("network info has version {got}, this build reads {want}")]
    Version {
        /// Found.
        got: u32,
        /// [`NETWORK_INFO_VERSION`].
        want: u32,
    },
    /// Nobody signed it.
    #[error("network info is not signed; ask its publisher for a signed one")]
    Unsigned,
    /// The signature is malformed.
    #[error("network info signature: {0}")]
    Signature(#[from] SignatureError),
    /// Signed by another account than it names.
    #[error("network info names publisher {want}, its signature is of {got}")]
    Publisher {
        /// Recovered signer.
        got: Address,
        /// Named publisher.
        want: Address,
    },
}

impl NetworkInfo {
    /// The EIP-712 hash that the publisher signs.
    #[must_use]
    pub fn signing_hash(&self) -> B256 {
        let bootnodes = self.bootnodes.iter().fold(Vec::new(), |mut all, enode| {
            all.extend_from_slice(keccak256(alloc::string::ToString::to_string(enode)).as_slice());
            all
        });
        let domain = eip712_domain! {
            name: "Quorate network info",
            version: "1",
            chain_id: self.chain_id,
        };
        QuorateNetworkInfo {
            chainId: alloy_primitives::U256::from(self.chain_id),
            genesisHash: self.genesis_hash,
            genesis: keccak256(&self.genesis),
            governance: self.governance,
            bootnodes: keccak256(bootnodes),
            publisher: self.publisher,
            issuedAt: alloy_primitives::U256::from(self.issued_at),
        }
        .eip712_signing_hash(&domain)
    }

    /// Checks version and signature; whether the publisher is a member can be checked only once synced.
    pub fn verify(&self) -> Result<(), NetworkInfoError> {
        if self.version != NETWORK_INFO_VERSION {
            return Err(NetworkInfoError::Version { got: self.version, want: NETWORK_INFO_VERSION });
        }
        let signature = self.signature.as_ref().ok_or(NetworkInfoError::Unsigned)?;
        let got = recover(self.signing_hash(), signature)?;
        if got == self.publisher {
            Ok(())
        } else {
            Err(NetworkInfoError::Publisher { got, want: self.publisher })
        }
    }
}

#[cfg(test)]
mod tests;
