//! The record as a file: made by one member, signed by several, handed to a node.

use super::{NamedSeat, Reseat};
use crate::signature::Seal;
use alloc::{string::String, vec::Vec};
use alloy_primitives::{Address, B256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// Version of the document; readers refuse any other.
pub const RECOVERY_VERSION: u32 = 1;

/// A record with everything its signatures cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryRecord {
    /// [`RECOVERY_VERSION`].
    pub version: u32,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the governance contract.
    pub governance: Address,
    /// The height that the seats below decide: the halted head's, plus one.
    pub height: u64,
    /// Hash of the halted head.
    pub parent_hash: B256,
    /// 1 for the first record of a height, more for one that takes an earlier one's place.
    pub attempt: u32,
    /// All seats from then on, ascending by identity.
    pub seats: Vec<NamedSeat>,
    /// Of admins, ascending by their addresses.
    #[serde(default)]
    pub signatures: Vec<Seal>,
}

/// Why a document is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// Not JSON of this shape; says line and column.
    #[error("recovery record is not valid: {0}; take the file that `reseat prepare` wrote")]
    Parse(#[from] serde_json::Error),
    /// Written for another version.
    #[error("recovery record has version {got}, this build reads {RECOVERY_VERSION}")]
    Version {
        /// Found.
        got: u32,
    },
}

impl RecoveryRecord {
    /// Reads the document.
    pub fn from_json(text: &str) -> Result<Self, RecoveryError> {
        let record: Self = serde_json::from_str(text)?;
        if record.version == RECOVERY_VERSION {
            Ok(record)
        } else {
            Err(RecoveryError::Version { got: record.version })
        }
    }

    /// The document's text, the same for the same value.
    pub fn to_json(&self) -> Result<String, RecoveryError> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The part that stands in the header.
    #[must_use]
    pub fn reseat(&self) -> Reseat {
        Reseat { attempt: self.attempt, seats: self.seats.clone(), signatures: self.signatures.clone() }
    }

    /// What admins sign.
    #[must_use]
    pub fn digest(&self) -> B256 {
        self.reseat().digest(self.chain_id, self.height, self.parent_hash)
    }
}
