//! Network infos that other members publish: read and checked against the genesis hash that the user trusts, and kept, so
//! that a publisher that is away does not matter ([ADR 32](../../../docs/adr/0032-joining.md)).

mod container;
mod kept;

pub use container::{Listed, MOST_LISTED, Publication, Stands, blob_name, folder, stands, to_read};
pub use kept::Learned;

use alloy_primitives::{Address, B256};
use chain::{
    genesis::{Genesis, GenesisError},
    governance::GOVERNANCE,
    network_info::{NetworkInfo, NetworkInfoError},
};

/// Longest document that is read: one with 512 seats in its genesis takes less than two thirds of it.
pub const MOST_BYTES: usize = 512 << 10;
/// Most bootnodes of one document; ours name 16.
pub const MOST_BOOTNODES: usize = 64;

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Too long.
    #[error("is longer than {MOST_BYTES} bytes: no network info")]
    Size,
    /// Not a network info.
    #[error("is no network info: {0}")]
    Json(#[from] serde_json::Error),
    /// Version or signature.
    #[error(transparent)]
    Info(#[from] NetworkInfoError),
    /// The genesis cannot be read.
    #[error("its genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// Not the network that is to be joined.
    #[error(
        "describes the network with genesis hash {got}, spec.join.genesisHash is {want}: correct the hash if that is what the members told you, else the source"
    )]
    Pin {
        /// Of the genesis in the document.
        got: B256,
        /// In the spec.
        want: B256,
    },
    /// Governed by something else.
    #[error("has the governance contract at {got}, this operator knows {GOVERNANCE} only")]
    Governance {
        /// Named by the document, or by its genesis.
        got: Address,
    },
    /// More nodes than anybody needs.
    #[error("names {got} bootnodes, at most {MOST_BOOTNODES} are read")]
    Bootnodes {
        /// Found.
        got: usize,
    },
}

/// Reads a document that anybody may have sent: what is returned is signed by the publisher that it names, and its genesis has
/// the hash `pin`. Whether the publisher is a member only the chain can say.
pub fn read(bytes: &[u8], pin: B256) -> Result<NetworkInfo, Refused> {
    if bytes.len() > MOST_BYTES {
        return Err(Refused::Size);
    }
    let info: NetworkInfo = serde_json::from_slice(bytes)?;
    if info.bootnodes.len() > MOST_BOOTNODES {
        return Err(Refused::Bootnodes { got: info.bootnodes.len() });
    }
    info.verify()?;
    let genesis = Genesis::from_json(&info.genesis)?;
    if genesis.hash != pin {
        return Err(Refused::Pin { got: genesis.hash, want: pin });
    }
    let genesis = genesis.expect(info.chain_id, info.genesis_hash)?;
    let elected = genesis.qbft.validatorcontractaddress.unwrap_or_default();
    for got in [info.governance, elected] {
        if got != GOVERNANCE {
            return Err(Refused::Governance { got });
        }
    }
    Ok(info)
}

/// What came of asking one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name in messages.
    pub source: String,
    /// What it said.
    pub outcome: Outcome,
}

/// What a source said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A document of this network.
    Read(Box<NetworkInfo>),
    /// Nothing, or not in time: it is asked again.
    Unreachable(String),
    /// Something else; `pin` when it is another network.
    Refused {
        /// It describes another network than the one to join.
        pin: bool,
        /// Why.
        message: String,
    },
}

impl Outcome {
    /// Judges what a source sent.
    #[must_use]
    pub fn of(bytes: &[u8], pin: B256) -> Self {
        match read(bytes, pin) {
            Ok(info) => Self::Read(Box::new(info)),
            Err(error) => {
                let pin = matches!(error, Refused::Pin { .. });
                // A parser's words may repeat what a stranger wrote.
                Self::Refused { pin, message: error.to_string().chars().take(400).collect() }
            }
        }
    }

    /// The document, if it is one.
    #[must_use]
    pub const fn document(&self) -> Option<&NetworkInfo> {
        match self {
            Self::Read(info) => Some(info),
            Self::Unreachable(_) | Self::Refused { .. } => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
